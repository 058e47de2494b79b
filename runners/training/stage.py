"""Run one planned stage: build the network, take over weights, choose pixels or features, train, save whole."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.frames.concatenated import TrainingFrames
from datasets.frames.decoded import FrameStore
from datasets.seeding import generator
from datasets.tracklet import Split
from files.formats import arrays, safetensors
from files.formats import json as json_files
from methods.cards.recipe import Augment
from methods.interface import FrameThenTime
from methods.layers.per_frame_mlp import replace_temporal
from methods.layers.resnet import keep_until, shared_block
from runners.errors import RunError
from runners.plan.environment import Precision
from runners.plan.plan_types import ArmRun, PlannedStage
from runners.plan.stage_length import length_of
from runners.plan.step_store import AGAIN, Step, StepStore, read_json, write_json
from runners.progress import note
from runners.training.batches import BatchStream
from runners.training.findings import findings
from runners.training.frame_pass import FramePass
from runners.training.loop import StageTraining, train_stage
from runners.training.optimizer import trains
from runners.training.sources import FeatureSource, PixelSource, Source, Targets, mixed
from runners.training.starting_weights import take_over
from runners.training.trunk_maps import trunk_maps

WEIGHTS = "weights.safetensors"
INHERITED = "inherited.json"


@dataclass(frozen=True)
class TrainingData:
    """What a stage learns from.

    Attributes:
        split: whose training half is used, or the target's where there are two domains.
        store: its frames, or those of them that the stage may see.
        labels: identity of each of the store's tracklets, ``[N]``.
        targets: their attributes, for a method that learns some.
        first: tracklets of the source, where the store holds two domains; they stand first.
    """

    split: Split
    store: TrainingFrames
    labels: NDArray[np.int64]
    targets: Targets | None = None
    first: int = 0


def run_stage(planned: PlannedStage, training_data: TrainingData, steps: StepStore, device: str) -> None:
    """Train a stage and record it; one that is recorded already is not run again.

    Args:
        planned: the stage, and all it starts from, which must be done.
        training_data: what it learns from.
        steps: where results are kept.
        device: such as ``cpu``.
    """
    if steps.done(planned.step):
        return
    with steps.running(planned.step) as folder:
        if folder is None:
            return
        num_ids = training_data.split.num_train_ids
        method = build_method(planned.run, num_ids, planned.training_seed, planned.size, device, planned.precision)
        taken = take_over(method, planned, _weights(planned.start, steps) if planned.start else None)
        batches = BatchStream(
            planned.stage,
            training_data.store.lengths,
            training_data.labels,
            seed=planned.training_seed,
            shuffle_time=planned.run.control == "shuffled",
            first=training_data.first,
        )
        source = choose_source(method, planned, training_data, steps, device)
        amount, unit = length_of(planned.stage)
        count = batches.steps(amount, unit)
        began = time.monotonic()
        training = StageTraining(
            planned.stage,
            batches,
            source,
            steps=count,
            unit=unit,
            seed=planned.training_seed,
            device=device,
            folder=folder,
            title=f"train {planned.run.text}: {planned.stage.name}, {planned.seed_words}",
            precision=planned.precision,
        )
        log = train_stage(method, training)
        named = {name: weight for turn in planned.stage.all_turns for name, weight in turn.losses.items()}
        found = findings(log, named, planned.run.arm.settings().get("margin"))
        for finding in found:
            note(f"{training.title}: {finding}")
        _save(method, planned, steps, folder)
        write_json(folder / "log.json", log)
        write_json(
            folder / "stage.json",
            {
                "name": planned.stage.name,
                "fingerprint": planned.step.fingerprint,
                "frames": count * batches.frames_per_step,
                "seconds": round(time.monotonic() - began, 1),
                "steps": count,
                "final_loss": log[-1]["loss"] if log else None,
                "from": "features" if isinstance(source, FeatureSource) else "pixels",
                "left_behind": list(taken.left_behind),
                **({"start": taken.start} if taken.start else {}),
                "findings": found,
            },
        )


def build_method(
    run: ArmRun, num_ids: int, seed: int, size: tuple[int, int], device: str, precision: Precision
) -> nn.Module:
    """An arm's network with initial weights that depend on the seed and on nothing else.

    Args:
        run: the arm and its control.
        num_ids: training identities.
        seed: of the initial weights.
        size: (height, width).
        device: such as ``cpu``.
        precision: of the network.
    """
    with torch.random.fork_rng():
        torch.manual_seed(int(generator(seed, "initial weights", run.arm.method).integers(2**62)))
        method = run.arm.build(num_ids, size)
        if run.control == "mlp":
            method = replace_temporal(method)
    if mixed(precision):
        method = method.to(memory_format=torch.channels_last)
    return method.to(device)


def trained_method(planned: PlannedStage, num_ids: int, steps: StepStore, device: str) -> nn.Module:
    """The network of a finished stage, in eval mode.

    Args:
        planned: the stage, which must be done.
        num_ids: training identities.
        steps: where results are kept.
        device: such as ``cpu``.

    Raises:
        RunError: the weights are those of another network.
    """
    method = build_method(planned.run, num_ids, planned.training_seed, planned.size, device, planned.precision)
    path = steps.folder(planned.step) / WEIGHTS
    try:
        method.load_state_dict(_weights(planned, steps))
    except RuntimeError as error:  # names or shapes of another network
        told = " ".join(str(error).split())[:200]
        raise RunError(
            f"{path} holds the weights of another network ({told}); remove the folder {path.parent} and run again."
        ) from error
    keep_start(method, planned)
    return method.eval()


def keep_start(method: nn.Module, planned: PlannedStage) -> None:
    """Tell a network's trunks how far they still have the weights that the first of its stages began from."""
    keep_until(method, [each.stage.frozen for each in planned.chain() if not each.stage.head])


def save_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a state dict as safetensors."""
    safetensors.save(state, path)


def choose_source(
    method: nn.Module, planned: PlannedStage, training_data: TrainingData, steps: StepStore, device: str
) -> Source:
    """Cached features where the stage cannot tell them from pixels; pixels everywhere else.

    Args:
        method: at its starting weights.
        planned: the stage.
        training_data: of the stage.
        steps: where features are kept.
        device: such as ``cpu``.
    """
    stage, store = planned.stage, training_data.store
    if isinstance(method, FrameThenTime) and stage.augment == Augment() and isinstance(store, FrameStore):
        learning = [p for n, p in method.named_parameters() if any(trains(t.trains, n) for t in stage.all_turns)]
        if frame_network_is_frozen(method, learning, planned.size, device):
            method.eval()
            keep_start(method, planned)
            frames = FramePass.of(planned, training_data.split, "train", store, device)
            features = load_features(frame_features(method, frames, steps))
            return FeatureSource(features, store.offsets, device, training_data.targets)
    return PixelSource(store, stage, planned.training_seed, device, planned.precision, training_data.targets)


def frame_network_is_frozen(
    method: FrameThenTime, learning: list[nn.Parameter], size: tuple[int, int], device: str
) -> bool:
    """Whether no learning parameter reaches the frame features: found by following gradients, not names.

    Args:
        method: the network.
        learning: parameters that the stage trains.
        size: (height, width).
        device: such as ``cpu``.
    """
    assert isinstance(method, nn.Module)  # every method is one
    method.eval()
    before = [(p, p.requires_grad) for p in method.parameters()]
    for parameter, _ in before:
        parameter.requires_grad_(True)
    out = method.frame_features(torch.zeros(2, 3, *size, device=device)).float().sum()
    reached = torch.autograd.grad(out, learning, allow_unused=True) if learning else ()
    for parameter, required in before:
        parameter.requires_grad_(required)
    return all(gradient is None for gradient in reached)


def frame_features(method: FrameThenTime, frames: FramePass, steps: StepStore) -> Path:
    """The file of frame features ``[F, d]`` of one half of a split, extracted now or before.

    Of a whole half: who needs a selection takes the rows of its base.

    Args:
        method: the frame network, in eval mode.
        frames: how they reach it.
        steps: where the file is kept.
    """
    assert isinstance(method, nn.Module)  # every method is one
    inputs = frames.decided_by(method, "features") | {"behind": shared_block(method)}
    step = Step("features", f"frame features of the {frames.part} half", inputs)
    if not steps.done(step):
        with steps.running(step) as folder:
            if folder is not None:
                frames.run(method, folder, step.name, trunk_maps(method, frames, steps))
    return steps.folder(step) / "features.npy"


def load_features(file: Path) -> NDArray[np.float32]:
    """Frame features ``[F, d]`` of a file that `frame_features` gave, mapped, not loaded.

    Raises:
        RunError: it was damaged since it was checked.
    """
    return arrays.load_npy(file, mmap=True, error=RunError, remedy=AGAIN)


def stage_records(planned: PlannedStage, steps: StepStore) -> list[dict[str, object]]:
    """What was recorded of each stage up to this one."""
    return [read_json(steps.folder(each.step) / "stage.json") for each in planned.chain()]


def training_log(planned: PlannedStage, steps: StepStore) -> list[dict[str, object]]:
    """The training curve of all stages, each row naming its stage."""
    return [
        {"stage": each.stage.name, **row}
        for each in planned.chain()
        for row in read_json(steps.folder(each.step) / "log.json")
    ]


def _save(method: nn.Module, planned: PlannedStage, steps: StepStore, folder: Path) -> None:
    """Write a stage's weights; of a head stage without what it left as it was in the stage that it starts from.

    `INHERITED` names these entries, and what they are called there: many heads stand on one trunk.
    """
    own = method.state_dict()
    earlier = _weights(planned.start, steps) if planned.start and planned.stage.head else {}
    sources = ((name, planned.stage.source_of(name)) for name in own)
    inherited = {
        name: source
        for name, source in sources
        if source is not None and source in earlier and torch.equal(own[name].cpu(), earlier[source])
    }
    write_json(folder / INHERITED, inherited)
    save_weights({name: value for name, value in own.items() if name not in inherited}, folder / WEIGHTS)


def _weights(planned: PlannedStage, steps: StepStore) -> Mapping[str, Tensor]:
    """All entries of a finished stage's network."""
    folder = steps.folder(planned.step)
    own = safetensors.load(folder / WEIGHTS, error=RunError, remedy=AGAIN)
    inherited = json_files.read_object(folder / INHERITED, error=RunError, remedy=AGAIN)
    if not inherited:
        return own
    assert planned.start is not None  # it inherits from there
    earlier = _weights(planned.start, steps)
    return own | {name: earlier[str(source)] for name, source in inherited.items()}
