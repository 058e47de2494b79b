"""The choices of GLTR: where text and released code differ, where the text is silent, and the ablations."""

from dataclasses import dataclass
from typing import Literal

from ..errors import MethodError

LOSSES = ("cross_entropy",)
MAX_BRANCHES = 5


@dataclass(frozen=True, slots=True)
class Options:
    """Options of GLTR; the defaults are the reading ``paper``.

    Attributes:
        depth: of the ResNet.
        last_stride: of layer4.
        embed: width d of a frame feature.
        pyramid: how local time is seen: ``dilated`` convolutions (DTP), ``undilated`` ones of the same
            receptive field, ``pooling`` of growing windows after a convolution, or ``none`` (TSA on the frame
            features).
        branches: N, 1 to 5.
        dilations: ``doubling`` (1, 2, 4, ...), ``counting`` (1, 2, 3, ...), or one number a branch (1-2-4).
        identity_branch: whether the frame feature itself is concatenated in front of the branches.
        tsa: temporal self-attention on or off.
        alpha: by how much TSA narrows its channels.
        tsa_norm: batch norm and ReLU after the query and key projections, or nothing.
        tsa_zero: what makes TSA the identity at first: a zero output weight, or a zero gain of a batch norm.
        softmax_axis: ``key`` makes each output frame a weighted mean of frames; ``query`` normalises the
            other way.
        neck: between descriptor and classifier, in training only.
    """

    depth: Literal[18, 34, 50, 101, 152] = 50
    last_stride: Literal[1, 2] = 1
    embed: int = 128
    pyramid: Literal["dilated", "undilated", "pooling", "none"] = "dilated"
    branches: int = 3
    dilations: Literal["doubling", "counting"] | tuple[int, ...] = "doubling"
    identity_branch: bool = False
    tsa: bool = True
    alpha: int = 2
    tsa_norm: Literal["bn-relu", "none"] = "bn-relu"
    tsa_zero: Literal["weight", "bn-gain"] = "weight"
    softmax_axis: Literal["key", "query"] = "key"
    neck: Literal["none", "bn", "bn-relu-dropout"] = "bn"

    def __post_init__(self) -> None:
        if not 1 <= self.branches <= MAX_BRANCHES:
            raise MethodError(f"branches = {self.branches} is not in 1 .. {MAX_BRANCHES}")
        if self.embed < 1:
            raise MethodError(f"embed = {self.embed} is no width; GLTR needs a frame embedding, 128 in the paper")
        if self.alpha < 1 or self.width % self.alpha:
            raise MethodError(f"alpha = {self.alpha} does not divide the {self.width} channels of the head")
        rates = self.rates
        if len(rates) != self.branches or any(rate < 1 for rate in rates):
            raise MethodError(f"dilations = {rates} does not fit branches = {self.branches}; give one number a branch")

    @property
    def rates(self) -> tuple[int, ...]:
        """Dilation of each branch."""
        if self.dilations == "doubling":
            return tuple(2**n for n in range(self.branches))
        if self.dilations == "counting":
            return tuple(range(1, self.branches + 1))
        return self.dilations

    @property
    def width(self) -> int:
        """Channels of the head, and so of the descriptor."""
        if self.pyramid == "none":
            return self.embed
        return self.embed * (self.branches + self.identity_branch)


READINGS: dict[str, dict[str, object]] = {
    "paper": {},
    "released": {
        "dilations": "counting",
        "identity_branch": True,
        "tsa_norm": "none",
        "tsa_zero": "bn-gain",
        "neck": "bn-relu-dropout",
    },
}
