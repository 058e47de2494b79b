"""People permuted among test tracklets: the task stays what it was, and what is left is chance."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import protocols
from datasets.tracklet import Split, Tracklet, camera_ids, person_ids
from protocols.ranking import Ranking
from runners.evaluation.score import QueryGalleryLabels
from runners.oracles.shuffled_labels import permuted

PEOPLE, CAMERAS = 60, 4
SEEDS = range(6)
PROTOCOL = protocols.load("rgb-single-pass")


def made(queries_in_gallery: bool = True) -> Split:
    """People under one to four cameras, some twice under one; junk and distractors beside them."""
    rng = np.random.default_rng(4)
    test = []
    for person in range(1, PEOPLE + 1):
        for camera in rng.choice(CAMERAS, size=int(rng.integers(1, CAMERAS + 1)), replace=False) + 1:
            test += [(person, int(camera))] * int(rng.integers(1, 3))
    test += [(0, 1 + n % CAMERAS) for n in range(9)] + [(-1, 1 + n % CAMERAS) for n in range(7)]
    tracklets = tuple(Tracklet(f"{n:04d}C{camera}", person, camera, ("x",)) for n, (person, camera) in enumerate(test))
    first = {}
    for row, (person, camera) in enumerate(test):
        if person > 0:
            first.setdefault((person, camera), row)
    query = np.array(sorted(first.values()))
    gallery = np.arange(len(test)) if queries_in_gallery else np.setdiff1d(np.arange(len(test)), query)
    return Split("made", Path("nowhere"), (), tracklets, query, gallery, "0" * 32, "1", False)


def ranked(descriptors: np.ndarray, split: Split) -> Ranking:
    labels = QueryGalleryLabels.of(split)
    rows = descriptors[split.query_index], descriptors[split.gallery_index]
    return PROTOCOL.score(*rows, *labels.arrays, query_in_gallery=labels.inside)[PROTOCOL.convention]


@pytest.mark.parametrize("queries_in_gallery", [True, False])
def test_every_person_stays_under_its_cameras_and_every_query_keeps_its_kind(queries_in_gallery: bool) -> None:
    split = made(queries_in_gallery)
    flat = np.zeros((len(split.test), 1), dtype=np.float32)
    plain = ranked(flat, split)
    assert not plain.valid.all() and plain.valid.any()
    roles = np.isin(np.arange(len(split.test)), split.query_index)
    moved = 0.0
    for seed in SEEDS:
        other = permuted(split, seed)
        counted = [
            Counter(zip(person_ids(each.test).tolist(), camera_ids(each.test).tolist(), roles.tolist(), strict=True))
            for each in (split, other)
        ]
        assert counted[0] == counted[1]
        assert [t.key for t in other.test] == [t.key for t in split.test]
        assert (person_ids(other.test) <= 0).tolist() == (person_ids(split.test) <= 0).tolist()
        assert np.array_equal(ranked(flat, other).valid, plain.valid)
        moved += float((person_ids(other.test) != person_ids(split.test)).mean())
    assert moved / len(SEEDS) > 0.7


def test_a_seed_decides_the_permutation() -> None:
    split = made()
    first, again, other = (person_ids(permuted(split, seed).test) for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_perfect_descriptor_is_at_chance_under_other_labels() -> None:
    split = made()
    rng = np.random.default_rng(0)
    people = person_ids(split.test)
    own = rng.normal(size=(PEOPLE + 1, 64))[np.maximum(people, 0)] + 0.05 * rng.normal(size=(len(people), 64))
    right = ranked(own.astype(np.float32), split)
    kept = right.valid
    assert 100 * right.average_precision[kept].mean() > 99
    chance = [
        100 * ranked(rng.normal(size=own.shape).astype(np.float32), split).average_precision[kept].mean()
        for _ in range(20)
    ]
    shuffled = [100 * ranked(own.astype(np.float32), permuted(split, s)).average_precision[kept].mean() for s in SEEDS]
    assert np.mean(shuffled) < np.mean(chance) + 6, (np.mean(shuffled), np.mean(chance))
    assert max(shuffled) < 20
