"""Smallest detectable gains against simulated runs, and the seeds a gain needs against worked cases."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import nct, norm
from scipy.stats import t as student

from protocols.errors import ProtocolError
from protocols.statistics import Interval, paired_difference
from protocols.statistics.power import seeds_needed, smallest_gain

SEEDS, PEOPLE, QUERIES = 3, 100, 3
Draw = Callable[[np.random.Generator, float], Interval]


def draws(people: float, seeds: float, mixed: float, noise: float) -> Draw:
    """Runs whose difference has these standard deviations between people, trainings, both together and queries."""

    def draw(rng: np.random.Generator, gain: float) -> Interval:
        shape = (SEEDS, PEOPLE, QUERIES)
        base = rng.normal(50, 20, shape)
        found = (
            base + gain + rng.normal(0, people, (1, PEOPLE, 1)) + rng.normal(0, seeds, (SEEDS, 1, 1))
            + rng.normal(0, mixed, (SEEDS, PEOPLE, 1)) + rng.normal(0, noise, shape)
        )  # fmt: skip
        who = np.repeat(np.arange(PEOPLE), QUERIES)
        return paired_difference(found.reshape(SEEDS, -1), base.reshape(SEEDS, -1), who)

    return draw


@pytest.mark.parametrize(
    "noise",
    [(8.0, 0.0, 0.0, 0.1), (8.0, 0.4, 4.0, 10.0), (1.0, 1.0, 0.0, 1.0), (2.0, 0.3, 2.0, 12.0)],
    ids=["people", "all kinds", "trainings", "queries"],
)
def test_four_of_five_runs_find_the_smallest_gain_that_they_name(noise: tuple[float, float, float, float]) -> None:
    draw, rng = draws(*noise), np.random.default_rng(0)
    named = math.sqrt(np.mean([smallest_gain(draw(rng, 0.0)) ** 2 for _ in range(200)]))
    found = np.mean([draw(rng, named).low > 0 for _ in range(400)])
    assert 0.72 < found < 0.9


def made(people: float, seeds: float, mixed: float = 0.0, number: int = 3, clusters: int = 101) -> Interval:
    """An interval with these variances of the mean, which add up."""
    error = math.sqrt(people + seeds)
    return Interval(
        0.0, -1.0, 1.0, error, 1.0, seeds=number, clusters=clusters, between_people=people, between_seeds=seeds,
        mixed=mixed, freedom=number - 1,
    )  # fmt: skip


def test_the_factor_is_that_of_the_noncentral_t() -> None:
    many = made(1.0, 0.0, clusters=10**9)
    assert smallest_gain(many) == pytest.approx(norm.ppf(0.975) + norm.ppf(0.8), abs=1e-3)
    for freedom, interval in ((100, made(1.0, 0.0)), (2, made(0.0, 1.0))):
        limit = student.ppf(0.975, freedom)
        assert nct.sf(limit, freedom, smallest_gain(interval)) == pytest.approx(0.8, abs=1e-4)
    assert smallest_gain(made(0.0, 0.0)) == 0.0
    assert smallest_gain(made(1.0, 0.0), 0.9) > smallest_gain(made(1.0, 0.0))


def test_seeds_take_away_what_lies_between_seeds_alone() -> None:
    interval = made(0.25, 0.75)
    least = 2.83 * 0.5  # what people alone hide, with 100 degrees of freedom
    assert seeds_needed(interval, 0.99 * least) is None
    needed = seeds_needed(interval, 1.05 * least)
    assert needed is not None and needed > 10
    easy = seeds_needed(interval, 30.0)
    assert easy == 2
    sizes = [seeds_needed(interval, gain) or 0 for gain in (1.6, 2.0, 3.0, 5.0)]
    assert sizes == sorted(sizes, reverse=True)
    own = smallest_gain(interval)
    assert seeds_needed(interval, own) == 3  # the seeds that it has find what it finds


def test_luck_of_people_with_single_trainings_shrinks_with_seeds() -> None:
    stays, shrinks = made(1.0, 0.01), made(1.0, 0.01, mixed=0.96)
    assert smallest_gain(stays) == pytest.approx(smallest_gain(shrinks))
    assert seeds_needed(stays, 1.5) is None
    assert seeds_needed(shrinks, 1.5) is not None


def test_the_parts_of_an_interval_are_those_that_were_drawn() -> None:
    rng, found = np.random.default_rng(1), []
    for _ in range(300):
        found.append(draws(3.0, 0.5, 4.0, 0.01)(rng, 0.0))
    people, both = 9 / PEOPLE, 16 / PEOPLE / SEEDS
    assert np.mean([one.between_people for one in found]) == pytest.approx(people + both, rel=0.05)
    assert np.mean([one.mixed for one in found]) == pytest.approx(both, rel=0.05)
    assert np.mean([one.between_seeds for one in found]) == pytest.approx(0.25 / SEEDS + both, rel=0.15)
    scaled = found[0].scaled(100)
    assert (scaled.between_people, scaled.mixed) == pytest.approx((1e4 * found[0].between_people, 1e4 * found[0].mixed))


def test_one_seed_says_nothing_of_others() -> None:
    single = made(1.0, 0.0, number=1)
    assert smallest_gain(single) == pytest.approx(2.829, abs=1e-2)
    with pytest.raises(ProtocolError, match="one seed says nothing of training noise"):
        seeds_needed(single, 1.0)
    with pytest.raises(ProtocolError, match="above 0, got 0"):
        seeds_needed(made(1.0, 1.0), 0.0)
    with pytest.raises(ProtocolError, match="between a half and 1"):
        smallest_gain(single, 0.3)
