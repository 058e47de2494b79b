"""What an arm costs against the number of frames and of tracklets: every cell that time and memory allow.

A cell is so many tracklets of so many frames in one call, see `protocols.cost.cell`; one that is left out says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocols.errors import ProtocolError

from . import device as devices
from .cell import Bench, Cell, Way
from .interleaved_timing import FEWEST, Clock, Turns
from .macs import Count
from .reference_resnet50 import NAME
from .roofline import Ceilings

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)
_ALONE = 2  # calls of a cell beside which nothing else is called: the first one, and one for memory or operations
_PAIRS = 1 + FEWEST  # calls beside the trunk's at least: one to warm up, samples
_PLAIN = Way()
_MEMORY_SHARE = 0.8  # of what is free: a CPU's process is killed where a GPU's call fails


@dataclass(frozen=True, slots=True)
class Grid:
    """All cells of one arm, run in one way.

    Attributes:
        way: how.
        cells: in the order of cost.
        about: frame size, parameters, device, seconds.
    """

    way: Way
    cells: tuple[Cell, ...]
    about: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        left = sum(bool(cell.left_out) for cell in self.cells)
        return {**self.about, "way": self.way.as_dict(), "left_out": left, "cells": [c.as_dict() for c in self.cells]}


def measure_grid(
    bench: Bench,
    *,
    lengths: Sequence[int] = LENGTHS,
    batches: Sequence[int] = (1,),
    way: Way = _PLAIN,
    budget_s: float = 60.0,
    cell_s: float = 10.0,
    ceilings: Ceilings | None = None,
    clock: Clock = time.monotonic,
    seen: Callable[[Cell], object] = lambda cell: None,
) -> Grid:
    """Measure every cell that time and memory allow, from the cheapest to the dearest.

    Args:
        bench: the arm on its device.
        lengths: frames of a tracklet.
        batches: tracklets in a call.
        way: how it is run.
        budget_s: seconds for all cells. A cell that by what was measured so far would not end in time is left out.
        cell_s: for one cell at most; what it leaves goes to the others.
        ceilings: for the roofline.
        clock: seconds that only grow.
        seen: is told every cell as soon as it is there.

    Raises:
        ProtocolError: no cells, sizes below 1, or no budget.
    """
    if not lengths or not batches or min(*lengths, *batches) < 1 or not budget_s > 0:
        raise ProtocolError(
            f"lengths={list(lengths)} and batches={list(batches)} must be at least 1, and budget_s={budget_s} above 0"
        )
    load, began = devices.load_average(), clock()
    todo = sorted({(t, b) for t in lengths for b in batches}, key=lambda each: (each[0] * each[1], each[0]))
    cells: list[Cell] = []
    for place, (frames, batch) in enumerate(todo):
        left = budget_s - (clock() - began)
        reason = _too_dear(cells, frames, batch, left, budget_s, bench)
        if reason:
            cell = Cell(frames, batch, bench.feed.cut(frames), left_out=reason)
        else:
            cell = bench.cell(frames, batch, way, min(cell_s, left * _share(todo[place:])), ceilings)
        cells.append(cell)
        seen(cell)
    about = {
        "frame_size": list(bench.feed.frame_size),
        "clip_length": bench.feed.fixed or bench.feed.snippet,
        "params_m": bench.parameters / 1e6,
        "counter": next((c.counter for c in bench.counts.values() if isinstance(c, Count)), None),
        "device": devices.describe(bench.device),
        "reference": NAME,
        "load_1min": [load, devices.load_average()],
        "budget_s": budget_s,
        "seconds": round(clock() - began, 3),
    }
    return Grid(way, tuple(cells), about)


def _share(todo: Sequence[tuple[int, int]]) -> float:
    """Of the time that is left, for the first of these cells: half of it goes equally, half by frames."""
    frames = [t * b for t, b in todo]
    return 0.5 / len(frames) + 0.5 * frames[0] / sum(frames)


def _too_dear(cells: Sequence[Cell], frames: int, batch: int, left: float, budget_s: float, bench: Bench) -> str:
    """Why a cell is not even tried; empty where it is."""
    for cell in cells:
        if cell.left_out.startswith("out of memory") and cell.frames <= frames and cell.batch <= batch:
            return f"out of memory already at {cell.batch} x {cell.frames} frames"
    if left <= 0:
        return f"the {budget_s:g} s for this grid were used up"
    known = [cell for cell in cells if cell.timing is not None]
    if not known:
        return ""
    per_frame = min(_least_ms(cell.timing) / (cell.frames * cell.batch) for cell in known if cell.timing is not None)
    wanted = frames * batch * per_frame / 1e3
    if wanted > left:
        return f"it would take some {wanted:.1f} s, and {left:.1f} of {budget_s:g} s are left for this grid"
    dearest = known[-1]
    times = frames * batch / (dearest.frames * dearest.batch)
    if bench.device.type == "cpu" and dearest.peak_memory_mb is not None:
        free = _free_memory_mb()
        if free is not None and times * dearest.peak_memory_mb > _MEMORY_SHARE * free:
            return f"it would take some {times * dearest.peak_memory_mb / 1e3:.1f} GB, and {free / 1e3:.1f} GB are free"
    return ""


def _least_ms(timing: Turns) -> float:
    """What a cell takes at least whose calls take so long, in ms."""
    return _ALONE * timing.p50 + _PAIRS * (timing.p50 + timing.reference_p50)


def _free_memory_mb() -> float | None:
    """Memory that a new process could have, in MB; None where the system does not tell."""
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def _lines(path: Path) -> Iterator[str]:
    if path.is_file():
        yield from path.read_text(encoding="ascii", errors="replace").splitlines()
