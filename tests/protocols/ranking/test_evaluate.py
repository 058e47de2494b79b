"""Ranking: worked lists, an independent slow walk, invariances, and bad input."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import ProtocolError
from protocols.ranking import average_splits, rank, rank_conventions, rank_features, rank_features_conventions
from protocols.ranking.conventions import Convention, every_convention
from protocols.ranking.distances import _blocks_numpy, _blocks_on_device
from tests.protocols.ranking import reference

TIES = ("expected", "pessimistic", "optimistic", "index")
ENGINES = ("numpy", "numba")


def one_list(relevance, **options):
    """Scores one query whose gallery, nearest first, has this relevance."""
    ids = np.where(relevance, 1, np.arange(len(relevance)) + 2)
    return rank(np.arange(len(relevance))[None], [1], [1], ids, np.full(len(relevance), 2), **options)


@pytest.mark.parametrize(
    ("relevance", "step", "trapezoid"),
    [
        ([1], 1, 1),
        ([0, 1], 0.5, 0.25),
        ([1, 0, 1], 0.833333, 0.791667),
        ([0, 0, 1, 1], 0.416667, 0.291667),
        ([1, 1, 0, 0, 1], 0.866667, 0.85),
    ],
)
def test_average_precision_of_the_published_lists(relevance, step, trapezoid):
    assert one_list(relevance).mAP == pytest.approx(step, abs=5e-7)
    assert one_list(relevance, ap="trapezoid").mAP == pytest.approx(trapezoid, abs=5e-7)


def test_equal_distances_by_index_depend_on_the_order_and_by_expectation_do_not():
    first, last = [1, 1, 2, 3], [2, 3, 1, 1]
    scores = {}
    for ties in TIES:
        runs = [rank(np.ones((1, 4)), [1], [1], ids, [2, 2, 2, 2], ties=ties) for ids in (first, last)]
        scores[ties] = [(round(r.mAP, 6), r.cmc[0]) for r in runs]
    assert scores["index"] == [(1.0, 1.0), (0.416667, 0.0)]
    assert scores["optimistic"] == [(1.0, 1.0)] * 2
    assert scores["pessimistic"] == [(0.416667, 0.0)] * 2
    assert scores["expected"][0] == scores["expected"][1]
    # six equally likely lists: 1100 1010 1001 0110 0101 0011
    aps = [1, (1 + 2 / 3) / 2, (1 + 2 / 4) / 2, (1 / 2 + 2 / 3) / 2, (1 / 2 + 2 / 4) / 2, (1 / 3 + 2 / 4) / 2]
    assert scores["expected"][0] == (round(sum(aps) / 6, 6), 0.5)


def test_constant_features_by_index_score_as_published_evaluators_do():
    for relevance, ap, first in (([1, 0, 1, 0], 0.833333, 1), ([0, 1, 0, 1], 0.5, 0)):
        ids = np.where(relevance, 1, 2)
        r = rank(np.zeros((1, 4)), [1], [1], ids, [2] * 4, ties="index")
        assert (round(r.mAP, 6), r.cmc[0]) == (ap, first)


@st.composite
def small_cases(draw):
    queries, size = draw(st.integers(1, 3)), draw(st.integers(1, 7))
    persons, cameras = st.integers(0, 3), st.integers(1, 2)
    gallery = draw(st.lists(st.tuples(st.integers(-1, 3), cameras), min_size=size, max_size=size))
    wanted = draw(st.lists(st.tuples(persons, cameras), min_size=queries, max_size=queries))
    levels = draw(st.sampled_from([1, 2, 4, 100]))
    numbers = st.lists(st.integers(0, levels), min_size=size, max_size=size)
    distances = draw(st.lists(numbers, min_size=queries, max_size=queries))
    return np.array(distances, dtype=draw(st.sampled_from([np.float32, np.float64, np.float16]))), wanted, gallery


def assert_equals_reference(ranking, expected, empty):
    for q, want in enumerate(expected):
        assert ranking.valid[q] == (want is not None)
        if want is None:
            assert ranking.average_precision[q] == 0
            assert ranking.first_hit[q] == 0
        else:
            assert ranking.average_precision[q] == pytest.approx(want[0], abs=1e-12)
            assert ranking.first_hit[q] == pytest.approx(want[1], abs=1e-12)
            for k in (1, 2, 5):
                assert ranking.hits(k)[q] == pytest.approx(want[2][k - 1], abs=1e-12)
    counted = [want for want in expected if want is not None]
    total = len(counted) if empty == "skip" else len(expected)
    if total == 0:
        assert np.isnan(ranking.mAP)
        assert np.isnan(ranking.cmc).all()
        return
    assert ranking.mAP == pytest.approx(sum(want[0] for want in counted) / total, abs=1e-12)
    for k, value in enumerate(ranking.cmc):
        assert value == pytest.approx(sum(want[2][k] for want in counted) / total, abs=1e-12)


@settings(max_examples=250, derandomize=True, deadline=None)
@given(small_cases(), st.sampled_from(TIES), st.sampled_from(["step", "trapezoid"]), st.sampled_from(["skip", "zero"]))
def test_agrees_with_the_slow_walk(case, ties, ap, empty):
    distances, queries, gallery = case
    expected = reference.score(distances.tolist(), queries, gallery, ap=ap, ties=ties, length=9)
    got = rank(distances, *np.array(queries).T, *np.array(gallery).T, ap=ap, empty=empty, ties=ties, max_rank=9)
    assert_equals_reference(got, expected, empty)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(small_cases(), st.sampled_from(TIES))
def test_the_compiled_sweep_agrees_with_the_slow_walk(case, ties):
    distances, queries, gallery = case
    expected = reference.score(distances.tolist(), queries, gallery, ap="trapezoid", ties=ties, length=5)
    labels = (*np.array(queries).T, *np.array(gallery).T)
    got = rank(distances.astype(np.float32), *labels, ap="trapezoid", ties=ties, max_rank=5, engine="numba")
    assert_equals_reference(got, expected, "skip")


@settings(max_examples=100, derandomize=True, deadline=None)
@given(small_cases(), st.sampled_from(TIES), st.data())
def test_agrees_with_the_slow_walk_without_queries(case, ties, data):
    distances, _, gallery = case
    real = [g for g, (person, _) in enumerate(gallery) if person != -1]
    if not real:
        return
    held = [data.draw(st.sampled_from(real)) for _ in range(len(distances))]
    queries = [gallery[g] for g in held]
    expected = reference.score(
        distances.tolist(), queries, gallery, ap="step", ties=ties, length=7, left_out=frozenset(held)
    )
    got = rank(
        distances, *np.array(queries).T, *np.array(gallery).T, ties=ties, max_rank=7,
        gallery="without-queries", query_in_gallery=held,
    )  # fmt: skip
    assert_equals_reference(got, expected, "skip")


def random_case(rng, queries=40, size=300, levels=None, persons=12):
    gallery_ids, gallery_cams = rng.integers(-1, persons, size), rng.integers(1, 5, size)
    held = rng.choice(np.flatnonzero(gallery_ids > 0), queries, replace=False)
    distances = rng.random((queries, size)) if levels is None else rng.integers(0, levels, (queries, size))
    labels = (gallery_ids[held], gallery_cams[held], gallery_ids, gallery_cams)
    return distances.astype(np.float32), labels, held


@pytest.mark.parametrize("levels", [None, 40, 3, 1])
def test_both_engines_and_all_conventions_of_one_pass_agree_with_single_runs(levels):
    distances, labels, held = random_case(np.random.default_rng(3), levels=levels)
    conventions = [c for ties in TIES for c in every_convention(ties)]
    many = rank_conventions(distances, *labels, conventions=conventions, query_in_gallery=held, engine="numpy")
    compiled = rank_conventions(distances, *labels, conventions=conventions, query_in_gallery=held, engine="numba")
    for c in conventions:
        np.testing.assert_array_equal(many[c].average_precision, compiled[c].average_precision)
        np.testing.assert_array_equal(many[c].cmc, compiled[c].cmc)
        alone = rank(distances, *labels, ap=c.ap, empty=c.empty, ties=c.ties, gallery=c.gallery, query_in_gallery=held)
        np.testing.assert_array_equal(alone.first_hit, many[c].first_hit)
        assert alone.mAP == many[c].mAP


def test_without_ties_every_rule_is_a_stable_argsort():
    distances, labels, _ = random_case(np.random.default_rng(5))
    results = [rank(distances, *labels, ties=ties) for ties in TIES]
    queries, gallery = list(zip(*labels[:2], strict=True)), list(zip(*labels[2:], strict=True))
    walked = reference.score(distances.tolist(), queries, gallery, ap="step", ties="index", length=1)
    for r in results:
        np.testing.assert_allclose(r.average_precision, [w[0] for w in walked], atol=1e-12)
        assert r.first_hit.tolist() == [w[1] for w in walked]
        np.testing.assert_allclose(r.hits(1), [w[2][0] for w in walked])
        assert r.mAP == results[0].mAP


@pytest.mark.parametrize("ap", ["step", "trapezoid"])
def test_scores_do_not_depend_on_gallery_order_scale_or_junk(ap):
    rng = np.random.default_rng(7)
    distances, labels, _ = random_case(rng, levels=50)
    base = rank(distances, *labels, ap=ap)
    order = rng.permutation(distances.shape[1])
    shuffled = rank(distances[:, order], *labels[:2], labels[2][order], labels[3][order], ap=ap)
    warped = rank(np.exp(distances.astype(np.float64) / 10) - 3, *labels, ap=ap)
    junk = rng.integers(0, 50, (len(distances), 30))
    more = rank(
        np.hstack([junk, distances]), *labels[:2],
        np.concatenate([np.full(30, -1), labels[2]]), np.concatenate([np.ones(30, int), labels[3]]), ap=ap,
    )  # fmt: skip
    for other in (shuffled, warped, more):
        np.testing.assert_array_equal(other.average_precision, base.average_precision)
        np.testing.assert_array_equal(other.first_hit, base.first_hit)


def test_another_persons_tracklet_of_the_querys_camera_is_wrong_and_ones_own_is_ignored():
    r = rank([[0.1, 0.2, 0.3]], [5], [1], [5, 8, 5], [1, 1, 2])
    assert r.first_hit.tolist() == [2]


@pytest.mark.parametrize("ap", ["step", "trapezoid"])
def test_collapsed_model_scores_at_chance(ap):
    rng = np.random.default_rng(11)
    _, labels, _ = random_case(rng, queries=60, size=400)
    collapsed = rank(np.zeros((60, 400)), *labels, ap=ap)
    guesses = [rank(rng.random((60, 400)), *labels, ap=ap) for _ in range(120)]
    maps, firsts = [g.mAP for g in guesses], np.array([g.cmc for g in guesses])
    assert abs(collapsed.mAP - np.mean(maps)) < 4 * np.std(maps) / np.sqrt(len(maps))
    for k in (1, 5, 20):
        spread = firsts[:, k - 1].std() / np.sqrt(len(firsts))
        assert abs(collapsed.rank(k) - firsts[:, k - 1].mean()) < 4 * spread
    assert rank(np.zeros((60, 400)), *labels, ap=ap, ties="optimistic").mAP == 1.0


def test_collapsed_rank_one_is_the_share_of_positives():
    ids = np.array([1] * 3 + [2] * 7)
    r = rank(np.zeros((1, 10)), [1], [1], ids, np.full(10, 2))
    assert r.cmc[0] == pytest.approx(0.3)
    assert r.cmc[7] == 1.0
    assert r.first_hit[0] == pytest.approx(11 / 4)


def test_collapsed_descriptors_score_at_chance_too():
    _, labels, _ = random_case(np.random.default_rng(2), queries=37, size=301)
    feature = np.random.default_rng(0).normal(size=256).astype(np.float32)
    flat = rank(np.zeros((37, 301)), *labels)
    for normalise in (False, True):
        r = rank_features(np.tile(feature, (37, 1)), np.tile(feature, (301, 1)), *labels, normalise=normalise, block=8)
        assert r.mAP == flat.mAP  # although the product rounds its edge columns differently
        assert r.mAP < 0.25


def test_a_gallery_shorter_than_max_rank_keeps_its_last_value():
    # the stale-buffer bug of a well-known compiled evaluator gave 0, 0, 0, .333, 0, 0 here
    distances = np.array([[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]], dtype=float)
    r = rank(distances, [1, 2, 3], [1, 1, 1], [8, 9, 7, 1], [2, 2, 2, 2], empty="zero", max_rank=6)
    assert r.cmc == pytest.approx([0, 0, 0, 1 / 3, 1 / 3, 1 / 3])
    assert r.rank(50) == pytest.approx(1 / 3)


def test_queries_without_positives_are_skipped_or_zero():
    distances = np.array([[1.0, 2.0], [1.0, 2.0]])
    skip = rank(distances, [1, 9], [1, 1], [1, 2], [2, 2])
    zero = rank(distances, [1, 9], [1, 1], [1, 2], [2, 2], empty="zero")
    assert (skip.mAP, skip.cmc[0], skip.counted.sum()) == (1, 1, 1)
    assert (zero.mAP, zero.cmc[0], zero.counted.sum()) == (0.5, 0.5, 2)
    assert zero.valid.tolist() == [True, False]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gallery_of_junk_only(engine):
    r = rank(np.ones((2, 3), np.float32), [1, 2], [1, 1], [-1, -1, 1], [2, 3, 1], engine=engine)
    assert not r.valid.any()
    assert np.isnan(r.mAP)
    zero = rank(np.ones((2, 3), np.float32), [1, 2], [1, 1], [-1, -1, 1], [2, 3, 1], empty="zero", engine=engine)
    assert zero.mAP == 0
    assert zero.cmc.tolist() == [0, 0, 0]


def test_one_item():
    assert rank([[0.5]], [1], [1], [1], [2]).mAP == 1


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "bfloat16"])
def test_torch_and_numpy_agree(kind):
    distances, labels, held = random_case(np.random.default_rng(1), levels=200)
    tensor = torch.tensor(distances).to(getattr(torch, kind))
    labels_in_torch = [torch.tensor(x) for x in labels]
    got = rank(tensor, *labels_in_torch, gallery="without-queries", query_in_gallery=torch.tensor(held))
    want = rank(distances, *labels, gallery="without-queries", query_in_gallery=held)
    assert got.mAP == want.mAP
    features = torch.randn(340, 16, generator=torch.Generator().manual_seed(0))
    query, gallery = features[:40].to(getattr(torch, kind)), features[40:].to(getattr(torch, kind))
    by_torch = rank_features(query, gallery, *labels)
    by_numpy = rank_features(query.double().numpy(), gallery.double().numpy(), *labels)
    assert by_torch.mAP == pytest.approx(by_numpy.mAP, abs=1e-4)


def test_numpy_users_do_not_import_torch():
    code = (
        "import sys, numpy as np, protocols\nfrom protocols.ranking import rank\nimport protocols.statistics\n"
        "protocols.load(protocols.names()[0]).as_dict()\n"
        "rank(np.eye(2), [1, 2], [1, 1], [1, 2], [2, 2])\nassert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("normalise", [False, True])
def test_features_rank_as_their_distances_do(metric, normalise):
    rng = np.random.default_rng(4)
    _, labels, _ = random_case(rng)
    query, gallery = rng.normal(size=(40, 9)), rng.normal(size=(300, 9)) + 0.3
    a, b = query, gallery
    if normalise or metric == "cosine":
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery))
    distances = 1 - a @ b.T if metric == "cosine" else np.linalg.norm(a[:, None] - b[None], axis=2)
    for block in (1, 7, 256):
        got = rank_features(query, gallery, *labels, metric=metric, normalise=normalise, block=block)
        np.testing.assert_allclose(got.average_precision, rank(distances, *labels).average_precision, atol=1e-12)


def test_products_made_on_an_accelerator_order_alike():
    features = torch.randn(45, 9, generator=torch.Generator().manual_seed(0)).double()
    for unit in (False, True):
        on_device = _blocks_on_device(features[:5], features[5:], unit, 2)  # also runs where there is no GPU
        in_numpy = _blocks_numpy(features[:5].numpy(), features[5:].numpy(), unit, 2)
        for (first, rows), (first_numpy, rows_numpy) in zip(on_device, in_numpy, strict=True):
            assert first == first_numpy
            np.testing.assert_allclose(rows, rows_numpy, atol=1e-12)


def test_features_under_every_convention_from_one_pass():
    rng = np.random.default_rng(6)
    _, labels, held = random_case(rng)
    gallery = rng.normal(size=(300, 8))
    conventions = every_convention()
    many = rank_features_conventions(gallery[held], gallery, *labels, conventions=conventions, query_in_gallery=held)
    for convention, got in many.items():
        alone = rank_features(
            gallery[held], gallery, *labels, ap=convention.ap, empty=convention.empty, gallery=convention.gallery,
            query_in_gallery=held,
        )  # fmt: skip
        assert (alone.mAP, alone.cmc[0]) == (got.mAP, got.cmc[0])
    full, no_junk = many[Convention("full")], many[Convention("without-junk")]
    np.testing.assert_array_equal(full.average_precision, no_junk.average_precision)


def test_junk_taken_out_beforehand_gives_the_ranks_of_the_full_gallery():
    distances, labels, _ = random_case(np.random.default_rng(8))
    clean = labels[2] != -1
    r = rank(distances[:, clean], *labels[:2], labels[2][clean], labels[3][clean], ap="trapezoid")
    np.testing.assert_array_equal(r.first_hit, rank(distances, *labels).first_hit)


def test_trapezoid_never_exceeds_step():
    distances, labels, _ = random_case(np.random.default_rng(9), levels=30)
    step, trapezoid = (rank(distances, *labels, ap=ap).average_precision for ap in ("step", "trapezoid"))
    assert (trapezoid <= step + 1e-15).all()


def test_queries_repeat_and_gallery_duplicates():
    distances, labels, _ = random_case(np.random.default_rng(10), queries=4, size=50)
    twice = rank(np.vstack([distances] * 2), *(np.tile(x, 2) for x in labels[:2]), *labels[2:])
    assert twice.mAP == pytest.approx(rank(distances, *labels).mAP)
    assert twice.average_precision[:4].tolist() == twice.average_precision[4:].tolist()


def test_splits_are_averaged_with_their_spread():
    first, second = one_list([1, 0, 0]), one_list([0, 1])
    both = average_splits([first, second])
    assert (both.splits, both.mAP, both.mAP_std) == (2, 0.75, pytest.approx(np.std([1, 0.5], ddof=1)))
    assert both.cmc.tolist() == [0.5, 1.0]
    assert average_splits([first]).mAP_std == 0
    with pytest.raises(ProtocolError, match="conventions"):
        average_splits([first, one_list([1], ap="trapezoid")])
    with pytest.raises(ProtocolError, match="no split"):
        average_splits([])
