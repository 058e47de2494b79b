"""The recorded result: what one arm with one seed leaves behind, as plain JSON.

``result.json`` is the truth; everything MLflow shows is a copy of parts of it.  The writer
(``runners.tracking.mlflow_writer``) and the readers (this floor) share these types and `reports.records.result_checks`.

Units: accuracies in percent, GMACs (one multiply-add is one MAC), GFLOPs = 2 x GMACs, millions of parameters,
milliseconds, frames per second, megabytes.
"""

from typing import Any, NotRequired, TypedDict

from protocols.vocabulary import Side
from reports.records.annotations import AnnotationRecord
from reports.records.conventions import ConventionRecord, LedgerRow
from reports.records.splits import SplitRecord
from reports.schema.controls import Control

SCHEMA = 1


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
    sides: NotRequired[list[Side]]


class DatasetRecord(TypedDict):
    """Which data: ``fingerprint`` is the 32 hex digits of the manifest, ``world`` what a drawn world is called."""

    name: str
    version: str
    fingerprint: str
    synthetic: bool
    counts: dict[str, int]
    world: NotRequired[str]


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

    side: Side
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


class StartRecord(TypedDict):
    """What a network began with: ``scratch``, ``imagenet``, or the name of weights with their ``sha256``.

    ``fresh`` are entries of its trunks that these weights do not have.
    """

    name: str
    sha256: NotRequired[str]
    fresh: NotRequired[list[str]]


class StageRecord(TypedDict):
    """One training stage as it was run.

    ``start`` is what it began with where that is no earlier stage; ``findings`` are sentences on its training curve.
    """

    name: str
    fingerprint: str
    frames: int
    seconds: float
    steps: int
    final_loss: float | None
    start: NotRequired[StartRecord]
    findings: NotRequired[list[str]]


class DataRecord(TypedDict):
    """What the arm learnt from and what it was judged on: ``raw``, or a repairer as the user writes it.

    ``base`` names the same network and recipe on any data, so that arms of one base differ in their data alone.
    """

    train: str
    test: str
    base: str
    train_fingerprint: NotRequired[str]
    test_fingerprint: NotRequired[str]


class KnowledgeRecord(TypedDict):
    """What a control that trains nothing was scored on in place of its arm's descriptors.

    ``words`` say what was known, ``parameters`` are the constants of its rule; of ``without_truth`` out of all test
    ``tracklets`` nothing was known, and they were left neutral.
    """

    words: str
    parameters: dict[str, float]
    tracklets: int
    without_truth: int


class ResultRecord(TypedDict):
    """``result.json``: one arm, one seed; of a data set with several divisions one of them, named by ``split``.

    ``start`` is what its first stage began with; records of before starts were recorded have none.
    ``head_seed`` is that of a further head on the trunk of the seed; the first, and an arm without heads, have none.
    ``permutation_change`` is the largest relative change of a descriptor when its frames are permuted, recorded of arms
    that claim to use time; ``order_blind`` says that it is no more than rounding.
    """

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
    start: NotRequired[StartRecord]
    head_seed: NotRequired[int]
    precision: NotRequired[str]
    fed: NotRequired[str]
    order_blind: NotRequired[bool]
    permutation_change: NotRequired[float]
    split: NotRequired[SplitRecord]
    data: NotRequired[DataRecord]
    hidden_by: NotRequired[str]
    sides: NotRequired[dict[Side, SideRecord]]
    variants: NotRequired[list[VariantRecord]]
    annotation: NotRequired[AnnotationRecord]
    ledger: NotRequired[list[LedgerRow]]
    knows: NotRequired[KnowledgeRecord]


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
