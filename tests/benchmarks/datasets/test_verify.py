"""How long it takes to verify a data set: the metadata of MARS as a whole process, and every frame opened.

The bar for the metadata (1.19 million names, a new process, imports and all): 20 s and 1 GB. Read seconds, peak memory
and files per second in the extra info.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import datasets
from datasets.images import jpeg
from datasets.inspection.frames import inspect
from tests.datasets import mars_folder, mars_index
from tests.places import HOUSE

HERE = HOUSE
OFFICIAL = HERE.parent / "shared" / "data" / "mars"

# A process that starts the command and tells the peak memory of that child alone.
WATCH = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "runners.data", *sys.argv[1:]], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def picture(seed: int, height: int, width: int) -> bytes:
    """A JPEG of the size that a crop of a person has: about 9 kB at 256x128."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return jpeg.encode(np.asarray(smooth), 88, "420")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The metadata of MARS and the options it is verified with; made up where the official files are absent."""
    root = tmp_path_factory.mktemp("index") / "mars"
    if OFFICIAL.is_dir():
        return mars_index.rebuild(OFFICIAL, root), []
    return mars_index.make_up(root), ["--counts", "any"]


def test_metadata_of_mars_in_a_process_of_its_own(benchmark: Any, index: tuple[Path, list[str]]) -> None:
    root, options = index
    peaks: list[int] = []

    def run() -> None:
        command = [sys.executable, "-c", WATCH, "verify", str(root), "--no-images", *options]
        told = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout.split()
        assert told[0] == "0"
        peaks.append(int(told[1]))

    benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    benchmark.extra_info["names"] = sum(mars_index.FRAMES.values())
    benchmark.extra_info["official"] = OFFICIAL.is_dir()
    benchmark.extra_info["seconds"] = round(benchmark.stats.stats.median, 2)
    benchmark.extra_info["bar_seconds"] = 20
    benchmark.extra_info["peak_mb"] = round(max(peaks) / 1024, 1)
    benchmark.extra_info["bar_mb"] = 1_000


def test_metadata_of_a_made_up_index(benchmark: Any, tmp_path: Path) -> None:
    """Of the same size, so that the first benchmark means the same where the official files are absent."""
    root = mars_index.make_up(tmp_path / "mars")
    split = benchmark.pedantic(
        lambda: datasets.load("mars", root, counts="any", check_images=False), rounds=3, warmup_rounds=1
    )
    counts = split.counts()
    assert {part: counts[f"{part}_tracklets"] for part in ("train", "test")} == mars_index.TRACKLETS
    assert {part: counts[f"{part}_frames"] for part in ("train", "test")} == mars_index.FRAMES
    benchmark.extra_info["names"] = counts["train_frames"] + counts["test_frames"]


@pytest.mark.parametrize("size", [(64, 32), (256, 128)])
@pytest.mark.parametrize("pixels", [False, True])
def test_every_frame_opened(benchmark: Any, tmp_path: Path, size: tuple[int, int], pixels: bool) -> None:
    """Beside the floor: the same files read, and nothing done with them."""
    rows = [(f"{2 * person + 1:04d}", 1, 1, 100) for person in range(20)]
    root = mars_folder.write(tmp_path / "mars", train=rows)
    for seed, path in enumerate(sorted(root.rglob("*.jpg"))):
        path.write_bytes(picture(seed, *size))
    split = datasets.load("mars", root, counts="any")
    names = [f"{split.root}/{name}" for tracklet in (*split.train, *split.test) for name in tracklet.frames]
    floor: list[float] = []
    cpu: list[float] = []

    def run() -> None:
        start = time.perf_counter()
        for name in names:
            file = os.open(name, os.O_RDONLY)
            os.read(file, 1 << 20)
            os.close(file)
        floor.append(time.perf_counter() - start)
        before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        assert inspect(split, size=size, pixels=pixels, progress=False).problems == ()
        cpu.append(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before)

    benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    spent = benchmark.stats.stats.median - float(np.median(floor))
    benchmark.extra_info["frames"] = len(names)
    benchmark.extra_info["bytes_a_frame"] = round(sum(Path(name).stat().st_size for name in names) / len(names))
    benchmark.extra_info["frames_per_second"] = round(len(names) / spent)
    benchmark.extra_info["frames_per_cpu_second"] = round(len(names) / float(np.median(cpu)))
    benchmark.extra_info["floor_frames_per_second"] = round(len(names) / float(np.median(floor)))
