"""The claims ledger: each claim of a paper, what it published, what was measured, and its four columns.

A claim says that one arm beats another on a metric.  The measured difference is paired over queries and pooled
over seeds, with a 95 % interval from resampled identities (and seeds).  *Gain* follows from it alone; *cause* from the
differences to the arm's controls, *headroom* from what oracles gain, *power* from the variances of the interval.  A
claim of equality says that two arms differ by less than some points, and is judged by where the whole interval lies.

A claim about where a network looks says that a mask beats the untrained one, or the centre prior, on a measure.  It is
paired over tracklets and has a unit of its own: a difference of AUC is no point of accuracy.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from protocols.vocabulary import REFERENCES
from reports.errors import ReportError
from reports.ledger import mask_measures
from reports.ledger.arms_claim import arms_trial
from reports.ledger.claim import Claim
from reports.ledger.columns import cause, gain, headroom, power
from reports.ledger.holm import Trial, corrected
from reports.ledger.mask_claim import mask_trial
from reports.ledger.sanity import SanityCheck, sanity_checks
from reports.store.job import Job

SYNTHETIC = (
    "These verdicts are about SynthWalk, the drawn data set of this suite: they say what the method's mechanism does "
    "there, not what it does on filmed people."
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All claims of a paper that this protocol can judge; ``elsewhere`` are those made under another one.

    ``checks`` say whether this run can tell anything: controls whose outcome is known.
    """

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
    checks: tuple[SanityCheck, ...] = ()

    def measured(self) -> tuple[Claim, ...]:
        """The claims that something was measured for; the others are undecided for that reason alone."""
        return tuple(claim for claim in self.claims if claim.difference is not None)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as written to ``ledger.json``."""
        claims = [claim.as_dict() for claim in self.claims]
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self) | {"claims": claims}))
        return plain

    def as_csv(self) -> str:
        """One row for each difference: the claim's own first, with what it answers, then its causes and oracles."""
        rows = io.StringIO()
        writer = csv.DictWriter(rows, CSV_COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        for claim in self.claims:
            start = _of_claim(claim)
            if claim.difference is None:
                writer.writerow(start | {"against": claim.against, "role": "gain", "answer": claim.gain})
            else:
                writer.writerows(start | one for one in _of_differences(claim))
            unmeasured: list[tuple[str, str, str, str]] = [
                (one.name, one.control, one.answer, one.why) for one in claim.causes if not one.difference
            ]
            unmeasured += [("headroom", one.oracle, "", one.why) for one in claim.headroom if not one.difference]
            for role, control, answer, why in unmeasured:
                writer.writerow(start | {"role": role, "control": control, "answer": answer, "why": why})
        return rows.getvalue()


CSV_COLUMNS = (
    "claim", "gain", "gain_holm", "metric", "unit", "arm", "against", "control", "role", "answer", "difference", "low",
    "high", "p", "p_holm", "share", "detectable", "seeds_for_margin", "seeds_for_quarter", "why", "seeds", "queries",
    "within", "published_margin", "source", "run_ids",
)  # fmt: skip


def _of_claim(claim: Claim) -> dict[str, str]:
    return {
        "claim": claim.id,
        "gain": claim.gain,
        "gain_holm": claim.gain_holm,
        "metric": claim.metric,
        "unit": claim.unit,
        "arm": claim.arm,
        "within": f"{claim.within:.4f}" if claim.within else "",
        "published_margin": "; ".join(f"{one['dataset']} {one['margin']:+.2f}" for one in claim.published),
        "source": claim.source,
    }


def _of_differences(claim: Claim) -> list[dict[str, str]]:
    shares = iter([one for one in claim.headroom if one.difference])
    rows = []
    for role, answer, one in claim.differences():
        row = {
            "against": one.against,
            "control": one.control or "",
            "role": role,
            "answer": answer,
            **{key: f"{value:.4f}" for key, value in (("difference", one.mean), ("low", one.low), ("high", one.high))},
            "p": "" if one.p is None else f"{one.p:.4f}",
            "seeds": " ".join(map(str, one.seeds)),
            "queries": str(one.queries),
            "run_ids": " ".join(one.run_ids),
        }
        if role == "gain":
            detectable = claim.power.detectable
            row |= {
                "p_holm": "" if claim.p_holm is None else f"{claim.p_holm:.4f}",
                "detectable": "" if detectable is None else f"{detectable:.4f}",
                "seeds_for_margin": str(claim.power.seeds_for_margin or ""),
                "seeds_for_quarter": str(claim.power.seeds_for_quarter or ""),
                "why": claim.gain_why,
            }
        elif role == "headroom":
            found = next(shares)
            share = "" if found.share is None else f"{found.share:.4f}"
            row |= {"control": found.oracle, "share": share, "why": found.why}
        else:
            row |= {"why": next(cause.why for cause in claim.causes if cause.name == role)}
        rows.append(row)
    return rows


def build_ledger(job: Job) -> Ledger:
    """Answer every claim of the job's card that is made under the job's protocol.

    A claim without a protocol is made under the one that the card names for all, or else under the job's.

    Raises:
        ReportError: a claim of the card cannot be read.
    """
    first = job.any_result
    here = first["protocol"]["name"]
    made = [(claim, made_under(job.card, claim) or here) for claim in job.card["claims"]]
    claims = corrected([trial_of(job, claim) for claim, protocol in made if protocol == here])
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
        rule=rule_of(claims),
        claims=claims,
        elsewhere=elsewhere,
        checks=sanity_checks(job),
    )


def rule_of(claims: Sequence[Claim]) -> str:
    """How answers are found, as far as these claims need it."""
    rules = [gain.RULE]
    if any(claim.within for claim in claims):
        rules.append(gain.EQUALITY_RULE)
    if any(mask_measures.split_map(claim.metric) for claim in claims):
        rules.append(gain.MASK_RULE)
    if any(claim.causes for claim in claims):
        rules.append(cause.RULE)
    if any(claim.headroom for claim in claims):
        rules.append(headroom.RULE)
    if any(claim.difference for claim in claims):
        rules += [power.RULE, gain.HOLM_RULE]
    return " ".join(rules)


def made_under(card: dict[str, Any], claim: dict[str, Any]) -> str:
    """The protocol that a claim is made under; empty text where the card does not say."""
    return str(claim.get("protocol") or card["constraints"].get("protocol") or "")


def judge_claim(job: Job, claim: dict[str, Any]) -> Claim:
    """One claim by itself, so that Holm's correction changes nothing.

    Raises:
        ReportError: as from `trial_of`.
    """
    return corrected([trial_of(job, claim)])[0]


def trial_of(job: Job, claim: dict[str, Any]) -> Trial:
    """One claim of the card, answered before any correction.

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
        "mechanism": tuple(claim.get("mechanism") or ()),
        "within": float(claim.get("within") or 0.0),
    }
    if facts["within"] and (of_mask or facts["temporal"]):
        raise ReportError(
            f"claim {claim_id} is one of equality (within = {facts['within']:g} points) and also one about "
            f"{'where a network looks' if of_mask else 'time'}; expected one of the two: make it two claims."
        )
    return mask_trial(job, facts) if of_mask else arms_trial(job, facts)


def _label(job: Job, name: str) -> str:
    if name in job.by_name:
        return job.by_name[name].label
    return str(job.card["arms"].get(name, {}).get("label", name))
