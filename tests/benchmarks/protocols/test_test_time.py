"""All choices of snippet-vs-full: how many frames enter the trunk, and how long it takes, beside one whole sequence.

``trunk_frames`` and ``passes`` (over the test frames) are counted by a hook on the first convolution while the timed
work runs; ``clip_by_clip`` is how many passes it would be if every choice encoded its own clips. GLTR encodes frames
alone, so its choices share one pass. The floor is what the whole sequence alone costs. Read ratios within the group.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import methods
import protocols
from datasets.frames.decoded import FrameStore
from protocols.test_time.inputs import Variants
from runners.evaluation import encode, encode_variants
from runners.plan.environment import choose_precision
from runners.training import frame_features
from runners.training.count_frames import counting_trunk_frames

SIZE = (64, 32)
PRECISION = choose_precision("auto", "cpu")
GROUP = "test length: GLTR, 100 tracklets of 3 to 80 frames at 64x32"
WAYS = protocols.load("snippet-vs-full").feed
assert isinstance(WAYS, Variants)
WHOLE = replace(WAYS, choices=tuple(one for one in WAYS.choices if one.name == "whole"))


@pytest.fixture(scope="module")
def store() -> FrameStore:
    """Lengths as SynthWalk draws them: log-normal around 19."""
    rng = np.random.default_rng(0)
    lengths = np.clip(np.round(19 * np.exp(0.75 * rng.normal(size=100))), 3, 80).astype(np.int64)
    return FrameStore(lengths, SIZE, frames=rng.integers(0, 256, (int(lengths.sum()), *SIZE, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    found = methods.create("gltr", num_ids=32).eval()
    return found.to(memory_format=torch.channels_last) if PRECISION == "bf16" else found


def _inputs(network: Any, store: FrameStore, folder: Path) -> encode.TestInputs:
    folder.mkdir(exist_ok=True)
    frame_features.extract_frame_features(
        network, store, "imagenet", device="cpu", precision=PRECISION, folder=folder, title="features"
    )  # fmt: skip
    file = folder / "features.npy"
    features = np.load(file, mmap_mode="r")
    passed = len(features), frame_features.trunk_frames_of(file)
    return encode.TestInputs(store, features, "imagenet", "cpu", PRECISION, "choices", passed=passed)


def _measure(benchmark: Any, network: Any, store: FrameStore, work: Callable[[], encode.VariantDescriptors]) -> float:
    """Times the work, and counts in the same rounds; passes of one round."""
    rounds, found = 2, []
    with counting_trunk_frames(network) as trunk:
        benchmark.pedantic(lambda: found.append(work()), rounds=rounds, iterations=1)
    assert trunk.frames is not None  # a ResNet has an entrance
    frames = int(store.lengths.sum())
    fed = sum(found[-1].fed.values()) / frames
    passes = trunk.frames / rounds / frames
    benchmark.extra_info |= {"trunk_frames": trunk.frames // rounds, "passes": passes, "clip_by_clip": round(fed, 1)}
    return passes


@pytest.mark.benchmark(group=GROUP)
def test_floor_whole_sequence_alone(benchmark: Any, network: Any, store: FrameStore, tmp_path: Path) -> None:
    def work() -> encode.VariantDescriptors:
        return encode_variants.encode_each_variant(network, WHOLE, _inputs(network, store, tmp_path / "features"))

    assert _measure(benchmark, network, store, work) == 1.0


@pytest.mark.benchmark(group=GROUP)
def test_all_choices_together(benchmark: Any, network: Any, store: FrameStore, tmp_path: Path) -> None:
    def work() -> encode.VariantDescriptors:
        found = encode_variants.encode_each_variant(network, WAYS, _inputs(network, store, tmp_path / "features"))
        assert found.trunk_frames == found.frames
        return found

    assert _measure(benchmark, network, store, work) <= 1.1
