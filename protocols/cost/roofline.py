"""What a device can do at most, and how near to that a network comes (its share of the roofline).

Ceilings are measured in the process whose timings they are held against: the same clocks, threads and libraries. The
rate of multiplying is that of the best square matrix product, in each kind of numbers; the bandwidth is that of the
best large copy, bytes read and bytes written both counted. A network cannot go faster than

    min(rate of multiplying, FLOPs / bytes * bandwidth),

the roofline of Williams, Waterman and Patterson (CACM 52(4), 2009). Its bytes are a lower bound: parameters, inputs
and outputs, once each; what moves between layers comes on top and is not known here. So the roofline is an upper bound
of what can be reached, and a share of it is never flattered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from protocols.errors import ProtocolError
from protocols.precision import computing, why_not
from protocols.vocabulary import Arithmetic

from . import device as devices
from .latency import time_calls

_SIZES = {"cuda": (4096, 8192), "cpu": (512, 1024, 2048)}
_COPY_BYTES = {"cuda": 1 << 30, "cpu": 1 << 28}


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Measured limits of a device.

    Attributes:
        device: see `device.describe`; a CPU's with the number of threads.
        flops: numbers -> FLOP/s of the best matrix product.
        bandwidth: bytes/s of the best copy, read and written.
        left_out: numbers -> why they were not measured.
        measured: on what: sides of matrices, bytes of the copy, samples.
    """

    device: Mapping[str, Any]
    flops: Mapping[str, float]
    bandwidth: float
    left_out: Mapping[str, str]
    measured: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        return {
            "device": dict(self.device),
            "gflops_per_s": {name: rate / 1e9 for name, rate in self.flops.items()},
            "gbytes_per_s": self.bandwidth / 1e9,
            "left_out": dict(self.left_out),
            "measured": dict(self.measured),
        }

    def roofline(self, flops: float, moved: float, arithmetic: Arithmetic, seconds: float) -> Roofline | None:
        """Where work that took so long stands under the roof; None where these numbers have no ceiling.

        Args:
            flops: of the work.
            moved: bytes that it moved at least.
            arithmetic: its numbers.
            seconds: that it took.

        Raises:
            ProtocolError: work without bytes, or without duration.
        """
        if arithmetic not in self.flops:
            return None
        if not (moved > 0 and seconds > 0):
            raise ProtocolError(f"moved={moved} bytes and seconds={seconds} must be above 0")
        intensity = flops / moved
        return Roofline(moved, intensity, flops / seconds, min(self.flops[arithmetic], intensity * self.bandwidth))


@dataclass(frozen=True, slots=True)
class Roofline:
    """Where some work stands.

    Attributes:
        moved: bytes, a lower bound.
        intensity: FLOPs a byte, an upper bound.
        achieved: FLOP/s.
        attainable: FLOP/s, an upper bound.
    """

    moved: float
    intensity: float
    achieved: float
    attainable: float

    @property
    def share(self) -> float:
        """Achieved of attainable; 0 for work without a multiplication."""
        return self.achieved / self.attainable if self.attainable else 0.0

    def as_dict(self) -> dict[str, float]:
        """For a record."""
        return {
            "mbytes_at_least": self.moved / 1e6,
            "flops_per_byte_at_most": self.intensity,
            "achieved_gflops_per_s": self.achieved / 1e9,
            "attainable_gflops_per_s": self.attainable / 1e9,
            "share": self.share,
        }


def measure_ceilings(
    device: torch.device | str, arithmetics: Sequence[Arithmetic] = ("fp32", "tf32", "bf16"), budget_s: float = 4.0
) -> Ceilings:
    """Measure a device.

    Args:
        device: ``cpu`` or ``cuda``.
        arithmetics: numbers whose ceilings are wanted; those that the device does not know are left out, with the
            reason.
        budget_s: seconds for all; the largest products are left out where they would take longer.

    Raises:
        ProtocolError: unknown numbers, another kind of device, or no budget.
    """
    where = torch.device(device)
    if where.type not in _SIZES:
        raise ProtocolError(f"ceilings are measured on cpu or cuda, not on {where.type}")
    reasons = {name: why_not(name, where) for name in arithmetics}
    there = [name for name, reason in reasons.items() if reason is None]
    each = budget_s / (len(there) + 1)
    flops: dict[str, float] = {}
    on: dict[str, Any] = {"copy_mbytes": 0.0, "matrices": {}, "samples": {}}
    for name in there:
        flops[name], on["matrices"][name], on["samples"][name] = _multiplying(where, name, each)
    bandwidth, size, samples = _copying(where, each)
    on["copy_mbytes"], on["samples"]["copy"] = size / 1e6, samples
    left_out: dict[str, str] = {name: reason for name, reason in reasons.items() if reason is not None}
    return Ceilings(devices.describe(where), flops, bandwidth, left_out, on)


def _multiplying(device: torch.device, arithmetic: Arithmetic, budget_s: float) -> tuple[float, int, int]:
    """FLOP/s of the best product, the side of its matrices, and how many were timed."""
    best, side, count = 0.0, 0, 0
    kind = torch.bfloat16 if arithmetic == "bf16" else torch.float32
    sizes = _SIZES[device.type]
    began = time.perf_counter()
    with torch.no_grad(), computing("tf32" if arithmetic == "tf32" else "fp32", device):
        for size in sizes:
            left = budget_s - (time.perf_counter() - began)
            if best and 5 * 2 * size**3 / best > left:
                break
            a = torch.randn(size, size, device=device).to(kind)
            timing = time_calls(_into(torch.mm, a, a.T.contiguous()), device, max(left / len(sizes), 1e-3))
            rate = 2 * size**3 / (min(timing.samples) / 1e3)
            count += len(timing.samples)
            if rate > best:
                best, side = rate, size
    return best, side, count


def _into(multiply: Callable[..., Any], a: torch.Tensor, b: torch.Tensor) -> Callable[[], object]:
    out = torch.empty_like(a)
    return lambda: multiply(a, b, out=out)


def _copying(device: torch.device, budget_s: float) -> tuple[float, int, int]:
    """Bytes/s of the best copy, bytes of the array copied, and how many copies were timed."""
    size = _COPY_BYTES[device.type]
    if device.type == "cuda":
        size = min(size, torch.cuda.mem_get_info(device)[0] // 8)
    source = torch.ones(size // 4, device=device)
    target = torch.zeros_like(source)
    timing = time_calls(lambda: target.copy_(source), device, budget_s)
    moved = 2 * source.numel() * source.element_size()
    return moved / (min(timing.samples) / 1e3), moved // 2, len(timing.samples)
