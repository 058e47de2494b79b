"""Whether the runs of one job may be compared and pooled: same queries, tracklets, attributes and repairs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.vocabulary import SIDES
from reports.errors import ReportError
from reports.records.annotations import PREFIX
from reports.store.arm import Group


def check_alike(groups: Sequence[Group]) -> None:
    """Refuse a job whose runs were judged on different things.

    Raises:
        ReportError: naming two runs and what differs.
    """
    _check_same_queries(groups)
    _check_same_tracklets(groups)
    _check_same_columns(groups)
    _check_same_repairs(groups)


def _check_same_queries(groups: Sequence[Group]) -> None:
    """Pairs of arms are compared query by query, so all of them must have been judged on the same ones."""
    seen: dict[str, tuple[str, NDArray[Any]]] = {}  # array -> where it was first met, and what it holds
    for group in groups:
        for run in group.runs:
            codes = (key for key in run.per_query if key.startswith(PREFIX))
            for key in ("key", "valid", *(f"{side}/valid" for side in SIDES), *codes):
                if key not in run.per_query:
                    continue  # an arm may have been judged on fewer sides
                first, values = seen.setdefault(key, (f"{run.run_id} ({group.name})", run.per_query[key]))
                if not np.array_equal(run.per_query[key], values):
                    if key.startswith(PREFIX):
                        raise ReportError(
                            f"run {run.run_id} ({group.name}, seed {run.seed}) knows other values of "
                            f"{key.removeprefix(PREFIX)} than run {first}: they were recorded with other annotations; "
                            "record one of them again."
                        )
                    raise ReportError(
                        f"run {run.run_id} ({group.name}, seed {run.seed}) was judged on other queries than run "
                        f"{first}: {key} differs; runs of one job share data and protocol, so record one of them again."
                    )


def _check_same_tracklets(groups: Sequence[Group]) -> None:
    """What an arm looks at, weighs and recognises is pooled over seeds tracklet by tracklet."""
    for group in groups:
        parts = {
            ("explained", "explain"): [run.explanation.arrays["key"] for run in group.runs if run.explanation],
            ("weighed", "weights"): [run.weights.arrays["key"] for run in group.runs if run.weights],
            ("recognised", "attributes"): [run.attributes.arrays["key"] for run in group.runs if run.attributes],
        }
        for (what, file), found in parts.items():
            if any(not np.array_equal(keys, found[0]) for keys in found):
                raise ReportError(
                    f"the seeds of {group.name} {what} other tracklets each ({file}.npz, key), so they cannot be "
                    "pooled; record the arm again, with one choice of tracklets for all seeds."
                )


def _check_same_columns(groups: Sequence[Group]) -> None:
    """Attributes are pooled over seeds column by column, against one truth."""
    for group in groups:
        found = [run.attributes for run in group.runs if run.attributes]
        for one in found[1:]:
            same = one.names == found[0].names and one.groups == found[0].groups
            if not same or not np.array_equal(one.arrays["truth"], found[0].arrays["truth"], equal_nan=True):
                raise ReportError(
                    f"the seeds of {group.name} recognised other attributes each, or against another truth "
                    "(attributes.json, attributes.npz), so they cannot be pooled; record the arm again."
                )


def _check_same_repairs(groups: Sequence[Group]) -> None:
    """What a repairer did is pooled over seeds tracklet by tracklet, and is one result for each seed."""
    keys: dict[str, tuple[str, NDArray[Any]]] = {}  # repairer -> where it was first met, and on which tracklets
    for run in (run for group in groups for run in group.runs if run.repair and "key" in run.repair.arrays):
        assert run.repair is not None
        repairer = run.result["data"]["test"]
        first, values = keys.setdefault(repairer, (run.run_id, run.repair.arrays["key"]))
        if not np.array_equal(run.repair.arrays["key"], values):
            raise ReportError(
                f"runs {first} and {run.run_id} measured {repairer} on other tracklets each (repair.npz, key), so they "
                "cannot be pooled; record one of them again."
            )
