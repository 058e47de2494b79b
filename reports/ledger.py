"""The claims ledger: each claim of a paper, what it published, what was measured, and one verdict.

A claim says that one arm beats another on a metric.  The measured difference is paired over queries and pooled
over seeds, with a 95 % interval from resampled identities (and seeds).  A claim about time must also beat every
recorded control of its arm: the same arm on shuffled frames, a per-frame MLP of its size, uniform weights.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from protocols.statistics import SMALLEST_SHARE, Interval, paired_difference, verdict
from reports.errors import ReportError
from reports.record import METRIC_LABELS
from reports.runs import CONTROL_LABELS, Group, Job

Verdict = Literal["holds", "does not hold", "cannot tell"]
VERDICTS: tuple[Verdict, ...] = ("holds", "does not hold", "cannot tell")
TEMPORAL_CONTROLS = ("shuffled", "mlp", "uniform")

RULE = (
    "A claim holds when the whole 95 % interval of the difference lies above zero. It does not hold when the "
    f"interval lies at or below zero, or touches zero and stays below {100 * SMALLEST_SHARE:.0f} % of the "
    "published margin. Anything else cannot be told apart yet. A claim about time must pass against its baseline "
    "and against every control."
)
SYNTHETIC = (
    "These verdicts are about SynthWalk, the drawn data set of this suite: they say what the method's mechanism does "
    "there, not what it does on filmed people."
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Arm minus opponent in points, over the seeds that both have."""

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


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim with its verdict; ``words`` says it in plain English."""

    id: str
    text: str
    arm: str
    arm_label: str
    against: str
    against_label: str
    metric: str
    protocol: str
    source: str
    temporal: bool
    published: tuple[dict[str, Any], ...]
    difference: Difference | None
    controls: tuple[Difference, ...]
    verdict: Verdict
    words: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """All claims of a paper that this protocol can judge."""

    paper: str
    experiment: str
    parent_id: str
    dataset: str
    protocol: str
    profile: str
    synthetic: bool
    note: str
    rule: str
    claims: tuple[Claim, ...]

    def judged(self) -> tuple[Claim, ...]:
        """The claims whose arms were run; the others cannot be told for that reason alone."""
        return tuple(claim for claim in self.claims if claim.difference is not None)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as written to ``ledger.json``."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def as_csv(self) -> str:
        """One row for each difference: the claim's own first, then its controls."""
        rows = io.StringIO()
        writer = csv.writer(rows, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for claim in self.claims:
            margin = "; ".join(f"{one['dataset']} {one['margin']:+.2f}" for one in claim.published)
            start = [claim.id, claim.verdict, claim.metric, claim.arm]
            if claim.difference is None:
                writer.writerow([*start, claim.against, "", *[""] * 6, margin, claim.source, ""])
            for one in _all_differences(claim):
                numbers = [f"{value:.4f}" for value in (one.mean, one.low, one.high)]
                p = "" if one.p is None else f"{one.p:.4f}"
                count = [p, " ".join(map(str, one.seeds)), one.queries]
                end = [margin, claim.source, " ".join(one.run_ids)]
                writer.writerow([*start, one.against, one.control or "", *numbers, *count, *end])
        return rows.getvalue()


CSV_COLUMNS = (
    "claim", "verdict", "metric", "arm", "against", "control", "difference", "low", "high", "p", "seeds", "queries",
    "published_margin", "source", "run_ids",
)  # fmt: skip


def build_ledger(job: Job) -> Ledger:
    """Judge every claim of the job's card that is made under the job's protocol.

    Raises:
        ReportError: a claim of the card cannot be read.
    """
    first = job.any_result
    here = first["protocol"]["name"]
    claims = tuple(judge_claim(job, claim) for claim in job.card["claims"] if claim.get("protocol", here) == here)
    return Ledger(
        paper=str(job.card.get("key", first["paper"])),
        experiment=job.experiment,
        parent_id=job.parent_id,
        dataset=first["dataset"]["name"],
        protocol=here,
        profile=first["profile"],
        synthetic=job.synthetic,
        note=SYNTHETIC if job.synthetic else "",
        rule=RULE,
        claims=claims,
    )


def judge_claim(job: Job, claim: dict[str, Any]) -> Claim:
    """The measured differences of one claim and its verdict."""
    try:
        claim_id, text, arm, against = (str(claim[key]) for key in ("id", "text", "arm", "against"))
    except KeyError as error:
        raise ReportError(f"a claim of the card lacks {error}; see the card.json of run {job.parent_id}.") from None
    metric, temporal = str(claim.get("metric", "rank1")), bool(claim.get("temporal", False))
    published = tuple(dict(row) for row in claim.get("published") or ())
    difference: Difference | None = None
    controls: tuple[Difference, ...] = ()
    missing = [name for name in (arm, against) if name not in job.by_name]
    if not missing:
        margin = published_margin(published, job.any_result["dataset"]["name"])
        own = job.by_name[arm]
        difference = compare(own, job.by_name[against], metric, margin)
        if temporal:
            opponents = [one for one in job.controls_of(arm) if one.control in TEMPORAL_CONTROLS]
            controls = tuple(
                one for one in (compare(own, other, metric, margin) for other in opponents) if one is not None
            )
    outcome = decide(difference, controls, temporal)
    words = _words(outcome, difference, controls, temporal, metric, missing)
    return Claim(
        id=claim_id,
        text=text,
        arm=arm,
        arm_label=_label(job, arm),
        against=against,
        against_label=_label(job, against),
        metric=metric,
        protocol=job.any_result["protocol"]["name"],
        source=str(claim.get("source", "")),
        temporal=temporal,
        published=published,
        difference=difference,
        controls=controls,
        verdict=outcome,
        words=words,
    )


def compare(arm: Group, opponent: Group, metric: str, margin: float | None) -> Difference | None:
    """Arm minus opponent over their common seeds; ``None`` where they share no seed.

    Args:
        arm, opponent: groups of one job (same queries).
        metric: ``mAP`` or ``rank<k>``.
        margin: published margin in points, which says what gain is too small to matter.
    """
    seeds = tuple(seed for seed in arm.seeds if seed in opponent.seeds)
    if not seeds:
        return None
    people = arm.people()
    interval: Interval = paired_difference(arm.values(metric, seeds), opponent.values(metric, seeds), people)
    return Difference(
        against=opponent.name,
        label=opponent.label,
        control=opponent.control,
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        p=interval.p,
        seeds=seeds,
        queries=len(people),
        identities=len(np.unique(people)),
        verdict=verdict(interval, margin),
        run_ids=tuple(run.run_id for group in (arm, opponent) for run in group.runs if run.seed in seeds),
    )


def decide(difference: Difference | None, controls: Sequence[Difference], temporal: bool) -> Verdict:
    """One verdict from the differences.

    A claim about time falls with its baseline or with any control, and stands only if all of them are beaten; with
    no control recorded it cannot stand, because nothing shows that time made the difference.
    """
    if difference is None:
        return "cannot tell"
    if not temporal:
        return difference.verdict
    found = [difference.verdict, *(one.verdict for one in controls)]
    if "does not hold" in found:
        return "does not hold"
    if "cannot tell" in found or not controls:
        return "cannot tell"
    return "holds"


def published_margin(published: Sequence[dict[str, Any]], dataset: str) -> float | None:
    """The margin to measure against: this data set's, else the smallest of the others; ``None`` without one."""
    margins = {str(one["dataset"]): float(one["margin"]) for one in published if float(one["margin"]) > 0}
    if dataset in margins:
        return margins[dataset]
    return min(margins.values(), default=None)


def _label(job: Job, name: str) -> str:
    if name in job.by_name:
        return job.by_name[name].label
    return str(job.card["arms"].get(name, {}).get("label", name))


def _all_differences(claim: Claim) -> list[Difference]:
    return [one for one in (claim.difference, *claim.controls) if one is not None]


def _words(
    outcome: Verdict,
    difference: Difference | None,
    controls: Sequence[Difference],
    temporal: bool,
    metric: str,
    missing: Sequence[str],
) -> str:
    """The verdict's reason, for somebody who reads nothing else."""
    if missing:
        return f"Not judged: {' and '.join(missing)} was not run."
    if difference is None:
        return "Not judged: the two arms were not run with a common seed."
    name = METRIC_LABELS.get(metric, metric)
    range_ = f"{_points(difference.mean)} of {name} ({_signed(difference.low)} to {_signed(difference.high)})"
    first = f"Measured {range_} against {difference.label}."
    if difference.verdict == "does not hold":
        if difference.low == difference.high == 0:
            return f"{first} The two score the same."
        return f"{first} {'It is worse.' if difference.high < 0 else 'That is no gain worth the name.'}"
    if difference.verdict == "cannot tell":
        first += " Both no gain and a real one fit this interval."
    return f"{first} {_about_time(outcome, controls)}" if temporal else first


def _about_time(outcome: Verdict, controls: Sequence[Difference]) -> str:
    """What the controls say."""
    lost = [one for one in controls if one.verdict == "does not hold"]
    unclear = [one for one in controls if one.verdict == "cannot tell"]
    if not controls:
        return "No control was run, so nothing shows that time made the difference; add --controls all."
    if lost:
        return f"It does not beat {_names(lost)}, so time is not what helps."
    if unclear:
        return f"Whether it beats {_names(unclear)} cannot be told yet."
    return f"It also beats {_names(controls)}" + (", so time is used." if outcome == "holds" else ".")


def _names(differences: Sequence[Difference]) -> str:
    names = [CONTROL_LABELS.get(str(one.control), one.label) for one in differences]
    shown = [f"its control with {name}" if index == 0 else name for index, name in enumerate(names)]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\u2212")


def _points(value: float) -> str:
    return f"{_signed(value)} points"
