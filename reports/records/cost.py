"""What `python -m runners.cost` records, checked: arms against frames and batch, with the ceilings of the device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NotRequired, TypedDict

from reports.errors import ReportError
from reports.schema.json_form import check_form
from reports.schema.times import ms_mark, paces
from reports.schema.vocabulary import COST

SCHEMA = 1


class RooflineRecord(TypedDict):
    """How near to its ceilings a device came: a fraction."""

    share: float


class CellRecord(TypedDict):
    """One cell as it is recorded, see `Cell`; null where it was not measured."""

    frames: int
    batch: int
    left_out: str
    gflops: float | None
    ms_p50: float | None
    ms_p95: float | None
    frames_per_s: float | None
    peak_memory_mb: float | None
    roofline: RooflineRecord | None
    ratio: NotRequired[float | None]
    settled: NotRequired[bool | None]
    ms_settled: NotRequired[bool | None]
    reference_ms_p50: NotRequired[float | None]


class WayRecord(TypedDict):
    """How an arm was run."""

    name: str


class GridRecord(TypedDict):
    """All cells of an arm that is run in one way; ``clip_length`` is null where it takes whole tracklets."""

    way: WayRecord
    clip_length: int | None
    params_m: float
    cells: list[CellRecord]


class ArmCostRecord(TypedDict):
    """One arm."""

    arm: str
    label: str
    grids: list[GridRecord]


class LeftOutRecord(TypedDict):
    """An arm that could not be measured."""

    arm: str
    reason: str


class CostFile(TypedDict):
    """``cost.json``: ``size`` is height and width of a frame, ``ceilings`` those of the device where measured."""

    schema: int
    kind: str
    paper: str
    title: str
    command: str
    size: list[int]
    device: dict[str, Any]
    ceilings: NotRequired[dict[str, Any] | None]
    arms: list[ArmCostRecord]
    left_out: list[LeftOutRecord]


_MEASURED = ("frames", "batch", "left_out", "gflops", "ms_p50", "ms_p95", "frames_per_s", "peak_memory_mb")
"""What `Cell` calls as its record does."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Some tracklets of some frames in one call; figures are None where they were not measured.

    Attributes:
        frames, batch: of the call.
        left_out: why it was not measured, or nothing.
        gflops: of the call.
        ms_p50, ms_p95: of the call.
        frames_per_s: throughput.
        peak_memory_mb: beyond weights and input.
        share: of the roofline.
        ratio: over the time of a bare ResNet-50 on the same frames; None in records of earlier versions.
        settled: whether the ratio has; None where it was not recorded.
        ms_settled: whether the milliseconds have; None likewise.
        reference_ms: of the bare ResNet-50.
        pace: how many times longer that took than at its best beside another arm at the same frames and batch.
    """

    frames: int
    batch: int
    left_out: str
    gflops: float | None
    ms_p50: float | None
    ms_p95: float | None
    frames_per_s: float | None
    peak_memory_mb: float | None
    share: float | None
    ratio: float | None = None
    settled: bool | None = None
    ms_settled: bool | None = None
    reference_ms: float | None = None
    pace: float | None = None

    @property
    def mark(self) -> str:
        """What is wrong with the milliseconds, and so with all that follows from them."""
        return ms_mark(self.ms_settled, self.pace)


@dataclass(frozen=True, slots=True)
class ArmCost:
    """One arm, run in one way."""

    arm: str
    label: str
    way: str
    clip_length: int | None
    params_m: float
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class CostRecord:
    """All that one command measured.

    Attributes:
        paper, title: whose arms.
        size: (height, width) of a frame.
        device: see `protocols.cost.device.describe`.
        ceilings: see `protocols.cost.roofline.Ceilings.as_dict`; None where they were not measured.
        command: that measured it.
        arms: in the order measured.
        left_out: (arm, reason) of whole arms.
    """

    paper: str
    title: str
    size: tuple[int, int]
    device: Mapping[str, Any]
    ceilings: Mapping[str, Any] | None
    command: str
    arms: tuple[ArmCost, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def where(self) -> str:
        """``gpu`` or ``cpu``."""
        return str(self.device["device"])


def read(record: Mapping[str, Any], where: str) -> CostRecord:
    """Check a record and give it types.

    Args:
        record: content of ``cost.json``.
        where: its file or run, for messages.

    Raises:
        ReportError: naming what is missing or of another kind.
    """
    if record.get("schema") != SCHEMA or record.get("kind") != COST:
        raise ReportError(f"{where}: expected a cost record of schema {SCHEMA}; measure it again.")
    check_form(record, CostFile, where, "measure it again")
    arms = []
    for entry in record["arms"]:
        for grid in entry["grids"]:
            cells = tuple(_cell(cell, f"{where}: arm {entry['arm']}") for cell in grid["cells"])
            length = grid["clip_length"]
            arms.append(ArmCost(entry["arm"], entry["label"], grid["way"]["name"], length, grid["params_m"], cells))
    height, width = record["size"]
    left_out = tuple((str(one["arm"]), str(one["reason"])) for one in record["left_out"])
    return CostRecord(
        record["paper"], record["title"], (height, width), record["device"], record.get("ceilings"), record["command"],
        _paced(arms), left_out,
    )  # fmt: skip


def _paced(arms: Sequence[ArmCost]) -> tuple[ArmCost, ...]:
    """The arms with the pace of every cell, for which all of them are needed."""
    found = iter(paces(((one.way, cell.frames, cell.batch), cell.reference_ms) for one in arms for cell in one.cells))
    return tuple(replace(one, cells=tuple(replace(cell, pace=next(found)) for cell in one.cells)) for one in arms)


def _cell(cell: Mapping[str, Any], where: str) -> Cell:
    if (cell["ms_p50"] is None) != bool(cell["left_out"]):
        raise ReportError(f"{where}: a cell has neither a time nor a reason, or both; measure it again.")
    share = cell["roofline"]["share"] if cell["roofline"] else None
    return Cell(
        **{key: cell[key] for key in _MEASURED},
        share=share,
        ratio=cell.get("ratio"),
        settled=cell.get("settled"),
        ms_settled=cell.get("ms_settled"),
        reference_ms=cell.get("reference_ms_p50"),
    )
