"""Can this run tell? Controls whose outcome is known, positive and negative, held against what the run found."""

from dataclasses import dataclass
from typing import Literal

from protocols.ranking.chance import expected_at_random
from reports.ledger.columns.gain import FEWEST_SEEDS, OF_VERDICT, ONE_SEED
from reports.ledger.columns.headroom import NO_TRUTH, NOT_RUN, ORACLES_OF, TWINS, twins
from reports.ledger.difference import Difference, compare
from reports.ledger.wording import signed
from reports.render.estimate import estimate
from reports.schema.controls import CONTROL_LABELS
from reports.schema.metrics import METRIC_LABELS
from reports.store.arm import Group
from reports.store.job import Job

SanityAnswer = Literal["passed", "failed", "undecided", "not run"]
FAR_BELOW = 0.5
"""Of the baseline's accuracy: colours that reach as much leave too little for a trained network."""
PERFECT = frozenset(oracle for oracles in ORACLES_OF.values() for oracle in oracles)
"""Oracles that have to gain; of true masks on the last map nothing is expected."""
AT_CHANCE = 2.0
"""Times what a random order gets: how people are dealt to tracklets leaves a little above it."""


@dataclass(frozen=True, slots=True)
class SanityCheck:
    """One control whose outcome is known.

    Attributes:
        name: for a reader.
        expected: what has to come out.
        answer: ``undecided`` where one seed says nothing of it, or chance is not known.
        words: what came out.
        run_ids: behind it.
    """

    name: str
    expected: str
    answer: SanityAnswer
    words: str
    run_ids: tuple[str, ...] = ()


def sanity_checks(job: Job) -> tuple[SanityCheck, ...]:
    """Each perfect mechanism's gain, the colours' distance, shuffled labels' chance, as far as they were recorded."""
    return (*_oracles(job), _colours(job), *_shuffled_labels(job))


def failed(checks: tuple[SanityCheck, ...]) -> tuple[SanityCheck, ...]:
    """Those that came out otherwise than they have to."""
    return tuple(one for one in checks if one.answer == "failed")


def in_words(checks: tuple[SanityCheck, ...]) -> str:
    """How many came out as they have to, and the names of those that did not."""
    made = [one for one in checks if one.answer in ("passed", "failed")]
    lost = failed(checks)
    open_ones = sum(one.answer == "undecided" for one in checks)
    rest = f" {open_ones} undecided." if open_ones else ""
    missing = [one.name for one in checks if one.answer == "not run"]
    rest += f" Not run: {', '.join(missing)}." if missing else ""
    if not made:
        return f"Nothing shows yet that this run can tell a gain from none.{rest}"
    if not lost:
        return f"All {len(made)} controls of known outcome came out as they have to.{rest}"
    names = ", ".join(one.name for one in lost)
    return f"{len(lost)} of {len(made)} controls of known outcome failed: {names}; read every answer with that.{rest}"


def _oracles(job: Job) -> list[SanityCheck]:
    found = []
    for group in job.groups:
        if group.control in PERFECT and group.first["of"] in job.by_name:
            found.append(_oracle(job, group, job.by_name[group.first["of"]], CONTROL_LABELS[str(group.control)]))
    for group in job.arms():
        better = None if group.data.repaired else twins(job, group)
        if better is not None:
            found.append(_oracle(job, better, group, TWINS))
    if found:
        return found
    why = f"{NOT_RUN}; add --controls all" if job.synthetic else NO_TRUTH
    return [SanityCheck("Oracles", "each oracle's gain is reproduced", "not run", f"No oracle was scored: {why}.")]


def _oracle(job: Job, oracle: Group, arm: Group, label: str) -> SanityCheck:
    name, expected = f"{arm.label}, {label}", "its gain is reproduced"
    difference = compare(oracle, arm, job.headline_metric, None)
    if difference is None:
        return SanityCheck(name, expected, "not run", "The two were not run with a common seed.")
    gains = _gains(difference, METRIC_LABELS[job.headline_metric])
    if len(difference.seeds) < FEWEST_SEEDS:
        return SanityCheck(name, expected, "undecided", f"{gains}: undecided, for {ONE_SEED}.", difference.run_ids)
    gain = OF_VERDICT[difference.verdict]
    return SanityCheck(
        name, expected, "passed" if gain == "reproduced" else "failed", f"{gains}: {gain}.", difference.run_ids
    )


def _gains(difference: Difference, metric: str) -> str:
    low, high = signed(difference.low), signed(difference.high)
    return f"Gains {signed(difference.mean)} points of {metric} ({low} to {high})"


def _colours(job: Job) -> SanityCheck:
    metric = job.headline_metric
    name, expected = "Stripe colours", f"less than {100 * FAR_BELOW:.0f} % of the baseline's {METRIC_LABELS[metric]}"
    colour, baseline = job.by_name.get("colour"), _baseline(job)
    if colour is None or baseline is None:
        what = "The colour sanity row" if colour is None else "No baseline"
        return SanityCheck(name, expected, "not run", f"{what} was {'not ' if colour is None else ''}run.")
    floor, mean = estimate(colour, metric), estimate(baseline, metric).mean
    answer: SanityAnswer = "passed" if floor.high < FAR_BELOW * mean else "failed"
    words = (
        f"Colours alone reach {floor.mean:.1f} % ({floor.low:.1f} to {floor.high:.1f}), {baseline.label} {mean:.1f} %."
    )
    return SanityCheck(name, expected, answer, words, (*colour.run_ids, *baseline.run_ids))


def _baseline(job: Job) -> Group | None:
    """The first arm that claims are measured against."""
    return next((one for one in job.arms() if job.card["arms"].get(one.name, {}).get("role") == "baseline"), None)


def _shuffled_labels(job: Job) -> list[SanityCheck]:
    expected = f"at most {AT_CHANCE:.0f} times what a random order gets"
    groups = [group for group in job.groups if group.control == "shuffled-labels"]
    if not groups:
        return [SanityCheck("Shuffled labels", expected, "not run", "No arm was scored with shuffled labels.")]
    chance = _chance(job)
    found = []
    for group in groups:
        reached = estimate(group, "mAP")
        words = f"Reaches {reached.mean:.1f} % mAP ({reached.low:.1f} to {reached.high:.1f})"
        if chance is None:
            answer: SanityAnswer = "undecided"
            words += "; the record does not count its gallery, so chance is not known."
        else:
            answer = "passed" if reached.low <= AT_CHANCE * chance else "failed"
            words += f", a random order {chance:.1f} %."
        found.append(SanityCheck(group.label, expected, answer, words, group.run_ids))
    return found


def _chance(job: Job) -> float | None:
    """mAP of a random order in percent, every person being as often in the gallery; None where it is not counted."""
    counts = job.any_result["dataset"]["counts"]
    keys = ("gallery_tracklets", "junk_tracklets", "distractor_tracklets", "test_ids")
    if not all(key in counts for key in keys):
        return None
    gallery, junk, distractors, people = (int(counts[key]) for key in keys)
    shown, of_people = gallery - junk, gallery - junk - distractors
    if people < 1 or shown < 1:
        return None
    return 100 * expected_at_random(min(max(of_people / people, 1.0), shown), shown)
