"""Optimiser and learning rate of a stage.

The rate is a pure function of the step, so that nothing but the optimiser's own state needs saving.
"""

import math

import torch
from torch import nn

from methods.cards.recipe import Optimizer, Schedule
from methods.layers.resnet import Trunk, frozen_modules
from runners.training.batches import BatchStream

_ONE_CYCLE_START = 25.0  # the first rate is the peak divided by this, as in torch's OneCycleLR


def trains(prefixes: tuple[str, ...], name: str) -> bool:
    """Whether a parameter or module of that dotted name is among the prefixes (``*`` is all)."""
    return any(p in ("*", name) or name.startswith(p + ".") for p in prefixes)


def set_trainable(method: nn.Module, prefixes: tuple[str, ...], frozen: str = "") -> None:
    """Put what a stage trains into training mode, and freeze the rest with its BN statistics.

    Args:
        method: the network.
        prefixes: what learns, by the dotted names of modules.
        frozen: of that, trunks stay as they are up to this block.

    Raises:
        MethodError: a trunk has no such block.
    """
    method.train()
    for name, module in method.named_modules():
        if name:
            module.train(trains(prefixes, name))
    for name, parameter in method.named_parameters():
        parameter.requires_grad_(trains(prefixes, name))
    for trunk in (module for module in method.modules() if frozen and isinstance(module, Trunk)):
        for module in frozen_modules(trunk, frozen):
            module.eval().requires_grad_(False)


def build_optimizer(method: nn.Module, wanted: Optimizer) -> torch.optim.Optimizer:
    """The optimiser over all parameters that require a gradient."""
    learning = [p for p in method.parameters() if p.requires_grad]
    if wanted.decay_norm_and_bias:
        groups = [{"params": learning, "weight_decay": wanted.weight_decay}]
    else:  # vectors are biases and the scales of normalisation
        groups = [
            {"params": [p for p in learning if p.ndim > 1], "weight_decay": wanted.weight_decay},
            {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
        ]
    groups = [group for group in groups if group["params"]]
    if wanted.kind == "sgd":
        return torch.optim.SGD(groups, lr=wanted.lr, momentum=wanted.momentum)
    kind = torch.optim.AdamW if wanted.kind == "adamw" else torch.optim.Adam
    return kind(groups, lr=wanted.lr, fused=wanted.fused)


def learning_rate(peak: float, schedule: Schedule, step: int, total: int, milestones: list[int]) -> float:
    """The rate of one step.

    Args:
        peak: the optimiser's ``lr``.
        schedule: its kind, factor and warm-up share.
        step: from 0.
        total: steps of the stage.
        milestones: of the kind ``step``, in steps.
    """
    if schedule.kind == "step":
        rate = peak * schedule.gamma ** sum(step >= m for m in milestones)
        rising = schedule.warmup * total
        return rate * min(1.0, (step + 1) / rising) if rising else rate
    if schedule.kind == "constant":
        rising = schedule.warmup * total
        return peak * min(1.0, (step + 1) / rising) if rising else peak
    start = peak / _ONE_CYCLE_START
    rising = schedule.warmup * total
    if step < rising:
        share = (step + 1) / rising
        return start + (peak - start) * share
    share = (step + 1 - rising) / max(1.0, total - rising)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def milestone_steps(schedule: Schedule, batches: BatchStream, unit: str) -> list[int]:
    """Milestones of a schedule in steps; they are written in the unit of the stage's length."""
    return [batches.steps(m, unit) for m in schedule.milestones]
