"""What an arm costs at test time: operations, parameters, time, memory, and on what it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from . import device as hardware
from .admission import evaluating
from .errors import ProtocolError
from .flops import count_macs
from .latency import Timing, peak_memory_mb, time_calls

LENGTHS = (8, 64)


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of encoding one tracklet, batch of one.

    Attributes:
        frame_size: (height, width) in pixels.
        macs: tracklet length in frames -> multiply-accumulates; FLOPs are twice that.
        counter: the library that counted.
        parameters: that the descriptor depends on; a classifier that only training uses is not among them.
        parameters_trainable: that require gradients, the classifier included.
        parameters_total: all.
        device: description of the hardware, see `device.describe`.
        latency: of a tracklet of the shortest length.
        latency_frames: that length.
        throughput: frames per second within one tracklet of the longest length.
        peak_memory_mb: beyond the weights, for that longest tracklet; None where the system does not tell.
    """

    frame_size: tuple[int, int]
    macs: dict[int, int]
    counter: str
    parameters: int
    parameters_trainable: int
    parameters_total: int
    device: dict[str, Any]
    latency: Timing
    latency_frames: int
    throughput: float
    peak_memory_mb: float | None

    @property
    def gmacs_per_frame(self) -> float:
        """Of a tracklet of the shortest stated length, over its frames: trunk and temporal head together."""
        return self.macs[self.latency_frames] / self.latency_frames / 1e9

    def as_dict(self) -> dict[str, Any]:
        """For the result record; latency keys carry ``gpu_`` or ``cpu_`` by where they were taken."""
        where = self.device["device"]
        return {
            "frame_size": list(self.frame_size),
            "gmacs_per_frame": self.gmacs_per_frame,
            "gflops_per_frame": 2 * self.gmacs_per_frame,
            "gmacs_per_tracklet": {str(length): macs / 1e9 for length, macs in self.macs.items()},
            "gflops_per_tracklet": {str(length): 2 * macs / 1e9 for length, macs in self.macs.items()},
            "counter": self.counter,
            "params_m": self.parameters / 1e6,
            "params_trainable_m": self.parameters_trainable / 1e6,
            "params_total_m": self.parameters_total / 1e6,
            "latency": {
                **self.device,
                "frames": self.latency_frames,
                f"{where}_ms_p50": self.latency.p50,
                f"{where}_ms_p95": self.latency.p95,
                "samples_ms": [round(ms, 4) for ms in self.latency.samples],
                "warm_up": self.latency.warm_up,
            },
            "throughput_frames_per_s": self.throughput,
            "peak_memory_mb": self.peak_memory_mb,
        }

    def metrics(self) -> dict[str, float]:
        """Flat names for a tracking store; what a GPU would fill is absent on a CPU, and the other way round."""
        where = self.device["device"]
        out = {
            "cost/gmacs_per_frame": self.gmacs_per_frame,
            "cost/gflops_per_frame": 2 * self.gmacs_per_frame,
            "cost/params_m": self.parameters / 1e6,
            f"latency/{where}_ms_p50": self.latency.p50,
            f"latency/{where}_ms_p95": self.latency.p95,
            f"throughput/{where}_frames_per_s": self.throughput,
        }
        out |= {f"cost/gmacs_per_tracklet_{length}": macs / 1e9 for length, macs in self.macs.items()}
        if self.peak_memory_mb is not None:
            out[f"memory/{where}_peak_mb"] = self.peak_memory_mb
        return out


def measure(
    method: nn.Module,
    frame_size: tuple[int, int],
    lengths: Sequence[int] = LENGTHS,
    device: torch.device | str | None = None,
    *,
    budget_s: float = 6.0,
) -> Cost:
    """Measures an arm in eval mode; its mode, weights and device are afterwards as they were.

    Args:
        method: satisfies `methods.interface.Method`.
        frame_size: (height, width).
        lengths: tracklet lengths in frames at which operations are counted; latency is taken at the shortest,
            throughput and memory at the longest.
        device: where to measure; by default where the method is.
        budget_s: seconds for all timing together; slow networks take a few calls more, see `latency.time_calls`.

    Raises:
        ProtocolError: bad lengths, size or budget, or an operation that cannot be counted.
    """
    if not lengths or min(lengths) < 1 or min(frame_size) < 1:
        raise ProtocolError(f"lengths={list(lengths)} and frame_size={frame_size} must be at least 1")
    home = next((p.device for p in method.parameters()), torch.device("cpu"))
    target = torch.device(device) if device is not None else home
    if target.type not in ("cpu", "cuda"):
        raise ProtocolError(f"costs are measured on cpu or cuda, not on {target.type}: its timing is not synchronised")
    method.to(target)
    try:
        with evaluating(method):
            return _measure(method, frame_size, sorted(set(lengths)), target, budget_s)
    finally:
        method.to(home)


def _measure(
    method: nn.Module, frame_size: tuple[int, int], lengths: list[int], device: torch.device, budget_s: float
) -> Cost:
    inputs = {length: _tracklet(method, length, frame_size, device) for length in lengths}
    counts = {length: count_macs(method, inputs[length]) for length in lengths}
    short, long = lengths[0], lengths[-1]
    memory = peak_memory_mb(lambda: method(*inputs[long]), device)
    latency = time_calls(lambda: method(*inputs[short]), device, budget_s / 2)
    whole = latency if long == short else time_calls(lambda: method(*inputs[long]), device, budget_s / 2)
    return Cost(
        frame_size=frame_size,
        macs={length: count.macs for length, count in counts.items()},
        counter=counts[short].counter,
        parameters=_parameters_used(method, _tracklet(method, 2, frame_size, device)),
        parameters_trainable=sum(p.numel() for p in method.parameters() if p.requires_grad),
        parameters_total=sum(p.numel() for p in method.parameters()),
        device=hardware.describe(device),
        latency=latency,
        latency_frames=short,
        throughput=1000 * long / whole.p50,
        peak_memory_mb=memory,
    )


def _tracklet(
    method: nn.Module, length: int, frame_size: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """[1, T, 3, H, W] random frames and their mask; the values do not change the cost."""
    kind = next((p.dtype for p in method.parameters()), torch.float32)
    clip = torch.randn(1, length, 3, *frame_size, generator=torch.Generator().manual_seed(0))
    return clip.to(device, kind), torch.ones(1, length, dtype=torch.bool, device=device)


def _parameters_used(method: nn.Module, inputs: tuple[Tensor, Tensor]) -> int:
    """Parameters with a path to the descriptor, found by differentiation; frozen ones count as well."""
    parameters = list(method.parameters())
    wanted = [p.requires_grad for p in parameters]
    try:
        for p in parameters:
            p.requires_grad_(True)
        with torch.enable_grad():
            total = method(*inputs).sum()
            paths = torch.autograd.grad(total, parameters, allow_unused=True)
    finally:
        for p, was in zip(parameters, wanted, strict=True):
            p.requires_grad_(was)
    return sum(p.numel() for p, path in zip(parameters, paths, strict=True) if path is not None)
