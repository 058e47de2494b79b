"""A measured difference, and how many people it takes to tell one."""

from dataclasses import dataclass

from protocols.vocabulary import Verdict

FEWEST_PEOPLE = 10  # a slice with fewer is too few to tell


@dataclass(frozen=True, slots=True)
class Difference:
    """Arm minus opponent, over the seeds that both have, in the unit of the claim.

    ``queries`` are what was paired: queries, or tracklets where a mask was measured.
    """

    against: str
    label: str
    control: str | None
    mean: float
    low: float
    high: float
    p: float | None
    seeds: tuple[int, ...]
    queries: int
    identities: int
    verdict: Verdict
    run_ids: tuple[str, ...]
