"""Every choice against the plain way: one tracklet, one clip at a time; and how many frames enter the trunk."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import protocols
from datasets.frames.decoded import FrameStore
from datasets.images.transforms import to_tensor
from protocols.test_time.clips import clips_of
from protocols.test_time.inputs import Variants
from protocols.test_time.variants import Choice
from runners.errors import RunError
from runners.evaluation import encode, encode_variants
from runners.evaluation.encode import TestInputs, VariantDescriptors
from runners.training.count_frames import counting_trunk_frames
from runners.training.frame_features import extract_frame_features, trunk_frames_of
from tests.runners.dying import cut_off_at_call
from tests.runners.evaluation.test_encode import Fixed
from tests.runners.small import PixelsAndTime, Small, random_frames, seeded

PROTOCOL = protocols.load("snippet-vs-full")
WAYS = PROTOCOL.feed
assert isinstance(WAYS, Variants)
LENGTHS = np.array([10, 3, 1, 40, 4, 33, 8, 16, 2, 130], dtype=np.int64)


@pytest.fixture(scope="module")
def store() -> FrameStore:
    return random_frames(LENGTHS)


@pytest.fixture(scope="module")
def small() -> Small:
    return seeded()


@pytest.fixture(scope="module")
def known(store: FrameStore, small: Small, tmp_path_factory: pytest.TempPathFactory) -> TestInputs:
    """Frame features, extracted as a job does."""
    folder = tmp_path_factory.mktemp("features")
    extract_frame_features(
        small, store, "imagenet", device="cpu", precision="fp32", folder=folder, title="extract"
    )  # fmt: skip
    file = folder / "features.npy"
    features = np.load(file)
    return replace(inputs(store), features=features, passed=(len(features), trunk_frames_of(file)))


def inputs(store: FrameStore, orders: list | None = None) -> TestInputs:
    return TestInputs(store, None, "imagenet", "cpu", "fp32", "extract", orders)


@torch.no_grad()
def plainly(method: nn.Module, store: FrameStore, tracklet: int, choice: Choice, answer: bool = False) -> np.ndarray:
    """One clip after the other, nothing padded, nothing shared."""
    cut = clips_of(choice, int(store.lengths[tracklet]), answer=answer)
    rows, weights = [], []
    for frames, mask in zip(cut.indices, cut.mask, strict=True):
        clip = to_tensor(store.clip(tracklet, frames[mask]))[None]
        rows.append(method(clip, torch.ones(1, clip.shape[1], dtype=torch.bool))[0].double().numpy())
        weights.append(mask.sum() if choice.mean == "frames" else 1)
    return np.average(rows, axis=0, weights=weights)


def check(method: nn.Module, store: FrameStore, found: VariantDescriptors) -> None:
    assert found.choices
    for choice in found.choices:
        for tracklet in range(len(store)):
            expected = plainly(method, store, tracklet, choice)
            np.testing.assert_allclose(
                found.features[choice.name][tracklet], expected, rtol=2e-4, atol=1e-5 * np.abs(expected).max(),
                err_msg=f"{choice.name}, tracklet of {store.lengths[tracklet]} frames",
            )  # fmt: skip
            if choice.answers:
                expected = plainly(method, store, tracklet, choice, answer=True)
                np.testing.assert_allclose(found.gallery[choice.name][tracklet], expected, rtol=2e-4, atol=1e-6)


def test_from_frame_features_every_choice_is_the_plain_one_and_costs_one_pass_in_all(
    store: FrameStore, small: Small, known: TestInputs
) -> None:
    with counting_trunk_frames(small) as trunk:
        found = encode_variants.encode_each_variant(small, WAYS, known)
    assert trunk.frames == 0  # all frames went through before, when features were extracted
    check(small, store, found)
    assert [one.name for one in found.choices] == [one.name for one in WAYS.choices]
    assert found.once
    assert found.frames == LENGTHS.sum()
    assert found.trunk_frames == found.frames
    assert sum(found.fed.values()) > 20 * found.frames  # what it would have cost clip by clip


def test_from_pixels_every_choice_is_the_plain_one_and_shared_clips_are_encoded_once(
    store: FrameStore, small: Small
) -> None:
    method = PixelsAndTime(small).eval()
    found = encode_variants.encode_each_variant(method, WAYS, inputs(store))
    check(method, store, found)
    assert not found.once
    distinct = {
        (tracklet, frames[mask].tobytes())
        for choice in WAYS.choices
        for tracklet, length in enumerate(LENGTHS)
        for answer in ((False, True) if choice.answers else (False,))
        for cut in [clips_of(choice, int(length), answer=answer)]
        for frames, mask in zip(cut.indices, cut.mask, strict=True)
    }
    assert found.trunk_frames == sum(len(frames) // 8 for _, frames in distinct)  # int64: eight bytes a frame
    assert found.trunk_frames < sum(found.fed.values())


def test_a_mean_over_frames_cannot_tell_ways_that_show_every_frame_as_often(store: FrameStore) -> None:
    class MeanColour(nn.Module):
        descriptor_dim = 3

        def forward(self, clips: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            colours = clips.mean((3, 4)) * mask[..., None]
            return colours.sum(1) / mask.sum(1, keepdim=True)

    found = encode_variants.encode_each_variant(MeanColour().eval(), WAYS, inputs(store)).features
    for name in ("tkp-32", "m3d-8", "m3d-320"):
        np.testing.assert_allclose(found[name], found["whole"], rtol=1e-4, atol=1e-5)
    exact = np.flatnonzero(LENGTHS % 8 == 0)  # nothing is left over, so nothing is filled
    for name in ("snippets-8", "snippets-8-drop", "snippets-8-wrap", "bicnet-8"):
        np.testing.assert_allclose(found[name][exact], found["whole"][exact], rtol=1e-4, atol=1e-5)
        assert np.abs(found[name] - found["whole"]).max() > 1e-3


def test_groups_and_batches_do_not_show(store: FrameStore, small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    method = PixelsAndTime(small).eval()
    whole = encode_variants.encode_each_variant(method, WAYS, inputs(store))
    monkeypatch.setattr(encode_variants, "_PIXELS_A_GROUP", 5)
    pieces = encode_variants.encode_each_variant(method, WAYS, inputs(store))
    for name, rows in whole.features.items():
        np.testing.assert_allclose(pieces.features[name], rows, rtol=2e-4, atol=1e-5)
    assert (pieces.clips, pieces.fed, pieces.trunk_frames) == (whole.clips, whole.fed, whole.trunk_frames)


def test_a_network_of_fixed_clips_runs_what_it_can_and_says_why_not_the_rest(store: FrameStore, small: Small) -> None:
    method = Fixed(small).eval()
    method.clip_length = 3
    found = encode_variants.encode_each_variant(method, WAYS, inputs(store))
    assert found.headline == "snippets-3"
    assert [one.name for one in found.choices] == ["snippets-3"]
    check(method, store, found)
    assert [one.name for one, _ in found.not_run] == [one.name for one in WAYS.choices]
    assert all("exactly 3 frames" in reason for _, reason in found.not_run)
    encoded = encode_variants.encode_under_protocol(method, PROTOCOL, inputs(store))
    np.testing.assert_array_equal(encoded.video, encoded.by_variant.features["snippets-3"])
    assert "snippets of 3" in encoded.fed
    other = encode.encode_test_set(method, protocols.load("rgb-snippets"), inputs(store))
    np.testing.assert_allclose(encoded.video, other.video, rtol=1e-4, atol=1e-6)


def test_an_order_is_applied_before_the_cut(store: FrameStore, small: Small) -> None:
    method = PixelsAndTime(small).eval()
    orders = [np.random.default_rng(int(n)).permutation(int(n)).astype(np.int64) for n in LENGTHS]
    frames = np.concatenate([store.clip(t, order) for t, order in enumerate(orders)])
    turned = FrameStore(LENGTHS, (32, 32), frames=frames)
    found = encode_variants.encode_each_variant(method, WAYS, inputs(store, orders))
    expected = encode_variants.encode_each_variant(method, WAYS, inputs(turned))
    for name, rows in expected.features.items():
        np.testing.assert_allclose(found.features[name], rows, rtol=1e-5, atol=1e-6)


def test_a_protocol_without_choices_is_described_as_ever(store: FrameStore, small: Small, known: TestInputs) -> None:
    found = encode_variants.encode_under_protocol(small, protocols.load("res50-rgb-single-pass"), known)
    assert found.by_variant is None
    whole = encode_variants.encode_under_protocol(small, PROTOCOL, known)
    np.testing.assert_allclose(whole.video, found.video, rtol=1e-4, atol=1e-6)
    assert whole.fed == found.fed == "all frames of a tracklet in one pass"


def test_a_protocol_of_choices_is_not_described_as_if_it_had_one_way(small: Small, known: TestInputs) -> None:
    with pytest.raises(RunError, match="snippet-vs-full feeds a tracklet in several ways"):
        encode.encode_test_set(small, PROTOCOL, known)


def test_frames_are_counted_at_every_entrance() -> None:
    class TwoTrunks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flat, self.deep, self.later = nn.Conv2d(3, 4, 1), nn.Conv3d(3, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.deep(images.transpose(0, 1)[None])  # [1, 3, T, H, W]
            return self.later(self.flat(images))

    network = TwoTrunks()
    with counting_trunk_frames(network) as trunk:
        network(torch.zeros(5, 3, 2, 2))
        network.flat(torch.zeros(3, 2, 2))  # one image without a batch
    network(torch.zeros(5, 3, 2, 2))  # nobody counts any more
    assert trunk.frames == 5 + 5 + 1
    with counting_trunk_frames(nn.Linear(3, 3)) as nothing:
        pass
    assert nothing.frames is None


def test_a_run_that_was_killed_goes_on_and_ends_alike(
    store: FrameStore, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_variants, "_PIXELS_A_GROUP", 40)
    monkeypatch.setattr("runners.evaluation.descriptor_set._NOTE_SECONDS", 0.0)
    method = PixelsAndTime(small).eval()
    expected = encode_variants.encode_each_variant(method, WAYS, inputs(store))
    kept = replace(inputs(store), scratch=tmp_path / "clips")
    with cut_off_at_call(9, encode_variants, "encode_clips"):
        encode_variants.encode_each_variant(method, WAYS, kept)
    with counting_trunk_frames(method) as trunk:
        found = encode_variants.encode_each_variant(method, WAYS, kept)
    assert trunk.frames < expected.trunk_frames  # what was done was not done again
    assert found.trunk_frames == expected.trunk_frames  # but it was paid for
    assert (found.clips, found.fed) == (expected.clips, expected.fed)
    for name, rows in expected.features.items():
        np.testing.assert_array_equal(found.features[name], rows)


@pytest.mark.parametrize("counts", ["", "[]", '{"0": "many"}'])
def test_counts_that_are_lost_are_counted_again(
    store: FrameStore, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: str
) -> None:
    monkeypatch.setattr(encode_variants, "_PIXELS_A_GROUP", 40)
    method, kept = PixelsAndTime(small).eval(), replace(inputs(store), scratch=tmp_path / "clips")
    expected = encode_variants.encode_each_variant(method, WAYS, kept)
    (tmp_path / "clips" / "trunk_frames.json").write_text(counts)
    found = encode_variants.encode_each_variant(method, WAYS, kept)
    assert found.trunk_frames == expected.trunk_frames


def test_the_count_of_a_pass_that_was_killed_is_not_lost(store: FrameStore, small: Small, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    class Dies(Small):
        left = 2

        def frame_features(self, images: torch.Tensor) -> torch.Tensor:
            if self.left == 0:
                raise Killed
            self.left -= 1
            return super().frame_features(images)

    dies = Dies().eval()
    dies.load_state_dict(small.state_dict())
    about = {"device": "cpu", "precision": "fp32", "folder": tmp_path, "title": "extract"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runners.training.frame_features.frames_per_batch", lambda size: 50)
        patch.setattr("runners.training.frame_features._BATCHES_A_NOTE", 1)
        with pytest.raises(Killed):
            extract_frame_features(dies, store, "imagenet", **about)
        assert json.loads((tmp_path / "done.json").read_text())[-1]["trunk_frames"] == 100
        extract_frame_features(small, store, "imagenet", **about)
    assert trunk_frames_of(tmp_path / "features.npy") == LENGTHS.sum()
    assert trunk_frames_of(tmp_path / "elsewhere/features.npy") is None
