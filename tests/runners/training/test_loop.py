"""Training: resumable with equal bits, equal from pixels and features, and plain about what broke."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datasets.frames.decoded import FrameStore
from methods.cards.recipe import Augment, Clip, Length, Optimizer, Sampler, Schedule, Stage
from runners.errors import TrainingFailed
from runners.training import frame_features, loop
from runners.training.batches import BatchStream
from runners.training.loop import StageTraining, train_stage
from runners.training.sources import FeatureSource, PixelSource
from runners.training.stage import frame_network_is_frozen
from tests.runners.dying import cut_off_at_call
from tests.runners.small import Small

LENGTHS = np.array([5, 9, 3, 12, 7, 6, 1, 8], dtype=np.int64)
LABELS = np.array([0, 0, 1, 1, 2, 2, 3, 3], dtype=np.int64)
SIZE = (32, 16)

STAGE = Stage(
    name="s",
    start="scratch",
    data="clips",
    clip=Clip("consecutive", 4, short="pad"),
    sampler=Sampler("shuffled", batch=4),
    augment=Augment(flip=0.5, pad=2),
    losses={"cross_entropy": 1.0},
    optimizer=Optimizer("adamw", 1e-2, weight_decay=0.05, decay_norm_and_bias=False),
    schedule=Schedule("one-cycle", warmup=0.3),
    length=Length(steps=14),
)


@pytest.fixture
def store() -> FrameStore:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (int(LENGTHS.sum()), *SIZE, 3), dtype=np.uint8)
    return FrameStore(LENGTHS, SIZE, frames=frames)


def _small(seed: int = 0) -> Small:
    torch.manual_seed(seed)
    return Small()


def _train(store: FrameStore, folder: Path, *, stage: Stage = STAGE, net: Small | None = None, **options: Any) -> Small:
    net = net or _small()
    batches = BatchStream(stage, LENGTHS, LABELS, seed=5)
    source = options.pop("source", None) or PixelSource(store, stage, 5, "cpu", "fp32")
    defaults: dict[str, Any] = {"steps": 14, "unit": "steps", "seed": 5, "device": "cpu", "title": "train s"}
    net.log = train_stage(net, StageTraining(stage, batches, source, folder=folder, **{**defaults, **options}))
    return net


def _bits(net: Small) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in net.state_dict().items()}


def test_the_same_run_twice_gives_the_same_bits(store: FrameStore, tmp_path: Path) -> None:
    one = _train(store, tmp_path)
    torch.manual_seed(99)  # what happened before does not matter
    other = _train(store, tmp_path)
    assert _bits(one) == _bits(other)
    assert one.log == other.log


@pytest.mark.parametrize("killed_at", [1, 6, 13])
def test_killed_and_started_again_ends_with_the_same_bits(store: FrameStore, tmp_path: Path, killed_at: int) -> None:
    whole = _train(store, tmp_path / "nothing to take up")
    folder = tmp_path / "killed"
    folder.mkdir()
    with cut_off_at_call(killed_at + 1, loop, "learning_rate"):
        _train(store, folder, checkpoint_seconds=0.0)
    resumed = _train(store, folder, net=_small(seed=7))  # its initial weights are replaced by the checkpoint's
    assert _bits(resumed) == _bits(whole)
    assert resumed.log == whole.log
    assert not (folder / loop.CHECKPOINT).exists()


@pytest.mark.parametrize("how", ["cut", "empty", "flipped"])
def test_a_damaged_checkpoint_is_told_and_training_begins_again(
    store: FrameStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    whole = _train(store, tmp_path / "nothing to take up")
    folder = tmp_path / "killed"
    folder.mkdir()
    with cut_off_at_call(4, loop, "learning_rate"):
        _train(store, folder, checkpoint_seconds=0.0)
    file = folder / loop.CHECKPOINT
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes({"cut": bytes(content[:-100]), "empty": b"", "flipped": bytes(content)}[how])
    again = _train(store, folder)
    assert "checkpoint.pt holds other bytes than were written: the stage is trained from its beginning" in " ".join(
        capsys.readouterr().err.split()
    )
    assert _bits(again) == _bits(whole) and again.log == whole.log


def test_training_leaves_the_global_generator_alone(store: FrameStore, tmp_path: Path) -> None:
    net = _small()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    _train(store, tmp_path, net=net)
    assert torch.equal(torch.rand(2), expected)


def test_it_learns(store: FrameStore, tmp_path: Path) -> None:
    net = _train(store, tmp_path, stage=replace(STAGE, augment=Augment()), steps=150)
    assert net.log[-1]["loss"] < 0.8 * net.log[0]["loss"]


def test_features_train_as_pixels_do(store: FrameStore, tmp_path: Path) -> None:
    """A frozen frame network without augmentation: cached features are the fast way to the same weights."""
    stage = replace(STAGE, augment=Augment(), trains=("temporal", "neck", "classifier"))
    slow = _train(store, tmp_path, stage=stage)
    net = _small()
    frame_features.extract_frame_features(
        net.eval(), store, "imagenet", device="cpu", precision="fp32", folder=tmp_path, title="features"
    )
    source = FeatureSource(np.load(tmp_path / "features.npy"), store.offsets, "cpu")
    fast = _train(store, tmp_path, stage=stage, net=net, source=source)
    for name, value in slow.state_dict().items():
        torch.testing.assert_close(fast.state_dict()[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_frozen_is_found_by_gradients() -> None:
    net = _small()
    head = [*net.temporal.parameters(), *net.classifier.parameters()]
    assert frame_network_is_frozen(net, head, SIZE, "cpu")
    assert not frame_network_is_frozen(net, [*head, net.trunk[0].weight], SIZE, "cpu")
    assert all(p.requires_grad for p in net.parameters())


def test_a_loss_that_is_not_finite_names_the_cause(store: FrameStore, tmp_path: Path) -> None:
    net = _small()
    with torch.no_grad():
        net.temporal.conv.weight[0, 0, 0] = float("nan")
    with pytest.raises(TrainingFailed, match=r"cross_entropy is not finite at step 1 .*temporal\.conv\.weight") as seen:
        _train(store, tmp_path, net=net)
    assert "lr" in str(seen.value)


def test_extraction_goes_on_where_it_was_killed(
    store: FrameStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = _small().eval()
    arguments: dict[str, Any] = {"device": "cpu", "precision": "fp32", "title": "features"}
    monkeypatch.setattr(frame_features, "_PIXELS_A_BATCH", SIZE[0] * SIZE[1] * 4)
    monkeypatch.setattr(frame_features, "_BATCHES_A_NOTE", 1)
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    frame_features.extract_frame_features(net, store, "imagenet", folder=tmp_path / "whole", **arguments)
    real, calls = frame_features._encode, []

    def dies(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(frame_features, "_encode", dies)
    with pytest.raises(KeyboardInterrupt):
        frame_features.extract_frame_features(net, store, "imagenet", folder=tmp_path / "killed", **arguments)
    seen = len(calls)
    frame_features.extract_frame_features(net, store, "imagenet", folder=tmp_path / "killed", **arguments)
    assert len(calls) - seen == -(-len(store.flat()) // 4) - 3  # three batches were done
    assert (tmp_path / "whole/features.npy").read_bytes() == (tmp_path / "killed/features.npy").read_bytes()


def test_networks_that_differ_anywhere_have_different_probes() -> None:
    def probe(net: Small) -> str:
        return frame_features.probe_digest(net.eval(), SIZE, "imagenet", "cpu", "fp32")

    plain = probe(_small())
    assert probe(_small()) == plain
    strided = _small()
    strided.trunk[3].stride = (1, 1)  # the same weights, another function
    assert probe(strided) != plain
    nudged = _small()
    with torch.no_grad():
        nudged.trunk[0].weight[0, 0, 0, 0] += 1e-3
    assert probe(nudged) != plain
    head = _small()
    with torch.no_grad():
        head.classifier.weight += 1  # not part of the frame network
    assert probe(head) == plain
