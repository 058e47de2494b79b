"""Times of arms as their records have them: what has settled, and what was taken while the machine did other work.

Each arm was timed in turns with one reference on as many frames. The ratio of the two holds where the milliseconds do
not, so plots are drawn over ratios. Milliseconds are marked where they had not settled, and where the reference itself
took much longer beside this arm than beside another one: then the machine was busy, however even its times were.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.render.table import Cell, Column, marked

WHERES = ("cpu", "gpu")
NOT_SETTLED, BUSY = "not settled", "busy machine"
SLOWER = 1.25
"""From here on the reference took so much longer than at its best that milliseconds are not compared."""
REFERENCE = "ResNet-50"
OVER = f"time over {REFERENCE}'s"
"""Heads the ratios."""


@dataclass(frozen=True, slots=True)
class Time:
    """Of one arm.

    Attributes:
        where: ``cpu`` or ``gpu``.
        ms: median of one tracklet.
        ratio: over that of the reference; None in records that have none.
        settled: whether the ratio has; None where it was not recorded.
        ms_settled: whether the milliseconds have; None likewise.
        pace: see `paces`.
    """

    where: str
    ms: float
    ratio: float | None
    settled: bool | None
    ms_settled: bool | None
    pace: float | None

    @property
    def mark(self) -> str:
        """What is wrong with the milliseconds."""
        return ms_mark(self.ms_settled, self.pace)

    def cells(self) -> dict[str, Cell]:
        """Columns of a table: ``cpu_ms_p50`` and ``cpu_ratio``, or those of a GPU."""
        return {
            f"{self.where}_ms_p50": marked(self.ms, self.mark),
            f"{self.where}_ratio": marked(self.ratio, ratio_mark(self.settled)),
        }

    def at(self, key: str) -> float | None:
        """Where it stands on the axis of a column; None if that is of another device, or was not measured."""
        return {f"{self.where}_ms_p50": self.ms, f"{self.where}_ratio": self.ratio}.get(key)

    def doubt(self, key: str) -> str:
        """What is wrong with the figure of that column."""
        return ratio_mark(self.settled) if key.endswith("_ratio") else self.mark


def ms_mark(settled: bool | None, pace: float | None) -> str:
    """What is wrong with milliseconds; nothing for those that hold, and for those that do not say."""
    if settled is False:
        return NOT_SETTLED
    return BUSY if pace is not None and pace > SLOWER else ""


def ratio_mark(settled: bool | None) -> str:
    """What is wrong with a ratio."""
    return NOT_SETTLED if settled is False else ""


def paces(references: Iterable[tuple[Hashable, float | None]]) -> list[float | None]:
    """How many times longer the reference took beside each arm than at its best beside any arm; None without one.

    Args:
        references: what was run and where, which must be equal for two calls to be the same work, and milliseconds.
    """
    references = list(references)
    best: dict[Hashable, float] = {}
    for work, ms in references:
        if ms is not None:
            best[work] = min(ms, best.get(work, ms))
    return [None if ms is None or not best[work] else ms / best[work] for work, ms in references]


def of(costs: Sequence[Mapping[str, Any]]) -> list[Time | None]:
    """Times out of cost records, seen together; None for an arm that was not timed."""
    latencies = [cost.get("latency") or {} for cost in costs]
    references = []
    for cost, latency in zip(costs, latencies, strict=True):
        work = tuple(cost.get("frame_size") or ()), *(latency.get(key) for key in _WORK)
        references.append((work, latency.get("reference_ms_p50")))
    return [_time(latency, pace) for latency, pace in zip(latencies, paces(references), strict=True)]


_WORK = ("device", "name", "threads", "reference", "reference_frames", "torch")
"""Of a latency: what was called, and where."""


def _time(latency: Mapping[str, Any], pace: float | None) -> Time | None:
    where = latency.get("device", "")
    ms = latency.get(f"{where}_ms_p50")
    if ms is None:
        return None
    ratio = latency.get("ratio")
    return Time(
        where=where,
        ms=float(ms),
        ratio=None if ratio is None else float(ratio),
        settled=latency.get("settled"),
        ms_settled=latency.get("ms_settled"),
        pace=pace,
    )


def axes(times: Collection[Time | None]) -> list[str]:
    """The columns over which plots are drawn: one a device, ratios, or milliseconds where any time lacks a ratio."""
    found = []
    for where in WHERES:
        here = [one for one in times if one is not None and one.where == where]
        if here:
            found.append(f"{where}_ms_p50" if any(one.ratio is None for one in here) else f"{where}_ratio")
    return found


def columns(times: Collection[Time | None]) -> list[Column]:
    """The columns that any arm fills, milliseconds before ratios."""
    found = []
    for where in WHERES:
        here = [one for one in times if one is not None and one.where == where]
        if here:
            found.append(Column(f"{where}_ms_p50", f"Latency {where.upper()}", "number", unit="ms", marked=True))
        if any(one.ratio is not None for one in here):
            found.append(Column(f"{where}_ratio", f"{where.upper()} {OVER}", "number", decimals=2, marked=True))
    return found


def notes(times: Iterable[tuple[str, Time | None]]) -> list[str]:
    """What the figures are, and one sentence for each kind of doubt with the arms, by label, that it is about."""
    known = [(label, one) for label, one in times if one is not None]
    found = []
    if any(one.ratio is not None for _, one in known):
        found.append(
            f"Time over {REFERENCE}'s: of a tracklet, over that of a bare {REFERENCE} on the same frames, called in "
            "turns, median of single pairs. Other work of the machine slows both, so it holds where milliseconds do "
            "not."
        )
    ratio = [f"{label} ({one.ms:,.1f} ms)" for label, one in known if one.settled is False]
    if ratio:
        found.append(
            f"† Not settled, so not to be compared: {'; '.join(ratio)}. Quartiles of the ratio still lay more than a "
            "tenth from the median when the time for measuring ended. Measure again on a machine without other work."
        )
    even = [label for label, one in known if one.settled is not False and one.ms_settled is False]
    if even:
        found.append(f"† Milliseconds not settled, ratio settled: {'; '.join(even)}.")
    busy = [f"{label} ({one.pace:.1f} times)" for label, one in known if one.mark == BUSY and one.pace]
    if busy:
        found.append(
            f"† Milliseconds of a busy machine: {'; '.join(busy)}. In brackets: how much longer the same {REFERENCE} "
            "took beside the arm than at its best. Ratios without † stand."
        )
    silent = [label for label, one in known if one.settled is None]
    if silent:
        found.append(f"Whether the latency had settled was not recorded: {'; '.join(dict.fromkeys(silent))}.")
    return found
