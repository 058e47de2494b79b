"""Full-sequence extraction with ResNet-50, beside its bare trunk at the same batch.

The extraction decodes 256x128 JPEGs of about 9 kB out of a pack, normalises them, runs the frame network and writes the
features, each frame once. The bare trunk gets one normalised batch in memory again and again. They take turns in one
run, and `share_of_the_trunk` is the median of the ratios.

    pytest tests/benchmarks/runners/test_extraction.py --benchmark-only

The bar: at least 95 % of the bare trunk's frames a second.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from datasets import pack
from datasets.frames.decoded import FrameStore
from datasets.frames.on_demand import PackedFrames
from datasets.images import jpeg
from datasets.images.transforms import to_tensor
from datasets.seeding import generator
from datasets.tracklet import NumberedFrames, Split, Tracklet
from methods.layers import resnet
from runners.plan.environment import choose_device, choose_precision
from runners.training.frame_features import extract_frame_features, frames_per_batch
from runners.training.sources import autocast, laid_out

SIZE = (256, 128)
DEVICE = choose_device("auto")
PRECISION = choose_precision("auto", DEVICE)
BATCH = frames_per_batch(SIZE)
FRAMES = 64 if DEVICE == "cpu" else 4096
ROUNDS = 5
BAR = 0.95


class Network(nn.Module):
    """ResNet-50 whose maps are averaged, as in most papers of the suite."""

    frame_dim = descriptor_dim = 2048

    def __init__(self) -> None:
        super().__init__()
        self.trunk = resnet.Trunk(last_stride=1)

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, 2048]``."""
        return resnet.global_average(self.trunk(images))

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """Never asked."""
        return features.mean(1)

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """None."""
        return {}


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return Network().eval().to(DEVICE)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """JPEGs with the size and byte count of MARS, and a pack beside them."""
    root = tmp_path_factory.mktemp("mars")
    rng = generator(0, "benchmark pictures")
    for number in range(1, 65):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = np.clip(pixels + rng.normal(0, 5, pixels.shape), 0, 255).astype(np.uint8)
        (root / f"F{number:03d}.jpg").write_bytes(jpeg.encode(noisy, 88, "420"))
    none = np.empty(0, dtype=np.int64)
    tracklets = tuple(Tracklet(f"{k}", 1, 1, NumberedFrames("F", 64)) for k in range(FRAMES // 64))
    split = Split("mars", root, (), tracklets, none, none, "e" * 32, "1", False)
    pack.write(split, root / "pack", progress=False)
    return split


def seconds(action: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of all cores together."""
    begun, used = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - begun, time.process_time() - used


def measure(benchmark: BenchmarkFixture, network: Network, store: FrameStore, tmp_path: Path) -> None:
    places = (tmp_path / f"{number}" for number in range(100))

    def extract() -> None:
        folder = next(places)
        folder.mkdir()
        extract_frame_features(
            network, store, "imagenet", device=DEVICE, precision=PRECISION, folder=folder, title="extract"
        )

    pixels = torch.from_numpy(np.array(store.flat()[:BATCH])).to(DEVICE)
    batch = laid_out(to_tensor(pixels, channels_last=PRECISION == "bf16"), PRECISION)

    @torch.inference_mode()
    def trunk() -> None:
        for _ in range(FRAMES // BATCH):
            with autocast(DEVICE, PRECISION):
                features = network.frame_features(batch)
        features.float().cpu()  # waits for a GPU

    trunk()
    extract()
    pairs = [(seconds(trunk), seconds(extract)) for _ in range(ROUNDS)]
    benchmark.pedantic(extract, rounds=1)
    times = np.array(pairs)  # [rounds, trunk or extraction, clock or cores]
    share, of_cores = np.median(times[:, 0] / times[:, 1], axis=0).tolist()
    bare, whole = (FRAMES / np.median(times[:, :, 0], axis=0)).tolist()
    benchmark.extra_info.update(
        {
            "frames_per_s": round(whole, 1),
            "trunk_frames_per_s": round(bare, 1),
            "share_of_the_trunk": round(share, 4),
            "share_by_cpu_time": round(of_cores, 4),  # hardly moves with what else the machine does
            "bar": BAR,
            "bar_met": share >= BAR,
            "batch": BATCH,
            "device": DEVICE,
            "precision": PRECISION,
        }
    )


@pytest.mark.benchmark(group="full-sequence extraction, ResNet-50, 256x128")
def test_from_a_pack(benchmark: BenchmarkFixture, network: Network, split: Split, tmp_path: Path) -> None:
    store = PackedFrames.of(split.test, split.root, SIZE, fingerprint=split.fingerprint)
    measure(benchmark, network, store, tmp_path)


@pytest.mark.benchmark(group="full-sequence extraction, ResNet-50, 256x128")
def test_from_decoded_frames(benchmark: BenchmarkFixture, network: Network, split: Split, tmp_path: Path) -> None:
    store = FrameStore.build(split.test, split.root, tmp_path, SIZE, fingerprint=split.fingerprint, progress=False)
    measure(benchmark, network, store, tmp_path)


class Blank(Network):
    """Takes no time."""

    def frame_features(self, images: Tensor) -> Tensor:
        """The corner pixel, many times."""
        return images[:, :1, 0, 0].repeat(1, self.frame_dim)


@pytest.mark.benchmark(group="full-sequence extraction, ResNet-50, 256x128")
def test_everything_but_the_network(benchmark: BenchmarkFixture, split: Split, tmp_path: Path) -> None:
    """What is left to compare with the trunk's time where the machine is too busy to see 5 % of it."""
    network = Blank().eval().to(DEVICE)
    store = PackedFrames.of(split.test, split.root, SIZE, fingerprint=split.fingerprint)
    places = (tmp_path / f"{number}" for number in range(100))
    spent: list[float] = []

    def extract() -> None:
        folder = next(places)
        folder.mkdir()
        begun = time.process_time()
        extract_frame_features(
            network, store, "imagenet", device=DEVICE, precision=PRECISION, folder=folder, title="extract"
        )
        spent.append(time.process_time() - begun)

    benchmark.pedantic(extract, rounds=10, warmup_rounds=2)
    benchmark.extra_info["cpu_ms_per_frame"] = round(1000 * float(np.median(spent)) / FRAMES, 3)
