"""The claims ledger: each claim of a paper, what it published, what was measured, and one verdict.

A claim says that one arm beats another on a metric.  The measured difference is paired over queries and pooled
over seeds, with a 95 % interval from resampled identities (and seeds).  A claim about time must also beat every
recorded control of its arm: the same arm on shuffled frames, a per-frame MLP of its size, uniform weights.  A claim
of equality says that two arms differ by less than some points, and is judged by where the whole interval lies.

A claim about where a network looks says that a mask beats the untrained one, or the centre prior, on a measure.  It is
paired over tracklets and has a unit of its own: a difference of AUC is no point of accuracy.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from protocols.statistics import POINTS, SMALLEST_SHARE, Interval, paired_difference, verdict
from protocols.vocabulary import REFERENCES, Verdict
from reports.errors import ReportError
from reports.ledger import mask_measures
from reports.ledger.difference import Difference
from reports.ledger.wording import about_arms, about_equality, about_mask
from reports.records.masks import KIND as MASKS
from reports.schema.controls import ASIDE_CONTROLS, TEMPORAL_CONTROLS
from reports.schema.metrics import METRIC_LABELS, split_metric
from reports.store.arm import Group
from reports.store.job import Job

RULE = (
    "A claim holds when the whole 95 % interval of the difference lies above zero. It does not hold when the "
    f"interval lies at or below zero, or touches zero and stays below {100 * SMALLEST_SHARE:.0f} % of the "
    "published margin. Anything else cannot be told apart yet. A claim about time must pass against its baseline "
    "and against every control."
)
MASK_RULE = (
    "A claim about where a network looks is judged on tracklets whose truth is known, by the direction of the "
    "difference alone, because papers show masks in pictures and print no margin; on background and occluder less is "
    "better."
)
EQUALITY_RULE = (
    "A claim that two arms are equal names the difference that still counts as none: it holds when the whole interval "
    "lies within that on both sides of zero, does not hold when the whole interval lies outside, and cannot be told "
    "otherwise."
)
SYNTHETIC = (
    "These verdicts are about SynthWalk, the drawn data set of this suite: they say what the method's mechanism does "
    "there, not what it does on filmed people."
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim with its verdict; ``words`` says it in plain English.

    Attributes:
        unit: of its differences: ``points`` (of percent), or a mask's ``AUC``, ``IoU``, ``share of the mask``,
            ``density``; only differences of one unit can be drawn on one scale.
        controls: decide with the difference, where the claim is about time.
        beside: controls that are shown and decide nothing.
        within: of a claim of equality: the points that still count as no difference; else 0.
    """

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
    metric_label: str = ""
    unit: str = "points"
    beside: tuple[Difference, ...] = ()
    within: float = 0.0


@dataclass(frozen=True, slots=True)
class Ledger:
    """All claims of a paper that this protocol can judge; ``elsewhere`` are those made under another one."""

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
    elsewhere: tuple[dict[str, str], ...] = ()

    def measured(self) -> tuple[Claim, ...]:
        """The claims that something was measured for; the others are undecided for that reason alone."""
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
            start = [claim.id, claim.verdict, claim.metric, claim.unit, claim.arm]
            within = f"{claim.within:.4f}" if claim.within else ""
            if claim.difference is None:
                writer.writerow([*start, claim.against, "", "", *[""] * 6, within, margin, claim.source, ""])
            for one in _all_differences(claim):
                numbers = [f"{value:.4f}" for value in (one.mean, one.low, one.high)]
                p = "" if one.p is None else f"{one.p:.4f}"
                count = [p, " ".join(map(str, one.seeds)), one.queries]
                end = [within, margin, claim.source, " ".join(one.run_ids)]
                role = "beside" if one in claim.beside else "decides"
                writer.writerow([*start, one.against, one.control or "", role, *numbers, *count, *end])
        return rows.getvalue()


CSV_COLUMNS = (
    "claim", "verdict", "metric", "unit", "arm", "against", "control", "role", "difference", "low", "high", "p",
    "seeds", "queries", "within", "published_margin", "source", "run_ids",
)  # fmt: skip


def build_ledger(job: Job) -> Ledger:
    """Judge every claim of the job's card that is made under the job's protocol.

    A claim without a protocol is made under the one that the card names for all, or else under the job's.

    Raises:
        ReportError: a claim of the card cannot be read.
    """
    first = job.any_result
    here = first["protocol"]["name"]
    made = [(claim, made_under(job.card, claim) or here) for claim in job.card["claims"]]
    claims = tuple(judge_claim(job, claim) for claim, protocol in made if protocol == here)
    elsewhere = tuple(
        {"id": str(claim.get("id", "?")), "text": str(claim.get("text", "")), "protocol": protocol}
        for claim, protocol in made
        if protocol != here
    )
    return Ledger(
        paper=str(job.card.get("key", first["paper"])),
        experiment=job.experiment,
        parent_id=job.parent_id,
        dataset=first["dataset"]["name"],
        protocol=here,
        profile=first["profile"],
        synthetic=job.synthetic,
        note=SYNTHETIC if job.synthetic else "",
        rule=_rule(claims),
        claims=claims,
        elsewhere=elsewhere,
    )


def _rule(claims: Sequence[Claim]) -> str:
    """How verdicts are found, as far as these claims need it."""
    rules = [RULE]
    if any(claim.within for claim in claims):
        rules.append(EQUALITY_RULE)
    if any(mask_measures.split_map(claim.metric) for claim in claims):
        rules.append(MASK_RULE)
    return " ".join(rules)


def made_under(card: dict[str, Any], claim: dict[str, Any]) -> str:
    """The protocol that a claim is made under; empty text where the card does not say."""
    return str(claim.get("protocol") or card["constraints"].get("protocol") or "")


def judge_claim(job: Job, claim: dict[str, Any]) -> Claim:
    """The measured differences of one claim and its verdict.

    Raises:
        ReportError: the claim lacks a field, or is one of equality and also one about time or a mask.
    """
    try:
        claim_id, text, arm, against = (str(claim[key]) for key in ("id", "text", "arm", "against"))
    except KeyError as error:
        raise ReportError(f"a claim of the card lacks {error}; see the card.json of run {job.parent_id}.") from None
    metric = str(claim.get("metric", "rank1"))
    of_mask = against in REFERENCES and against not in job.card["arms"]
    facts: dict[str, Any] = {
        "id": claim_id,
        "text": text,
        "arm": arm,
        "arm_label": _label(job, arm),
        "against": against,
        "against_label": mask_measures.AGAINST_LABELS[against] if of_mask else _label(job, against),
        "metric": metric,
        "protocol": job.any_result["protocol"]["name"],
        "source": str(claim.get("source", "")),
        "temporal": bool(claim.get("temporal", False)),
        "published": tuple(dict(row) for row in claim.get("published") or ()),
        "within": float(claim.get("within") or 0.0),
    }
    if facts["within"] and (of_mask or facts["temporal"]):
        raise ReportError(
            f"claim {claim_id} is one of equality (within = {facts['within']:g} points) and also one about "
            f"{'where a network looks' if of_mask else 'time'}; expected one of the two: make it two claims."
        )
    return _judge_mask(job, facts) if of_mask else _judge_arms(job, facts)


def _judge_arms(job: Job, facts: dict[str, Any]) -> Claim:
    """A claim that one arm is more accurate than another, or that the two are equal."""
    arm, against, metric, temporal = (facts[key] for key in ("arm", "against", "metric", "temporal"))
    within: float = facts["within"]
    difference: Difference | None = None
    controls: tuple[Difference, ...] = ()
    beside: tuple[Difference, ...] = ()
    reason = _not_run(job, arm, against) or _not_on_side(job, metric, arm, against)
    if not reason:
        margin = published_margin(facts["published"], job.any_result["dataset"]["name"])
        own = job.by_name[arm]
        difference = compare(own, job.by_name[against], metric, margin)
        reason = "" if difference else "the two arms were not run with a common seed"
        if difference and within:
            difference = replace(difference, verdict=equality(difference, within))
        wanted = TEMPORAL_CONTROLS if temporal else () if within else ASIDE_CONTROLS
        opponents = [one for one in job.controls_of(arm) if one.control in wanted and one.scored_on(metric)]
        found = (compare(own, other, metric, margin if temporal else None) for other in opponents)
        controls = tuple(one for one in found if one is not None)
        controls, beside = (controls, ()) if temporal else ((), controls if difference else ())
    outcome = decide(difference, controls, temporal)
    label = METRIC_LABELS.get(metric, metric)
    if difference is None:
        words = f"Not judged: {reason}."
    elif within:
        words = about_equality(difference, within, label)
    else:
        words = about_arms(outcome, difference, controls, beside, temporal, label)
    return Claim(
        **facts,
        difference=difference,
        controls=controls,
        beside=beside,
        verdict=outcome,
        words=words,
        metric_label=label,
    )


def _judge_mask(job: Job, facts: dict[str, Any]) -> Claim:
    """A claim that an arm's mask lies better on the truth than one that knows less."""
    arm, against, metric = (facts[key] for key in ("arm", "against", "metric"))
    found = mask_measures.split_map(metric)
    if found is None:
        raise ReportError(
            f"claim {facts['id']} measures {metric!r} against {against}; expected <map>/<measure>, such as cosam5/auc."
        )
    name, measure = found
    compared, reason = None, _not_run(job, arm) or _not_explained(job.by_name[arm], name, measure, against)
    if not reason:
        compared = mask_measures.compared(job.by_name[arm], name, measure, against)
        reason = "" if compared else f"fewer than two people have a value of {mask_measures.label(metric)}"
    label = mask_measures.label(metric)
    if compared is None:
        return Claim(
            **facts, difference=None, controls=(), verdict="cannot tell", words=f"Not judged: {reason}.",
            metric_label=label, unit=mask_measures.UNITS[measure],
        )  # fmt: skip
    runs = mask_measures.explained(job.by_name[arm])
    difference = Difference(
        against=against,
        label=facts["against_label"],
        control=None,
        mean=compared.difference.mean,
        low=compared.difference.low,
        high=compared.difference.high,
        p=compared.difference.p,
        seeds=tuple(run.seed for run in runs),
        queries=compared.tracklets,
        identities=compared.people,
        verdict=compared.verdict,
        run_ids=tuple(run.run_id for run in runs),
    )
    return Claim(
        **facts,
        difference=difference,
        controls=(),
        verdict=compared.verdict,
        words=about_mask(compared, measure, label, facts["against_label"]),
        metric_label=label,
        unit=mask_measures.UNITS[measure],
    )


def _not_run(job: Job, *names: str) -> str:
    """Why arms cannot be compared; empty text where all were run."""
    missing = [name for name in names if name not in job.by_name]
    return f"{' and '.join(missing)} {'was' if len(missing) == 1 else 'were'} not run" if missing else ""


def _not_on_side(job: Job, metric: str, *names: str) -> str:
    missing = [job.by_name[name].label for name in names if not job.by_name[name].scored_on(metric)]
    return f"{' and '.join(missing)} recorded no result on the side {split_metric(metric)[0]}" if missing else ""


def _not_explained(group: Group, name: str, measure: str, against: str) -> str:
    runs = mask_measures.explained(group)
    if not runs:
        return f"no run of {group.label} recorded where it looks, which takes a data set with known truth"
    explanations = (MASKS.of(run) for run in runs)
    maps = list(dict.fromkeys(found for one in explanations if one for found in one.maps))
    if name not in maps:
        return f"the runs of {group.label} recorded no map {name}; there are {', '.join(maps)}"
    for who in ("trained", against):
        if mask_measures.pooled(group, name, measure, who) is None:
            return f"the runs of {group.label} recorded no {measure} of the {mask_measures.WHO_LABELS[who]} {name}"
    return ""


def compare(arm: Group, opponent: Group, metric: str, margin: float | None) -> Difference | None:
    """Arm minus opponent over their common seeds; ``None`` where they share no seed.

    Args:
        arm, opponent: groups of one job (same queries).
        metric: ``mAP`` or ``rank<k>``, after a side such as ``I2V/`` where images meet videos.
        margin: published margin in points, which says what gain is too small to matter.
    """
    seeds = tuple(seed for seed in arm.seeds if seed in opponent.seeds)
    if not seeds:
        return None
    people = arm.people(metric)
    interval: Interval = paired_difference(
        arm.values(metric, seeds), opponent.values(metric, seeds), people, of_one=POINTS
    )
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
        run_ids=(*arm.run_ids_of(seeds), *opponent.run_ids_of(seeds)),
    )


def equality(difference: Difference, within: float) -> Verdict:
    """Whether two arms are equal, as far as the interval of their difference says.

    Args:
        difference: in points, with its 95 % interval.
        within: points, above 0, that count as no difference.

    Returns:
        ``holds``: the whole interval lies inside (-within, within). ``does not hold``: none of it does.
    """
    if -within < difference.low and difference.high < within:
        return "holds"
    return "does not hold" if difference.low >= within or difference.high <= -within else "cannot tell"


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
    """The margin to measure against: this data set's, else the smallest of the others; ``None`` without one.

    Margins are in points of percent, so they say nothing about a mask, whose claims are judged without one.
    """
    margins = {str(one["dataset"]): float(one["margin"]) for one in published if float(one["margin"]) > 0}
    if dataset in margins:
        return margins[dataset]
    return min(margins.values(), default=None)


def _label(job: Job, name: str) -> str:
    if name in job.by_name:
        return job.by_name[name].label
    return str(job.card["arms"].get(name, {}).get("label", name))


def _all_differences(claim: Claim) -> list[Difference]:
    return [one for one in (claim.difference, *claim.controls, *claim.beside) if one is not None]
