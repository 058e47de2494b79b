"""Recipes: how an arm is trained, as a short list of named stages.

These are values only; the runner gives them their meaning. Lengths, milestones and batch sizes are those of
the paper; nothing here has a default that a paper would have to state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from methods.errors import MethodError

from .schema import fill

PROFILES = ("embedded", "paper")
PLAIN_STARTS = ("scratch", "imagenet", "synthwalk")
"""What a stage may begin from that is no stage itself."""

_BLOCK = re.compile(r"stem|layer[1-4](\.\d+)?")

Precision = Literal["auto", "fp32", "tf32", "bf16", "fp16"]
Filter = Literal["bilinear", "bicubic", "opencv-linear"]


@dataclass(frozen=True, slots=True)
class Clip:
    """Which frames of a tracklet make a training clip.

    Attributes:
        kind: ``consecutive`` from a random start, ``strided``, ``chunked``, ``evenly`` spread, ``every``
            frame, or a paper's own rule by its name (``gltr``, ``jg``), which fixes ``short`` too.
        length: frames a clip.
        short: what a tracklet with fewer frames does: ``loop``, ``pad`` (masked out), ``repeat-last``, or, of
            ``strided`` only, ``random-sorted`` (random frames in order: TKP's code).
        stride: frames from one to the next, of ``strided``.
    """

    kind: Literal["consecutive", "strided", "chunked", "evenly", "every", "gltr", "jg"] = "consecutive"
    length: int = 0
    short: Literal["loop", "pad", "repeat-last", "random-sorted"] = "loop"
    stride: int = 1

    def __post_init__(self) -> None:
        if self.kind != "every" and self.length < 1:
            raise MethodError(f"a clip of kind {self.kind} needs a length of at least 1")
        if self.stride < 1:
            raise MethodError("stride must be at least 1")
        if self.short == "random-sorted" and self.kind != "strided":
            raise MethodError("short = 'random-sorted' belongs to clips of kind strided")


@dataclass(frozen=True, slots=True)
class Sampler:
    """How a batch is drawn: ``batch`` shuffled items, or ``ids`` identities x ``tracklets`` of each.

    ``identity`` draws different identities, each once an epoch; ``grouped`` goes through all tracklets in groups of
    one identity, so that an identity may stand in a batch twice (TKP's code).
    """

    kind: Literal["shuffled", "identity", "grouped"] = "shuffled"
    batch: int = 0
    ids: int = 0
    tracklets: int = 0

    def __post_init__(self) -> None:
        if self.kind == "shuffled" and self.batch < 1:
            raise MethodError("a shuffled sampler needs batch = how many")
        if self.kind != "shuffled" and (self.ids < 1 or self.tracklets < 1):
            raise MethodError(f"a sampler of kind {self.kind} needs ids = how many and tracklets = how many of each")


@dataclass(frozen=True, slots=True)
class Augment:
    """Random changes of a training clip, drawn once a clip or for each frame on its own.

    Attributes:
        flip: chance of a mirror image.
        pad: pixels added on each side before a random crop back to size.
        crop_scale: 1.125 = enlarge by that and crop back; 1 = never.
        crop_chance: of doing so; 0.5 in most code of the field, 1 for ADFD.
        erase: chance of a random rectangle being erased.
        per: ``frame`` where a paper's code draws anew for each frame.
    """

    flip: float = 0.0
    pad: int = 0
    crop_scale: float = 1.0
    crop_chance: float = 0.5
    erase: float = 0.0
    per: Literal["clip", "frame"] = "clip"

    def __post_init__(self) -> None:
        if not all(0 <= chance <= 1 for chance in (self.flip, self.crop_chance, self.erase)):
            raise MethodError("flip, crop_chance and erase are chances between 0 and 1")
        if self.pad < 0 or self.crop_scale < 1:
            raise MethodError("pad must not be negative and crop_scale not below 1")
        if self.pad and self.crop_scale > 1:
            raise MethodError("pad and crop_scale are two ways to shift a frame; take one of them")


@dataclass(frozen=True, slots=True)
class Optimizer:
    """The optimiser and its numbers.

    Attributes:
        decay_norm_and_bias: whether weight decay touches those too.
        fused: all parameters in one pass (Adam and AdamW): the same update but for rounding. On two CPU cores a step of
            32 frames of 64x32 through a ResNet-18 takes a fifth less time.
    """

    kind: Literal["sgd", "adam", "adamw"]
    lr: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    decay_norm_and_bias: bool = True
    fused: bool = False

    def __post_init__(self) -> None:
        if self.fused and self.kind == "sgd":
            raise MethodError("fused is for adam and adamw")
        if self.lr <= 0 or self.weight_decay < 0 or not 0 <= self.momentum < 1:
            raise MethodError("lr must be positive, weight_decay not negative, momentum in [0, 1)")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate over a stage.

    Attributes:
        kind: ``step`` multiplies by ``gamma`` at each milestone; ``one-cycle`` and ``cosine`` end near zero.
        milestones: in the unit of the stage's length (epochs, steps or frames).
        gamma: factor at a milestone.
        warmup: share of the stage in which the rate rises.
    """

    kind: Literal["constant", "step", "cosine", "one-cycle"] = "constant"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if (self.kind == "step") != bool(self.milestones):
            raise MethodError("milestones belong to the schedule of kind step, which needs at least one")
        if list(self.milestones) != sorted(set(self.milestones)) or any(m < 1 for m in self.milestones):
            raise MethodError("milestones must rise and be positive")
        if not 0 <= self.warmup < 1:
            raise MethodError("warmup is a share of the stage, in [0, 1)")


@dataclass(frozen=True, slots=True)
class Length:
    """How long a stage lasts, in exactly one unit: frames seen, epochs, or optimiser steps."""

    frames: int = 0
    epochs: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        given = [value for value in (self.frames, self.epochs, self.steps) if value]
        if len(given) != 1 or given[0] < 1:
            raise MethodError("a length is given as one of frames, epochs or steps, and is positive")


@dataclass(frozen=True, slots=True)
class Turn:
    """One of several updates that a step of training makes, one after the other, on the same batch.

    Attributes:
        trains: module prefixes that learn in this turn, with an optimiser of their own.
        losses: name -> weight.
    """

    trains: tuple[str, ...]
    losses: Mapping[str, float]

    def __post_init__(self) -> None:
        _check_learning(self.trains, self.losses)


@dataclass(frozen=True, slots=True)
class Stage:
    """One recorded step of training.

    Attributes:
        name: unique in its recipe.
        start: one of `PLAIN_STARTS`: ``scratch``, ``imagenet`` (torchvision's weights in the trunk), ``synthwalk``
            (this suite's own in the trunk, `methods.starts`); or ``arm:<arm text>`` (that arm's final weights) or
            ``stage:<name>`` (an earlier stage of this recipe).
        fresh: module prefixes that do not come from the start but keep their initial values.
        takes: where the start calls a module otherwise: prefix here -> prefix there. One module of the start may fill
            several here (TKP: one trunk for its image and its video network).
        trains: module prefixes that learn; ``["*"]`` is all. The rest is frozen, BN statistics included.
        frozen: the last block of every trunk that keeps the weights it starts from, batch statistics included: a
            residual block (``layer4.1``), a stage (``layer3``) or the ``stem``. What a frame is up to there need be
            computed but once for all seeds and arms. Empty freezes none, and so does a run without a start.
        data: ``frames`` (each image alone, as a clip of one frame) or ``clips``.
        losses: name -> weight; the names are those of the method.
        turns: in place of ``trains`` and ``losses``, where networks are trained in turns (adversaries are).
        seen: which frames of the data may enter: ``all``, or only ``unoccluded`` ones, in which the job's region scores
            call nothing occluded; a tracklet's frames close up then, and one without any is left out.
        domain: ``target``, the data of the job; ``source``, other data whose attributes are annotated; ``both``, and
            then half of every batch is of each (attribute transfer).
        normalise: ``imagenet`` mean and deviation, or ``bgr-mean`` (BGR order, mean subtracted).
        quick: the length under the quick budget.
        long: the length under the long budget, in which the paper's mechanism has what it needs: hours on two cores.
        head: trained anew for each head seed on the same trunk; the stages before it are of the trunk seed. It starts
            from other weights, and whatever follows it in its recipe is a head stage too.
    """

    name: str
    start: str
    data: Literal["frames", "clips"]
    sampler: Sampler
    optimizer: Optimizer
    length: Length
    losses: Mapping[str, float] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()
    seen: Literal["all", "unoccluded"] = "all"
    domain: Literal["target", "source", "both"] = "target"
    trains: tuple[str, ...] = ("*",)
    fresh: tuple[str, ...] = ()
    takes: Mapping[str, str] = field(default_factory=dict)
    clip: Clip | None = None
    augment: Augment = Augment()
    normalise: Literal["imagenet", "bgr-mean"] = "imagenet"
    schedule: Schedule = Schedule()
    quick: Length | None = None
    long: Length | None = None
    head: bool = False
    frozen: str = ""

    def __post_init__(self) -> None:
        if (self.data == "clips") != (self.clip is not None):
            raise MethodError("clip = {...} belongs to data = 'clips', which needs it")
        if self.domain != "target" and (self.data != "frames" or self.seen != "all"):
            raise MethodError(f"domain = {self.domain!r} belongs to data = 'frames' and seen = 'all'")
        if self.domain == "both" and (self.sampler.kind != "shuffled" or self.sampler.batch % 2):
            raise MethodError(
                "domain = 'both' needs a shuffled sampler with an even batch: half of it is of each domain"
            )
        if not self.turns:
            _check_learning(self.trains, self.losses)
        elif self.losses or self.trains != ("*",):
            raise MethodError("turns have their own trains and losses; leave those of the stage out")
        kind, _, name = self.start.partition(":")
        plain = kind in PLAIN_STARTS and not name
        if not plain and not (kind in ("arm", "stage") and name):
            raise MethodError(f"start = {self.start!r} is not {', '.join(PLAIN_STARTS)}, arm:<arm> or stage:<name>")
        if self.head and plain:
            raise MethodError(
                f"head = true trains a head on a trunk that is there, but start = {self.start!r}; start from arm:<arm> "
                "or stage:<name>"
            )
        if self.frozen and not _BLOCK.fullmatch(self.frozen):
            raise MethodError(f"frozen = {self.frozen!r} is no block of a trunk; write stem, layer3 or layer4.1")
        if self.takes and plain:
            raise MethodError(f"takes renames modules of a start, but start = {self.start!r} has none")

    @property
    def all_turns(self) -> tuple[Turn, ...]:
        """The updates of one step in order; a plain stage has one."""
        return self.turns or (Turn(self.trains, self.losses),)

    def source_of(self, name: str) -> str | None:
        """The entry of the start's weights that fills an entry of this network, or None where it stays fresh.

        The longest prefix in ``takes`` and ``fresh`` decides; without one an entry keeps its name.
        """
        known = [(prefix, theirs) for prefix, theirs in self.takes.items() if _under(name, prefix)]
        known += [(prefix, "") for prefix in self.fresh if _under(name, prefix)]
        if not known:
            return name
        prefix, theirs = max(known, key=lambda pair: len(pair[0]))
        return theirs + name.removeprefix(prefix) if theirs else None


@dataclass(frozen=True, slots=True)
class Recipe:
    """Stages in order, at one image size.

    Attributes:
        size: (height, width) of what the network sees.
        stages: in the order of training.
        test_crop: frames are enlarged by this before the centre of that size is cut out at test (ADFD: 1.125); 1 takes
            them as they are.
        resize: the filter that brings frames of another size to ``size``, in training and at test; see
            `datasets.images.resize`. Frames of that size are taken as they are, whatever stands here.
        precision: in what numbers the networks compute, in training and at test. ``fp32`` is full float32, as all
            released codes here have it; ``tf32``; ``bf16`` and ``fp16`` mix these with float32; ``auto`` is bf16 where
            the hardware has it and fp32 elsewhere, so that accuracies depend on the machine.
    """

    size: tuple[int, ...]
    stages: tuple[Stage, ...]
    test_crop: float = 1.0
    resize: Filter = "bilinear"
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        if len(self.size) != 2 or any(side < 32 for side in self.size):
            raise MethodError("size is [height, width] in pixels, each at least 32")
        if not 1 <= self.test_crop <= 2:
            raise MethodError("test_crop enlarges frames, by 1 to 2")
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) != len(names):
            raise MethodError("a recipe needs at least one stage, and its stages different names")
        for i, stage in enumerate(self.stages):
            kind, _, name = stage.start.partition(":")
            if kind == "stage" and name not in names[:i]:
                raise MethodError(f"stage {stage.name!r} starts from {name!r}, which is no earlier stage")
            if i and self.stages[i - 1].head and not stage.head:
                raise MethodError(
                    f"stage {stage.name!r} follows the head stage {names[i - 1]!r}, so it is of the head seed too; "
                    "write head = true"
                )

    @property
    def has_head(self) -> bool:
        """Whether any of its own stages is trained anew for each head seed."""
        return any(stage.head for stage in self.stages)


def _check_learning(trains: tuple[str, ...], losses: Mapping[str, float]) -> None:
    if not losses or any(weight <= 0 for weight in losses.values()):
        raise MethodError("losses needs at least one name with a positive weight")
    if not trains:
        raise MethodError("trains is empty, so the stage would learn nothing; write ['*'] for all")


def _under(name: str, prefix: str) -> bool:
    return prefix in ("*", name) or name.startswith(prefix + ".")


def read_recipe(values: Mapping[str, Any], where: str) -> Recipe:
    """A recipe from its table, strictly; a `MethodError` names the place of what is wrong."""
    return fill(Recipe, values, where)
