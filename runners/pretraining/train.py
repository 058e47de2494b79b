"""Train a start: resumable, killed and started again with the same result; no choice is made on any held-out data."""

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import methods
from datasets.frames.concatenated import FramePair
from datasets.frames.decoded import FrameStore
from datasets.seeding import generator
from files.formats import safetensors
from runners.errors import RunError
from runners.plan.frame_cache import folder_of_frames
from runners.plan.step_store import StepStore, write_json
from runners.pretraining.plan import METHOD, PlannedStart
from runners.progress import note
from runners.training.batches import BatchStream
from runners.training.findings import findings
from runners.training.loop import StageTraining, train_stage
from runners.training.sources import PixelSource, mixed

WEIGHTS = "weights.safetensors"
INITIAL = "drawn by torch's generator from the seed"


def build_network(planned: PlannedStart, identities: int) -> nn.Module:
    """The baseline with initial weights that depend on the seed and on nothing else.

    Args:
        planned: the start.
        identities: that the classifier tells apart.
    """
    with torch.random.fork_rng():
        torch.manual_seed(int(generator(planned.seed, "initial weights", METHOD).integers(2**62)))
        network = methods.create(METHOD, identities, depth=planned.depth, **planned.recipe.network)
    if mixed(planned.precision):
        network = network.to(memory_format=torch.channels_last)
    return network.to(planned.device)


def training_frames(planned: PlannedStart, work: Path) -> FramePair:
    """Decoded frames of the training halves, the first world's before the second's.

    Args:
        planned: the start.
        work: folder that they are kept below.

    Raises:
        RunError: there are not two worlds.
    """
    if len(planned.splits) != 2:
        raise RunError(f"a start is trained on two worlds, and {len(planned.splits)} are named.")
    cache = folder_of_frames(work)
    first, second = (
        FrameStore.build(split.train, split.root, cache, planned.size, fingerprint=split.fingerprint)
        for split in planned.splits
    )
    return FramePair(first, second)


def labels_of(planned: PlannedStart) -> NDArray[np.int64]:
    """Identity of every training tracklet, ``[N]``; those of the second world come after those of the first."""
    each, before = [], 0
    for split in planned.splits:
        each.append(split.train_labels + before)
        before += split.num_train_ids
    return np.concatenate(each).astype(np.int64)


def train(planned: PlannedStart, steps: StepStore, work: Path, checkpoint_seconds: float = 60.0) -> Path:
    """Train a start, or go on where an earlier run stopped.

    Args:
        planned: what is trained.
        steps: where it is kept.
        work: folder of decoded frames.
        checkpoint_seconds: at most so much is lost when it is killed.

    Returns:
        The folder of the finished training: the network's weights, the curve, and what it was trained on.

    Raises:
        TrainingFailed: a loss is not finite.
        RunError: another process is at it.
    """
    if not steps.done(planned.step):
        with steps.running(planned.step) as folder:
            if folder is not None:
                _train(planned, work, folder, checkpoint_seconds)
    return steps.folder(planned.step)


def _train(planned: PlannedStart, work: Path, folder: Path, checkpoint_seconds: float) -> None:
    store, stage = training_frames(planned, work), planned.stage
    batches = BatchStream(stage, store.lengths, labels_of(planned), seed=planned.seed)
    count = batches.steps(planned.frames, "frames")
    images = int(store.offsets[-1])
    note(
        f"{planned.name}: {planned.identities:,} identities, {len(store):,} tracklets, {images:,} images; {count:,} "
        f"steps of {batches.frames_per_step} in {planned.precision}"
    )
    began = time.monotonic()
    network = build_network(planned, planned.identities)
    training = StageTraining(
        stage,
        batches,
        PixelSource(store, stage, planned.seed, planned.device, planned.precision),
        steps=count,
        unit="frames",
        seed=planned.seed,
        device=planned.device,
        folder=folder,
        title=f"train {planned.name}",
        precision=planned.precision,
        checkpoint_seconds=checkpoint_seconds,
    )
    log = train_stage(network, training)
    safetensors.save(network.state_dict(), folder / WEIGHTS)
    write_json(folder / "log.json", log)
    settings = methods.arm(METHOD, METHOD).settings() | dict(planned.recipe.network)
    found = findings(log, stage.losses, settings["margin"])
    for finding in found:
        note(f"{planned.name}: {finding}")
    about = {
        "frames": count * batches.frames_per_step,
        "images": images,
        "steps": count,
        "seconds": round(time.monotonic() - began, 1),
        "initial": INITIAL,
        "findings": found,
    }
    write_json(folder / "start.json", about)
