"""A training step and the extraction of descriptors, each beside the bare trunk on the same frames.

Read the ratios within one group of one run: times move with the machine, ratios hardly.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

import methods
import protocols
from datasets.frames.decoded import FrameStore
from datasets.images.transforms import to_tensor
from methods.cards.recipe import Augment, Length, Optimizer, Sampler, Stage
from runners.evaluation import encode
from runners.plan.environment import choose_precision
from runners.training import frame_features
from runners.training.batches import BatchStream
from runners.training.loop import StageTraining, train_stage
from runners.training.optimizer import build_optimizer, set_trainable
from runners.training.sources import PixelSource, autocast, laid_out

SIZE = (64, 32)
STEPS, BATCH = 3, 64
LENGTHS = np.full(32, 16, dtype=np.int64)
PRECISION = choose_precision("auto", "cpu")

STAGE = Stage(
    name="frames",
    start="scratch",
    data="frames",
    sampler=Sampler("shuffled", batch=BATCH),
    augment=Augment(flip=0.5, pad=2),
    losses={"cross_entropy": 1.0},
    optimizer=Optimizer("adamw", 1e-3, weight_decay=0.05, decay_norm_and_bias=False),
    length=Length(steps=STEPS),
)


@pytest.fixture(scope="module")
def store() -> FrameStore:
    rng = np.random.default_rng(0)
    return FrameStore(LENGTHS, SIZE, frames=rng.integers(0, 256, (int(LENGTHS.sum()), *SIZE, 3), dtype=np.uint8))


def _baseline() -> Any:
    torch.manual_seed(0)
    network = methods.create("baseline", num_ids=32, embed=128, neck="bn-relu-dropout", last_stride=1)
    return network.to(memory_format=torch.channels_last) if PRECISION == "bf16" else network


def _once(benchmark: Any, work: Any) -> None:
    benchmark.pedantic(work, rounds=3, iterations=1, warmup_rounds=1)


@pytest.mark.benchmark(group="training: 3 steps of 64 frames at 64x32")
def test_floor_bare_trunk_forward_and_backward(benchmark: Any) -> None:
    """Ready tensors, trunk and classifier, AdamW: no sampling, no augmentation, no transfer."""
    network = _baseline()
    set_trainable(network, ("*",))
    optimizer = build_optimizer(network, STAGE.optimizer)
    images, labels = laid_out(torch.randn(BATCH, 3, *SIZE), PRECISION), torch.arange(BATCH) % 32

    def steps() -> None:
        for _ in range(STEPS):
            with autocast("cpu", PRECISION):
                features = network.frame_features(images)
            loss = functional.cross_entropy(network.classifier(network.neck(features.float())), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    _once(benchmark, steps)


@pytest.mark.benchmark(group="training: 3 steps of 64 frames at 64x32")
def test_training_stage(benchmark: Any, store: FrameStore, tmp_path: Path) -> None:
    """The same through the road: sampling, augmentation, normalisation, logging."""
    network = _baseline()
    batches = BatchStream(STAGE, LENGTHS, np.arange(32, dtype=np.int64), seed=0)
    source = PixelSource(store, STAGE, 0, "cpu", PRECISION)

    def steps() -> None:
        where = {"device": "cpu", "folder": tmp_path, "title": "train"}
        train_stage(network, StageTraining(STAGE, batches, source, steps=STEPS, unit="steps", seed=0, **where))

    _once(benchmark, steps)


@pytest.mark.benchmark(group="extraction: 512 frames at 64x32")
def test_floor_bare_trunk_forward(benchmark: Any, store: FrameStore) -> None:
    network = _baseline().eval()
    images = laid_out(to_tensor(np.array(store.flat())), PRECISION)

    def forward() -> None:
        with torch.inference_mode(), autocast("cpu", PRECISION):
            for start in range(0, len(images), 256):
                network.frame_features(images[start : start + 256])

    _once(benchmark, forward)


@pytest.mark.benchmark(group="extraction: 512 frames at 64x32")
def test_extraction_and_aggregation(benchmark: Any, store: FrameStore, tmp_path: Path) -> None:
    network = _baseline().eval()

    def extract() -> None:
        frame_features.extract_frame_features(
            network, store, "imagenet", device="cpu", precision=PRECISION, folder=tmp_path, title="features"
        )
        features = np.load(tmp_path / "features.npy", mmap_mode="r")
        inputs = encode.TestInputs(store, features, "imagenet", "cpu", PRECISION, "extract")
        encode.encode_test_set(network, protocols.load("res50-rgb-single-pass"), inputs)

    _once(benchmark, extract)
