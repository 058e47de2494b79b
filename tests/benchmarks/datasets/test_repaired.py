"""How quickly repaired sets are written, beside the floor: a bare copy of the source's files.

Read the frames per CPU-second in the extra info; wall time depends on what else the machine does. Rows are
comparable within one run only, so read them as ratios.
"""

import itertools
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import datasets
from datasets import repaired, synthwalk
from datasets.repaired import write
from datasets.synthwalk import presets, truth
from datasets.tracklet import Split, Tracklet

SIZES = [(64, 32), (256, 128)]


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Split:
    height, width = request.param
    world = presets.preset("tiny", seed=101, height=height, width=width)
    root = synthwalk.render(world, tmp_path_factory.mktemp("walk") / "walk", progress=False)
    return datasets.load("synthwalk", root)


def measure(benchmark: Any, source: Split, action: Callable[[], object], rounds: int) -> None:
    """Time an action on all frames of the source, and keep its rates with the benchmark."""
    cpu: list[float] = []

    def run() -> None:
        start = time.process_time()
        action()
        cpu.append(time.process_time() - start)

    benchmark.pedantic(run, rounds=rounds, warmup_rounds=1 if rounds > 1 else 0)
    frames = sum(len(tracklet) for tracklet in (*source.train, *source.test))
    if benchmark.stats is not None:
        benchmark.extra_info["frames"] = frames
        benchmark.extra_info["frames_per_second"] = round(frames / benchmark.stats.stats.median)
        benchmark.extra_info["frames_per_cpu_second"] = round(frames / float(np.median(cpu)))


@pytest.mark.parametrize("name", repaired.names())
def test_writing(benchmark: Any, source: Split, tmp_path: Path, name: str) -> None:
    """All in: reading, repairing, encoding, changes, manifest. Hidden is what truly stands in front."""

    def hidden(tracklet: Tracklet, height: int, width: int) -> np.ndarray:
        return truth.load_truth(source.root, tracklet.key).occluders > 0

    numbers = itertools.count()

    def run() -> None:
        made = repaired.make(name, source)
        write.write(source, made, hidden, tmp_path / str(next(numbers)), calls={"by": "truth"}, progress=False)

    measure(benchmark, source, run, 1 if name == "inpaint" else 3)


def test_floor_bare_copy(benchmark: Any, source: Split, tmp_path: Path) -> None:
    """The same image files, copied one by one."""
    numbers = itertools.count()

    def run() -> None:
        root = tmp_path / str(next(numbers))
        for tracklet in (*source.train, *source.test):
            (root / tracklet.frames[0]).parent.mkdir(parents=True, exist_ok=True)
            for name in tracklet.frames:
                shutil.copyfile(source.root / name, root / name)

    measure(benchmark, source, run, 3)
