"""Ranking at the size of MARS, with its floor (the bare product) and the sorting way of the field beside it."""

import tracemalloc

import numpy as np
import pytest

from protocols.conventions import every_convention
from protocols.ranking import rank, rank_conventions, rank_features

QUERIES, GALLERY, WIDTH = 1980, 12_180, 512


@pytest.fixture(scope="module")
def mars_sized():
    """Descriptors of medium quality (mAP near 80 %), with the mix of persons, distractors and junk of MARS."""
    rng = np.random.default_rng(0)
    persons = GALLERY - 870 - 3248
    ids = np.concatenate([rng.integers(1, 627, persons), np.zeros(3248, int), np.full(870, -1)])
    cams = rng.integers(1, 7, GALLERY)
    held = rng.choice(persons, QUERIES, replace=False)
    centre = rng.normal(size=(628, WIDTH))
    features = (centre[ids] + 1.9 * rng.normal(size=(GALLERY, WIDTH))).astype(np.float32)
    query = features[held]
    distances = (features**2).sum(axis=1) - 2 * query @ features.T
    return query, features, distances, (ids[held], cams[held], ids, cams), held


def sort_everything(distances, query_ids, query_cams, gallery_ids, gallery_cams):
    """The way of most published evaluators: argsort of every row, relevance matrix, running sums."""
    aps = []
    for row, person, camera in zip(distances, query_ids, query_cams, strict=True):
        order = np.argsort(row, kind="stable")
        ids, cams = gallery_ids[order], gallery_cams[order]
        kept = ~((ids == person) & (cams == camera)) & (ids != -1)
        hits = (ids == person)[kept]
        if hits.any():
            precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
            aps.append((precision * hits).sum() / hits.sum())
    return float(np.mean(aps))


def test_floor_bare_product(benchmark, mars_sized):
    query, features, *_ = mars_sized
    benchmark(lambda: query @ features.T)


def test_peer_sorts_every_row(benchmark, mars_sized):
    _, _, distances, labels, _ = mars_sized
    score = benchmark.pedantic(sort_everything, (distances, *labels), rounds=2)
    assert score == pytest.approx(rank(distances, *labels, ties="index").mAP, abs=1e-12)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_rank(benchmark, mars_sized, engine):
    _, _, distances, labels, _ = mars_sized
    rank(distances[:2], labels[0][:2], labels[1][:2], *labels[2:], engine=engine)  # compiles
    r = benchmark(lambda: rank(distances, *labels, engine=engine))
    benchmark.extra_info["mAP"] = r.mAP


def test_all_twelve_conventions(benchmark, mars_sized):
    _, _, distances, labels, held = mars_sized
    many = every_convention()
    benchmark(lambda: rank_conventions(distances, *labels, conventions=many, query_in_gallery=held))


def test_from_descriptors(benchmark, mars_sized):
    query, features, _, labels, _ = mars_sized
    benchmark(lambda: rank_features(query, features, *labels, normalise=True))


def test_memory_is_that_of_a_block(benchmark, mars_sized):
    query, features, _, labels, _ = mars_sized
    tracemalloc.start()
    rank_features(query, features, *labels, normalise=True, block=64)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    benchmark.extra_info["peak_mb"] = peak
    benchmark.pedantic(lambda: rank_features(query, features, *labels, normalise=True, block=64), rounds=1)
    full_matrix = QUERIES * GALLERY * 4 / 1e6
    assert peak < features.nbytes / 1e6 + 0.25 * full_matrix
