"""Heads trained on the same trunk are nested in it: intervals cover, and heads average away only what heads bring."""

import numpy as np
import pytest

from protocols.errors import ProtocolError
from protocols.statistics import clustered_bootstrap, paired_difference
from protocols.statistics.multiple_comparisons import RankedRow, standing

PEOPLE = np.repeat(np.arange(40), 3)


def _nested(rng, trunk, head, person, trunks=3, heads=5):
    """``[S, K, Q]`` around 0: people, trunks and heads each add their own deviation."""
    shared = rng.normal(0, person, 40)[PEOPLE] + rng.normal(0, 0.1, 120)
    return shared + rng.normal(0, trunk, (trunks, 1, 1)) + rng.normal(0, head, (trunks, heads, 1))


def _width(interval):
    return interval.high - interval.low


@pytest.mark.parametrize(
    ("trunk", "head", "person"),
    [(0.3, 0.3, 1.2), (0.1, 0.3, 0.6), (0.3, 0.1, 1.2), (0.3, 0.3, 0.6), (0.1, 0.6, 1.2)],
)
def test_the_interval_of_three_trunks_with_five_heads_covers_the_recipe(trunk, head, person):
    rng = np.random.default_rng(0)
    inside = 0
    for run in range(1200):
        interval = clustered_bootstrap(_nested(rng, trunk, head, person), PEOPLE, resamples=400, seed=run)
        inside += interval.low <= 0 <= interval.high
    assert 0.91 <= inside / 1200 <= 0.97


def test_equal_heads_tell_what_one_of_them_tells():
    one = _nested(np.random.default_rng(1), 0.5, 0.0, 1.0, heads=1)
    single, copies = (clustered_bootstrap(values, PEOPLE) for values in (one[:, 0], np.repeat(one, 5, axis=1)))
    assert copies.mean == pytest.approx(single.mean)
    assert (copies.low, copies.high) == pytest.approx((single.low, single.high))
    assert (copies.seeds, copies.clusters) == (3, 40)


def test_heads_do_not_average_away_what_trunks_disagree_by():
    rng = np.random.default_rng(2)
    trunks = np.array([-0.4, 0.1, 0.3]).reshape(3, 1, 1) + rng.normal(0, 0.2, 40)[PEOPLE]
    single = clustered_bootstrap(trunks[:, 0], PEOPLE)
    heads = trunks + rng.normal(0, 0.02, (3, 12, 1))
    assert _width(clustered_bootstrap(heads, PEOPLE)) == pytest.approx(_width(single), rel=0.1)


def test_what_heads_disagree_by_is_averaged_over_all_of_them():
    """With no other noise the standard error is that of a mean of S K trainings."""
    heads = np.random.default_rng(3).normal(0, 1, (3, 5, 1))
    heads -= heads.mean(axis=1, keepdims=True)  # trunks agree, so that all variance lies within them
    found = clustered_bootstrap(np.broadcast_to(heads, (3, 5, 120)), PEOPLE, resamples=20_000)
    within = np.sqrt((heads**2).sum() / 12)
    assert found.standard_error == pytest.approx(within / np.sqrt(15), rel=0.03)


def test_variance_between_trunks_is_not_counted_twice():
    """The mean of a nested design has the variance of its trunk means over S, whatever part of it heads brought."""
    rng = np.random.default_rng(4)
    estimated, true = [], []
    for _ in range(300):
        values = rng.normal(0, 0.2, (3, 1, 1)) + rng.normal(0, 0.6, (3, 5, 1))
        found = clustered_bootstrap(np.broadcast_to(values, (3, 5, 120)), PEOPLE, resamples=400)
        by_trunks = values.mean(axis=1).var(ddof=1) / 3
        by_heads = values[:, :, 0].var(axis=1, ddof=1).mean() / 15
        estimated.append(found.standard_error**2)
        true.append(max(by_trunks, by_heads))
    assert np.mean(estimated) == pytest.approx(np.mean(true), rel=0.05)


def test_one_trunk_is_an_interval_over_its_heads():
    heads = np.array([-0.3, -0.1, 0.0, 0.1, 0.3]).reshape(1, 5, 1)
    found = clustered_bootstrap(np.broadcast_to(heads, (1, 5, 120)), PEOPLE, resamples=20_000)
    assert found.standard_error == pytest.approx(heads.std(ddof=1) / np.sqrt(5), rel=0.03)
    assert found.high == pytest.approx(2.776 * found.standard_error, rel=0.05)  # t with four degrees of freedom


def test_an_arm_without_heads_stands_against_each_head():
    rng = np.random.default_rng(5)
    heads, plain = _nested(rng, 0.3, 0.3, 1.0), _nested(rng, 0.3, 0.0, 1.0, heads=1)
    spelled_out = paired_difference(heads, np.repeat(plain, 5, axis=1), PEOPLE)
    assert paired_difference(heads, plain[:, 0], PEOPLE) == spelled_out
    turned = paired_difference(plain[:, 0], heads, PEOPLE)
    assert (turned.mean, turned.standard_error) == pytest.approx((-spelled_out.mean, spelled_out.standard_error))


def test_heads_are_paired_by_their_place_as_far_as_both_sides_go():
    rng = np.random.default_rng(6)
    noise = rng.normal(0, 1, (3, 5, 1))
    ours, theirs = _nested(rng, 0, 0, 1.0) + noise + 0.5, _nested(rng, 0, 0, 1.0)[:, :3] + noise[:, :3]
    found = paired_difference(ours, theirs, PEOPLE)
    assert found == paired_difference(ours[:, :3], theirs, PEOPLE)
    alone = clustered_bootstrap(ours[:, :3], PEOPLE)
    assert _width(found) < _width(alone)  # the noise that both share by head is gone


def test_rows_with_and_without_heads_stand_in_one_table():
    rng = np.random.default_rng(7)
    shared = rng.normal(0, 1.0, 40)[PEOPLE]
    good = RankedRow("good", shared + 2 + rng.normal(0, 0.1, (3, 5, 120)), (0, 1, 2), PEOPLE)
    bad = RankedRow("bad", shared + rng.normal(0, 0.1, (3, 120)), (0, 1, 2), PEOPLE)
    found = standing([bad, good])
    assert found.rank == {"good": 1, "bad": 2}
    assert found.pairs[0].difference == paired_difference(good.values, bad.values, PEOPLE, resamples=2000, of_one=None)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ProtocolError, match=r"\[S, K, Q\]"):
        clustered_bootstrap(np.ones((1, 2, 2, 120)), PEOPLE)
    with pytest.raises(ProtocolError, match="the same seeds and queries"):
        paired_difference(np.ones((2, 5, 120)), np.ones((3, 120)), PEOPLE)
    with pytest.raises(ProtocolError, match="with heads between"):
        standing([RankedRow("odd", np.ones((5, 3, 120)), (0, 1, 2), PEOPLE)])
