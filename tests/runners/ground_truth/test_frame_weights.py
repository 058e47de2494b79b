"""Weights of frames against the truth: networks whose weights are known, and what is no weighting."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import datasets
from datasets import synthwalk
from datasets.frames.decoded import FrameStore
from datasets.sampling.snippets import snippets
from datasets.synthwalk.truth import load_truth
from datasets.tracklet import Split
from reports.records.frame_weights import KIND
from reports.schema import json_form
from runners.errors import RunError
from runners.ground_truth import frame_weights
from runners.ground_truth.frame_weights import Weighed, weigh


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """A world in which most tracklets are occluded."""
    world = synthwalk.preset("tiny", seed=9, height=32, width=16, occluded_share=0.9)
    root = tmp_path_factory.mktemp("data") / "occluded"
    return datasets.load("synthwalk", synthwalk.render(world, root, progress=False))


@pytest.fixture(scope="module")
def store(split: Split) -> FrameStore:
    return FrameStore.build(split.test, split.root, None, (32, 16), fingerprint="t", progress=False)


@pytest.fixture(scope="module")
def shares(split: Split, store: FrameStore) -> dict[bytes, float]:
    """Visible share of the person, by the pixels of a frame."""
    found = {}
    for row, tracklet in enumerate(split.test):
        visible = load_truth(split.root, tracklet.key).visible
        for frame, share in zip(store.clip(row, np.arange(len(tracklet))), visible, strict=True):
            found[frame.tobytes()] = float(share)
    return found


class Knows(nn.Module):
    """Recognises every frame, so that its weights can be any function of what the frame shows.

    Where a row has padding, all of it must be refused: its weights are zero there, and the rest sums to 1.
    """

    def __init__(self, kind: str, shares: dict[bytes, float]) -> None:
        super().__init__()
        self.kind, self.shares = kind, shares
        self.seen: list[tuple[int, ...]] = []

    def explain(self, clips: Tensor, mask: Tensor) -> dict[str, Tensor]:
        assert not torch.is_grad_enabled()
        self.seen.append(tuple(mask.sum(dim=1).tolist()))
        if self.kind == "nothing":
            return {"looks": clips.new_zeros(*mask.shape, 4, 2)}
        visible = torch.tensor([[self._share(frame) for frame in clip] for clip in clips])  # [B, T]
        raw = {"visible": 0.1 + visible, "hidden": 1.1 - visible, "uniform": torch.ones_like(visible)}
        if self.kind == "groups":
            maps = {"frames": raw["visible"], "frames/1": raw["hidden"], "frames/2": raw["uniform"]}
        else:
            maps = {"frames": raw["visible" if self.kind in ("leaks", "flat") else self.kind]}
        weights = {name: values * mask for name, values in maps.items()}
        weights = {name: values / values.sum(dim=1, keepdim=True) for name, values in weights.items()}
        if self.kind == "leaks":
            weights = {"frames": torch.full(mask.shape, 1 / mask.shape[1])}
        if self.kind == "flat":
            weights = {"frames": weights["frames"][:, :1]}
        return {**weights, "looks": clips.new_zeros(*mask.shape, 4, 2)}

    def _share(self, frame: Tensor) -> float:
        pixels = ((frame * 0.5 + 0.5) * 255).round().to(torch.uint8).permute(1, 2, 0)
        return self.shares[pixels.contiguous().numpy().tobytes()]


class KnowsClips(Knows):
    """The same for clips of four frames."""

    clip_length = 4


def weighed(network: nn.Module, split: Split, store: FrameStore, names: tuple[str, ...] = ()) -> Weighed | None:
    return weigh(network, split, store, normalise="half", device="cpu", precision="fp32", names=names)


def by_measure(found: Weighed, name: str = "frames") -> dict[str, dict[str, float]]:
    return next(one["measures"] for one in found.record["maps"] if one["name"] == name)


def test_weights_that_are_the_visible_share_have_correlation_1(
    split: Split, store: FrameStore, shares: dict[bytes, float]
) -> None:
    network = Knows("visible", shares)
    found = weighed(network, split, store)
    correlation = found.arrays["frames/correlation"]
    known = [tracklet for tracklet in split.test if tracklet.person_id > 0]
    assert found.arrays["key"].tolist() == [tracklet.key for tracklet in known]
    assert (found.record["tracklets"], found.record["frames"]) == (len(known), sum(len(t) for t in known))
    assert np.isfinite(correlation).sum() > 10
    assert correlation[np.isfinite(correlation)] == pytest.approx(1.0)
    assert by_measure(found)["correlation"]["mean"] == pytest.approx(1.0)
    assert by_measure(found)["gain"]["mean"] > 0.5
    for tracklet, rho, gain in zip(known, correlation, found.arrays["frames/gain"], strict=True):
        visible = load_truth(split.root, tracklet.key).visible
        assert np.isnan(rho) == (len(visible) < 3 or np.ptp(visible) == 0)
        expected = (visible * (0.1 + visible)).sum() / (0.1 + visible).sum() - visible.mean()
        assert gain == pytest.approx(100 * expected, abs=1e-4)
    assert any(len(set(lengths)) > 1 for lengths in network.seen), "some batch had padding"
    assert sorted(length for lengths in network.seen for length in lengths) == sorted(len(t) for t in known)


def test_the_opposite_has_correlation_minus_1_and_loses(
    split: Split, store: FrameStore, shares: dict[bytes, float]
) -> None:
    found = weighed(Knows("hidden", shares), split, store)
    correlation = found.arrays["frames/correlation"]
    assert correlation[np.isfinite(correlation)] == pytest.approx(-1.0)
    assert by_measure(found)["gain"]["high"] < 0


class KnowsFeatures(Knows):
    """The same, told each frame's share as its feature: its pixels are never asked for."""

    def explain(self, clips: Tensor, mask: Tensor) -> dict[str, Tensor]:
        raise AssertionError("the features were known")

    def explain_features(self, features: Tensor, mask: Tensor) -> dict[str, Tensor]:
        weights = (0.1 + features[..., 0]) * mask
        return {"frames": weights / weights.sum(dim=1, keepdim=True)}


def test_features_that_are_known_take_the_place_of_pixels(
    split: Split, store: FrameStore, shares: dict[bytes, float]
) -> None:
    visible = np.concatenate([np.nan_to_num(load_truth(split.root, t.key).visible) for t in split.test])
    features = visible[:, None].astype(np.float32)
    found = weigh(
        KnowsFeatures("visible", shares), split, store, normalise="half", device="cpu", precision="fp32",
        features=features,
    )  # fmt: skip
    expected = weighed(Knows("visible", shares), split, store)
    assert found is not None
    for name, values in expected.arrays.items():
        if name in ("person", "key"):
            np.testing.assert_array_equal(found.arrays[name], values)
        else:
            np.testing.assert_allclose(found.arrays[name], values, atol=1e-4)


def test_equal_weights_have_0_in_both(split: Split, store: FrameStore, shares: dict[bytes, float]) -> None:
    found = weighed(Knows("uniform", shares), split, store)
    known = found.arrays["frames/correlation"][np.isfinite(found.arrays["frames/correlation"])]
    assert len(known) > 10
    assert (known == 0).all()
    assert (found.arrays["frames/gain"] == 0).all()


def test_maps_of_groups_get_their_names_and_masks_are_left_alone(
    split: Split, store: FrameStore, shares: dict[bytes, float]
) -> None:
    found = weighed(Knows("groups", shares), split, store, ("upper body", "shoes"))
    assert [one["name"] for one in found.record["maps"]] == ["frames", "frames/upper body", "frames/shoes"]
    assert by_measure(found, "frames/upper body")["correlation"]["mean"] == pytest.approx(-1.0)
    assert by_measure(found, "frames/shoes")["correlation"]["mean"] == 0.0
    unnamed = weighed(Knows("groups", shares), split, store)
    assert [one["name"] for one in unnamed.record["maps"]] == ["frames", "frames/1", "frames/2"]
    assert weighed(Knows("nothing", shares), split, store) is None


def test_networks_of_fixed_clips_get_the_middle_one(
    split: Split, store: FrameStore, shares: dict[bytes, float]
) -> None:
    network = KnowsClips("visible", shares)
    found = weighed(network, split, store)
    assert {length for lengths in network.seen for length in lengths} == {4}
    assert found.record["frames"] == 4 * found.record["tracklets"]
    assert "middle" in found.record["what"]
    for one in frame_weights.tracklet_visibility(split, 4):
        clips = snippets(len(one.tracklet), 4, "loop").indices
        assert one.frames.tolist() in clips.tolist()
        assert abs(one.frames.mean() - (len(one.tracklet) - 1) / 2) <= 4
        assert np.array_equal(one.visible, load_truth(split.root, one.tracklet.key).visible[one.frames])


def test_the_report_accepts_the_record_and_pictures_follow_the_rule(
    split: Split, store: FrameStore, shares: dict[bytes, float]
) -> None:
    found = weighed(Knows("groups", shares), split, store)
    KIND.verify(found.record, found.arrays, "the weights")
    assert not list(json_form.non_finite(found.record))
    rows = found.record["pictures"]["rows"]
    assert 3 <= len(rows) <= frame_weights.PICTURED
    assert len({row["key"] for row in rows}) == len(rows)
    lengths = {tracklet.key: len(tracklet) for tracklet in split.test}
    for row in rows:
        visible = load_truth(split.root, row["key"]).visible
        assert np.ptp(visible) >= frame_weights.VARIED
        assert len(row["frames"]) == min(frame_weights.SHOWN, lengths[row["key"]])
        assert all(picture.startswith("data:image/jpeg;base64,") for picture in row["frames"])
        assert row["visible"] == visible[row["numbers"]].tolist()
        assert (row["numbers"][0], row["numbers"][-1]) == (0, lengths[row["key"]] - 1)
        weights = np.array(row["weights"]["frames"])
        assert weights == pytest.approx((0.1 + visible[row["numbers"]]) / (0.1 + visible[row["numbers"]]).sum())


def test_the_worst_the_middle_and_the_best_are_shown_first_and_still_people_never(split: Split) -> None:
    spreads = (0.3, 0.9, 0.1, 0.5, 0.25, 0.6, 0.7, 0.8)
    watched = [
        frame_weights.TrackletVisibility(split.test[0], row, np.arange(2), np.array([1.0, 1.0 - size]))
        for row, size in enumerate(spreads)
    ]
    correlations = np.array([0.1, 0.2, -1.0, 0.9, -0.5, 0.3, 0.0, np.nan])
    assert frame_weights.chosen(watched, correlations) == [4, 1, 3, 6, 5, 0]
    assert frame_weights.chosen(watched, np.full(8, np.nan)) == []


def test_weight_on_padding_and_wrong_shapes_are_refused(
    split: Split, store: FrameStore, shares: dict[bytes, float]
) -> None:
    with pytest.raises(RunError, match=r"frames of tracklet \w+: weights of frames .* leave padding out"):
        weighed(Knows("leaks", shares), split, store)
    with pytest.raises(RunError, match="one for each frame"):
        weighed(Knows("flat", shares), split, store)


def test_people_in_the_wrong_box_leave_no_gap(
    split: Split, store: FrameStore, shares: dict[bytes, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame without the person has no visible share; it is left out, and a picture says so."""

    def absent(root: Path, key: str) -> object:
        told = load_truth(root, key)
        visible = told.visible.copy()
        visible[0] = np.nan
        return told._replace(visible=visible)

    monkeypatch.setattr(frame_weights, "load_truth", absent)
    found = weighed(Knows("visible", shares), split, store)
    correlation = found.arrays["frames/correlation"]
    assert correlation[np.isfinite(correlation)] == pytest.approx(1.0)
    assert all(row["visible"][0] is None for row in found.record["pictures"]["rows"])
    KIND.verify(found.record, found.arrays, "the weights")
