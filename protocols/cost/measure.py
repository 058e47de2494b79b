"""What an arm costs at test time: operations, parameters, time, memory, and on what it was measured.

A tracklet enters as it does under the protocol: whole, or cut into clips that go through the network as one batch. A
network that takes clips of one length T only (`methods.interface.FixedClip`) gets ceil(n / T) clips for n frames, the
last one filled up, so that it may compute a few frames more than the tracklet has. Its operations and its time are
those of all clips together; operations a frame are over the frames that are really computed, which is what another
length of tracklet scales with. Throughput is in frames of the tracklet, which is what a user has. Times are taken in
turns with those of a bare ResNet-50 on the tracklet's own frames (see `protocols.cost.interleaved_timing`): the
ratio holds where the milliseconds do not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from methods.interface import ImageAndVideo
from protocols.admission import evaluating, fixed_length
from protocols.errors import ProtocolError

from . import device as devices
from .interleaved_timing import Clock, Turns, Watch, in_turns
from .latency import peak_memory_mb, watch
from .macs import count_macs
from .reference_resnet50 import NAME, bare_trunk

LENGTHS = (8, 64)
UNSETTLED = "_unsettled"
"""Ends the name of a figure in a tracking store that has not settled."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of encoding one tracklet.

    Attributes:
        frame_size: (height, width) in pixels.
        macs: tracklet length in frames -> multiply-accumulates; FLOPs are twice that.
        counter: the library that counted.
        parameters: that the descriptor depends on; a classifier that only training uses is not among them.
        parameters_trainable: that require gradients, the classifier included.
        parameters_total: all.
        device: description of the hardware, see `device.describe`.
        latency: of a tracklet of the shortest stated length, all its clips in one batch, beside the bare trunk on the
            frames of that tracklet.
        latency_frames: frames computed for it: that length, or where clips have a fixed length the next multiple.
        whole: the same of a tracklet of the longest length.
        peak_memory_mb: beyond the weights, for that longest tracklet; None where the system does not tell.
        clip_length: frames of the clips that it was cut into; None where it went in whole.
        image_macs: of one single image, for a method with a network of its own for them; else None.
        image_parameters: that the descriptor of a single image depends on.
        load: load averages of the last minute before and after the timing, see `device.load_average`.
    """

    frame_size: tuple[int, int]
    macs: dict[int, int]
    counter: str
    parameters: int
    parameters_trainable: int
    parameters_total: int
    device: dict[str, Any]
    latency: Turns
    latency_frames: int
    whole: Turns
    peak_memory_mb: float | None
    clip_length: int | None = None
    image_macs: int | None = None
    image_parameters: int | None = None
    load: tuple[float | None, float | None] = (None, None)

    @property
    def throughput(self) -> float:
        """Frames per second within one tracklet of the longest length."""
        return 1000 * max(self.macs) / self.whole.p50

    @property
    def gmacs_per_frame(self) -> float:
        """Of a tracklet of the shortest stated length, over the frames computed: trunk and temporal head together."""
        return self.macs[min(self.macs)] / self.latency_frames / 1e9

    def as_dict(self) -> dict[str, Any]:
        """For the result record; latency keys carry ``gpu_`` or ``cpu_`` by where they were taken."""
        where = self.device["device"]
        image = {}
        if self.image_macs is not None and self.image_parameters is not None:
            image["image"] = {
                "gmacs": self.image_macs / 1e9,
                "gflops": 2 * self.image_macs / 1e9,
                "params_m": self.image_parameters / 1e6,
            }
        return {
            "frame_size": list(self.frame_size),
            "clip_length": self.clip_length,
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
                "reference": NAME,
                "reference_frames": min(self.macs),
                **self.latency.as_dict(),
                "load_1min": list(self.load),
            },
            "throughput_frames_per_s": self.throughput,
            "throughput": {"frames": max(self.macs), "reference": NAME, **self.whole.as_dict()},
            "peak_memory_mb": self.peak_memory_mb,
            **image,
        }

    def metrics(self) -> dict[str, float]:
        """Flat names for a tracking store; what a GPU would fill is absent on a CPU, and the other way round.

        Milliseconds that have not settled have another name, so that no chart draws them beside those that have.
        """
        where = self.device["device"]
        doubt = "" if self.latency.ms_settled else UNSETTLED
        out = {
            "cost/gmacs_per_frame": self.gmacs_per_frame,
            "cost/gflops_per_frame": 2 * self.gmacs_per_frame,
            "cost/params_m": self.parameters / 1e6,
            f"latency/{where}_ms_p50{doubt}": self.latency.p50,
            f"latency/{where}_ms_p95{doubt}": self.latency.p95,
            f"latency/{where}_ratio{'' if self.latency.settled else UNSETTLED}": self.latency.ratio,
            f"throughput/{where}_frames_per_s{'' if self.whole.ms_settled else UNSETTLED}": self.throughput,
        }
        out |= {f"cost/gmacs_per_tracklet_{length}": macs / 1e9 for length, macs in self.macs.items()}
        if self.image_macs is not None:
            out["cost/gmacs_per_image"] = self.image_macs / 1e9
        if self.peak_memory_mb is not None:
            out[f"memory/{where}_peak_mb"] = self.peak_memory_mb
        return out


def measure(
    method: nn.Module,
    frame_size: tuple[int, int],
    lengths: Sequence[int] = LENGTHS,
    device: torch.device | str | None = None,
    *,
    snippet: int | None = None,
    budget_s: float = 6.0,
    stopwatch: Watch | None = None,
    clock: Clock = time.perf_counter,
) -> Cost:
    """Measures an arm in eval mode; its mode, weights and device are afterwards as they were.

    Args:
        method: satisfies `methods.interface.Method`.
        frame_size: (height, width).
        lengths: tracklet lengths in frames at which operations are counted; latency is taken at the shortest,
            throughput and memory at the longest.
        device: where to measure; by default where the method is.
        snippet: frames of a clip, where the protocol cuts tracklets; a shorter tracklet is one clip of its own length.
            A network of fixed clips is cut at its own length instead.
        budget_s: seconds for all timing together; slow networks take a few calls more, see `turns.in_turns`, and what
            settles sooner takes less.
        stopwatch: milliseconds of one call; by default the device's own, see `latency.watch`.
        clock: seconds that only grow; keeps the budget.

    Raises:
        ProtocolError: bad lengths, size or budget, or an operation that cannot be counted.
    """
    if not budget_s > 0:
        raise ProtocolError(f"budget_s={budget_s} must be above 0 seconds")
    if not lengths or min(lengths) < 1 or min(frame_size) < 1 or (snippet is not None and snippet < 1):
        raise ProtocolError(
            f"lengths={list(lengths)}, frame_size={frame_size} and snippet={snippet} must be at least 1"
        )
    home = next((p.device for p in method.parameters()), torch.device("cpu"))
    target = torch.device(device) if device is not None else home
    if target.type not in ("cpu", "cuda"):
        raise ProtocolError(f"costs are measured on cpu or cuda, not on {target.type}: its timing is not synchronised")
    method.to(target)
    try:
        with evaluating(method):
            feed = CostInput(method, frame_size, target, fixed_length(method, frame_size), snippet)
            return _measure(feed, sorted(set(lengths)), budget_s, stopwatch or watch(target), clock)
    finally:
        method.to(home)


@dataclass(frozen=True, slots=True)
class CostInput:
    """Random frames in the shape in which a tracklet enters the network; their values do not change the cost.

    Attributes:
        method, frame_size, device: what is measured, on what, where.
        fixed: the only clip length that it takes, if there is one.
        snippet: where the protocol cuts, if it does.
    """

    method: nn.Module
    frame_size: tuple[int, int]
    device: torch.device
    fixed: int | None
    snippet: int | None

    def clips(self, length: int, batch: int = 1) -> tuple[Tensor, Tensor]:
        """[batch * S, T, 3, H, W] clips of tracklets of that many frames, and their mask [batch * S, T]."""
        number, clip = self.cut(length)
        mask = torch.ones(number, clip, dtype=torch.bool, device=self.device)
        if not self.fixed:
            mask.view(-1)[length:] = False  # a fixed clip is filled with frames instead
        return self._random(number, clip).repeat(batch, 1, 1, 1, 1), mask.repeat(batch, 1)

    def cut(self, length: int) -> tuple[int, int]:
        """How many clips S a tracklet of that many frames is cut into, and their frames T."""
        clip = self.fixed or min(length, self.snippet or length)
        return -(-length // clip), clip

    def frames(self, clips: Tensor, length: int, batch: int = 1) -> Tensor:
        """[batch * length, 3, H, W]: as many of the frames as the tracklets themselves have, for the bare trunk."""
        return clips.flatten(0, 1)[: batch * length]

    def image(self) -> Tensor:
        """[1, 3, H, W]."""
        return self._random(1, 1)[0]

    def _random(self, number: int, clip: int) -> Tensor:
        kind = next((p.dtype for p in self.method.parameters()), torch.float32)
        frames = torch.randn(number, clip, 3, *self.frame_size, generator=torch.Generator().manual_seed(0))
        return frames.to(self.device, kind)


def _measure(feed: CostInput, lengths: list[int], budget_s: float, stopwatch: Watch, clock: Clock) -> Cost:
    method, device = feed.method, feed.device
    inputs = {length: feed.clips(length) for length in lengths}
    counts = {length: count_macs(method, inputs[length]) for length in lengths}
    short, long = lengths[0], lengths[-1]
    memory = peak_memory_mb(lambda: method(*inputs[long]), device)
    trunk = bare_trunk(device, inputs[short][0].dtype)

    def timed(length: int, seconds: float) -> Turns:
        frames = feed.frames(inputs[length][0], length)
        return in_turns(lambda: method(*inputs[length]), lambda: trunk(frames), stopwatch, seconds, clock=clock)

    load, began = devices.load_average(), clock()
    latency = timed(short, budget_s / 2)
    whole = latency if long == short else timed(long, max(budget_s - (clock() - began), 0.0))
    probe = feed.clips(2)
    image_macs = image_parameters = None
    if isinstance(method, ImageAndVideo):
        single, image = _SingleImage(method), feed.image()
        image_macs = count_macs(single, (image,)).macs
        image_parameters = parameters_used(method, lambda: single(image))
    return Cost(
        frame_size=feed.frame_size,
        macs={length: count.macs for length, count in counts.items()},
        counter=counts[short].counter,
        parameters=parameters_used(method, lambda: method(*probe)),
        parameters_trainable=sum(p.numel() for p in method.parameters() if p.requires_grad),
        parameters_total=sum(p.numel() for p in method.parameters()),
        device=devices.describe(device),
        latency=latency,
        latency_frames=int(inputs[short][1].numel() if feed.fixed else short),
        whole=whole,
        peak_memory_mb=memory,
        clip_length=feed.fixed or feed.snippet,
        image_macs=image_macs,
        image_parameters=image_parameters,
        load=(load, devices.load_average()),
    )


class _SingleImage(nn.Module):
    """A method's network for single images, as a module whose operations can be counted."""

    def __init__(self, method: nn.Module) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor) -> Tensor:
        assert isinstance(self.method, ImageAndVideo)  # the caller looks first
        return self.method.image_descriptor(images)


def parameters_used(method: nn.Module, call: Callable[[], Tensor]) -> int:
    """Parameters with a path to a descriptor, found by differentiation; frozen ones count as well."""
    parameters = list(method.parameters())
    wanted = [p.requires_grad for p in parameters]
    cudnn = torch.backends.cudnn.enabled
    if any(isinstance(module, nn.RNNBase) for module in method.modules()):
        torch.backends.cudnn.enabled = False  # cuDNN differentiates recurrent layers in training mode only
    try:
        for p in parameters:
            p.requires_grad_(True)
        with torch.enable_grad():
            paths = torch.autograd.grad(call().sum(), parameters, allow_unused=True)
    finally:
        torch.backends.cudnn.enabled = cudnn
        for p, was in zip(parameters, wanted, strict=True):
            p.requires_grad_(was)
    return sum(p.numel() for p, path in zip(parameters, paths, strict=True) if path is not None)
