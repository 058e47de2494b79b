"""Groups whose per-query average precisions are given, and claims about them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from reports.ledger.claim import Claim
from reports.ledger.ledger import judge_claim
from reports.store.arm import ArmRun, Group
from reports.store.job import Job

CLAIM = {"id": "c", "text": "A beats B.", "arm": "a", "against": "b", "metric": "mAP", "temporal": False}


def constant_group(
    name: str, values: Sequence[Sequence[float]], job: Job, seeds: tuple[int, ...], people: int = 0, **record: Any
) -> Group:
    """A group whose per-query average precisions are given: one row for each seed.

    Args:
        name: of the group.
        values: ``[S, Q]``.
        job: whose records it is like.
        seeds: ``[S]``.
        people: that the queries are of, in turn; 0: each of another.
        record: keys of every result that replace others.
    """
    template = job.groups[0].runs[0]
    queries = len(values[0])
    runs = []
    for seed, row in zip(seeds, values, strict=True):
        per_query = {key: array[:queries] for key, array in template.per_query.items() if key != "cmc"}
        per_query |= {"average_precision": np.array(row), "valid": np.ones(queries, bool)}
        who = np.arange(queries) % people if people else np.arange(queries)
        per_query |= {"first_hit": np.ones(queries, int), "person": who}
        result = template.result | {"arm": name, "label": name, "control": None, "of": None, "seed": seed} | record
        runs.append(ArmRun(f"{name}{seed}", result, per_query, {}))
    return Group(name, tuple(runs))


def answered(job: Job, groups: Sequence[Group], **claim: Any) -> Claim:
    """The claim that A beats B, with other facts, as the ledger of a job with these groups answers it."""
    return judge_claim(dataclasses.replace(job, groups=tuple(groups)), CLAIM | claim)
