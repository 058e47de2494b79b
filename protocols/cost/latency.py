"""Time and memory of calls: warmed up, synchronised, within a time budget, samples kept.

What a network takes is measured beside a reference, see `protocols.cost.interleaved_timing`; `time_calls` is for
what has none, such as the best rate of a matrix product.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from protocols.errors import ProtocolError

from .interleaved_timing import Call, Clock, Timing, Watch

MIN_SAMPLES = 3
MAX_SAMPLES = 200
WARM_UP_SHARE = 0.25


def time_calls(call: Call, device: torch.device, budget_s: float, clock: Clock = time.perf_counter) -> Timing:
    """Times a call again and again until the budget is spent.

    A GPU is timed by CUDA events on its own clock, and waited for after every call; a CPU by the wall clock.
    A quarter of the budget warms up (one call at least). At least three samples are taken, also where that takes
    longer than the budget: with calls of c seconds it ends after max(budget, 4 c) and at most one call more.

    Args:
        call: runs once and gives work to the device.
        device: where it works.
        budget_s: seconds.
        clock: seconds that only grow; of a GPU it only keeps the budget.

    Raises:
        ProtocolError: the budget is not above 0.
    """
    if not budget_s > 0:
        raise ProtocolError(f"budget_s={budget_s} must be above 0 seconds")
    once = watch(device, clock)
    start = clock()
    warm_up = 0
    while warm_up < 1 or (clock() - start < WARM_UP_SHARE * budget_s and warm_up < MAX_SAMPLES):
        once(call)
        warm_up += 1
    samples: list[float] = []
    while len(samples) < MIN_SAMPLES or (clock() - start < budget_s and len(samples) < MAX_SAMPLES):
        samples.append(once(call))
    return Timing(tuple(samples), warm_up)


def watch(device: torch.device, clock: Clock = time.perf_counter) -> Watch:
    """Takes the milliseconds of one call: on a GPU by events on its own clock, on a CPU by the clock."""
    return partial(_gpu_call, device=device) if device.type == "cuda" else partial(_cpu_call, clock=clock)


def _cpu_call(call: Call, clock: Clock) -> float:
    start = clock()
    call()
    return 1000 * (clock() - start)


def _gpu_call(call: Call, device: torch.device) -> float:
    stream = torch.cuda.current_stream(device)
    start = torch.cuda.Event(enable_timing=True)
    end = torch.cuda.Event(enable_timing=True)
    start.record(stream)
    call()
    end.record(stream)
    end.synchronize()
    return float(start.elapsed_time(end))


def peak_memory_mb(call: Callable[[], object], device: torch.device) -> float | None:
    """Memory that one call needs at its peak beyond what was held before, in MB (10^6 bytes).

    On a GPU: torch's allocator (`max_memory_allocated`), weights not counted. On a CPU: growth of the process's
    resident set, after freed pages were given back to the system, so that reused pages are seen too as far as the
    allocator lets go of them: read it as a lower bound. None where the system does not tell (not Linux).
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return (torch.cuda.max_memory_allocated(device) - before) / 1e6
    _give_back_freed_pages()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the high-water mark
    except OSError:
        return None
    resident = _status_kb("VmRSS")
    call()
    peak = _status_kb("VmHWM")
    return None if resident is None or peak is None else max(0, peak - resident) * 1024 / 1e6


def _give_back_freed_pages() -> None:
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library: the figure is then a looser lower bound
        return


def _status_kb(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), None)
