"""The choices of COSAM: where text and released code differ, where the text is silent, and the ablations."""

from dataclasses import dataclass
from typing import Literal

from ..errors import MethodError

LOSSES = ("cross_entropy", "triplet")
DECIDING = ("squeeze", "clip", "aggregation")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of COSAM; the defaults are the reading ``paper``.

    Attributes:
        depth: of the ResNet. 18 is for quick tests only: ResNet-18, or with ``squeeze`` one bottleneck a stage.
        squeeze: SE-ResNet in place of ResNet.
        blocks: CNN blocks that a COSAM follows, 2 to 5 (block 1 is the stem), or ``none`` for the plain network.
        clip: T, frames of a clip. Only a network with COSAM is bound to it.
        aggregation: over frames: mean (``tp``), learned weights (``ta``) or the mean output of an LSTM (``rnn``).
        summary: from a position's cost volume to its mask: ``one`` 1x1 convolution, or ``two`` with a batch norm and a
            ReLU between them.
        channel: what the channel mask does: ``multiply`` the masked map, or add the product to it (``residual``).
        reduce: D_R, width of the compared descriptors and of the channel mask's hidden layer.
        reduce_small: the same where a block has 256 channels or fewer.
        std: by which a descriptor is divided before it is compared: with D - 1 (``unbiased``) or with D below the sum.
        last_stride: of the last block; ``rule`` is 1 for tp and rnn, 2 for ta.
        neck: between descriptor and classifier, in training only.
        label_smoothing: of the cross entropy.
        margin: of the triplet loss, a number or soft.
    """

    depth: Literal[18, 50] = 50
    squeeze: bool = False
    blocks: Literal["none"] | tuple[int, ...] = (4, 5)
    clip: int = 4
    aggregation: Literal["tp", "ta", "rnn"] = "tp"
    summary: Literal["one", "two"] = "one"
    channel: Literal["multiply", "residual"] = "multiply"
    reduce: int = 256
    reduce_small: int = 256
    std: Literal["unbiased", "biased"] = "unbiased"
    last_stride: Literal["rule", 1, 2] = "rule"
    neck: Literal["none", "bn"] = "none"
    label_smoothing: float = 0.0
    margin: Literal["soft"] | float = 0.3

    def __post_init__(self) -> None:
        placed = self.placed
        if list(placed) != sorted(set(placed)) or not set(placed) <= {2, 3, 4, 5}:
            raise MethodError(f"blocks = {placed} is not a rising choice of 2, 3, 4 and 5; write 4-5, or none")
        if self.clip < 1:
            raise MethodError(f"clip = {self.clip} is no number of frames")
        if placed and self.clip < 2:
            raise MethodError("clip = 1 leaves COSAM nothing to compare a frame with; take 2 or more, or blocks = none")
        if min(self.reduce, self.reduce_small) < 2:
            raise MethodError("reduce and reduce_small are widths of descriptors that are standardised: 2 or more")
        if not 0 <= self.label_smoothing < 1:
            raise MethodError(f"label_smoothing = {self.label_smoothing} is not in [0, 1)")
        if self.margin != "soft" and self.margin < 0:
            raise MethodError(f"margin = {self.margin} is negative")

    @property
    def placed(self) -> tuple[int, ...]:
        """Blocks that a COSAM follows; empty for the plain network."""
        return () if self.blocks == "none" else self.blocks

    @property
    def stride(self) -> Literal[1, 2]:
        """Stride of the last block."""
        if self.last_stride == "rule":
            return 2 if self.aggregation == "ta" else 1
        return self.last_stride

    def width(self, channels: int) -> int:
        """D_R behind a block of that many channels."""
        return self.reduce_small if channels <= 256 else self.reduce


READINGS: dict[str, dict[str, object]] = {
    "paper": {},
    "released": {
        "summary": "two",
        "channel": "residual",
        "reduce_small": 64,
        "label_smoothing": 0.1,
    },
}
