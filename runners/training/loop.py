"""Train one stage: batches in, weights out, resumable at any step with the same result.

No choice is made on test data, or on any held-out data: the weights of the last step are the result.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from datasets.seeding import generator
from methods.cards.recipe import Stage, Turn
from protocols.precision import computing
from runners.errors import RunError, TrainingFailed
from runners.plan.environment import Precision
from runners.progress import note, step_bar
from runners.training import checkpoints
from runners.training.batches import BatchStream, Picks
from runners.training.optimizer import build_optimizer, learning_rate, milestone_steps, set_trainable
from runners.training.sources import Source

LOG_ROWS = 60  # points of the training curve
CHECKPOINT_SECONDS = 45.0
CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class StageTraining:
    """What a stage trains on and with.

    Attributes:
        stage: what to train, with which losses and optimiser.
        batches: of the stage.
        source: pixels or features.
        steps: optimiser steps.
        unit: of the stage's length, which its milestones are written in.
        seed: of the run.
        device: such as ``cpu``.
        folder: for the checkpoint; one that lies there is resumed from.
        title: for the bar.
        precision: of the source's networks; of the backward pass, too. With ``fp16`` losses are scaled, and a step
            whose gradients are not finite only lowers the scale.
        checkpoint_seconds: a checkpoint is written when this much time has passed.
    """

    stage: Stage
    batches: BatchStream
    source: Source
    steps: int
    unit: str
    seed: int
    device: str
    folder: Path
    title: str
    precision: Precision = "fp32"
    checkpoint_seconds: float = CHECKPOINT_SECONDS

    def fetch(self, step: int) -> tuple[Picks, Tensor]:
        """The batch of a step."""
        picks = self.batches.picks(step)
        return picks, self.source.fetch(picks)

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        milestones = milestone_steps(self.stage.schedule, self.batches, self.unit)
        return learning_rate(self.stage.optimizer.lr, self.stage.schedule, step, self.steps, milestones)


@dataclass(frozen=True)
class TurnOptimizer:
    """A turn with its optimiser."""

    turn: Turn
    optimizer: torch.optim.Optimizer


def train_stage(method: nn.Module, training: StageTraining) -> list[dict[str, float]]:
    """Train in place.

    A step makes one update, or one for each of the stage's turns, on the same batch and from the same random numbers.

    Args:
        method: at its starting weights, on the device.
        training: what it is trained on and with.

    Returns:
        Rows of the training curve: ``step``, ``frames``, ``lr``, ``loss`` (the weighted sum, over all turns) and each
        loss by name.

    Raises:
        TrainingFailed: a loss is not finite; the message names which one, where, and what else was odd.
    """
    state = _Progress.of(method, training)
    begin, steps, frames = state.step, training.steps, training.batches.frames_per_step
    saved = time.monotonic()
    # Dropout draws from torch's global generator: seeded anew for each step, and given back afterwards.
    with (
        computing("tf32" if training.precision == "tf32" else "fp32", torch.device(training.device)),
        torch.random.fork_rng(),
        ThreadPoolExecutor(1) as ahead,
        step_bar(training.title, steps * frames, "frames", done=begin * frames) as bar,
    ):
        coming = ahead.submit(training.fetch, begin) if begin < steps else None
        for step in range(begin, steps):
            assert coming is not None
            picks, batch = coming.result()
            if step + 1 < steps:
                coming = ahead.submit(training.fetch, step + 1)
            rate = training.rate(step)
            values = _update(state, training, picks, batch, rate)
            state.log_step(values, rate, training)
            bar.set_postfix_str(f"loss {values['loss']:.2f}", refresh=False)
            bar.update(frames)
            if time.monotonic() - saved > training.checkpoint_seconds and state.step < steps:
                state.save(training.folder / CHECKPOINT)
                saved = time.monotonic()
    checkpoints.remove(training.folder / CHECKPOINT)
    method.eval()
    return state.log


@dataclass
class _Progress:
    """How far a training has come, as a checkpoint keeps it.

    Attributes:
        method: the network.
        turns: of the stage.
        scaler: of the losses.
        log: rows of the training curve.
        sums: of each loss since the last row.
        step: how many were done.
    """

    method: nn.Module
    turns: list[TurnOptimizer]
    scaler: torch.amp.GradScaler
    log: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    step: int = 0

    @classmethod
    def of(cls, method: nn.Module, training: StageTraining) -> Self:
        """At the beginning, or where the checkpoint stands."""
        turns = []
        for turn in training.stage.all_turns:
            set_trainable(method, turn.trains, training.stage.frozen)
            turns.append(TurnOptimizer(turn, build_optimizer(method, training.stage.optimizer)))
        scaler = torch.amp.GradScaler(torch.device(training.device).type, enabled=training.precision == "fp16")
        found = cls(method, turns, scaler)
        found._resume(training.folder / CHECKPOINT, training.device)
        return found

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state = {
            "method": self.method.state_dict(),
            "optimizers": [each.optimizer.state_dict() for each in self.turns],
            "scaler": self.scaler.state_dict(),
            "log": self.log,
            "sums": self.sums,
            "step": self.step,
        }
        checkpoints.save(path, state)

    def _resume(self, path: Path, device: str) -> None:
        if not path.is_file():
            return
        try:
            state = checkpoints.load(path, device)
        except RunError as error:
            note(f"{error}: the stage is trained from its beginning")
            checkpoints.remove(path)
            return
        self.method.load_state_dict(state["method"])
        for each, saved in zip(self.turns, state["optimizers"], strict=True):
            each.optimizer.load_state_dict(saved)
        self.scaler.load_state_dict(state["scaler"])
        self.log, self.sums, self.step = list(state["log"]), dict(state["sums"]), int(state["step"])

    def log_step(self, values: dict[str, float], rate: float, training: StageTraining) -> None:
        """Count a step that was made, with its losses; every so often their means become a row of the curve."""
        self.step += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if self.step % max(1, training.steps // LOG_ROWS) == 0 or self.step == training.steps:
            behind = self.step - (int(self.log[-1]["step"]) if self.log else 0)
            row = {"step": self.step, "frames": self.step * training.batches.frames_per_step, "lr": rate}
            self.log.append({**row, **{name: total / behind for name, total in self.sums.items()}})
            self.sums = {}


def _update(state: _Progress, training: StageTraining, picks: Picks, batch: Tensor, rate: float) -> dict[str, float]:
    """One update for each turn; gives ``loss`` and each loss by name.

    Args:
        state: of the step before.
        training: what is trained on and with.
        picks: which frames the batch is of.
        batch: as `Source.fetch` gave it.
        rate: of learning.

    Raises:
        TrainingFailed: a loss is not finite.
    """
    values: dict[str, float] = {"loss": 0.0}
    for each in state.turns:
        if len(state.turns) > 1:
            set_trainable(state.method, each.turn.trains, training.stage.frozen)
        for group in each.optimizer.param_groups:
            group["lr"] = rate
        _seed(
            int(generator(training.seed, training.stage.name, "dropout", state.step).integers(2**62)), training.device
        )
        named = training.source.losses(state.method, batch, picks, tuple(each.turn.losses))
        total = sum(weight * named[name] for name, weight in each.turn.losses.items())
        assert isinstance(total, Tensor)
        values |= {name: float(value.detach()) for name, value in named.items()}
        values["loss"] += float(total.detach())
        if not np.isfinite(list(values.values())).all():
            raise TrainingFailed(_diagnosis(state, training, rate, values))
        each.optimizer.zero_grad(set_to_none=True)
        state.scaler.scale(total).backward()
        state.scaler.step(each.optimizer)
        state.scaler.update()
    return values


def _seed(value: int, device: str) -> None:
    """As `torch.manual_seed`, which without a GPU notes a whole call stack each time, for 11 ms."""
    torch.default_generator.manual_seed(value)
    if torch.device(device).type == "cuda":
        torch.cuda.manual_seed_all(value)


def _diagnosis(state: _Progress, training: StageTraining, rate: float, values: dict[str, float]) -> str:
    """Which loss of a step is not finite, and what else is odd, in a sentence."""
    wrong = [name for name, value in values.items() if name != "loss" and not np.isfinite(value)] or ["loss"]
    spoilt = [name for name, p in state.method.named_parameters() if not bool(torch.isfinite(p).all())]
    cause = (
        f"the parameters {spoilt[0]} and {len(spoilt) - 1} more are not finite"
        if spoilt
        else "all parameters are finite"
    )
    before = f"; the last mean loss was {state.log[-1]['loss']:.3g}" if state.log and "loss" in state.log[-1] else ""
    return (
        f"{training.title}: the loss {', '.join(wrong)} is not finite at step {state.step + 1} "
        f"(learning rate {rate:.3g}; {cause}{before}). Lower the stage's lr or train with --precision fp32; finished "
        "steps are kept."
    )
