"""The recorded result: what one arm with one seed leaves behind, as plain JSON.

``result.json`` is the truth; everything MLflow shows is a copy of parts of it.  The writer
(``runners.tracking``) and the readers (this floor) share these types and :func:`check_result`.

Units: accuracies in percent, GMACs (one multiply-add is one MAC), GFLOPs = 2 x GMACs, millions of parameters,
milliseconds, frames per second, megabytes.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from reports.errors import ReportError

SCHEMA = 1
METRICS = ("mAP", "rank1", "rank5", "rank10", "rank20")
METRIC_LABELS = {"mAP": "mAP", "rank1": "Rank-1", "rank5": "Rank-5", "rank10": "Rank-10", "rank20": "Rank-20"}
CONTROLS = ("shuffled", "mlp", "uniform", "colour")
AGREEMENT = 0.02  # points by which a recorded accuracy may differ from its own per-query file (rounding)

Control = Literal["shuffled", "mlp", "uniform", "colour"]


class ProtocolRecord(TypedDict):
    """Which protocol judged, and the ranking convention of its headline number."""

    name: str
    version: int
    gallery: str
    ap: str
    empty: str
    metric: str
    normalise: bool
    test_frames: str


class DatasetRecord(TypedDict):
    """Which data: ``fingerprint`` is the 32 hex digits of the manifest."""

    name: str
    version: str
    fingerprint: str
    synthetic: bool
    counts: dict[str, int]


class ConventionRecord(TypedDict):
    """The same descriptors under one ranking convention, in percent."""

    gallery: str
    ap: str
    empty: str
    mAP: float
    rank1: float
    valid_queries: int
    queries: int


class LatencyRecord(TypedDict):
    """Time of one forward pass; GPU keys exist only where a GPU was measured."""

    device: str
    name: str
    cpu_ms_p50: NotRequired[float]
    cpu_ms_p95: NotRequired[float]
    gpu_ms_p50: NotRequired[float]
    gpu_ms_p95: NotRequired[float]


class CostRecord(TypedDict, total=False):
    """What the arm costs at test time."""

    gmacs_per_frame: float | None
    gflops_per_frame: float | None
    gmacs_per_tracklet: dict[str, float]
    params_m: float | None
    latency: LatencyRecord
    throughput_frames_per_s: float | None
    peak_memory_mb: float | None


class CheckRecord(TypedDict):
    """One admission check."""

    name: str
    passed: bool
    detail: str


class AdmissionRecord(TypedDict):
    """Whether the protocol admitted the arm, and what it looked at."""

    admitted: bool
    checks: list[CheckRecord]


class StageRecord(TypedDict):
    """One training stage as it was run."""

    name: str
    fingerprint: str
    frames: int
    seconds: float
    steps: int
    final_loss: float | None


class ResultRecord(TypedDict):
    """``result.json``: one arm, one seed."""

    schema: int
    paper: str
    arm: str
    label: str
    method: str
    reading: str
    options: dict[str, Any]
    control: Control | None
    of: str | None
    seed: int
    profile: str
    budget: str
    size: list[int]
    protocol: ProtocolRecord
    dataset: DatasetRecord
    metrics: dict[str, float]
    intervals: dict[str, list[float]]
    conventions: list[ConventionRecord]
    slices: dict[str, float]
    cost: CostRecord
    admission: AdmissionRecord
    stages: list[StageRecord]
    fingerprint: str
    environment: dict[str, Any]
    command: str


class StripImage(TypedDict):
    """One retrieved tracklet; ``image`` is a ``data:image/jpeg;base64`` URI."""

    key: str
    person: int
    camera: int
    right: bool
    distance: float
    image: str


class StripQuery(TypedDict):
    """The query of a strip."""

    key: str
    person: int
    camera: int
    image: str


class StripRow(TypedDict):
    """A query with its first five answers; ``average_precision`` in percent."""

    query: StripQuery
    average_precision: float
    top: list[StripImage]


class Strips(TypedDict):
    """``strips.json``."""

    size: list[int]
    rows: list[StripRow]


PerQuery = Mapping[str, NDArray[Any]]
"""``per_query.npz``: person, camera, key, average_precision (percent), first_hit (1-based rank of the first
right answer, 0 where there is none), valid, length, each ``[Q]``; where recorded hit1, hit5 ... (percent; between 0
and 100 only where the first right answer ties), ``[Q]``; and cmc ``[<= 50]`` in percent."""

PER_QUERY_ARRAYS = ("person", "camera", "key", "average_precision", "first_hit", "valid", "length")


def check_result(result: Mapping[str, Any]) -> None:
    """Refuse a record that lacks a key, has another schema, or holds a number that is not finite.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    name = f"the result of arm {result.get('arm', '?')!r} (seed {result.get('seed', '?')})"
    if result.get("schema") != SCHEMA:
        raise ReportError(
            f"{name} has schema {result.get('schema')!r}, but this version reads schema {SCHEMA}; "
            "record it again or use the version of Reproid that wrote it."
        )
    missing = [key for key in ResultRecord.__required_keys__ if key not in result]
    if missing:
        raise ReportError(f"{name} lacks {', '.join(sorted(missing))}; schema 1 has no optional keys.")
    for part, kind in (("protocol", ProtocolRecord), ("dataset", DatasetRecord)):
        lacking = [key for key in kind.__required_keys__ if key not in result[part]]
        if lacking:
            raise ReportError(f"{name} lacks {', '.join(f'{part}.{key}' for key in sorted(lacking))}.")
    if result["control"] is not None and result["control"] not in CONTROLS:
        raise ReportError(f"{name} has control {result['control']!r}; known are {', '.join(CONTROLS)}.")
    lacking = [metric for metric in ("mAP", "rank1") if metric not in result["metrics"]]
    if lacking:
        raise ReportError(f"{name} lacks metrics.{', metrics.'.join(lacking)}.")
    for path, value in non_finite(result):
        raise ReportError(f"{name} has {path} = {value}; numbers are finite, or null where unknown.")


def non_finite(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield ``(dotted path, value)`` of every number in nested JSON that is NaN or infinite."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from non_finite(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from non_finite(inner, f"{path}[{index}]")
    elif isinstance(value, float | np.floating) and not math.isfinite(value):
        yield path, float(value)


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
    for metric in ("mAP", "rank1"):
        values = query_values(per_query, metric, result["protocol"]["empty"])
        if not np.isfinite(values).all():
            raise ReportError(f"{name} holds a number that is not finite in {metric}.")
        measured = float(values.mean()) if len(values) else 0.0
        if abs(measured - result["metrics"][metric]) > AGREEMENT:
            raise ReportError(
                f"{name} averages to {metric} {measured:.3f}, but the record says "
                f"{result['metrics'][metric]:.3f}; both are in percent and must agree."
            )


def counted(per_query: PerQuery, empty: str) -> NDArray[np.bool_]:
    """Which queries ``[Q]`` count: all under ``empty="zero"``, those with a right answer under ``"skip"``."""
    valid = np.asarray(per_query["valid"], dtype=bool)
    return valid if empty == "skip" else np.ones_like(valid)


def query_values(per_query: PerQuery, metric: str, empty: str) -> NDArray[np.float64]:
    """Values in percent of the queries that count, whose mean is the metric.

    Args:
        per_query: the arrays of ``per_query.npz``.
        metric: ``"mAP"`` or ``"rank<k>"``.
        empty: what the protocol does with queries without a right answer.

    Returns:
        ``[Q']`` float64: average precision, or 100 where the first right answer is among the first k.

    Raises:
        ReportError: for a metric that per-query results do not hold.
    """
    keep = counted(per_query, empty)
    if metric == "mAP":
        precision: NDArray[np.float64] = np.asarray(per_query["average_precision"], dtype=np.float64)
        return np.where(np.asarray(per_query["valid"], dtype=bool), precision, 0.0)[keep]
    if not (metric.startswith("rank") and metric[4:].isdigit()):
        raise ReportError(f"no per-query values for metric {metric!r}; use mAP, rank1, rank5 or rank10.")
    if f"hit{metric[4:]}" in per_query:  # exact under ties, where the first hit is a mean rank
        return np.asarray(per_query[f"hit{metric[4:]}"], dtype=np.float64)[keep]
    first = np.asarray(per_query["first_hit"])
    return np.where((first >= 1) & (first <= int(metric[4:])), 100.0, 0.0)[keep]
