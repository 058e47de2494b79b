"""Building the frame store, beside its floor (bare decoding) and the usual way (Pillow + torchvision).

Every entry handles the same 512 JPEGs of 256x128 pixels and about 9 kB, warm in the page cache; `frames_per_s`
stands in `extra_info`. The rows are comparable within one run only: read them as ratios.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torchvision import transforms

from datasets.frames.decoded import FrameStore
from datasets.seeding import generator
from datasets.tracklet import NumberedFrames, Tracklet

FRAMES, SIZE = 512, (256, 128)
SMALL = (128, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEGs with the size and byte count of MARS: smooth shapes with some noise."""
    root = tmp_path_factory.mktemp("frames")
    rng = generator(0, "benchmark pictures")
    for number in range(1, FRAMES + 1):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = np.clip(pixels + rng.normal(0, 5, pixels.shape), 0, 255).astype(np.uint8)
        (root / f"F{number:03d}.jpg").write_bytes(simplejpeg.encode_jpeg(noisy, quality=90))
    return root


@pytest.fixture(scope="module")
def tracklets() -> list[Tracklet]:
    return [Tracklet("a", 1, 1, NumberedFrames("F", FRAMES))]


def timed(benchmark: BenchmarkFixture, action: Callable[[], object]) -> None:
    benchmark.pedantic(action, rounds=5, warmup_rounds=1)
    if benchmark.stats is not None:
        benchmark.extra_info["frames_per_s"] = round(FRAMES / benchmark.stats.stats.median)


@pytest.mark.benchmark(group="decode 512 frames of 256x128")
def test_floor_bare_decode(benchmark: BenchmarkFixture, folder: Path) -> None:
    content = [path.read_bytes() for path in sorted(folder.iterdir())]
    timed(benchmark, lambda: [simplejpeg.decode_jpeg(data) for data in content])


@pytest.mark.benchmark(group="decode 512 frames of 256x128")
def test_store_in_memory(benchmark: BenchmarkFixture, folder: Path, tracklets: list[Tracklet]) -> None:
    timed(
        benchmark,
        lambda: FrameStore.build(tracklets, folder, None, SIZE, fingerprint="b", progress=False),
    )


@pytest.mark.benchmark(group="decode 512 frames of 256x128")
def test_store_on_disk(benchmark: BenchmarkFixture, folder: Path, tracklets: list[Tracklet], tmp_path: Path) -> None:
    def action() -> None:
        store = FrameStore.build(tracklets, folder, tmp_path, SIZE, fingerprint="b", progress=False)
        assert store.path is not None
        store.path.unlink()

    timed(benchmark, action)


@pytest.mark.benchmark(group="decode 512 frames of 256x128")
def test_store_resized(benchmark: BenchmarkFixture, folder: Path, tracklets: list[Tracklet]) -> None:
    timed(
        benchmark,
        lambda: FrameStore.build(tracklets, folder, None, SMALL, fingerprint="b", progress=False),
    )


@pytest.mark.benchmark(group="decode 512 frames of 256x128")
def test_peer_pillow_and_torchvision(benchmark: BenchmarkFixture, folder: Path) -> None:
    """What torchreid and its relatives do for each frame, each time that it is used."""
    pipeline = transforms.Compose(
        [
            transforms.Resize(SIZE),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    paths = sorted(folder.iterdir())
    timed(benchmark, lambda: torch.stack([pipeline(Image.open(path).convert("RGB")) for path in paths]))


@pytest.mark.benchmark(group="read 512 random frames of 256x128")
def test_reading_the_store(
    benchmark: BenchmarkFixture, folder: Path, tracklets: list[Tracklet], tmp_path: Path
) -> None:
    store = FrameStore.build(tracklets, folder, tmp_path, SIZE, fingerprint="b", progress=False)
    order = generator(0, "order").permutation(FRAMES).reshape(-1, 8)
    timed(benchmark, lambda: [store.clip(0, frames) for frames in order])


@pytest.mark.benchmark(group="read 512 random frames of 256x128")
def test_floor_bare_copy(benchmark: BenchmarkFixture) -> None:
    pixels = np.zeros((FRAMES, *SIZE, 3), dtype=np.uint8)
    order = generator(0, "order").permutation(FRAMES).reshape(-1, 8)
    timed(benchmark, lambda: [pixels[frames] for frames in order])
