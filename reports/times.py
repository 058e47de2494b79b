"""Times of arms as their records have them: what has settled, and what was taken while the machine did other work.

Each arm was timed in turns with one reference on as many frames. The ratio of the two holds where the milliseconds do
not, so plots are drawn over ratios. Milliseconds are marked where they had not settled, and where the reference itself
took much longer beside this arm than beside another one: then the machine was busy, however even its times were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.formats import Cell, Column, Marked

WHERES = ("cpu", "gpu")
NOT_SETTLED, BUSY = "not settled", "busy machine"
SLOWER = 1.25
"""From here on the reference took so much longer than at its best that milliseconds are not compared."""
REFERENCE = "ResNet-50"


@dataclass(frozen=True, slots=True)
class Time:
    """Of one arm.

    Attributes:
        where: ``cpu`` or ``gpu``.
        ms: median of one tracklet.
        ratio: over that of the reference; None in records that have none.
        settled: whether the ratio has; None where it was not recorded.
        ms_settled: whether the milliseconds have; None likewise.
        pace: how many times longer the reference took than at its best beside the other arms; None likewise.
        key: what must be equal for two references to be the same work on the same machine.
    """

    where: str
    ms: float
    ratio: float | None
    settled: bool | None
    ms_settled: bool | None
    pace: float | None
    key: tuple[Any, ...]

    @property
    def mark(self) -> str:
        """What is wrong with the milliseconds; nothing for those that hold, and for those that do not say."""
        if self.ms_settled is False:
            return NOT_SETTLED
        return BUSY if self.pace is not None and self.pace > SLOWER else ""

    def cells(self) -> dict[str, Cell]:
        """Columns of a table: ``cpu_ms_p50`` and ``cpu_ratio``, or those of a GPU."""
        doubt = NOT_SETTLED if self.settled is False else ""
        return {
            f"{self.where}_ms_p50": Marked(self.ms, self.mark) if self.mark else self.ms,
            f"{self.where}_ratio": Marked(self.ratio, doubt) if doubt and self.ratio is not None else self.ratio,
        }

    def drawn(self, key: str) -> float | None:
        """What stands on the axis of that key; None if it was measured elsewhere, or not."""
        return {f"{self.where}_ms_p50": self.ms, f"{self.where}_ratio": self.ratio}.get(key)


def axis(times: Sequence[Time]) -> tuple[str, str, str]:
    """Key, label and words of what times of one device are drawn over: ratios, or milliseconds where any lacks one."""
    where = times[0].where
    if all(one.ratio is not None for one in times):
        beside = f" over that of a bare {REFERENCE} on the same frames, called in turns"
        return f"{where}_ratio", f"time, × bare {REFERENCE}", beside
    return f"{where}_ms_p50", "ms a tracklet", ""


def holds(time: Time | None, key: str) -> bool:
    """Whether a cost may be ranked: operations, a ratio that has settled, milliseconds without a mark."""
    if time is None or time.drawn(key) is None:
        return True
    return time.settled is not False if key.endswith("_ratio") else not time.mark


def of(costs: Sequence[Mapping[str, Any]]) -> list[Time | None]:
    """Times out of cost records, seen together; None for an arm that was not timed."""
    found = [_time(cost) for cost in costs]
    best: dict[tuple[Any, ...], float] = {}
    for cost, one in zip(costs, found, strict=True):
        if one is not None and (reference := _reference_ms(cost)) is not None:
            best[one.key] = min(reference, best.get(one.key, reference))
    return [
        None if one is None else _paced(one, _reference_ms(cost), best.get(one.key))
        for cost, one in zip(costs, found, strict=True)
    ]


def _time(cost: Mapping[str, Any]) -> Time | None:
    latency = cost.get("latency") or {}
    wheres = sorted(WHERES, key=lambda one: one != latency.get("device"))
    where = next((one for one in wheres if latency.get(f"{one}_ms_p50") is not None), None)
    if where is None:
        return None
    facts = ("name", "threads", "reference", "reference_frames", "torch")
    return Time(
        where=where,
        ms=float(latency[f"{where}_ms_p50"]),
        ratio=None if latency.get("ratio") is None else float(latency["ratio"]),
        settled=latency.get("settled"),
        ms_settled=latency.get("ms_settled"),
        pace=None,
        key=(where, tuple(cost.get("frame_size") or ()), *(latency.get(fact) for fact in facts)),
    )


def _reference_ms(cost: Mapping[str, Any]) -> float | None:
    found = (cost.get("latency") or {}).get("reference_ms_p50")
    return None if found is None else float(found)


def _paced(one: Time, reference: float | None, best: float | None) -> Time:
    pace = None if reference is None or not best else reference / best
    return Time(one.where, one.ms, one.ratio, one.settled, one.ms_settled, pace, one.key)


def columns(times: Sequence[Time | None]) -> list[Column]:
    """The columns that any arm fills, milliseconds before ratios."""
    found = []
    for where in WHERES:
        here = [one for one in times if one is not None and one.where == where]
        if here:
            found.append(Column(f"{where}_ms_p50", f"Latency {where.upper()}", "number", unit="ms", marked=True))
        if any(one.ratio is not None for one in here):
            found.append(Column(f"{where}_ratio", f"{where.upper()} × {REFERENCE}", "number", decimals=2, marked=True))
    return found


def notes(labels: Sequence[str], times: Sequence[Time | None]) -> list[str]:
    """What the figures are, and one sentence for each kind of doubt with the arms that it is about."""
    known = [(label, one) for label, one in zip(labels, times, strict=True) if one is not None]
    found = []
    if any(one.ratio is not None for _, one in known):
        found.append(
            f"× {REFERENCE}: time of a tracklet over that of a bare {REFERENCE} on the same "
            "frames, called in turns, median of single pairs; it holds where milliseconds depend on the minute."
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
            "† Milliseconds of a busy machine: beside these arms the same reference took longer than beside another "
            f"one: {'; '.join(busy)}. Their ratios stand."
        )
    silent = [label for label, one in known if one.settled is None]
    if silent:
        found.append(f"Whether the latency had settled was not recorded: {'; '.join(dict.fromkeys(silent))}.")
    return found
