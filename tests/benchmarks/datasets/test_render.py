"""How quickly frames are rendered and written, beside the floor: encoding and writing finished frames.

Read the frames per CPU-second in the extra info; wall time depends on what else the machine does.
"""

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.synthwalk import presets, write
from datasets.synthwalk.renderer import frames, tracklet
from datasets.synthwalk.world import population
from runners.gpu_evidence.stand_ins.plain_renderer import frames as plain

SIZES = [(64, 32), (128, 64), (256, 128)]


def world_of(height: int, width: int) -> presets.World:
    """A world of some 500 frames."""
    return presets.preset("tiny", seed=101, height=height, width=width, length_median=19.0, length_max=40)


def note_rate(benchmark: Any, frames: int, cpu: list[float]) -> None:
    """Keep frames per second of wall time and of CPU time with the benchmark."""
    benchmark.extra_info["frames"] = frames
    benchmark.extra_info["frames_per_second"] = round(frames / benchmark.stats.stats.median, 1)
    benchmark.extra_info["frames_per_cpu_second"] = round(frames / float(np.median(cpu)), 1)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_rendering_whole_tracklets(benchmark: Any, tmp_path: Path, height: int, width: int) -> None:
    """All in: poses, pixels, twins, masks, encoding, packing, writing."""
    world = world_of(height, width)
    studio, tracks = tracklet.open_studio(world, 2), population.populate(world).tracks
    tracklet.render_tracklet(studio, tracks[0])  # compile
    cpu: list[float] = []
    rounds = itertools.count()

    def run() -> None:
        root = tmp_path / str(next(rounds))
        for track in tracks:
            (root / f"bbox_{track.half}" / track.folder).mkdir(parents=True, exist_ok=True)
            (root / "truth" / "tracklets" / track.folder).mkdir(parents=True, exist_ok=True)
        start = time.process_time()
        for track in tracks:
            write.write_tracklet(studio, track, root)
        cpu.append(time.process_time() - start)

    benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    note_rate(benchmark, sum(track.length for track in tracks), cpu)


@pytest.mark.parametrize("renderer", ["compiled", "plain"])
def test_pixels_alone(benchmark: Any, monkeypatch: pytest.MonkeyPatch, renderer: str) -> None:
    """Poses and pixels of 128x64 frames, by the kernels and by plain NumPy, which draws where Numba is missing."""
    world = presets.preset("tiny", seed=101, height=128, width=64)
    studio, tracks = tracklet.open_studio(world, 2), population.populate(world).tracks[::6]
    tracklet.render_tracklet(studio, tracks[0])  # compile
    if renderer == "plain":
        monkeypatch.setattr(frames, "render_frames", plain.render_frames)
    cpu: list[float] = []

    def run() -> None:
        start = time.process_time()
        for track in tracks:
            tracklet.render_tracklet(studio, track)
        cpu.append(time.process_time() - start)

    benchmark.pedantic(run, rounds=3)
    note_rate(benchmark, sum(track.length for track in tracks), cpu)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_floor_encoding_and_writing_alone(benchmark: Any, tmp_path: Path, height: int, width: int) -> None:
    """The same frames, already rendered: one JPEG and one small file each."""
    world = world_of(height, width)
    studio, tracks = tracklet.open_studio(world, 2), population.populate(world).tracks
    shots = [tracklet.render_tracklet(studio, track) for track in tracks]
    cpu: list[float] = []
    rounds = itertools.count()

    def run() -> None:
        root = tmp_path / str(next(rounds))
        root.mkdir()
        start = time.process_time()
        for track, shot in zip(tracks, shots, strict=True):
            for number, frame in enumerate(shot.frames):
                write.put(f"{root}/{track.half}{track.key}F{number}.jpg", write.encode(frame, shot.quality))
        cpu.append(time.process_time() - start)

    benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    note_rate(benchmark, sum(track.length for track in tracks), cpu)
