"""A claim about two arms: that one is more accurate than the other, or that they are equal."""

from collections.abc import Mapping
from typing import Any

from reports.ledger.claim import Claim
from reports.ledger.columns.cause import causes
from reports.ledger.columns.gain import FEWEST_SEEDS, ONE_SEED, gain_of
from reports.ledger.columns.headroom import headrooms
from reports.ledger.columns.power import power_of
from reports.ledger.difference import difference_of, pair, published_margin
from reports.ledger.holm import Trial
from reports.schema.metrics import METRIC_LABELS, split_metric
from reports.store.job import Job


def arms_trial(job: Job, facts: Mapping[str, Any]) -> Trial:
    """The measured difference of two arms with its four columns.

    Args:
        job: what was recorded.
        facts: fields of `Claim` that the card gives.
    """
    arm, against, metric = (str(facts[key]) for key in ("arm", "against", "metric"))
    label = METRIC_LABELS.get(metric, metric)
    reason = not_run(job, arm, against) or _not_on_side(job, metric, arm, against)
    pairing = None if reason else pair(job.by_name[arm], job.by_name[against], metric)
    if pairing is None:
        words = f"Not judged: {reason or 'the two arms were not run with a common seed'}."
        return Trial(Claim(**facts, metric_label=label, words=words))
    own, other, within = job.by_name[arm], job.by_name[against], float(facts["within"])
    margin = published_margin(facts["published"], job.any_result["dataset"]["name"])
    interval = pairing.interval()
    difference = difference_of(pairing, interval, own, other, margin)
    several = len(pairing.seeds) >= FEWEST_SEEDS
    claim = Claim(
        **facts,
        metric_label=label,
        words="",
        difference=difference,
        gain=gain_of(interval, margin, within) if several else "undecided",
        gain_why="" if several else ONE_SEED,
        causes=() if within else causes(job, arm, metric, bool(facts["temporal"]), margin),
        headroom=() if within else headrooms(job, against, metric, facts["mechanism"], difference.mean),
        power=power_of(interval, None if within else margin),
    )
    return Trial(claim, pairing, margin)


def not_run(job: Job, *names: str) -> str:
    """Why arms cannot be compared; empty text where all were run."""
    missing = [name for name in names if name not in job.by_name]
    return f"{' and '.join(missing)} {'was' if len(missing) == 1 else 'were'} not run" if missing else ""


def _not_on_side(job: Job, metric: str, *names: str) -> str:
    missing = [job.by_name[name].label for name in names if not job.by_name[name].scored_on(metric)]
    return f"{' and '.join(missing)} recorded no result on the side {split_metric(metric)[0]}" if missing else ""
