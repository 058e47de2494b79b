"""``per_query.npz``: how each query was answered by one arm with one seed, from which every accuracy is a mean."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.vocabulary import SIDES, WITH_INTERVALS
from reports.errors import ReportError
from reports.records.annotations import check_annotation
from reports.schema.metrics import AGREEMENT, split_metric

PerQuery = Mapping[str, NDArray[Any]]
"""``per_query.npz``: person, camera, key, average_precision (percent), first_hit (1-based rank of the first
right answer, 0 where there is none), valid, length, each ``[Q]``; where recorded hit1, hit5 ... (percent; between 0
and 100 only where the first right answer ties), ``[Q]``; and cmc ``[<= 50]`` in percent. Where images meet videos, all
of them but person, camera, key and length come once more for each side: ``I2V/average_precision``, ``I2V/valid`` ...
Where it was measured: hidden ``[Q]``, the occluded share (0 to 1) of the query's person, mean over frames; the record's
``hidden_by`` says how it is known. Where the queries are annotated: codes of attributes, see
`reports.records.annotations`."""

PER_QUERY_ARRAYS = ("person", "camera", "key", "average_precision", "first_hit", "valid", "length")
PER_SIDE_ARRAYS = ("average_precision", "first_hit", "valid")


def check_per_query(result: Mapping[str, Any], per_query: PerQuery) -> None:
    """Refuse a per-query file that is incomplete or does not average to the recorded accuracies.

    Raises:
        ReportError: naming the array, or the two numbers that disagree.
    """
    name = f"the per-query file of arm {result['arm']!r} (seed {result['seed']})"
    missing = [key for key in PER_QUERY_ARRAYS if key not in per_query]
    if missing:
        raise ReportError(f"{name} lacks {', '.join(missing)}.")
    lengths = {key: len(per_query[key]) for key in PER_QUERY_ARRAYS}
    if len(set(lengths.values())) != 1 or not lengths["key"]:
        raise ReportError(f"{name} has arrays of different or zero length: {lengths}.")
    sides = tuple(result.get("sides") or {})
    for key in (f"{side}/{array}" for side in sides for array in PER_SIDE_ARRAYS):
        if key not in per_query or len(per_query[key]) != lengths["key"]:
            raise ReportError(f"{name} needs the array {key} with one value for each of its {lengths['key']} queries.")
    if "hidden" in per_query:
        hidden = np.asarray(per_query["hidden"], dtype=np.float64)
        if hidden.shape != (lengths["key"],) or not ((hidden >= 0) & (hidden <= 1)).all():
            raise ReportError(
                f"{name} has the array hidden of shape {hidden.shape}; expected a share from 0 to 1 for each of its "
                f"{lengths['key']} queries."
            )
    check_annotation(result, per_query, name)
    for metric in (*WITH_INTERVALS, *(f"{side}/{metric}" for side in sides for metric in WITH_INTERVALS)):
        values = query_values(per_query, metric, result["protocol"]["empty"])
        if not np.isfinite(values).all():
            raise ReportError(f"{name} holds a number that is not finite in {metric}.")
        measured = float(values.mean()) if len(values) else 0.0
        if abs(measured - result["metrics"][metric]) > AGREEMENT:
            raise ReportError(
                f"{name} averages to {metric} {measured:.3f}, but the record says "
                f"{result['metrics'][metric]:.3f}; both are in percent and must agree."
            )


def counted(per_query: PerQuery, empty: str, side: str = "") -> NDArray[np.bool_]:
    """Which queries ``[Q]`` count: all under ``empty="zero"``, those with a right answer under ``"skip"``.

    Raises:
        ReportError: for a side that was not recorded.
    """
    key = f"{side}/valid" if side else "valid"
    if key not in per_query:
        raise ReportError(f"per-query results hold no {key}; the run was not judged on the side {side}.")
    valid = np.asarray(per_query[key], dtype=bool)
    return valid if empty == "skip" else np.ones_like(valid)


def query_values(per_query: PerQuery, metric: str, empty: str) -> NDArray[np.float64]:
    """Values in percent of the queries that count, whose mean is the metric.

    Args:
        per_query: the arrays of ``per_query.npz``.
        metric: ``"mAP"`` or ``"rank<k>"``, of the headline; ``"I2I/rank1"`` on a side, with the validity and hits of
            that side.
        empty: what the protocol does with queries without a right answer.

    Returns:
        ``[Q']`` float64: average precision, or 100 where the first right answer is among the first k.

    Raises:
        ReportError: for a metric or side that per-query results do not hold.
    """
    side, name = split_metric(metric)
    known = name == "mAP" or (name.startswith("rank") and name[4:].isdigit())
    if not known or (side and side not in SIDES):
        raise ReportError(
            f"no per-query values for metric {metric!r}; use mAP, rank1, rank5 or rank10, alone or after a side such "
            "as in I2V/rank1."
        )
    keep = counted(per_query, empty, side)
    prefix = f"{side}/" if side else ""
    if name == "mAP":
        precision: NDArray[np.float64] = np.asarray(per_query[f"{prefix}average_precision"], dtype=np.float64)
        return np.where(np.asarray(per_query[f"{prefix}valid"], dtype=bool), precision, 0.0)[keep]
    if f"{prefix}hit{name[4:]}" in per_query:  # exact under ties, where the first hit is a mean rank
        return np.asarray(per_query[f"{prefix}hit{name[4:]}"], dtype=np.float64)[keep]
    first = np.asarray(per_query[f"{prefix}first_hit"])
    return np.where((first >= 1) & (first <= int(name[4:])), 100.0, 0.0)[keep]
