"""What an arm costs against the number of frames and of tracklets: every cell measured, or told why it was not.

A cell is so many tracklets of so many frames in one call, fed as `cost.Feed` says. Operations are counted for every
number of frames on its own, because attention over time grows with its square; those of a batch are those of one
tracklet times the batch, since tracklets do not see each other (protocols of a single pass check that). The first call
of a cell is timed by itself: it pays for allocation, tuning and compilation. In bfloat16 weights are converted by that
call and kept, as in a process that encodes many tracklets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import device as hardware
from .admission import evaluating, fixed_length
from .arithmetic import Arithmetic, computing, why_not
from .ceilings import Ceilings, Roofline
from .cost import Feed, parameters_used
from .errors import ProtocolError
from .flops import Count, count_macs
from .latency import MIN_SAMPLES, Timing, peak_memory_mb, time_calls

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)
_CALLS = MIN_SAMPLES + 3  # a cell makes at least: the first call, one for memory or operations, one to warm up, samples
_MEMORY_SHARE = 0.8  # of what is free: a CPU's process is killed where a GPU's call fails
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "Cannot allocate memory")

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Way:
    """How a network is run.

    Attributes:
        arithmetic: its numbers.
        channels_last: images and weights of convolutions with their channels innermost in memory.
        compiled: by torch.compile, for the very shapes of a cell.
    """

    arithmetic: Arithmetic = "fp32"
    channels_last: bool = False
    compiled: bool = False

    @property
    def name(self) -> str:
        """Such as ``bf16 channels-last compiled``."""
        more = (" channels-last" if self.channels_last else "") + (" compiled" if self.compiled else "")
        return self.arithmetic + more

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        return {
            "name": self.name, "arithmetic": self.arithmetic, "channels_last": self.channels_last,
            "compiled": self.compiled,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """Some tracklets of some frames in one call.

    Attributes:
        frames: of a tracklet.
        batch: tracklets.
        clips: (number, frames) of the clips that one of them is cut into.
        left_out: why nothing was measured; empty where it was.
        macs: of the call; None where they cannot be counted.
        uncounted: why not.
        timing: of the call; None where it was left out.
        first_s: seconds of the first call.
        peak_memory_mb: beyond weights and input; None where the system does not tell.
        roofline: where it stands; None without ceilings or without a count.
    """

    frames: int
    batch: int
    clips: tuple[int, int]
    left_out: str = ""
    macs: int | None = None
    uncounted: str = ""
    timing: Timing | None = None
    first_s: float | None = None
    peak_memory_mb: float | None = None
    roofline: Roofline | None = None

    @property
    def frames_per_s(self) -> float | None:
        """Throughput, in frames of the tracklets."""
        return None if self.timing is None else 1000 * self.frames * self.batch / self.timing.p50

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        timing = self.timing
        return {
            "frames": self.frames,
            "batch": self.batch,
            "clips": list(self.clips),
            "left_out": self.left_out,
            "gmacs": None if self.macs is None else self.macs / 1e9,
            "gflops": None if self.macs is None else 2 * self.macs / 1e9,
            "uncounted": self.uncounted,
            "ms_p50": timing and timing.p50,
            "ms_p95": timing and timing.p95,
            "samples_ms": [round(ms, 4) for ms in timing.samples] if timing else [],
            "warm_up": timing.warm_up if timing else 0,
            "first_s": self.first_s,
            "frames_per_s": self.frames_per_s,
            "peak_memory_mb": self.peak_memory_mb,
            "roofline": self.roofline and self.roofline.as_dict(),
        }


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


class Bench:
    """An arm ready to be measured on a device; leave it with `close`, or use it as a context.

    Args:
        method: satisfies `methods.interface.Method`.
        frame_size: (height, width).
        device: where to measure.
        snippet: frames of a clip, where a protocol cuts tracklets.

    Raises:
        ProtocolError: a size below 1, or a device whose timing is not synchronised.
    """

    def __init__(
        self, method: nn.Module, frame_size: tuple[int, int], device: torch.device | str, snippet: int | None = None
    ) -> None:
        self.device = torch.device(device)
        if self.device.type not in ("cpu", "cuda"):
            raise ProtocolError(f"costs are measured on cpu or cuda, not on {self.device.type}")
        if min(frame_size) < 1 or (snippet is not None and snippet < 1):
            raise ProtocolError(f"frame_size={frame_size} and snippet={snippet} must be at least 1")
        self.method = method.to(self.device)
        self.feed = Feed(self.method, frame_size, self.device, fixed_length(self.method, frame_size), snippet)
        with evaluating(self.method):
            probe = self.feed.clips(2)
            self.parameters = parameters_used(self.method, lambda: self.method(*probe))
            self.descriptor_dim = int(self.method(*probe).shape[-1])
        one = next(self.method.parameters(), torch.zeros(()))
        self.parameter_bytes = self.parameters * one.element_size()
        self.counts: dict[int, Count | str] = {}
        self._channels_last = False
        self._compiled: Callable[..., Tensor] | None = None

    def count(self, frames: int) -> Count | str:
        """Operations of one tracklet of so many frames, counted once; or why they cannot be counted."""
        if frames not in self.counts:
            try:
                self.counts[frames] = count_macs(self.method, self.feed.clips(frames))
            except ProtocolError as error:
                self.counts[frames] = str(error)
        return self.counts[frames]

    def cell(self, frames: int, batch: int, way: Way, budget_s: float, ceilings: Ceilings | None = None) -> Cell:
        """Measure one cell; whatever goes wrong is told in it."""
        cell = Cell(frames, batch, self.feed.cut(frames))
        reason = why_not(way.arithmetic, self.device)
        if reason is not None:
            return replace(cell, left_out=reason)
        try:
            count = self.count(frames)
            counted = (
                replace(cell, uncounted=count) if isinstance(count, str) else replace(cell, macs=batch * count.macs)
            )
            return self._timed(counted, way, budget_s, ceilings)
        except Exception as error:  # a network that fails in some way of running it is an outcome, and recorded
            return replace(cell, left_out=in_words(error))
        finally:
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _timed(self, cell: Cell, way: Way, budget_s: float, ceilings: Ceilings | None) -> Cell:
        clips, mask = self.feed.clips(cell.frames, cell.batch)
        self._lay_out(way.channels_last)
        if way.channels_last:
            flat = clips.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            clips = flat.view(clips.shape)
        run = self._compile() if way.compiled else self.method
        with evaluating(self.method), computing(way.arithmetic, self.device):

            def call() -> Tensor:
                return run(clips, mask)

            first_s, peak = _first(call, self.device)
            timing = time_calls(call, self.device, max(budget_s - first_s, 1e-3))
        roofline = None
        if ceilings is not None and cell.macs is not None:
            moved = self.parameter_bytes + clips.nbytes + 4 * len(clips) * self.descriptor_dim
            roofline = ceilings.roofline(2 * cell.macs, moved, way.arithmetic, timing.p50 / 1e3)
        return replace(cell, timing=timing, first_s=first_s, peak_memory_mb=peak, roofline=roofline)

    def _compile(self) -> Callable[..., Tensor]:
        if self._compiled is None:
            self._compiled = torch.compile(self.method, dynamic=False)
        return self._compiled

    def _lay_out(self, channels_last: bool) -> None:
        if channels_last != self._channels_last:
            order = torch.channels_last if channels_last else torch.contiguous_format
            self.method.to(memory_format=order)  # type: ignore[call-overload]  # torch's stubs want a device too
            self._channels_last = channels_last


def measure_grid(
    bench: Bench,
    *,
    lengths: Sequence[int] = LENGTHS,
    batches: Sequence[int] = (1,),
    way: Way = Way(),
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
    began = clock()
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
        "device": hardware.describe(bench.device),
        "budget_s": budget_s,
        "seconds": round(clock() - began, 3),
    }
    return Grid(way, tuple(cells), about)


def _share(todo: Sequence[tuple[int, int]]) -> float:
    """Of the time that is left, for the first of these cells: half of it goes equally, half by frames."""
    frames = [t * b for t, b in todo]
    return 0.5 / len(frames) + 0.5 * frames[0] / sum(frames)


def in_words(error: BaseException) -> str:
    """Why a cell failed, in one line."""
    words = (str(error).strip().splitlines() or ["no message"])[0][:200]
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(sign in str(error) for sign in _NO_MEMORY):
        return f"out of memory: {words}"
    return f"it failed with {type(error).__name__}: {words}"


def _first(call: Callable[[], object], device: torch.device) -> tuple[float, float | None]:
    """Seconds of the first call, and the peak memory: of that call on a CPU, of the second one on a GPU."""
    start = time.perf_counter()
    if device.type == "cuda":
        call()
        torch.cuda.synchronize(device)
        return time.perf_counter() - start, peak_memory_mb(call, device)
    peak = peak_memory_mb(call, device)
    return time.perf_counter() - start, peak


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
    per_frame = min(cell.timing.p50 / (cell.frames * cell.batch) for cell in known if cell.timing is not None)
    wanted = _CALLS * frames * batch * per_frame / 1e3
    if wanted > left:
        return f"it would take some {wanted:.1f} s, and {left:.1f} of {budget_s:g} s are left for this grid"
    dearest = known[-1]
    times = frames * batch / (dearest.frames * dearest.batch)
    if bench.device.type == "cpu" and dearest.peak_memory_mb is not None:
        free = _free_memory_mb()
        if free is not None and times * dearest.peak_memory_mb > _MEMORY_SHARE * free:
            return f"it would take some {times * dearest.peak_memory_mb / 1e3:.1f} GB, and {free / 1e3:.1f} GB are free"
    return ""


def _free_memory_mb() -> float | None:
    """Memory that a new process could have, in MB; None where the system does not tell."""
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def _lines(path: Path) -> Iterator[str]:
    if path.is_file():
        yield from path.read_text(encoding="ascii", errors="replace").splitlines()
