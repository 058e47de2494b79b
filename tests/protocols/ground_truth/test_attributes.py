"""Accuracy of attributes: worked values, a reference in loops, coverage, pooled seeds, degenerate columns, faults."""

import math

import numpy as np
import pytest

from protocols.errors import ProtocolError
from protocols.ground_truth.attributes import apart, balanced, column_scores, compare

NAN = float("nan")
# hat: 2 yes (one found), 3 no (all found), one unknown. bag: all no, one called yes.
TRUTH = np.array([[1, 0], [1, 0], [0, 0], [0, NAN], [0, 0], [NAN, 0]])
CHANCE = np.array([[0.9, 0.1], [0.2, 0.7], [0.4, 0.1], [0.1, 0.9], [0.0, 0.3], [0.99, 0.2]])


def world(seed, people=60, each=2, columns=5, seeds=1, skill=1.2):
    """Tracklets of people whose yes/no are their own; how well one is recognised is the person's own too."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    share = np.linspace(0.15, 0.6, columns)
    truth = (rng.random((people, columns)) < share)[person].astype(float)
    ease = rng.normal(0, 1, (people, columns))[person]
    logit = (2 * truth - 1) * skill + ease + rng.normal(0, 0.5, (seeds, people * each, columns))
    return truth, 1 / (1 + np.exp(-logit)), person


def plain_loops(truth, chance, columns):
    """Mean over columns of the mean of both shares, one row at a time; columns without both values are left out."""
    found = []
    for c in columns:
        right, count = {0: 0, 1: 0}, {0: 0, 1: 0}
        for row in range(len(truth)):
            if math.isnan(truth[row, c]):
                continue
            value = int(truth[row, c])
            count[value] += 1
            if (chance[row, c] >= 0.5) == (value == 1):
                right[value] += 1
        if count[0] and count[1]:
            found.append((right[0] / count[0] + right[1] / count[1]) / 2)
    return sum(found) / len(found)


def test_columns_by_hand():
    got = column_scores(TRUTH, CHANCE)
    assert got.positives.tolist() == [2, 0] and got.negatives.tolist() == [3, 5]
    assert got.accuracy.tolist() == pytest.approx([4 / 5, 4 / 5])
    assert got.balanced[0] == pytest.approx((1 / 2 + 3 / 3) / 2)
    assert math.isnan(got.balanced[1])  # nobody has one
    assert got.commoner.tolist() == pytest.approx([3 / 5, 1.0])


def test_a_chance_at_the_threshold_is_a_yes():
    truth = np.array([[1], [0]])
    assert column_scores(truth, [[0.5], [0.49]]).balanced[0] == 1.0
    assert column_scores(truth, [[0.5], [0.49]], threshold=0.51).balanced[0] == 0.5


def test_groups_by_hand_and_what_is_left_out():
    truth = np.column_stack([TRUTH, [0, 0, 1, 1, 1, 1]])
    chance = np.column_stack([CHANCE, [0.1, 0.1, 0.9, 0.9, 0.9, 0.1]])
    got = balanced(truth, chance, np.arange(6), ("head", "head", "lower body"))
    head, lower = got.groups["head"], got.groups["lower body"]
    assert (head.columns, head.left_out, head.people) == (1, 1, 5)
    assert head.balanced.mean == pytest.approx(0.75) and head.accuracy.mean == pytest.approx(0.8)
    assert lower.balanced.mean == pytest.approx((1 + 3 / 4) / 2)
    assert lower.commoner == pytest.approx(4 / 6)
    assert got.overall.balanced.mean == pytest.approx((0.75 + 0.875) / 2)  # columns weigh alike, whatever the group
    assert (got.overall.columns, got.overall.left_out, got.overall.people) == (2, 1, 6)


@pytest.mark.parametrize("seed", range(4))
def test_the_mean_agrees_with_plain_loops(seed):
    truth, chance, person = world(seed, columns=6)
    rng = np.random.default_rng(seed)
    truth[rng.random(truth.shape) < 0.2] = NAN
    truth[:, 5] = 0  # nobody
    got = balanced(truth, chance[0], person, ("a", "a", "a", "b", "b", "c"))
    assert got.groups["a"].balanced.mean == pytest.approx(plain_loops(truth, chance[0], range(3)))
    assert got.overall.balanced.mean == pytest.approx(plain_loops(truth, chance[0], range(6)))
    assert math.isnan(got.groups["c"].balanced.mean) and got.groups["c"].balanced.interval is None


def test_the_interval_has_the_width_of_a_bootstrap_that_draws_people_and_counts_anew():
    truth, chance, person = world(5, people=80)
    got = balanced(truth, chance[0], person, ("a",) * 5).overall.balanced.interval
    rng = np.random.default_rng(1)
    rows = [np.flatnonzero(person == one) for one in range(80)]
    draws = []
    for _ in range(300):
        drawn = np.concatenate([rows[one] for one in rng.integers(0, 80, 80)])
        draws.append(plain_loops(truth[drawn], chance[0][drawn], range(5)))
    assert got.standard_error == pytest.approx(np.std(draws, ddof=1), rel=0.15)
    assert got.low < got.mean < got.high and got.clusters == 80


def test_the_interval_covers_the_truth():
    true = np.mean([plain_loops(t, c[0], range(5)) for t, c, _ in (world(s, people=400) for s in range(900, 910))])
    hits = 0
    for seed in range(120):
        truth, chance, person = world(seed, people=40)
        one = balanced(truth, chance, person, ("a",) * 5).overall.balanced.interval
        hits += one.low <= true <= one.high
    assert 0.88 <= hits / 120 <= 0.99


def test_seeds_are_pooled_and_their_disagreement_widens():
    truth, chance, person = world(3, seeds=3)
    both = balanced(truth, chance, person, ("a",) * 5).overall.balanced
    alone = [balanced(truth, one, person, ("a",) * 5).overall.balanced.mean for one in chance]
    assert both.mean == pytest.approx(np.mean(alone)) and both.interval.seeds == 3
    worse = np.stack([chance[0], chance[1], np.where(np.arange(120)[:, None] % 3 == 0, 1 - chance[2], chance[2])])
    wide = balanced(truth, worse, person, ("a",) * 5).overall.balanced.interval
    assert wide.high - wide.low > 1.5 * (both.interval.high - both.interval.low)


def test_answering_always_the_same_is_chance_however_rare_a_yes_is():
    truth, chance, person = world(7)
    got = balanced(truth, np.full_like(chance, 0.01), person, ("a",) * 5).overall
    assert got.balanced.mean == pytest.approx(0.5)
    assert got.balanced.interval.high - got.balanced.interval.low == pytest.approx(0, abs=1e-12)
    assert got.accuracy.mean == pytest.approx(1 - truth.mean())  # which looks far better than it is
    assert got.commoner >= got.accuracy.mean - 1e-12


def test_swapping_yes_and_no_changes_nothing():
    truth, chance, person = world(8)
    once = balanced(truth, chance, person, ("a",) * 5).overall
    other = balanced(1 - truth, 1 - chance, person, ("a",) * 5).overall
    assert other.balanced.mean == pytest.approx(once.balanced.mean)
    assert other.balanced.interval.low == pytest.approx(once.balanced.interval.low)


def test_people_without_any_known_value_change_nothing():
    truth, chance, person = world(9)
    more = np.vstack([truth, np.full((7, 5), NAN)]), np.concatenate([chance, np.full((1, 7, 5), 0.4)], axis=1)
    once = balanced(truth, chance, person, ("a",) * 5).overall
    got = balanced(*more, np.concatenate([person, 1000 + np.arange(7)]), ("a",) * 5).overall
    assert got == once


def test_pairing_finds_a_gain_and_is_exact_against_itself():
    truth, chance, person = world(10)
    logit = np.log(chance / (1 - chance))
    better = 1 / (1 + np.exp(-(logit + (2 * truth - 1) * 0.8)))
    groups = ("a", "a", "b", "b", "b")
    found, overall = compare(truth, better, chance, person, groups)
    want = balanced(truth, better, person, groups).overall.balanced.mean
    assert overall.difference.mean == pytest.approx(
        want - balanced(truth, chance, person, groups).overall.balanced.mean
    )
    assert overall.verdict == "holds" and set(found) == {"a", "b"}
    _, turned = compare(truth, chance, better, person, groups)
    assert turned.verdict == "does not hold"
    _, same = compare(truth, chance, chance, person, groups)
    assert (same.difference.interval.low, same.difference.interval.high) == (0, 0)


def test_the_gap_between_strangers_is_wider_than_either_side_but_less_than_both_together():
    first, second = (balanced(*world(seed), ("a",) * 5).overall.balanced for seed in (20, 21))
    gap = apart(first, second)
    assert gap.mean == pytest.approx(first.mean - second.mean)
    arms = [one.interval.high - one.interval.low for one in (first, second)]
    assert max(arms) < gap.interval.high - gap.interval.low < sum(arms)


def test_a_column_that_one_person_alone_has_is_left_out_and_counted():
    truth = np.array([[1, 1], [0, 0], [1, 0], [0, 1]])
    chance = np.full((4, 2), 0.9)
    got = balanced(truth, chance, [4, 5, 4, 6], ("a", "a")).overall  # the first column is of person 4 alone
    assert (got.columns, got.left_out) == (1, 1) and got.balanced.mean == 0.5
    alone = balanced(truth, chance, [4, 4, 4, 4], ("a", "a")).overall
    assert (
        math.isnan(alone.balanced.mean) and alone.balanced.interval is None and (alone.columns, alone.people) == (0, 0)
    )
    assert compare(truth, chance, chance, [4, 4, 4, 4], ("a", "a"))[1].verdict == "cannot tell"
    assert apart(alone.balanced, alone.balanced).interval is None


@pytest.mark.parametrize(
    ("truth", "chance", "clusters", "groups", "threshold", "message"),
    [
        (TRUTH, CHANCE[:, :1], np.arange(6), ("a", "b"), 0.5, r"got \(6, 2\) and \(1, 6, 1\)"),
        (TRUTH * 2, CHANCE, np.arange(6), ("a", "b"), 0.5, "the truth holds 2"),
        (TRUTH, CHANCE * 3, np.arange(6), ("a", "b"), 0.5, r"not in \[0, 1\]"),
        (TRUTH, np.where(CHANCE > 0.95, NAN, CHANCE), np.arange(6), ("a", "b"), 0.5, r"1 of 12 chances .* diverged"),
        (TRUTH, CHANCE, np.arange(5), ("a", "b"), 0.5, "each of the 6 rows"),
        (TRUTH, CHANCE, np.arange(6), ("a",), 0.5, "each of the 2 columns"),
        (TRUTH, CHANCE, np.arange(6), ("a", "b"), 1.0, "threshold=1.0"),
    ],
)
def test_bad_input(truth, chance, clusters, groups, threshold, message):
    with pytest.raises(ProtocolError, match=message):
        balanced(truth, chance, clusters, groups, threshold=threshold)


def test_pairs_and_single_seeds_must_fit():
    truth, chance, person = world(1, seeds=2)
    with pytest.raises(ProtocolError, match="the same seeds"):
        compare(truth, chance, chance[:1], person, ("a",) * 5)
    with pytest.raises(ProtocolError, match="one at a time"):
        column_scores(truth, chance)
