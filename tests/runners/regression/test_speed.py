"""Times as ratios: what a busy machine does to both sides cancels, what slows one side alone does not."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

import methods
from runners.regression import speed
from runners.regression.speed import FEWEST, MOST, in_turns, interval, ratios


class Machine:
    """A clock that calls move forward, on a machine whose pace changes all the time."""

    def __init__(self, pace: Callable[[np.random.Generator], float]) -> None:
        self.now, self.pace, self.rng = 0.0, pace, np.random.default_rng(0)
        self.calls: list[str] = []

    def work(self, name: str, seconds: float) -> None:
        self.calls.append(name)
        self.now += seconds * self.pace(self.rng)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[Machine], Machine]:
    def use(machine: Machine) -> Machine:
        monkeypatch.setattr(speed.time, "perf_counter", lambda: machine.now)
        return machine

    return use


def _measured(machine: Machine, arm: float, trunk: float, seconds: float = 5.0) -> list[float]:
    calls = partial(machine.work, "arm", arm), partial(machine.work, "trunk", trunk)
    return in_turns(*calls, seconds, clock=lambda: machine.now)


def test_a_machine_that_is_three_times_slower_throughout_gives_the_same_ratio(
    on: Callable[[Machine], Machine],
) -> None:
    quick, slow = on(Machine(lambda rng: 1.0)), Machine(lambda rng: 3.0)
    first = interval(_measured(quick, 0.3, 0.2))
    on(slow)
    assert interval(_measured(slow, 0.3, 0.2)).median == pytest.approx(first.median) == pytest.approx(1.5)


def test_on_a_noisy_machine_the_interval_holds_the_true_ratio_nineteen_times_in_twenty(
    on: Callable[[Machine], Machine],
) -> None:
    inside = 0
    for seed in range(100):
        machine = on(Machine(lambda rng: float(rng.lognormal(0, 0.4))))
        machine.rng = np.random.default_rng(seed)
        found = interval(_measured(machine, 0.3, 0.2, seconds=60.0))
        inside += found.low <= 1.5 <= found.high
    assert inside >= 90


def test_turns_alternate_so_that_neither_side_always_comes_second(on: Callable[[Machine], Machine]) -> None:
    machine = on(Machine(lambda rng: 1.0))
    pairs = _measured(machine, 0.3, 0.2, seconds=0.0)
    assert len(pairs) == FEWEST
    turns = machine.calls[2:]  # after the warm-up
    assert turns[:4] == ["arm", "trunk", "trunk", "arm"]
    assert turns.count("arm") == turns.count("trunk") == FEWEST


def test_the_budget_bounds_how_often_it_is_measured(on: Callable[[Machine], Machine]) -> None:
    machine = on(Machine(lambda rng: 1.0))
    assert len(_measured(machine, 0.375, 0.125, seconds=10.0)) == 19  # and a call of each to warm up
    assert len(_measured(machine, 0.003, 0.002, seconds=1000.0)) == MOST


def test_the_interval_of_a_median_is_two_of_its_order_statistics() -> None:
    """Nine values: the 2nd and the 8th hold the median with probability 1 - 2 * 10 / 512 = 96 %."""
    found = interval([9.0, 1.0, 5.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0])
    assert (found.median, found.low, found.high) == (5.0, 2.0, 8.0)


@pytest.mark.parametrize(("arm", "paper", "frames"), [("a", "adfd", (8, 32)), ("cosam", "cosam", (9, 33))])
def test_the_trunk_gets_as_many_frames_as_the_arm_computes(
    arm: str, paper: str, frames: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network of clips of three computes nine frames for eight; nothing is timed here."""
    seen: list[int] = []

    def one_call(one: Callable[[], object], other: Callable[[], object], seconds: float) -> list[float]:
        assert isinstance(one, partial)
        assert isinstance(other, partial)
        clips, mask = one.args
        assert mask.numel() == clips.shape[0] * clips.shape[1]
        assert torch.equal(clips.flatten(0, 1), other.args[0])
        seen.append(len(other.args[0]))
        return [1.0] * FEWEST

    monkeypatch.setattr(speed, "in_turns", one_call)
    with torch.random.fork_rng():
        known = methods.arm(arm, methods.paper(paper))
        clips_of_three = {"clip": 3} if arm == "cosam" else {}  # no recipe trains it, so no card names it
        network = dataclasses.replace(known, options={**known.options, **clips_of_three}).build(4, (64, 32))
        assert set(ratios(network, (64, 32), "resnet18", snippet=None, seconds=0.1)) == {"latency", "throughput"}
    assert tuple(seen) == frames
