"""Expected average precision of a random order, against all orders and against draws."""

from itertools import permutations

import numpy as np
import pytest

from protocols.errors import ProtocolError
from protocols.ranking.chance import expected_at_random


def precision(hits: list[bool]) -> float:
    ranks = np.flatnonzero(hits) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))


@pytest.mark.parametrize(("matches", "gallery"), [(1, 1), (1, 4), (2, 5), (3, 3), (3, 6)])
def test_it_is_the_mean_over_all_orders(matches: int, gallery: int) -> None:
    orders = permutations([True] * matches + [False] * (gallery - matches))
    assert expected_at_random(matches, gallery) == pytest.approx(np.mean([precision(list(one)) for one in orders]))


def test_draws_from_a_large_gallery_agree() -> None:
    rng = np.random.default_rng(0)
    hits = np.arange(400) < 6
    assert expected_at_random(6, 400) == pytest.approx(
        np.mean([precision(list(rng.permutation(hits))) for _ in range(4000)]), rel=0.03
    )


@pytest.mark.parametrize("matches", [0, 5])
def test_matches_that_the_gallery_cannot_hold_are_refused(matches: int) -> None:
    with pytest.raises(ProtocolError, match="between 1 and the size of the gallery, 4"):
        expected_at_random(matches, 4)
