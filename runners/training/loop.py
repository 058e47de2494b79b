"""Train one stage: batches in, weights out, resumable at any step with the same result.

No choice is made on test data, or on any held-out data: the weights of the last step are the result.
"""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.frames.concatenated import TrainingFrames
from datasets.images.transforms import to_tensor
from datasets.seeding import generator
from methods.cards.recipe import Stage, Turn
from methods.interface import AttributeTargets, FrameThenTime, Method
from protocols.precision import computing
from runners.errors import RunError, TrainingFailed
from runners.plan.environment import Precision
from runners.progress import note, step_bar
from runners.training import checkpoints
from runners.training.batches import BatchStream, Picks, pixels
from runners.training.optimizer import build_optimizer, learning_rate, milestone_steps, set_trainable

LOG_ROWS = 60  # points of the training curve
CHECKPOINT_SECONDS = 45.0
CHECKPOINT = "checkpoint.pt"


class Source(Protocol):
    """Gives the losses of a batch, from pixels or from frame features that were computed before."""

    def fetch(self, picks: Picks) -> Tensor:
        """Gather a batch in host memory; runs in a thread of its own, one batch ahead."""
        ...

    def losses(self, method: nn.Module, batch: Tensor, picks: Picks, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Named losses of a fetched batch."""
        ...


def autocast(device: str, precision: Precision) -> AbstractContextManager[Any]:
    """A network's forward pass in these numbers; fp32 is full float32, without the TF32 that torch leaves on."""
    return computing(precision, torch.device(device))


def laid_out(images: Tensor, precision: Precision) -> Tensor:
    """Images ``[N, 3, H, W]`` in the memory order that convolutions of that precision are fastest with."""
    return images.contiguous(memory_format=torch.channels_last if mixed(precision) else torch.contiguous_format)


def mixed(precision: Precision) -> bool:
    """Whether products are made in 16 bits, beside float32 weights."""
    return precision in ("bf16", "fp16")


def encode_frames(method: FrameThenTime, clips: Tensor, mask: Tensor, precision: Precision) -> Tensor:
    """Frame features of clips ``[B, T, 3, H, W]`` -> ``[B, T, d]`` float32, zeros on padding."""
    real = method.frame_features(laid_out(clips[mask], precision)).float()  # [real frames, d]
    return real.new_zeros(*mask.shape, real.shape[-1]).masked_scatter(mask[..., None], real)


@dataclass(frozen=True)
class Targets:
    """Attributes of the training tracklets, for methods that learn some.

    Attributes:
        values: ``[N, A]`` float32, 1 yes, 0 no, NaN unknown.
        positive: ``[A]`` float32, share of yes among what is known of all frames.
    """

    values: NDArray[np.float32]
    positive: NDArray[np.float32]

    @classmethod
    def of(cls, values: NDArray[np.float32], lengths: NDArray[np.int64]) -> Self:
        """Targets of tracklets ``[N, A]`` with so many frames each ``[N]``."""
        known = ~np.isnan(values)
        frames = lengths[:, None] * known
        yes = (np.where(known, values, 0) * frames).sum(axis=0)
        count = frames.sum(axis=0)
        share = np.divide(yes, count, out=np.full(len(yes), 0.5), where=count > 0)
        return cls(values, share.astype(np.float32))

    def of_batch(self, picks: Picks, device: str) -> AttributeTargets:
        """Those of a batch."""
        values = torch.from_numpy(self.values[picks.tracklets])
        return AttributeTargets(values.to(device), torch.from_numpy(self.positive).to(device))


def _attributes(targets: Targets | None, picks: Picks, device: str) -> dict[str, AttributeTargets]:
    """What the losses of a method that learns attributes get on top; nothing for others."""
    return {} if targets is None else {"attributes": targets.of_batch(picks, device)}


@dataclass
class PixelSource:
    """Decoded frames, augmented in uint8 and normalised on the device."""

    store: TrainingFrames
    stage: Stage
    seed: int
    device: str
    precision: Precision
    targets: Targets | None = None

    def fetch(self, picks: Picks) -> Tensor:
        """uint8 ``[B, T, H, W, 3]``."""
        return torch.from_numpy(pixels(picks, self.store, self.stage, self.seed))

    def losses(self, method: nn.Module, batch: Tensor, picks: Picks, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Frame network in mixed precision, aggregation and losses in float32 where they can be told apart."""
        clips = to_tensor(batch.to(self.device, non_blocking=True), self.stage.normalise)
        mask = torch.from_numpy(picks.mask).to(self.device)
        labels = torch.from_numpy(picks.labels).to(self.device)
        known = _attributes(self.targets, picks, self.device)
        if isinstance(method, FrameThenTime):
            with autocast(self.device, self.precision):
                features = encode_frames(method, clips, mask, self.precision)
            return method.frame_losses(features.float(), mask, labels, wanted, **known)
        assert isinstance(method, Method)  # every method is one
        with autocast(self.device, self.precision):
            return method.losses(clips, mask, labels, wanted, **known)


@dataclass
class FeatureSource:
    """Frame features of a frozen frame network, computed once for all stages and arms that share it.

    Equal to :class:`PixelSource` without augmentation (tested).
    """

    features: NDArray[np.float32]  # [F, d]
    offsets: NDArray[np.int64]  # [N + 1]
    device: str
    targets: Targets | None = None

    def fetch(self, picks: Picks) -> Tensor:
        """float32 ``[B, T, d]``, zeros on padding."""
        rows = self.offsets[picks.tracklets][:, None] + picks.frames
        return torch.from_numpy(self.features[rows] * picks.mask[..., None].astype(np.float32))

    def losses(self, method: nn.Module, batch: Tensor, picks: Picks, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Losses from features."""
        assert isinstance(method, FrameThenTime)  # the runner makes this source for no other
        mask = torch.from_numpy(picks.mask).to(self.device)
        labels = torch.from_numpy(picks.labels).to(self.device)
        known = _attributes(self.targets, picks, self.device)
        return method.frame_losses(batch.to(self.device), mask, labels, wanted, **known)


@dataclass(frozen=True)
class TurnOptimizer:
    """A turn with its optimiser."""

    turn: Turn
    optimizer: torch.optim.Optimizer


def train_stage(
    method: nn.Module,
    stage: Stage,
    batches: BatchStream,
    source: Source,
    *,
    steps: int,
    unit: str,
    seed: int,
    device: str,
    folder: Path,
    title: str,
    precision: Precision = "fp32",
    checkpoint_seconds: float | None = None,
) -> list[dict[str, float]]:
    """Train in place.

    A step makes one update, or one for each of the stage's turns, on the same batch and from the same random numbers.

    Args:
        method: at its starting weights, on ``device``.
        stage: what to train, with which losses and optimiser.
        feed: its batches.
        source: pixels or features.
        steps: optimiser steps.
        unit: of the stage's length, which its milestones are written in.
        seed: of the run.
        device: such as ``cpu``.
        folder: for the checkpoint; one that lies there is taken up.
        title: for the bar.
        precision: of the source's networks; of the backward pass, too. With ``fp16`` losses are scaled, and a step
            whose gradients are not finite only lowers the scale.
        checkpoint_seconds: a checkpoint is written when this much time has passed (default 45).

    Returns:
        Rows of the training curve: ``step``, ``frames``, ``lr``, ``loss`` (the weighted sum, over all turns) and each
        loss by name.

    Raises:
        TrainingFailed: a loss is not finite; the message names which one, where, and what else was odd.
    """
    pause = CHECKPOINT_SECONDS if checkpoint_seconds is None else checkpoint_seconds
    turns = []
    for turn in stage.all_turns:
        set_trainable(method, turn.trains)
        turns.append(TurnOptimizer(turn, build_optimizer(method, stage.optimizer)))
    milestones = milestone_steps(stage.schedule, batches, unit)
    log: list[dict[str, float]] = []
    sums: dict[str, float] = {}  # of each loss since the last row
    scaler = torch.amp.GradScaler(torch.device(device).type, enabled=precision == "fp16")
    begin = _take_up(folder / CHECKPOINT, method, turns, scaler, log, sums, device)
    every = max(1, steps // LOG_ROWS)
    saved = time.monotonic()
    # Dropout draws from torch's global generator: seeded anew for each step, and given back afterwards.
    with (
        computing("tf32" if precision == "tf32" else "fp32", torch.device(device)),
        torch.random.fork_rng(),
        ThreadPoolExecutor(1) as ahead,
        step_bar(title, steps * batches.frames_per_step, "frames", done=begin * batches.frames_per_step) as bar,
    ):
        coming = ahead.submit(_fetch, batches, source, begin) if begin < steps else None
        for step in range(begin, steps):
            assert coming is not None
            picks, batch = coming.result()
            if step + 1 < steps:
                coming = ahead.submit(_fetch, batches, source, step + 1)
            rate = learning_rate(stage.optimizer.lr, stage.schedule, step, steps, milestones)
            values: dict[str, float] = {"loss": 0.0}
            for turn_optimizer in turns:
                if len(turns) > 1:
                    set_trainable(method, turn_optimizer.turn.trains)
                for group in turn_optimizer.optimizer.param_groups:
                    group["lr"] = rate
                torch.manual_seed(int(generator(seed, stage.name, "dropout", step).integers(2**62)))
                named = source.losses(method, batch, picks, tuple(turn_optimizer.turn.losses))
                total = sum(weight * named[name] for name, weight in turn_optimizer.turn.losses.items())
                assert isinstance(total, Tensor)
                values |= {name: float(value.detach()) for name, value in named.items()}
                values["loss"] += float(total.detach())
                if not np.isfinite(list(values.values())).all():
                    raise TrainingFailed(_diagnosis(method, title, step, rate, values, log))
                turn_optimizer.optimizer.zero_grad(set_to_none=True)
                scaler.scale(total).backward()
                scaler.step(turn_optimizer.optimizer)
                scaler.update()
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            if (step + 1) % every == 0 or step + 1 == steps:
                behind = (step + 1) - (int(log[-1]["step"]) if log else 0)
                row = {"step": step + 1, "frames": (step + 1) * batches.frames_per_step, "lr": rate}
                log.append({**row, **{name: total_of / behind for name, total_of in sums.items()}})
                sums = {}
            bar.set_postfix_str(f"loss {values['loss']:.2f}", refresh=False)
            bar.update(batches.frames_per_step)
            if time.monotonic() - saved > pause and step + 1 < steps:
                _save(folder / CHECKPOINT, method, turns, scaler, log, sums, step + 1)
                saved = time.monotonic()
    checkpoints.remove(folder / CHECKPOINT)
    method.eval()
    return log


def _fetch(batches: BatchStream, source: Source, step: int) -> tuple[Picks, Tensor]:
    picks = batches.picks(step)
    return picks, source.fetch(picks)


def _save(
    path: Path,
    method: nn.Module,
    turns: list[TurnOptimizer],
    scaler: torch.amp.GradScaler,
    log: list[dict[str, float]],
    sums: dict[str, float],
    step: int,
) -> None:
    state = {
        "method": method.state_dict(),
        "optimizers": [turn_optimizer.optimizer.state_dict() for turn_optimizer in turns],
        "scaler": scaler.state_dict(),
        "log": log,
        "sums": sums,
        "step": step,
    }
    checkpoints.save(path, state)


def _take_up(
    path: Path,
    method: nn.Module,
    turns: list[TurnOptimizer],
    scaler: torch.amp.GradScaler,
    log: list[dict[str, float]],
    sums: dict[str, float],
    device: str,
) -> int:
    if not path.is_file():
        return 0
    try:
        state = checkpoints.load(path, device)
    except RunError as error:
        note(f"{error}: the stage is trained from its beginning")
        checkpoints.remove(path)
        return 0
    method.load_state_dict(state["method"])
    for turn_optimizer, saved in zip(turns, state["optimizers"], strict=True):
        turn_optimizer.optimizer.load_state_dict(saved)
    scaler.load_state_dict(state["scaler"])
    log.extend(state["log"])
    sums.update(state["sums"])
    return int(state["step"])


def _diagnosis(
    method: nn.Module,
    title: str,
    step: int,
    rate: float,
    values: dict[str, float],
    log: list[dict[str, float]],
) -> str:
    wrong = [name for name, value in values.items() if name != "loss" and not np.isfinite(value)] or ["loss"]
    spoilt = [name for name, p in method.named_parameters() if not bool(torch.isfinite(p).all())]
    cause = (
        f"the parameters {spoilt[0]} and {len(spoilt) - 1} more are not finite"
        if spoilt
        else "all parameters are finite"
    )
    before = f"; the last mean loss was {log[-1]['loss']:.3g}" if log and "loss" in log[-1] else ""
    return (
        f"{title}: the loss {', '.join(wrong)} is not finite at step {step + 1} (learning rate {rate:.3g}; {cause}"
        f"{before}). Lower the stage's lr or train with --precision fp32; finished steps are kept."
    )
