"""A gain that is planted into recorded per-query results is found, and where none is planted hardly ever one is.

Two arms over three seeds and a hundred people with three queries each: average precisions, near what a trained network
reaches, that share people's and queries' difficulty; the arm's own training noise moves every query and every person.
"""

import numpy as np

from reports.ledger.claim import Claim
from reports.ledger.columns.gain import OF_VERDICT
from reports.ledger.difference import compare
from reports.store.arm import Group
from reports.store.job import Job
from tests.reports.ledger.constant_groups import answered, constant_group

SEEDS, PEOPLE, QUERIES = (0, 1, 2), 100, 3
DRAWS = 600
MARGIN = [{"dataset": "mars", "margin": 13.02}]


def arms(job: Job, gain: float, number: int) -> list[Group]:
    """Arm and opponent; what differs beside the gain is noise of trainings, of people with them, and of queries."""
    rng = np.random.default_rng([77, number])
    shape = (len(SEEDS), QUERIES, PEOPLE)  # queries of one person lie a hundred apart
    hardness = rng.normal(55, 18, (1, 1, PEOPLE)) + rng.normal(0, 10, (1, QUERIES, PEOPLE))

    def trained() -> np.ndarray:
        noise = rng.normal(0, 0.15, (len(SEEDS), 1, 1)) + rng.normal(0, 1.2, (len(SEEDS), 1, PEOPLE))
        return hardness + noise + rng.normal(0, 4.0, shape)

    opinion = rng.normal(0, 2.0, (1, 1, PEOPLE))  # some people gain, others lose, by the method itself
    values = {"a": trained() + gain + opinion, "b": trained()}
    return [
        constant_group(name, np.clip(one, 0, 100).reshape(len(SEEDS), -1).tolist(), job, SEEDS, PEOPLE)
        for name, one in values.items()
    ]


def claim(job: Job, gain: float, number: int) -> Claim:
    return answered(job, arms(job, gain, number), published=MARGIN)


def test_the_groups_are_of_three_seeds_a_hundred_people_and_three_queries(job: Job) -> None:
    found = claim(job, 0.0, 0).difference
    assert found is not None
    assert (found.seeds, found.identities, found.queries) == (SEEDS, PEOPLE, PEOPLE * QUERIES)


def test_two_points_that_were_planted_are_found(job: Job) -> None:
    found = [claim(job, 2.0, number) for number in range(150)]
    reproduced = [one for one in found if one.gain == "reproduced"]
    assert len(reproduced) >= 0.95 * len(found)
    assert all(one.gain_holm == "reproduced" and "the gain is reproduced" in one.words for one in reproduced)
    assert 1.0 < np.mean([one.power.detectable or 0 for one in found]) < 1.5  # as large as a default run may name


def test_where_none_was_planted_at_most_one_in_forty_is_found_on_either_side(job: Job) -> None:
    intervals = []
    for number in range(DRAWS):
        ours, theirs = arms(job, 0.0, number)
        found = compare(ours, theirs, "mAP", None)
        assert found is not None
        intervals.append((OF_VERDICT[found.verdict], found.low > 0, found.high < 0))
    better, worse = (np.mean([one[side] for one in intervals]) for side in (1, 2))
    assert better + worse <= 0.05
    # 2.5 % on either side, and what 600 draws may add to it by luck: 2.5 % + 2 standard errors
    assert max(better, worse) <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / DRAWS)
    assert [gain for gain, above, _ in intervals if above] == ["reproduced"] * round(better * DRAWS)


def test_half_of_the_runs_find_a_gain_of_less_than_what_they_name(job: Job) -> None:
    """The named size is the one that four of five find; a third of it is seldom found."""
    named = np.mean([claim(job, 0.0, number).power.detectable or 0 for number in range(30)])
    small = [claim(job, named / 3, number).gain == "reproduced" for number in range(60)]
    large = [claim(job, 1.3 * named, number).gain == "reproduced" for number in range(60)]
    assert np.mean(small) < 0.4 and np.mean(large) > 0.8
