"""COSAM's summary of one clip's cost volume: without forming it, by one batched product, and position by position.

The floor is the module's own first 1x1 convolution, which every way needs.  Read times and `peak_mb` (what tensors held
at most beyond the input, result included) within one group.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from methods.cosam.cosegmentation import SUMMARY, standardise, summarise
from tests.methods.cosam.cost_volume_reference import cost_volume

FRAMES = 4
# where -> channels, D_R as released, positions at 256 x 128
PLACES = {"COSAM_4": (1024, 256, 16 * 8), "COSAM_3": (512, 256, 32 * 16), "COSAM_2": (256, 64, 64 * 32)}


def position_by_position(x: Tensor, weight: Tensor) -> Tensor:
    """Each frame with each position of each other frame, one after the other, then the convolution."""
    frames, width, positions = x.shape[1:]
    clips = []
    for clip in x:
        volumes = []
        for n in range(frames):
            others = [m for m in range(frames) if m != n]
            rows = [(clip[m, :, q, None] * clip[n]).sum(dim=0) / width for m in others for q in range(positions)]
            volumes.append(torch.stack(rows))
        clips.append(torch.stack(volumes))
    return weight @ torch.stack(clips)


def one_product(x: Tensor, weight: Tensor) -> Tensor:
    return weight @ cost_volume(x)


WAYS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "fast": summarise,
    "one product": one_product,
    "position by position": position_by_position,
}


def case(place: str) -> tuple[Tensor, Tensor]:
    _, width, positions = PLACES[place]
    generator = torch.Generator().manual_seed(0)
    x = standardise(torch.randn(1, FRAMES, width, positions, generator=generator), "unbiased")
    return x, torch.randn(SUMMARY, (FRAMES - 1) * positions, generator=generator) / positions


def peak_mb(work: Callable[[], object], folder: Path) -> float:
    """What tensors held at most beyond what they held before, by torch's own record of each allocation."""
    file = folder / "trace.json"
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        work()
    record.export_chrome_trace(str(file))
    events = [event for event in json.loads(file.read_text())["traceEvents"] if event["name"] == "[memory]"]
    sizes = [event["args"]["Bytes"] for event in sorted(events, key=lambda event: event["ts"])]
    return round(max(itertools.accumulate(sizes)) / 1e6, 2)


def measure(benchmark: Any, work: Callable[[], object], folder: Path, rounds: int = 5) -> None:
    benchmark.extra_info["peak_mb"] = peak_mb(work, folder)
    benchmark.pedantic(work, rounds=rounds, iterations=1, warmup_rounds=0)


@pytest.mark.parametrize("place", PLACES)
def test_floor_first_convolution(benchmark: Any, tmp_path: Path, place: str) -> None:
    benchmark.group = f"summary of a clip, {place}"
    channels, width, positions = PLACES[place]
    conv, maps = nn.Conv2d(channels, width, 1), torch.randn(FRAMES, channels, positions, 1)
    with torch.no_grad():
        conv(maps)
        measure(benchmark, lambda: conv(maps), tmp_path)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_summary(benchmark: Any, tmp_path: Path, place: str, way: str) -> None:
    benchmark.group = f"summary of a clip, {place}"
    x, weight = case(place)
    with torch.no_grad():
        torch.testing.assert_close(WAYS[way](x, weight), summarise(x, weight), rtol=0, atol=1e-5)
        measure(benchmark, lambda: WAYS[way](x, weight), tmp_path, rounds=2 if way.startswith("position") else 5)


@pytest.mark.parametrize("way", ["fast", "one product"])
@pytest.mark.parametrize("place", PLACES)
def test_summary_and_its_gradient(benchmark: Any, tmp_path: Path, place: str, way: str) -> None:
    benchmark.group = f"summary of a clip and its gradient, {place}"
    x, weight = case(place)
    x.requires_grad_()
    weight.requires_grad_()

    def forward_and_backward() -> None:
        x.grad = weight.grad = None
        WAYS[way](x, weight).square().sum().backward()

    forward_and_backward()  # from here on both gradients have their place
    measure(benchmark, forward_and_backward, tmp_path, rounds=3)
