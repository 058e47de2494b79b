"""Holm's correction over the claims of a page: its p, and the gain that is left at the corrected level."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protocols.statistics.multiple_comparisons import MOST_RESAMPLES, RESAMPLES_A_PAIR, holm, holm_levels
from reports.ledger.claim import Claim
from reports.ledger.columns.gain import FEWEST_SEEDS, gain_of
from reports.ledger.difference import RESAMPLES, Pairing
from reports.ledger.wording import in_words

LEVEL = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A claim with what its gain follows from.

    Attributes:
        claim: answered by itself.
        pairing: both sides of its difference, the better the higher; ``None`` where nothing was measured.
        margin: published, as far as it decides.
        measured: how the measurement reads, where it is none of points.
    """

    claim: Claim
    pairing: Pairing | None = None
    margin: float | None = None
    measured: str = ""

    def p(self, resamples: int) -> float:
        """Two-sided p of the difference; of a claim of equality the larger p of its two ends."""
        assert self.pairing is not None  # only what was measured is asked
        within = self.claim.within
        if not within:
            found = self.pairing.interval(resamples=resamples).p
            return 1.0 if found is None else found
        ends = [self.pairing.shifted(shift).interval(resamples=resamples) for shift in (within, -within)]
        inside = ends[0].mean > 0 > ends[1].mean
        return max(1.0 if end.p is None else end.p for end in ends) if inside else 1.0


def corrected(trials: Sequence[Trial]) -> tuple[Claim, ...]:
    """The claims with their p and gain after the correction, in the order given.

    More claims take more resamples: the smallest p that a bootstrap gives has to stay below the corrected level.
    """
    measured = [one for one in trials if one.pairing is not None]
    resamples = min(MOST_RESAMPLES, max(RESAMPLES, RESAMPLES_A_PAIR * len(measured)))
    p_values = [one.p(resamples) for one in measured]
    found = {
        id(one): _with(one, p, level, resamples)
        for one, p, level in zip(measured, holm(p_values), holm_levels(p_values, LEVEL), strict=True)
    }
    return tuple(found.get(id(one), one.claim) for one in trials)


def _with(trial: Trial, p_holm: float, level: float, resamples: int) -> Claim:
    assert trial.pairing is not None
    claim = replace(trial.claim, p_holm=p_holm)
    if len(trial.pairing.seeds) >= FEWEST_SEEDS:  # one seed is undecided at any level
        wide = trial.pairing.interval(1 - level, resamples)
        claim = replace(claim, gain_holm=gain_of(wide, trial.margin, trial.claim.within))
    return replace(claim, words=in_words(claim, trial.measured))
