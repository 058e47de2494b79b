"""Shared ranks: corrected for the number of pairs, never separating what was drawn alike."""

import numpy as np
import pytest

from protocols.errors import ProtocolError
from protocols.statistics.multiple_comparisons import RankedRow, holm, holm_levels, standing

PEOPLE = np.repeat(np.arange(40), 3)


def row(
    name: str, level: float, *, seeds: tuple[int, ...] = (0,), noise: float = 1.0, draw: int = 0, exact: bool = False
) -> RankedRow:
    """A row that is `level` better than a difficulty which all rows share."""
    shared = np.random.default_rng(7).normal(50, 10, len(PEOPLE))
    own = np.random.default_rng([draw, *name.encode()]).normal(0, noise, (len(seeds), len(PEOPLE)))
    if exact:
        own -= own.mean()
    own += level
    return RankedRow(name, shared + own, seeds, PEOPLE)


def test_holm_worked_by_hand():
    # 0.01 * 4, then 0.02 * 3, then 0.03 * 2 = 0.06 (not below 0.06), then 0.5 * 1
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx((0.06, 0.04, 0.5, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_a_clear_order_gets_ranks_of_its_own():
    found = standing([row("low", 0), row("high", 9), row("middle", 4)])
    assert found.order == ("high", "middle", "low")
    assert dict(found.rank) == {"high": 1, "middle": 2, "low": 3}
    assert all(pair.separated and pair.p_holm < 0.05 for pair in found.pairs)


def test_rows_that_cannot_be_separated_share_a_rank_and_that_is_not_transitive():
    values = {"a": 1.1, "b": 0.55, "c": 0.0}  # neighbours are too near for the noise, the ends are not
    found = standing([row(name, level, noise=2.8, exact=True) for name, level in values.items()])
    assert found.pair("a", "c").separated
    assert not found.pair("a", "b").separated and not found.pair("c", "b").separated
    assert (found.rank["a"], found.rank["b"], found.rank["c"]) == (1, 1, 2)


def test_equal_rows_share_the_first_rank():
    same = row("x", 3)
    found = standing([same, RankedRow("y", same.values.copy(), same.seeds, PEOPLE)])
    assert dict(found.rank) == {"x": 1, "y": 1}
    assert found.pairs[0].p_holm == 1.0


def test_rows_drawn_alike_are_rarely_separated_in_a_whole_table():
    """Family-wise: six rows, fifteen pairs, 120 tables; uncorrected p would separate some pair in every other one."""
    corrected = plain = 0
    for draw in range(120):
        found = standing([row(name, 0, draw=draw) for name in "abcdef"], seed=draw)
        corrected += any(pair.separated for pair in found.pairs)
        plain += any((pair.difference.p or 1) < 0.05 for pair in found.pairs)
    assert corrected <= 14  # 5 % of 120 is 6; 14 is beyond 99.8 % of what chance gives
    assert plain >= 30


def test_pairs_use_common_seeds_only_and_those_without_are_told():
    a, b, c = row("a", 9, seeds=(0, 1)), row("b", 0, seeds=(1, 2)), row("c", 0, seeds=(5,))
    found = standing([a, b, c])
    assert found.pair("a", "b").seeds == (1,)
    assert found.pair("a", "b").difference.mean == pytest.approx(float((a.values[1] - b.values[0]).mean()))
    assert {frozenset(pair) for pair in found.uncompared} == {frozenset("ac"), frozenset("bc")}
    assert found.rank["c"] == 1  # nothing was shown to be better


def test_the_order_of_rows_does_not_matter():
    rows = [row("a", 2), row("b", 1.5), row("c", 0)]
    assert standing(rows) == standing(rows[::-1])


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([], "without rows"),
        ([row("a", 0), row("a", 1)], "more than once"),
        ([row("a", 0), RankedRow("b", np.zeros((1, 120)), (0,), PEOPLE[::-1].copy())], "other queries"),
        ([RankedRow("a", np.zeros((2, 120)), (0,), PEOPLE)], "expected values"),
        ([RankedRow("a", np.zeros((2, 120)), (0, 0), PEOPLE)], "a seed more than once"),
    ],
)
def test_bad_tables_are_refused(rows, word):
    with pytest.raises(ProtocolError, match=word):
        standing(rows)


@pytest.mark.parametrize(
    ("p_values", "levels"),
    [
        ((0.01,), (0.05,)),
        ((0.04, 0.01, 0.02), (0.05, 0.05 / 3, 0.05 / 2)),
        ((0.03, 0.5, 0.001), (0.05 / 2, 0.05 / 2, 0.05 / 3)),  # 0.03 fails, and what follows is not tested any more
    ],
)
def test_levels_of_holm_are_those_at_which_his_procedure_tests(
    p_values: tuple[float, ...], levels: tuple[float, ...]
) -> None:
    assert holm_levels(p_values) == pytest.approx(levels)


def test_a_p_lies_below_its_level_where_its_correction_lies_below_all() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        p_values = rng.uniform(size=8) ** 4
        below = [p < level for p, level in zip(p_values, holm_levels(p_values), strict=True)]
        assert below == [p < 0.05 for p in holm(p_values)]
