"""All 36 ways of counting from one set of descriptors, beside the floor: the two matrix products alone."""

import numpy as np
import pytest

from protocols.ranking.all_conventions import score_side_by_side

SIZES = {"SynthWalk 314 x 1,000": (314, 1000, 100), "MARS 1,980 x 12,180": (1980, 12180, 626)}


def made_up(size: str, dim: int = 128):
    queries, gallery, people = SIZES[size]
    rng = np.random.default_rng(0)
    ids, cams = rng.integers(0, people + 1, gallery), rng.integers(1, 7, gallery)
    features = rng.standard_normal((gallery, dim)).astype(np.float32)
    held = rng.choice(np.flatnonzero(ids > 0), queries, replace=False)
    return features, ids, cams, held


@pytest.mark.parametrize("size", SIZES)
def test_every_way(benchmark, size):
    features, ids, cams, held = made_up(size)
    labels = (ids[held], cams[held], ids, cams)
    found = benchmark(lambda: score_side_by_side(features[held], features, *labels, query_in_gallery=held))
    assert len(found) == 36


@pytest.mark.parametrize("size", SIZES)
def test_floor_two_products(benchmark, size):
    features, _, _, held = made_up(size)

    def twice():
        for _ in range(2):
            for start in range(0, len(held), 256):
                features[held[start : start + 256]] @ features.T

    benchmark(twice)
