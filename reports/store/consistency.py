"""Whether the runs of one job may be compared and pooled: same queries, and records that their kinds can pool."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.vocabulary import SIDES
from reports.errors import ReportError
from reports.records import kinds_of_arms
from reports.records.annotations import PREFIX
from reports.records.interface import OfArm, OfRun
from reports.store.arm import Group


def check_alike(groups: Sequence[Group]) -> None:
    """Refuse a job whose runs were scored on different things.

    Raises:
        ReportError: naming two runs and what differs.
    """
    _check_same_queries(groups)
    _check_same_records(groups)


def _check_same_queries(groups: Sequence[Group]) -> None:
    """Pairs of arms are compared query by query, so all of them must have been scored on the same ones."""
    seen: dict[str, tuple[str, NDArray[Any]]] = {}  # array -> where it was first met, and what it holds
    for group in groups:
        for run in group.runs:
            codes = (key for key in run.per_query if key.startswith(PREFIX))
            for key in ("key", "valid", *(f"{side}/valid" for side in SIDES), *codes):
                if key not in run.per_query:
                    continue  # an arm may have been scored on fewer sides
                first, values = seen.setdefault(key, (f"{run.run_id} ({group.name})", run.per_query[key]))
                if not np.array_equal(run.per_query[key], values):
                    if key.startswith(PREFIX):
                        raise ReportError(
                            f"run {run.run_id} ({group.name}, seed {run.seed_words}) knows other values of "
                            f"{key.removeprefix(PREFIX)} than run {first}: they were recorded with other annotations; "
                            "record one of them again."
                        )
                    raise ReportError(
                        f"run {run.run_id} ({group.name}, seed {run.seed_words}) was scored on other queries than run "
                        f"{first}: {key} differs; runs of one job share data and protocol, so record one of them again."
                    )


def _check_same_records(groups: Sequence[Group]) -> None:
    """What was recorded beside a result is pooled over seeds as its kind demands."""
    for kind in kinds_of_arms():
        if kind.check_alike is None:
            continue
        arms = []
        for group in groups:
            values = ((run, kind.of(run)) for run in group.runs)
            runs = tuple(OfRun(run.run_id, run.result, value) for run, value in values if value is not None)
            arms += [OfArm(group.name, runs)] if runs else []
        kind.check_alike(arms)
