"""Counts that follow from the official MARS and DukeMTMC-VideoReID metadata, through our own ranking."""

import numpy as np
import pytest

from protocols.ranking import rank, rank_conventions
from protocols.ranking.conventions import every_convention
from tests.protocols.ranking import reference


@pytest.fixture(scope="module")
def mars(official_metadata):
    from scipy.io import loadmat

    tracks = loadmat(official_metadata / "mars" / "tracks_test_info.mat")["track_test_info"].astype(np.int64)
    queries = loadmat(official_metadata / "mars" / "query_IDX.mat")["query_IDX"].ravel().astype(np.int64) - 1
    return tracks[:, 2], tracks[:, 3], queries


@pytest.fixture(scope="module")
def collapsed(mars):
    ids, cams, queries = mars
    distances = np.zeros((len(queries), len(ids)), dtype=np.float32)
    return rank_conventions(
        distances, ids[queries], cams[queries], ids, cams, conventions=every_convention(), query_in_gallery=queries
    )


def test_queries_without_positives(collapsed):
    for convention, r in collapsed.items():
        missing = 140 if convention.gallery == "without-queries" else 0
        assert (~r.valid).sum() == missing
        assert r.counted.sum() == (1980 - missing if convention.empty == "skip" else 1980)


def test_positives_and_gallery_sizes(collapsed):
    for convention, r in collapsed.items():
        _, tied, positives = r.first_group
        if convention.gallery == "without-queries":
            assert round(positives.sum() / 1980, 2) == 8.47
            assert positives.max() == 203
            assert tied.max() <= 9330
        else:
            assert round(positives.mean(), 2) == 11.02
            assert positives.max() == 207
            assert 11_000 < tied.min() < tied.max() < 11_310


def test_collapsed_model_scores_at_chance_on_mars(collapsed):
    for r in collapsed.values():
        assert r.mAP < 0.004
        assert r.cmc[0] < 0.002


def test_rank_walk_on_the_official_labels(mars):
    ids, cams, queries = mars
    some = queries[::180]
    distances = np.random.default_rng(0).random((len(some), len(ids)))
    distances[ids[some][:, None] == ids[None]] *= 0.2
    conventions = every_convention()
    # query_in_gallery names the scored queries only, so the reference leaves out the same ones
    got = rank_conventions(
        distances, ids[some], cams[some], ids, cams, conventions=conventions, query_in_gallery=some, max_rank=20
    )
    labels, gallery = list(zip(ids[some], cams[some], strict=True)), list(zip(ids, cams, strict=True))
    for convention in conventions:
        left_out = frozenset(some.tolist()) if convention.gallery == "without-queries" else frozenset()
        walked = reference.score(
            distances.tolist(), labels, gallery, ap=convention.ap, ties="index", length=20, left_out=left_out
        )
        for q, want in enumerate(walked):
            assert got[convention].average_precision[q] == pytest.approx(want[0], abs=1e-12)
            assert got[convention].first_hit[q] == want[1]


def test_duke_gallery_holds_each_query_once_and_leaves_none_without_positives(official_metadata):
    rows = np.loadtxt(official_metadata / "duke" / "info_test.txt", dtype=np.int64)
    queries, gallery = rows[:702], rows[702:]
    assert len(gallery) == 2636
    labels = (queries[:, 2], queries[:, 3], gallery[:, 2], gallery[:, 3])
    r = rank(np.zeros((702, 2636), dtype=np.float32), *labels)
    _, tied, positives = r.first_group
    assert r.valid.all()
    assert round(positives.mean(), 3) == 2.174
    assert (tied == 2635).all()  # all but the one tracklet of the query's own person and camera
