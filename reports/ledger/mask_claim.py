"""A claim that an arm's mask lies better on the truth than one that knows less."""

from collections.abc import Mapping
from typing import Any

from reports.errors import ReportError
from reports.ledger import mask_measures
from reports.ledger.arms_claim import not_run
from reports.ledger.claim import Claim
from reports.ledger.columns.gain import FEWEST_SEEDS, OF_VERDICT, ONE_SEED
from reports.ledger.columns.power import power_of
from reports.ledger.difference import Difference
from reports.ledger.holm import Trial
from reports.ledger.wording import of_mask
from reports.records.masks import KIND as MASKS
from reports.store.arm import Group
from reports.store.job import Job


def mask_trial(job: Job, facts: Mapping[str, Any]) -> Trial:
    """The measured difference of a mask to its reference; such a claim asks for no cause and has no headroom.

    Args:
        job: what was recorded.
        facts: fields of `Claim` that the card gives.

    Raises:
        ReportError: the metric is no measure of a mask.
    """
    arm, against, metric = (str(facts[key]) for key in ("arm", "against", "metric"))
    split = mask_measures.split_map(metric)
    if split is None:
        raise ReportError(
            f"claim {facts['id']} measures {metric!r} against {against}; expected <map>/<measure>, such as cosam5/auc."
        )
    name, measure = split
    label, unit = mask_measures.label(metric), mask_measures.UNITS[measure]
    reason = not_run(job, arm) or _not_explained(job.by_name[arm], name, measure, against)
    found = None if reason else mask_measures.compared(job.by_name[arm], name, measure, against)
    pairing = mask_measures.pairing(job.by_name[arm], name, measure, against) if found else None
    if found is None or pairing is None:
        reason = reason or f"fewer than two people have a value of {label}"
        return Trial(Claim(**facts, metric_label=label, words=f"Not judged: {reason}.", unit=unit))
    difference = Difference(
        against=against,
        label=str(facts["against_label"]),
        control=None,
        mean=found.difference.mean,
        low=found.difference.low,
        high=found.difference.high,
        p=found.difference.p,
        seeds=pairing.seeds,
        queries=found.tracklets,
        identities=found.people,
        verdict=found.verdict,
        run_ids=tuple(run.run_id for run in mask_measures.explained(job.by_name[arm])),
    )
    several = len(pairing.seeds) >= FEWEST_SEEDS
    claim = Claim(
        **facts,
        metric_label=label,
        words="",
        difference=difference,
        gain=OF_VERDICT[found.verdict] if several else "undecided",
        gain_why="" if several else ONE_SEED,
        power=power_of(found.difference, None),
        unit=unit,
    )
    return Trial(claim, pairing, measured=of_mask(found, measure, label, difference.label))


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
