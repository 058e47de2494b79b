"""Learning rates by hand, and what a stage trains."""

import itertools

import pytest
import torch
from torch import nn

from methods.cards.recipe import Optimizer, Schedule
from runners.training.optimizer import build_optimizer, learning_rate, set_trainable


def test_step_schedule_divides_at_its_milestones() -> None:
    schedule = Schedule(kind="step", milestones=(10,), gamma=0.1)
    rates = [learning_rate(0.01, schedule, step, 20, [10]) for step in (0, 9, 10, 19)]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])


def test_one_cycle_rises_to_its_peak_and_ends_at_zero() -> None:
    schedule = Schedule(kind="one-cycle", warmup=0.25)
    rates = [learning_rate(1.0, schedule, step, 100, []) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 25 + (1 - 1 / 25) / 25)
    assert max(rates) == rates[24] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    assert all(a >= b for a, b in itertools.pairwise(rates[24:]))


def test_constant_stays() -> None:
    assert {learning_rate(0.3, Schedule(), step, 9, []) for step in range(9)} == {0.3}


def test_weight_decay_spares_vectors_only_when_asked() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    spared = build_optimizer(net, Optimizer("adamw", 0.1, weight_decay=0.05, decay_norm_and_bias=False))
    decays = {id(p): group["weight_decay"] for group in spared.param_groups for p in group["params"]}
    assert decays == {id(p): 0.05 if p.ndim > 1 else 0.0 for p in net.parameters()}
    all_of_them = build_optimizer(net, Optimizer("sgd", 0.1, weight_decay=0.05, momentum=0.9))
    assert [group["weight_decay"] for group in all_of_them.param_groups] == [0.05]


def test_frozen_parts_keep_their_weights_and_statistics() -> None:
    net = nn.ModuleDict({"trunk": nn.BatchNorm1d(3), "head": nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))})
    set_trainable(net, ("head",))
    before = net["trunk"].running_mean.clone()
    out = net["head"](net["trunk"](torch.randn(8, 3)))
    out.square().sum().backward()
    assert torch.equal(net["trunk"].running_mean, before)
    assert net["trunk"].weight.grad is None
    assert all(p.grad is not None for p in net["head"].parameters())
    assert net["head"][1].num_batches_tracked == 1
