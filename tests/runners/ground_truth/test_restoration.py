"""Repairs held against the truth of a rendered world: perfect ones, none, noise; calls that are right and wrong."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import datasets
from datasets.frames.decoded import FrameStore
from datasets.images import decode
from datasets.synthwalk.truth import HIDDEN, load_truth
from datasets.tracklet import Split
from methods.layers.resnet import Trunk, global_average
from protocols.ground_truth.occlusion import true_regions
from protocols.ground_truth.restoration import CAP, MEASURES
from reports.records.restoration import KIND
from runners.errors import RunError
from runners.ground_truth.hidden_shares import hidden_shares
from runners.ground_truth.restoration import Reference, RepairedFrames, Restored, build_reference, detect, restore
from runners.ground_truth.restoration_frames import embedding_net
from tests.narrow import TIMES

SIZE = (64, 32)
HOW = {"normalise": "imagenet", "device": "cpu", "precision": "fp32"}
ABOUT = {"repairer": "tried", "label": "Tried", "options": {}, "seed": 0, "calls": "nobody called"}


class Scorer(nn.Module):
    """A ResNet-18 with weights of chance, and three regions."""

    region_threshold = 0.5

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk = Trunk(18, zero_init_residual=False)
        self.frame_dim = self.descriptor_dim = self.trunk.channels

    def frame_features(self, images: Tensor) -> Tensor:
        return global_average(self.trunk(images))

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        return features.mean(dim=1)

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: object) -> dict[str, Tensor]:
        return {}

    def region_rows(self, height: int) -> tuple[tuple[int, int], ...]:
        return tuple((i * height // 3, (i + 1) * height // 3) for i in range(3))

    def region_features(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))[:, None].expand(-1, 3, -1)

    def region_scores(self, features: Tensor) -> Tensor:
        return features[..., 0]


@pytest.fixture(scope="module")
def split(tiny_world: Path) -> Split:
    """Every other test tracklet, so that a network is quick on it; junk and distractors are among them."""
    whole = datasets.load("synthwalk", tiny_world)
    none = whole.query_index[:0]
    return dataclasses.replace(whole, test=whole.test[::2], query_index=none, gallery_index=none)


@pytest.fixture(scope="module")
def store(split: Split) -> FrameStore:
    return FrameStore.build(split.test, split.root, None, SIZE, fingerprint="t", progress=False)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer().eval()


@pytest.fixture(scope="module")
def reference(split: Split, store: FrameStore, scorer: Scorer) -> Reference:
    return build_reference(split, store, scorer, **HOW)


@pytest.fixture(scope="module")
def twins(split: Split, store: FrameStore) -> np.ndarray:
    """What the oracle gives: every frame without what stands in front."""
    frames = np.array(store.flat())
    for begin, tracklet in zip(store.offsets, split.test, strict=False):
        for number, twin in enumerate(load_truth(split.root, tracklet.key).twins):
            if twin is not None:
                frames[begin + number] = decode.decode(twin)
    return frames


@pytest.fixture(scope="module")
def front(split: Split) -> np.ndarray:
    return np.concatenate([load_truth(split.root, t.key).occluders > 0 for t in split.test])


@pytest.fixture(scope="module")
def tried(split: Split, store: FrameStore, scorer: Scorer, reference: Reference):
    def run(frames: np.ndarray, changed: np.ndarray, calls: np.ndarray | None = None) -> Restored:
        return restore(
            split, store, RepairedFrames(frames, changed, calls), reference, embedding_net(scorer, **HOW), ABOUT
        )

    return run


def described(scorer: Scorer, frames: np.ndarray) -> np.ndarray:
    """Descriptors of frames, pixels normalised by hand."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    with torch.inference_mode():
        images = torch.from_numpy((frames / 255 - mean) / deviation).permute(0, 3, 1, 2).float()
        return torch.cat([scorer.frame_features(part) for part in images.split(100)]).double().numpy()


def test_occluded_frames_are_those_with_an_occluded_region_of_a_known_person(
    split: Split, store: FrameStore, reference: Reference
) -> None:
    expected = []
    for begin, tracklet in zip(store.offsets, split.test, strict=False):
        told = load_truth(split.root, tracklet.key)
        for number in range(len(tracklet) if tracklet.person_id > 0 else 0):
            person = told.labels[number] > 0
            seen = person & (told.occluders[number] == 0)
            thirds = [slice(0, 21), slice(21, 42), slice(42, 64)]
            if any(person[t].any() and seen[t].sum() < HIDDEN * person[t].sum() for t in thirds):
                expected.append(int(begin) + number)
    assert reference.rows[reference.occluded].tolist() == expected
    assert len(expected) > 30
    assert (np.diff(reference.owner) >= 0).all()
    keys = [split.test[row].key for row in reference.tracklets]
    assert len(set(keys)) == len(keys) == len(np.unique(reference.owner))


def test_the_true_pixels_restore_everything(
    tried, twins: np.ndarray, front: np.ndarray, reference: Reference, store: FrameStore
) -> None:
    found = tried(twins, (twins != store.flat()).any(axis=3))
    assert set(found.arrays["psnr/repaired"]) == {CAP}
    np.testing.assert_allclose(found.arrays["ssim/repaired"], 1, atol=1e-9)
    assert found.arrays["feature_distance/repaired"].max() == 0
    assert set(found.arrays["spill_psnr/repaired"]) == {CAP}
    differences = found.record["differences"]
    assert [differences[m]["verdict"] for m in ("psnr", "ssim", "feature_distance")] == ["holds"] * 3
    assert differences["feature_distance"]["high"] < 0 < differences["psnr"]["low"]
    assert found.record["raw"]["psnr"]["mean"] < 25
    assert found.record["raw"]["ssim"]["mean"] < 0.7


def test_identity_of_a_perfect_repair_is_that_of_the_twins(
    tried, twins: np.ndarray, store: FrameStore, split: Split, scorer: Scorer, reference: Reference
) -> None:
    """By hand: mean descriptors of up to 8 unoccluded frames of each other tracklet, nearest by cosine."""
    got = tried(twins, (twins != store.flat()).any(axis=3)).arrays["identity/repaired"]
    behind, features = described(scorer, twins), described(scorer, np.array(store.flat()))
    tracklet = np.repeat(np.arange(len(split.test)), store.lengths)
    person = np.array([t.person_id for t in split.test])[tracklet]
    visible = np.concatenate([load_truth(split.root, t.key).visible for t in split.test])
    clean = np.zeros(len(person), dtype=bool)
    for begin, one in zip(store.offsets, split.test, strict=False):
        whole = begin + np.flatnonzero(visible[begin : begin + len(one)] == 1) if one.person_id > 0 else np.array([])
        spread = [whole[int((i + 0.5) * len(whole) / 8)] for i in range(8)] if len(whole) > 8 else whole
        clean[np.array(spread, dtype=int)] = True
    for place, row in enumerate(reference.tracklets):
        hits = []
        for frame in reference.rows[reference.occluded & (reference.owner == place)]:
            cosines = {}
            for who in np.unique(person[clean]):
                at = clean & (person == who) & (tracklet != row)
                centre = features[at].mean(axis=0) if at.any() else np.full(features.shape[1], np.nan)
                cosines[who] = behind[frame] @ centre / np.linalg.norm(centre)
            own = split.test[row].person_id
            known = not np.isnan(cosines.get(own, np.nan))
            hits.append(float(max(cosines, key=cosines.get) == own) if known else np.nan)
        assert got[place] == pytest.approx(np.mean(hits), nan_ok=True)
    assert 0 < np.nanmean(got) < 1


def test_maps_alone_are_those_of_the_whole_pass(scorer: Scorer, store: FrameStore) -> None:
    eye = embedding_net(scorer, "imagenet", "cpu", "fp32")
    features, maps = eye.look(np.array(store.flat()[:20]))
    alone = eye.maps(np.array(store.flat()[:20]))
    assert [one.shape[1:] for one in maps] == [(64 // TIMES, 16, 8), (128 // TIMES, 8, 4), (256 // TIMES, 4, 2)]
    for ours, theirs in zip(maps, alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(features, described(scorer, np.array(store.flat()[:20])), rtol=1e-4, atol=1e-5)


def test_frames_as_they_are_gain_exactly_nothing(tried, store: FrameStore, front: np.ndarray) -> None:
    found = tried(np.array(store.flat()), np.zeros_like(front))
    for measure in ("psnr", "ssim", "feature_distance", "identity"):
        np.testing.assert_array_equal(found.arrays[f"{measure}/repaired"], found.arrays[f"{measure}/raw"])
        difference = found.record["differences"][measure]
        assert (difference["mean"], difference["low"], difference["high"]) == (0, 0, 0)
        assert difference["verdict"] != "holds"
    assert found.record["measures"]["spill_psnr"] is found.record["differences"]["spill_psnr"] is None
    assert found.record["changed"] == {
        "frames": 0, "of_frames": len(front), "pixel_share": 0.0, "left_out": 0, "kept_whole": 0,
    }  # fmt: skip


def test_noise_makes_every_measure_worse(tried, store: FrameStore, front: np.ndarray, twins: np.ndarray) -> None:
    """Painted over the whole of each frame with something in front, more and more of it."""
    rng = np.random.default_rng(0)
    changed = np.broadcast_to(front.any(axis=(1, 2))[:, None, None], front.shape)
    found = []
    for deviation in (0, 15, 80):
        noise = rng.normal(0, deviation, twins.shape) * changed[..., None]
        noisy = np.clip(twins + noise, 0, 255).round().astype(np.uint8)
        found.append(tried(np.where(changed[..., None], noisy, store.flat()), changed).record["measures"])
    for measure in set(MEASURES) - {"identity"}:
        values = [one[measure]["mean"] for one in found]
        assert values == sorted(values, reverse=measure != "feature_distance"), measure
        assert values[0] != values[2], measure
    # A network with weights of chance may guess a little better under a little noise, but not under much.
    assert found[2]["identity"]["mean"] < found[0]["identity"]["mean"]


def test_pixels_that_were_missed_count_as_they_are(
    tried, store: FrameStore, twins: np.ndarray, front: np.ndarray, reference: Reference
) -> None:
    """Only the lower half is painted: the squared error of the rest stays, and only that."""
    lower = np.zeros_like(front)
    lower[:, 32:] = True
    half = np.where(lower[..., None], twins, store.flat())
    found = tried(half, lower & (half != store.flat()).any(axis=3))
    for place in range(len(reference.tracklets)):
        rows = reference.rows[reference.occluded & (reference.owner == place)]
        errors = (store.flat()[rows].astype(float) - twins[rows]) ** 2
        left = (errors * (front[rows] & ~lower[rows])[..., None]).sum() / (3 * front[rows].sum())
        assert found.arrays["psnr/repaired"][place] == pytest.approx(min(CAP, 10 * np.log10(255**2 / max(left, 1e-9))))


def test_what_was_painted_where_nothing_stood_is_spill(
    tried, store: FrameStore, front: np.ndarray, reference: Reference
) -> None:
    """In one unoccluded frame of a tracklet with occluded ones."""
    free = ~reference.occluded & (reference.truth == store.flat()[reference.rows]).all(axis=(1, 2, 3))
    place = np.flatnonzero(free)[0]
    clean = np.zeros_like(front)
    clean[reference.rows[place]] = True
    painted = np.array(store.flat())
    painted[clean] ^= 16  # an error of 16 everywhere
    found = tried(painted, clean).arrays
    assert np.flatnonzero(np.isfinite(found["spill_psnr/repaired"])).tolist() == [reference.owner[place]]
    assert found["spill_psnr/repaired"][reference.owner[place]] == pytest.approx(24.0484, abs=1e-4)
    assert found["spill_psnr/raw"][reference.owner[place]] == CAP
    np.testing.assert_array_equal(found["psnr/repaired"], found["psnr/raw"])


def test_pixels_with_something_in_front_are_no_spill(
    tried, store: FrameStore, twins: np.ndarray, front: np.ndarray, reference: Reference
) -> None:
    """A whole occluded frame is painted, by 16 wrong where something stood and by 1 elsewhere."""
    row = reference.rows[reference.occluded][0]
    painted, changed = np.array(store.flat()), np.zeros_like(front)
    changed[row] = True
    painted[row] = twins[row] ^ np.where(front[row], 16, 1)[..., None].astype(np.uint8)
    found = tried(painted, changed).arrays
    assert found["spill_psnr/repaired"][reference.owner[reference.occluded][0]] == pytest.approx(48.1308, abs=1e-4)


def test_the_record_is_what_the_reports_read(tried, twins: np.ndarray, store: FrameStore, reference: Reference) -> None:
    changed = (twins != store.flat()).any(axis=3)
    found = tried(twins, changed)
    KIND.verify(found.record, found.arrays, "the repair")
    assert json.loads(json.dumps(found.record, allow_nan=False)) == found.record
    assert found.record["tracklets"] == len(found.arrays["person"]) == len(reference.tracklets)
    assert found.record["frames"] == reference.occluded.sum()
    assert found.record["changed"]["frames"] == changed.any(axis=(1, 2)).sum()
    assert {key: found.record[key] for key in ABOUT} == ABOUT


def test_pictures_follow_their_rules(tried, twins: np.ndarray, store: FrameStore, reference: Reference) -> None:
    calls = np.random.default_rng(0).random((len(twins), 3)) < 0.2
    repaired = np.where(calls.any(axis=1)[:, None, None, None], twins, store.flat())
    found = tried(repaired, (repaired != store.flat()).any(axis=3), calls).record["pictures"]
    rows = {row["why"]: row for row in found["rows"]}
    assert len(rows) == len(found["rows"]) == 6
    assert len({row["key"] for row in rows.values()}) == 6
    assert rows["most hidden, called"]["called"]
    assert not rows["most hidden, not called"]["called"]
    assert rows["largest gain"]["gain"] > rows["median gain"]["gain"] >= rows["smallest gain"]["gain"] == 0
    assert (found["size"], found["amplification"]) == ([64, 32], 4)
    for row in rows.values():
        for kind in ("occluded", "repaired", "truth", "difference"):
            assert row[kind].startswith("data:image/jpeg;base64,")
        assert row["hidden_share"] > 0


def test_calls_by_the_truth_are_perfect_and_by_chance_they_are_not(split: Split, scorer: Scorer) -> None:
    """Scores that are the visible shares themselves, at a threshold just where occlusion begins."""
    scorer.region_threshold = HIDDEN
    told = [load_truth(split.root, t.key) for t in split.test]
    visible = np.concatenate([true_regions(t.labels, t.occluders, scorer.region_rows(64)) for t in told])
    rounded = np.concatenate([true_regions(t.labels, t.occluders, [(0, 21), (21, 43), (43, 64)]) for t in told])
    np.testing.assert_allclose(rounded, np.concatenate([t.visible_thirds for t in told]), atol=1e-6)  # as rendered
    thirds = np.nan_to_num(visible, nan=1.0)
    perfect = detect(split, thirds, scorer)
    blind = detect(split, np.random.default_rng(0).random(thirds.shape), scorer)
    scorer.region_threshold = Scorer.region_threshold
    assert perfect["auc"]["mean"] == perfect["precision"]["mean"] == perfect["recall"]["mean"] == 1
    people = np.repeat([t.person_id for t in split.test], [len(t) for t in split.test])
    known = visible[people > 0]
    assert perfect["regions"] + perfect["excluded"] == known.size
    assert perfect["people"] == len(np.unique(people[people > 0]))  # who is resampled
    assert perfect["excluded"] == np.isnan(known).sum()
    assert perfect["positives"] == (known < HIDDEN).sum()
    assert blind["auc"]["low"] < 0.5 < blind["auc"]["high"]
    assert "70%" in perfect["rule"]


def test_hidden_shares_are_means_over_frames_with_a_person(split: Split) -> None:
    got = hidden_shares(split)
    for share, tracklet in zip(got, split.test, strict=True):
        visible = load_truth(split.root, tracklet.key).visible
        seen = visible[np.isfinite(visible)]
        assert share == pytest.approx(1 - seen.mean() if len(seen) else 0, abs=1e-6)
    assert 0 < np.mean(got > 0) < 1


def test_known_descriptors_serve_as_well_as_computed_ones(
    split: Split, store: FrameStore, scorer: Scorer, reference: Reference
) -> None:
    given = build_reference(split, store, scorer, features=described(scorer, np.array(store.flat())), **HOW)
    np.testing.assert_allclose(given.people.sums, reference.people.sums, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(given.raw.hits, reference.raw.hits)


def test_what_cannot_be_judged_says_why(
    split: Split, store: FrameStore, scorer: Scorer, tried, front: np.ndarray
) -> None:
    with pytest.raises(RunError, match="needs frame_features and a ResNet as trunk"):
        build_reference(split, store, nn.Identity(), **HOW)
    fewer = dataclasses.replace(split, test=split.test[:-1])
    with pytest.raises(RunError, match="do not belong to the 21 test tracklets"):
        build_reference(fewer, store, scorer, **HOW)
    with pytest.raises(RunError, match="do not fit the"):
        tried(store.flat()[:-1], front)
    with pytest.raises(RunError, match="3 frames have calls"):
        tried(np.array(store.flat()), front, np.zeros((3, 3), dtype=bool))
    with pytest.raises(RunError, match="region scores are"):
        detect(split, np.zeros((3, 3)), scorer)
    with pytest.raises(RunError, match="knows 3 regions"):
        detect(split, np.zeros((len(front), 2)), scorer)


def test_without_anything_hidden_there_is_nothing_to_measure(
    split: Split, store: FrameStore, scorer: Scorer, front: np.ndarray
) -> None:
    nobody = dataclasses.replace(split, test=tuple(dataclasses.replace(t, person_id=0) for t in split.test))
    found = restore(
        nobody, store, RepairedFrames(np.array(store.flat()), np.zeros_like(front)),
        build_reference(nobody, store, scorer, **HOW), embedding_net(scorer, **HOW), ABOUT,
    )  # fmt: skip
    assert (found.record["frames"], found.record["measures"], found.record["pictures"]) == (0, None, None)
    KIND.verify(found.record, found.arrays, "the repair")
    assert detect(nobody, np.zeros((len(front), 3)), scorer) is None
