"""Detection of occluded regions: worked values, an independent reference, invariances, faults, the edges of slices."""

import json
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
import pytest

from protocols.errors import ProtocolError
from protocols.ground_truth.occlusion import CURVE_POINTS, SLICES, detection, hidden_shares, slice_of, true_regions
from protocols.statistics import clustered_bootstrap

# Occluded regions at 0.2, 0.5 and 0.8, others at 0.5, 0.8, 0.9 and 0.9; two people.
SCORES = np.array([0.2, 0.5, 0.8, 0.5, 0.8, 0.9, 0.9])
OCCLUDED = np.array([True, True, True, False, False, False, False])
PEOPLE = np.array([1, 1, 2, 1, 2, 2, 2])


def scene(seed=0, people=40, each=30, signal=1.0):
    """Scores of many people, each with a level of their own."""
    rng = np.random.default_rng(seed)
    persons = np.repeat(np.arange(people), each)
    occluded = rng.random(people * each) < 0.2
    scores = rng.standard_normal(people * each) - signal * occluded + 0.7 * rng.standard_normal(people)[persons]
    return scores, occluded, persons


def test_by_hand_with_ties():
    got = detection(SCORES, OCCLUDED, PEOPLE, 0.6)
    assert (got.regions, got.positives, got.people) == (7, 3, 2)
    assert got.share_called == pytest.approx(3 / 7)  # 0.2, 0.5 and the 0.5 that is not occluded
    assert got.precision.mean == pytest.approx(2 / 3)
    assert got.recall.mean == pytest.approx(2 / 3)
    # of 3 x 4 pairs: 0.2 wins 4; 0.5 ties once and wins 3; 0.8 loses once, ties once, wins 2
    assert got.auc.mean == pytest.approx((4 + 3.5 + 2.5) / 12)


def test_a_score_at_the_threshold_is_not_called():
    assert detection(SCORES, OCCLUDED, PEOPLE, 0.5).share_called == pytest.approx(1 / 7)


@pytest.mark.parametrize("seed", range(3))
def test_auc_agrees_with_all_pairs(seed):
    scores, occluded, persons = scene(seed, people=7, each=9)
    scores = np.round(scores, 1)  # ties
    pairs = [(a < b) + 0.5 * (a == b) for a in scores[occluded] for b in scores[~occluded]]
    assert detection(scores, occluded, persons, 0).auc.mean == pytest.approx(np.mean(pairs), abs=1e-12)


def test_the_interval_is_that_of_all_draws_of_people():
    """All 6^6 draws of six people, each with the auc of all its pairs of regions."""
    scores, occluded, persons = scene(1, people=6, each=12)
    aucs, times = [], []
    for drawn in combinations_with_replacement(range(6), 6):
        rows = np.concatenate([np.flatnonzero(persons == p) for p in drawn])
        low, high = scores[rows][occluded[rows]], scores[rows][~occluded[rows]]
        aucs.append(((low[:, None] < high) + 0.5 * (low[:, None] == high)).mean())
        times.append(factorial(6) // prod(factorial(drawn.count(p)) for p in range(6)))
    assert sum(times) == 6**6
    got = detection(scores, occluded, persons, 0, resamples=20_000, level=0.9).auc
    stretch = np.sqrt(6 / 5) * 2.015 / 1.645  # Student's t of 5 degrees of freedom over the normal quantile
    low, high = got.mean + stretch * (np.quantile(np.repeat(aucs, times), [0.05, 0.95]) - got.mean)
    assert (got.low, got.high) == pytest.approx((low, high), abs=0.004)


def test_a_rising_transform_changes_nothing_but_the_threshold():
    scores, occluded, persons = scene()
    plain = detection(scores, occluded, persons, -0.5)
    bent = detection(np.exp(scores), occluded, persons, np.exp(-0.5))
    for name in ("precision", "recall", "auc", "share_called"):
        assert getattr(plain, name) == getattr(bent, name)
    assert [p.recall for p in plain.curve] == [p.recall for p in bent.curve]


def test_names_of_people_and_the_order_of_regions_do_not_matter():
    scores, occluded, persons = scene()
    order = np.random.default_rng(1).permutation(len(scores))
    names = np.array([f"p{p:02d}" for p in persons])
    plain, mixed = (
        detection(scores, occluded, persons, -0.5),
        detection(scores[order], occluded[order], names[order], -0.5),
    )
    assert plain == mixed


def test_perfect_reversed_and_blind_scores():
    scores, occluded, persons = scene()
    perfect = detection(np.where(occluded, 0.1, 0.9), occluded, persons, 0.5)
    assert (perfect.precision.mean, perfect.recall.mean, perfect.auc.mean) == (1, 1, 1)
    assert (perfect.auc.low, perfect.auc.high) == (1, 1)
    got, turned = detection(scores, occluded, persons, -0.5), detection(-scores, occluded, persons, -0.5)
    assert got.auc.mean + turned.auc.mean == pytest.approx(1)
    assert got.auc.mean > 0.7
    blind = detection(np.full(len(scores), 0.9), occluded, persons, 0.95)
    assert blind.auc.mean == 0.5
    assert blind.precision.mean == pytest.approx(occluded.mean())  # everything is called
    assert blind.recall.mean == 1


def test_precision_of_calling_everything_has_the_interval_of_a_mean():
    """With all regions called precision is the mean of the truth, which has a reference of its own."""
    _, occluded, persons = scene(each=20)
    occluded = np.random.default_rng(3).random(40)[persons] < 0.4 * (1 + occluded)  # differs between people
    ours = detection(np.zeros(len(persons)), occluded, persons, 1.0, resamples=20_000).precision
    theirs = clustered_bootstrap(occluded.astype(float), persons, resamples=20_000, seed=1)
    assert ours.mean == pytest.approx(theirs.mean)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_what_is_resampled_is_the_person():
    """Frames of one tracklet are much alike: copies of each region must not make anybody surer."""
    scores, occluded, persons = scene(people=20, each=5)
    plain = detection(scores, occluded, persons, -0.5)
    copied = detection(*(np.repeat(each, 6) for each in (scores, occluded, persons)), -0.5)
    assert (copied.precision, copied.recall, copied.auc) == (plain.precision, plain.recall, plain.auc)
    surer = detection(np.repeat(scores, 6), np.repeat(occluded, 6), np.arange(600), -0.5).auc
    assert surer.high - surer.low < 0.6 * (copied.auc.high - copied.auc.low)  # sqrt(1/6) = 0.4


def test_where_nothing_is_called_precision_has_no_value():
    got = detection(SCORES, OCCLUDED, PEOPLE, 0.1)
    record = got.as_dict()
    assert record["precision"] == {"mean": None, "low": None, "high": None}
    assert (record["recall"]["mean"], record["share_called"]) == (0, 0)
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_one_person_gives_values_without_an_interval():
    got = detection(SCORES, OCCLUDED, np.ones(7), 0.6)
    assert (got.auc.mean, got.auc.low, got.auc.high) == (pytest.approx(10 / 12), None, None)


def test_the_curve_runs_from_nothing_to_everything_and_through_tau():
    scores, occluded, persons = scene()
    got = detection(scores, occluded, persons, -0.4321)
    assert len(got.curve) <= CURVE_POINTS
    first, last = got.curve[0], got.curve[-1]
    assert (first.share_called, first.precision, first.recall) == (0, None, 0)
    assert (last.share_called, last.recall, last.false_positive_rate) == (1, 1, 1)
    assert last.precision == pytest.approx(occluded.mean())
    here = next(point for point in got.curve if point.tau == -0.4321)
    assert (here.precision, here.recall) == pytest.approx((got.precision.mean, got.recall.mean))
    for name in ("tau", "recall", "false_positive_rate", "share_called"):
        values = [getattr(point, name) for point in got.curve]
        assert values == sorted(values)
    # The area under recall over false positive rate is the auc, but for the coarseness of a hundred thresholds.
    area = np.trapezoid([p.recall for p in got.curve], [p.false_positive_rate for p in got.curve])
    assert area == pytest.approx(got.auc.mean, abs=0.005)


def test_regions_by_hand():
    labels = np.zeros((2, 4, 3), dtype=np.uint8)
    labels[0, :3, :2] = 5  # two pixels of the person in each of three rows
    front = np.zeros_like(labels)
    front[0, 1:, 1:] = 2
    got = true_regions(labels, front, [(0, 2), (2, 3), (3, 4)])
    np.testing.assert_array_equal(got, [[3 / 4, 1 / 2, np.nan], [np.nan] * 3])
    np.testing.assert_allclose(hidden_shares(labels, front), [2 / 6, np.nan])
    assert hidden_shares(labels, np.zeros_like(labels))[0] == 0


@pytest.mark.parametrize(
    ("share", "name"),
    [(0.0, 0), (1e-9, 1), (0.1, 1), (0.1 + 1e-9, 2), (0.3, 2), (0.3 + 1e-9, 3), (1.0, 3)],
)
def test_slices_hold_their_upper_edge(share, name):
    assert slice_of(share) == SLICES[name]


FLAGS = np.zeros((1, 3, 2), dtype=np.uint8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detection(SCORES, np.zeros(7, dtype=bool), PEOPLE, 0.5), "0 of 7 regions are occluded"),
        (lambda: detection(SCORES, np.ones(7, dtype=bool), PEOPLE, 0.5), "7 of 7.*nothing to tell apart"),
        (lambda: detection([np.nan, *SCORES[1:]], OCCLUDED, PEOPLE, 0.5), "1 of 7 scores are not finite"),
        (lambda: detection(SCORES, OCCLUDED, PEOPLE, np.nan), "tau is nan"),
        (lambda: detection(SCORES, OCCLUDED.astype(float), PEOPLE, 0.5), "truth is float64"),
        (lambda: detection(SCORES, OCCLUDED, PEOPLE[:3], 0.5), r"persons \(3,\) must each be"),
        (lambda: detection(SCORES, OCCLUDED, PEOPLE, 0.5, resamples=9), "at least 100"),
        (lambda: true_regions(FLAGS, FLAGS, [(0, 4)]), "do not lie in frames of 3 rows"),
        (lambda: true_regions(FLAGS, FLAGS, []), "do not lie"),
        (lambda: hidden_shares(FLAGS, FLAGS[:, :2]), "same frames"),
        (lambda: slice_of(1.5), "between 0 and 1"),
        (lambda: slice_of(float("nan")), "between 0 and 1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ProtocolError, match=message):
        call()
