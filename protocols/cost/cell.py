"""One cell of a cost: so many tracklets of so many frames in one call, measured, or told why it was not.

A tracklet enters as `cost.measure.CostInput` says. Operations are counted for every number of frames on its own, since
attention over time grows with its square; those of a batch are those of one tracklet times the batch, since tracklets
do not see each other (protocols of a single pass check that). The first call is timed by itself: it pays for
allocation, tuning and compilation. In bfloat16 weights are converted by that call and kept, as in a process that
encodes many tracklets. The others are made in turns with those of a bare ResNet-50 on the same frames, in the same
arithmetic and layout; it is never compiled, so that what compiling brings shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from protocols.admission import evaluating, fixed_length
from protocols.errors import ProtocolError
from protocols.precision import computing, why_not
from protocols.vocabulary import Arithmetic

from .interleaved_timing import Clock, Turns, Watch, in_turns
from .latency import peak_memory_mb, watch
from .macs import Count, count_macs
from .measure import CostInput, parameters_used
from .reference_resnet50 import bare_trunk
from .roofline import Ceilings, Roofline

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "Cannot allocate memory")


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


_NOT_TIMED = tuple(Turns((1.0,), 1, (1.0,)).as_dict())


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
        timing: of the call, and of the bare trunk; None where it was left out.
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
    timing: Turns | None = None
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
            **(timing.as_dict() if timing else dict.fromkeys(_NOT_TIMED)),
            "peak_memory_mb": self.peak_memory_mb,
            "roofline": self.roofline and self.roofline.as_dict(),
        }


class Bench:
    """An arm ready to be measured on a device; leave it with `close`, or use it as a context.

    Args:
        method: satisfies `methods.interface.Method`.
        frame_size: (height, width).
        device: where to measure.
        snippet: frames of a clip, where a protocol cuts tracklets.
        stopwatch: milliseconds of one call; by default the device's own, see `latency.watch`.
        clock: seconds that only grow.

    Raises:
        ProtocolError: a size below 1, or a device whose timing is not synchronised.
    """

    def __init__(
        self,
        method: nn.Module,
        frame_size: tuple[int, int],
        device: torch.device | str,
        snippet: int | None = None,
        stopwatch: Watch | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        self.device = torch.device(device)
        self.clock = clock
        if self.device.type not in ("cpu", "cuda"):
            raise ProtocolError(f"costs are measured on cpu or cuda, not on {self.device.type}")
        if min(frame_size) < 1 or (snippet is not None and snippet < 1):
            raise ProtocolError(f"frame_size={frame_size} and snippet={snippet} must be at least 1")
        self.watch = stopwatch or watch(self.device, clock)
        self.method = method.to(self.device)
        self.feed = CostInput(self.method, frame_size, self.device, fixed_length(self.method, frame_size), snippet)
        with evaluating(self.method):
            probe = self.feed.clips(2)
            self.parameters = parameters_used(self.method, lambda: self.method(*probe))
            self.descriptor_dim = int(self.method(*probe).shape[-1])
        one = next(self.method.parameters(), torch.zeros(()))
        self.parameter_bytes = self.parameters * one.element_size()
        self.trunk = bare_trunk(self.device, one.dtype)
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
        """Measure one cell; whatever goes wrong is told in it.

        Args:
            frames: of a tracklet, T.
            batch: tracklets at once, B.
            way: arithmetic and memory format of the run.
            budget_s: seconds for the cell; its first run counts.
            ceilings: measured limits of the device, which times are held against; None without.
        """
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
        frames = self.feed.frames(clips, cell.frames, cell.batch)
        run = self._compile() if way.compiled else self.method
        with evaluating(self.method), computing(way.arithmetic, self.device):

            def call() -> Tensor:
                return run(clips, mask)

            first_s, peak = _first(call, self.device, self.clock)
            left = max(budget_s - first_s, 1e-3)
            timing = in_turns(call, lambda: self.trunk(frames), self.watch, left, clock=self.clock)
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
        order = torch.channels_last if channels_last else torch.contiguous_format
        self.trunk.to(memory_format=order)
        if channels_last != self._channels_last:
            self.method.to(memory_format=order)
            self._channels_last = channels_last


def in_words(error: BaseException) -> str:
    """Why a cell failed, in one line."""
    words = (str(error).strip().splitlines() or ["no message"])[0][:200]
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(sign in str(error) for sign in _NO_MEMORY):
        return f"out of memory: {words}"
    return f"it failed with {type(error).__name__}: {words}"


def _first(call: Callable[[], object], device: torch.device, clock: Clock) -> tuple[float, float | None]:
    """Seconds of the first call, and the peak memory: of that call on a CPU, of the second one on a GPU."""
    start = clock()
    if device.type == "cuda":
        call()
        torch.cuda.synchronize(device)
        return clock() - start, peak_memory_mb(call, device)
    peak = peak_memory_mb(call, device)
    return clock() - start, peak
