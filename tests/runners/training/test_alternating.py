"""Networks that are trained in turns: who learns when, from which random numbers, and after an interruption."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.frames.decoded import FrameStore
from methods.cards.recipe import Length, Optimizer, Sampler, Stage, Turn
from methods.errors import MethodError
from runners.training.batches import BatchStream
from runners.training.loop import CHECKPOINT_SECONDS, StageTraining, train_stage
from runners.training.sources import PixelSource

STEPS = 6


class Game(nn.Module):
    """A generator and a judge of one number each; every call writes down what it saw."""

    descriptor_dim = 1

    def __init__(self, stop_after: int = 10**9) -> None:
        super().__init__()
        self.generator, self.judge = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        self.stop_after = stop_after
        self.draws: list[tuple[str, float]] = []
        self.learning: list[tuple[str, bool, bool]] = []
        with torch.no_grad():
            self.generator.weight.fill_(1.0)
            self.judge.weight.fill_(1.0)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        return clips.new_zeros(len(clips), 1)

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        (name,) = wanted
        if len(self.draws) >= self.stop_after:
            raise KeyboardInterrupt
        self.draws.append((name, float(torch.rand(()))))
        self.learning.append((name, self.generator.weight.requires_grad, self.judge.weight.requires_grad))
        fake = self.judge(self.generator(torch.ones(1, 1))).sum()
        return {name: fake if name == "generate" else -fake}


def _stage() -> Stage:
    return Stage(
        name="game",
        start="scratch",
        data="frames",
        sampler=Sampler("shuffled", batch=4),
        turns=(Turn(("judge",), {"discriminate": 1.0}), Turn(("generator",), {"generate": 0.5})),
        optimizer=Optimizer("sgd", 0.1),
        length=Length(steps=STEPS),
    )


def _train(game: Game, folder: Path, seconds: float = CHECKPOINT_SECONDS) -> list[dict[str, float]]:
    store = FrameStore(np.full(4, 2), (8, 4), frames=np.zeros((8, 8, 4, 3), dtype=np.uint8))
    stage = _stage()
    batches = BatchStream(stage, store.lengths, np.arange(4), seed=3)
    source = PixelSource(store, stage, 3, "cpu", "fp32")
    training = StageTraining(
        stage,
        batches,
        source,
        steps=STEPS,
        unit="steps",
        seed=3,
        device="cpu",
        folder=folder,
        title="game",
        checkpoint_seconds=seconds,
    )
    return train_stage(game, training)


def test_each_turn_moves_its_own_network_after_the_other_has_moved(tmp_path: Path) -> None:
    game = Game()
    log = _train(game, tmp_path)
    judge = generator = 1.0
    for _ in range(STEPS):
        judge += 0.1 * generator  # climbs judge * generator
        generator -= 0.1 * 0.5 * judge  # descends half of it, with the judge as it is now
    assert float(game.judge.weight.detach()) == pytest.approx(judge, rel=1e-5)
    assert float(game.generator.weight.detach()) == pytest.approx(generator, rel=1e-5)
    assert {"discriminate", "generate", "loss"} <= set(log[0])
    assert log[0]["loss"] == pytest.approx(log[0]["discriminate"] + 0.5 * log[0]["generate"])


def test_turns_of_a_step_start_from_the_same_random_numbers_and_steps_do_not(tmp_path: Path) -> None:
    game = Game()
    _train(game, tmp_path)
    assert [name for name, _ in game.draws] == ["discriminate", "generate"] * STEPS
    numbers = [number for _, number in game.draws]
    assert numbers[::2] == numbers[1::2]
    assert len(set(numbers)) == STEPS


def test_only_the_network_whose_turn_it_is_requires_a_gradient(tmp_path: Path) -> None:
    game = Game()
    _train(game, tmp_path)
    assert set(game.learning) == {("discriminate", False, True), ("generate", True, False)}


@pytest.mark.parametrize("calls", [5, 8])  # in the middle of a step, and between two
def test_a_game_that_was_interrupted_ends_as_if_it_had_not_been(tmp_path: Path, calls: int) -> None:
    whole, cut = Game(), Game(stop_after=calls)
    for name in "ab":
        (tmp_path / name).mkdir()
    expected = _train(whole, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        _train(cut, tmp_path / "b", seconds=0.0)
    again = Game()
    assert _train(again, tmp_path / "b") == expected
    assert len(again.draws) < len(whole.draws)
    for ours, theirs in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_stage_with_turns_has_no_losses_of_its_own() -> None:
    with pytest.raises(MethodError, match="turns have their own"):
        Stage(
            name="game",
            start="scratch",
            data="frames",
            sampler=Sampler("shuffled", batch=4),
            losses={"generate": 1.0},
            turns=(Turn(("judge",), {"discriminate": 1.0}),),
            optimizer=Optimizer("sgd", 0.1),
            length=Length(steps=1),
        )
    with pytest.raises(MethodError, match="at least one name"):
        Turn(("judge",), {})
