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

from reports.annotated import AnnotationRecord, check_annotation
from reports.divisions import SplitRecord, check_split
from reports.errors import ReportError
from reports.ledger_rows import LedgerRow, check_ledger

SCHEMA = 1
METRICS = ("mAP", "rank1", "rank5", "rank10", "rank20")
SIDES = ("I2V", "I2I", "V2V", "V2I")  # query and gallery, each one image or a whole video
METRIC_LABELS = {"mAP": "mAP", "rank1": "Rank-1", "rank5": "Rank-5", "rank10": "Rank-10", "rank20": "Rank-20"}
METRIC_LABELS |= {
    f"{side}/{metric}": f"{side} {label if metric == 'mAP' else label.lower()}"
    for side in SIDES
    for metric, label in METRIC_LABELS.copy().items()
}
CONTROLS = ("shuffled", "mlp", "uniform", "colour")
AGREEMENT = 0.02  # points by which a recorded accuracy may differ from its own per-query file (rounding)

Control = Literal["shuffled", "mlp", "uniform", "colour"]


class SnippetsRecord(TypedDict):
    """How tracklets were cut at test time; ``mean`` is over ``clips`` or ``frames``."""

    length: int
    rest: str
    mean: str


class ProtocolRecord(TypedDict):
    """Which protocol judged, and the ranking convention of its headline number.

    ``sides`` pair images with videos, the headline one first; none where tracklets meet tracklets only.
    """

    name: str
    version: int
    gallery: str
    ap: str
    empty: str
    metric: str
    normalise: bool
    test_frames: str
    snippets: NotRequired[SnippetsRecord | None]
    sides: NotRequired[list[str]]


class DatasetRecord(TypedDict):
    """Which data: ``fingerprint`` is the 32 hex digits of the manifest."""

    name: str
    version: str
    fingerprint: str
    synthetic: bool
    counts: dict[str, int]


class ConventionRecord(TypedDict):
    """The same descriptors under one ranking convention, in percent; null where no query counts."""

    gallery: str
    ap: str
    empty: str
    mAP: float | None
    rank1: float | None
    valid_queries: int
    queries: int


class SideRecord(TypedDict):
    """One pairing of images and videos; ``query`` and ``gallery`` say which network encoded what."""

    query: str
    gallery: str
    mAP: float
    rank1: float
    rank5: NotRequired[float]
    rank10: NotRequired[float]
    rank20: NotRequired[float]
    intervals: dict[str, list[float]]
    valid_queries: int
    queries: int


class VariantRecord(TypedDict):
    """A side under another distance, or with another mean over a video's clips; ``mean`` is null without a video."""

    side: str
    metric: str
    mean: str | None
    mAP: float
    rank1: float


class LatencyRecord(TypedDict):
    """Time of one forward pass; GPU keys exist only where a GPU was measured.

    ``reference`` is the network beside which it was timed in turns, on as many frames as the tracklet has; ``ratio`` is
    the time over that of the reference. Records of earlier versions lack all that, and so say nothing of whether their
    milliseconds had settled.
    """

    device: str
    name: str
    cpu_ms_p50: NotRequired[float]
    cpu_ms_p95: NotRequired[float]
    gpu_ms_p50: NotRequired[float]
    gpu_ms_p95: NotRequired[float]
    threads: NotRequired[int]
    reference: NotRequired[str]
    reference_frames: NotRequired[int]
    reference_ms_p50: NotRequired[float]
    ratio: NotRequired[float]
    ratio_quartiles: NotRequired[list[float]]
    settled: NotRequired[bool]
    ms_settled: NotRequired[bool]
    load_1min: NotRequired[list[float | None]]


class CostRecord(TypedDict, total=False):
    """What the arm costs at test time; a control carries the cost of the arm that ``of`` names."""

    gmacs_per_frame: float | None
    gflops_per_frame: float | None
    gmacs_per_tracklet: dict[str, float]
    params_m: float | None
    latency: LatencyRecord
    of: str
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


class DataRecord(TypedDict):
    """What the arm learnt from and what it was judged on: ``raw``, or a repairer as the user writes it.

    ``base`` names the same network and recipe on any data, so that arms of one base differ in their data alone.
    """

    train: str
    test: str
    base: str
    train_fingerprint: NotRequired[str]
    test_fingerprint: NotRequired[str]


class ResultRecord(TypedDict):
    """``result.json``: one arm, one seed; of a data set with several divisions one of them, named by ``split``."""

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
    precision: NotRequired[str]
    fed: NotRequired[str]
    split: NotRequired[SplitRecord]
    data: NotRequired[DataRecord]
    hidden_by: NotRequired[str]
    sides: NotRequired[dict[str, SideRecord]]
    variants: NotRequired[list[VariantRecord]]
    annotation: NotRequired[AnnotationRecord]
    ledger: NotRequired[list[LedgerRow]]


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
and 100 only where the first right answer ties), ``[Q]``; and cmc ``[<= 50]`` in percent. Where images meet videos, all
of them but person, camera, key and length come once more for each side: ``I2V/average_precision``, ``I2V/valid`` ...
Where it was measured: hidden ``[Q]``, the occluded share (0 to 1) of the query's person, mean over frames; the record's
``hidden_by`` says how it is known. Where the queries are annotated: codes of attributes, see `reports.annotated`."""

PER_QUERY_ARRAYS = ("person", "camera", "key", "average_precision", "first_hit", "valid", "length")
PER_SIDE_ARRAYS = ("average_precision", "first_hit", "valid")


def headline_side(protocol: Mapping[str, Any]) -> str | None:
    """The side of the unprefixed numbers; ``None`` where tracklets meet tracklets only."""
    sides = protocol.get("sides") or ()
    return str(sides[0]) if sides else None


def split_metric(metric: str) -> tuple[str, str]:
    """``"I2V/rank1"`` -> ``("I2V", "rank1")``; ``"rank1"`` -> ``("", "rank1")``."""
    side, _, name = metric.rpartition("/")
    return side, name


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
        raise ReportError(f"{name} lacks {', '.join(sorted(missing))}; schema {SCHEMA} needs these keys.")
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
    check_split(result, name)
    _check_sides(result, name)
    check_ledger(result, name)
    if "data" in result:
        data = result["data"]
        lacking = [key for key in DataRecord.__required_keys__ if not isinstance(data, Mapping) or not data.get(key)]
        if lacking:
            raise ReportError(f"{name} lacks {', '.join(f'data.{key}' for key in sorted(lacking))}.")


def check_repaired(result: Mapping[str, Any]) -> None:
    """Refuse what a repairer did beside a result that was not judged on repaired data.

    Raises:
        ReportError: a control, or an arm that was judged on raw data.
    """
    name = f"the result of arm {result['arm']!r} (seed {result['seed']})"
    data = result.get("data") or {"test": "raw"}
    if result["control"] is not None or data["test"] == "raw":
        what = f"control {result['control']}" if result["control"] else "data.test = 'raw'"
        raise ReportError(
            f"{name} has repair.json, but {what}; expected it beside an arm that is judged on repaired data only."
        )


def _check_sides(result: Mapping[str, Any], name: str) -> None:
    """Refuse sides that are unknown or incomplete, or that disagree with the other numbers of the record."""
    sides = result.get("sides") or {}
    headline = headline_side(result["protocol"])
    for side in {*sides, *(result["protocol"].get("sides") or ())}.difference(SIDES):
        raise ReportError(f"{name} has the side {side!r}; known are {', '.join(SIDES)}.")
    if sides and headline not in sides:
        raise ReportError(
            f"{name} has the sides {', '.join(sorted(sides))}; expected the one that its protocol puts first among "
            f"them, but protocol.sides is {result['protocol'].get('sides') or 'empty'}."
        )
    for side, found in sides.items():
        lacking = [key for key in SideRecord.__required_keys__ if key not in found]
        if lacking:
            raise ReportError(f"{name} lacks {', '.join(f'sides.{side}.{key}' for key in sorted(lacking))}.")
        for metric in ("mAP", "rank1"):
            others = {f"metrics.{side}/{metric}": result["metrics"].get(f"{side}/{metric}")}
            if side == headline:
                others[f"metrics.{metric}"] = result["metrics"][metric]
            for place, other in others.items():
                if other is None or abs(other - found[metric]) > AGREEMENT:
                    raise ReportError(
                        f"{name} has sides.{side}.{metric} = {found[metric]:.3f}, but {place} is {other}; "
                        "both are in percent and must agree."
                    )
    for variant in result.get("variants") or ():
        lacking = [key for key in VariantRecord.__required_keys__ if key not in variant]
        if lacking or variant["side"] not in SIDES:
            raise ReportError(
                f"{name} has the variant {dict(variant)}; expected a side out of {', '.join(SIDES)}, and "
                f"{', '.join(sorted(VariantRecord.__required_keys__ - {'side'}))}."
            )


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
    for metric in ("mAP", "rank1", *(f"{side}/{metric}" for side in sides for metric in ("mAP", "rank1"))):
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
