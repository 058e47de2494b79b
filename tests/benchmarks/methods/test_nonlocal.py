"""A non-local block at TKP's test size: 32 frames of 256x128, with the fused and with the plain attention.

The floor is the block's convolutions alone.  Each line also prints which kernel ran and how far the memory of a fresh
process (or of the GPU) rose above what weights and input need.
"""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from methods.layers.nonlocal_block import NonLocal, fused_attention, plain_attention
from tests.methods.layers.attention_kernels import kernel_of

FRAMES = 32
PLACES = {"layer2": (512, 32, 16), "layer3": (1024, 16, 8)}  # 16384 x 4096 and 4096 x 1024 weights
ATTENTIONS = {"fused": fused_attention, "plain": plain_attention, "none": lambda query, key, value, scale: query}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MIB = 2**20


def made(place: str, attention: str) -> tuple[NonLocal, Tensor]:
    torch.manual_seed(0)
    channels = PLACES[place][0]
    block = NonLocal(channels).eval().to(DEVICE)
    block.attention = ATTENTIONS[attention]
    return block, torch.randn(FRAMES, *PLACES[place], device=DEVICE).relu()


def run(place: str, attention: str, train: bool) -> float:
    """MiB that a pass needs above weights and input, of this whole process; meant for a fresh one."""
    block, maps = made(place, attention)
    block.of_frames(maps[:1], [1])  # libraries set themselves up
    before = memory(from_now=True)
    with torch.set_grad_enabled(train):
        found = block.of_frames(maps, [FRAMES])
        if train:
            found.sum().backward()
    return (memory() - before) / MIB


def memory(from_now: bool = False) -> int:
    """The most bytes held so far, counted from now on if asked."""
    if DEVICE == "cuda":
        if from_now:
            torch.cuda.reset_peak_memory_stats()
        return torch.cuda.max_memory_allocated()
    if from_now:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Linux: forget the peak
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def peak(place: str, attention: str, train: bool) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, (place, attention, train))


def kernel(place: str, attention: str) -> str:
    if attention != "fused":
        return attention
    channels, height, width = PLACES[place]
    query = torch.randn(1, height * width, channels // 2, device=DEVICE)
    key = torch.randn(1, height * width // 4, channels // 2, device=DEVICE)
    return kernel_of(query, key, key)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("place", PLACES)
def test_block_on_thirty_two_frames(benchmark: Any, capsys: Any, place: str, attention: str) -> None:
    benchmark.group = f"non-local block in {place}, {FRAMES} frames of 256x128 on {DEVICE}"
    block, maps = made(place, attention)

    def forward() -> None:
        block.of_frames(maps, [FRAMES])
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    with torch.inference_mode():
        benchmark.pedantic(forward, rounds=3, iterations=1, warmup_rounds=1)
    found = {"kernel": kernel(place, attention), "test MiB": round(peak(place, attention, False))}
    if attention != "none":
        found["training MiB"] = round(peak(place, attention, True))
    benchmark.extra_info.update(found)
    with capsys.disabled():
        print(f"\n{place} {attention}: {', '.join(f'{key} {value}' for key, value in found.items())}")
