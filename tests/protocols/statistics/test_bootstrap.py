"""Intervals cover what they promise, people are resampled and not queries, verdicts follow their definition."""

import time

import numpy as np
import pytest

from protocols.errors import ProtocolError
from protocols.statistics import Interval, clustered_bootstrap, paired_difference, verdict


def coverage(draw, truth, runs=150):
    rng = np.random.default_rng(0)
    inside = 0
    for run in range(runs):
        values, clusters = draw(rng)
        interval = clustered_bootstrap(values, clusters, resamples=500, seed=run)
        inside += interval.low <= truth <= interval.high
    return inside / runs


@pytest.mark.parametrize("people", [15, 60])
def test_interval_covers_the_truth_when_queries_of_a_person_move_together(people):
    def draw(rng):
        clusters = np.repeat(np.arange(people), rng.integers(1, 6, people))
        return rng.normal(0, 1, people)[clusters] + rng.normal(0, 0.3, len(clusters)), clusters

    assert 0.88 <= coverage(draw, 0.0) <= 0.99


@pytest.mark.parametrize("seeds", [3, 5])
def test_interval_covers_the_recipe_when_seeds_disagree(seeds):
    clusters = np.repeat(np.arange(30), 3)

    def draw(rng):
        shared = rng.normal(0, 0.2, 30)[clusters]
        return shared + rng.normal(0, 0.3, (seeds, 1)) + rng.normal(0, 0.1, (seeds, 90)), clusters

    assert 0.86 <= coverage(draw, 0.0) <= 0.99


def test_resampling_queries_instead_of_people_would_be_too_narrow():
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(100), 8)
    values = rng.normal(size=100)[clusters] + 0.1 * rng.normal(size=800)
    by_person = clustered_bootstrap(values, clusters)
    by_query = clustered_bootstrap(values, np.arange(800))
    assert by_person.standard_error > 2.4 * by_query.standard_error  # sqrt(8) = 2.83


def test_standard_error_equals_the_textbook_for_people_of_one_query():
    values = np.random.default_rng(2).normal(size=400)
    got = clustered_bootstrap(values, np.arange(400), resamples=20000)
    assert got.standard_error == pytest.approx(values.std(ddof=1) / 20, rel=0.03)
    assert (got.low, got.high) == pytest.approx(
        (got.mean - 1.966 * got.standard_error, got.mean + 1.966 * got.standard_error), abs=0.005
    )


def test_same_seed_same_interval_and_order_of_labels_is_free():
    rng = np.random.default_rng(3)
    values, clusters = rng.random(50), rng.integers(0, 9, 50)
    names = np.array([f"p{c}" for c in clusters])
    assert clustered_bootstrap(values, clusters) == clustered_bootstrap(values, names)
    assert clustered_bootstrap(values, clusters, seed=1) != clustered_bootstrap(values, clusters)


def test_pairing_sees_a_gain_that_two_intervals_do_not():
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(120), 3)
    hard = rng.random(360)
    a, b = hard + 0.02 + rng.normal(0, 0.02, 360), hard + rng.normal(0, 0.02, 360)
    pair = paired_difference(a, b, clusters)
    assert pair.low > 0.01
    assert pair.p < 0.01
    assert clustered_bootstrap(a, clusters).low < clustered_bootstrap(b, clusters).mean
    turned = paired_difference(b, a, clusters)
    assert turned.mean == pytest.approx(-pair.mean)
    assert turned.p == pytest.approx(pair.p, abs=0.01)


def test_p_is_uniform_enough_under_no_difference_and_agrees_with_the_interval():
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(40), 2)
    small = 0
    for run in range(150):
        a, b = rng.random(80), rng.random(80)
        pair = paired_difference(a, b, clusters, resamples=500, seed=run)
        small += pair.p < 0.05
        assert (pair.p < 0.04) <= (not pair.low <= 0 <= pair.high) <= (pair.p < 0.06)
    assert small <= 16  # 7.5 expected


def test_no_difference_at_all():
    pair = paired_difference(np.ones(6), np.ones(6), [1, 1, 2, 2, 3, 3])
    assert (pair.mean, pair.low, pair.high, pair.standard_error, pair.p) == (0, 0, 0, 0, 1)
    assert verdict(pair, 5.0) == "does not hold"


def test_seeds_that_disagree_widen_the_interval_beyond_one_seeds():
    rng = np.random.default_rng(6)
    clusters = np.arange(200)
    base = rng.normal(0, 0.1, 200)
    agree = np.stack([base, base, base])
    disagree = agree + np.array([[-0.2], [0.0], [0.2]])
    one, many = clustered_bootstrap(agree, clusters), clustered_bootstrap(disagree, clusters)
    assert one.mean == pytest.approx(many.mean)
    assert one.standard_error == pytest.approx(clustered_bootstrap(base, clusters).standard_error, rel=0.1)
    assert many.standard_error == pytest.approx(0.2 / np.sqrt(3), rel=0.1)  # sd of seeds over sqrt(S)
    assert many.high - many.low > 2 * 4.3 * 0.2 / np.sqrt(3) * 0.6  # t with two degrees of freedom is 4.3


def test_one_person_is_no_sample():
    with pytest.raises(ProtocolError, match="one person"):
        clustered_bootstrap([0.2, 0.4], [7, 7])


def test_bounds_and_units():
    interval = clustered_bootstrap([1.0] * 9 + [0.0], np.arange(10), bounds=(0, 1))
    assert interval.high <= 1
    percent = interval.scaled(100)
    assert (percent.mean, percent.high) == (pytest.approx(90), interval.high * 100)
    with pytest.raises(ProtocolError, match="positive factor"):
        interval.scaled(-1)


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (0.1, 5.0, 10.0, "holds"),
        (0.1, 0.5, 10.0, "holds"),  # the direction holds; the size is shown beside it
        (-3.0, 0.0, 10.0, "does not hold"),
        (-3.0, -1.0, None, "does not hold"),
        (-3.0, 2.4, 10.0, "does not hold"),
        (-3.0, 2.5, 10.0, "cannot tell"),
        (0.0, 12.0, 10.0, "cannot tell"),
        (-3.0, 0.1, None, "cannot tell"),
        (0.0, 0.0, 1.0, "does not hold"),
    ],
)
def test_verdicts(low, high, margin, expected):
    assert verdict(Interval((low + high) / 2, low, high, 1.0), margin) == expected


def test_verdict_refuses_what_it_cannot_judge():
    with pytest.raises(ProtocolError, match="swap"):
        verdict(Interval(0, -1, 1, 1), -2.0)
    with pytest.raises(ProtocolError, match="no verdict"):
        verdict(Interval(0, float("nan"), 1, 1), 2.0)


def test_ten_thousand_resamples_at_mars_size_take_less_than_a_second():
    rng = np.random.default_rng(7)
    values, clusters = rng.random(1980), np.concatenate([np.arange(626), rng.integers(0, 626, 1354)])
    clustered_bootstrap(values, clusters, resamples=100)  # imports scipy
    start = time.process_time()
    clustered_bootstrap(values, clusters, resamples=10_000)
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(
    ("values", "clusters", "options", "message"),
    [
        ([], [], {}, "at least one query"),
        ([1, 2], [1], {}, "person of each of the 2"),
        ([1, np.nan], [1, 2], {}, "query 1 is not finite"),
        ([1, 2], [1, 2], {"resamples": 9}, "resamples"),
        ([1, 2], [1, 2], {"level": 95}, "level"),
        ([1, 2], [1, 2], {"seed": -1}, "seed"),
    ],
)
def test_bad_input(values, clusters, options, message):
    with pytest.raises(ProtocolError, match=message):
        clustered_bootstrap(values, clusters, **options)


def test_pairs_must_fit():
    with pytest.raises(ProtocolError, match="same seeds and queries"):
        paired_difference(np.ones((2, 3)), np.ones(3), [1, 2, 3])
