"""The choices in which papers' baselines differ; see README.md for who made which."""

from dataclasses import dataclass
from typing import Literal

from ..errors import MethodError

LOSSES = ("cross_entropy", "frame_cross_entropy", "triplet")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the baseline.

    Attributes:
        depth: of the ResNet.
        last_stride: of layer4; 1 gives a map of twice the height and width.
        embed: width of a linear frame embedding; 0 compares the 2048 pooled channels.
        hidden: width of a hidden layer with batch norm and ReLU inside the embedding; 0 for none.
        neck: between the descriptor and the classifier, in training.
        descriptor: compared at test time: what goes into the neck or what comes out of it.
        label_smoothing: of both cross entropies.
        margin: of the triplet loss, a number or soft.
        test_pool: over frames at test time; training takes the mean.
    """

    depth: Literal[18, 34, 50, 101, 152] = 50
    last_stride: Literal[1, 2] = 2
    embed: int = 0
    hidden: int = 0
    neck: Literal["none", "bn", "bn-relu-dropout"] = "none"
    descriptor: Literal["before-neck", "after-neck"] = "before-neck"
    label_smoothing: float = 0.0
    margin: Literal["soft"] | float = "soft"
    test_pool: Literal["mean", "max"] = "mean"

    def __post_init__(self) -> None:
        if self.embed < 0 or self.hidden < 0:
            raise MethodError("embed and hidden are widths, 0 for none")
        if self.hidden and not self.embed:
            raise MethodError("hidden is a layer inside the embedding, so it needs embed > 0")
        if not 0 <= self.label_smoothing < 1:
            raise MethodError(f"label_smoothing = {self.label_smoothing} is not in [0, 1)")
        if self.margin != "soft" and self.margin < 0:
            raise MethodError(f"margin = {self.margin} is negative")


READINGS: dict[str, dict[str, object]] = {"paper": {}}
