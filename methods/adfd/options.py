"""The choices of ADFD: its ablations, and everything that the text leaves open (see README.md)."""

from dataclasses import dataclass
from typing import Literal

from ..errors import MethodError

LOSSES = ("cross_entropy", "attributes", "bce", "wbce", "mmd")
DECIDING = ("network", "depth", "merge")
PAPER_GROUPS = (4, 6, 21, 14, 13, 8)  # gender and age, head and shoulders, upper body, lower body, shoes, attachments

Entropy = Literal["paper", "binary"]


@dataclass(frozen=True, slots=True)
class Options:
    """Options of ADFD; no code was released, so there is one reading.

    Attributes:
        network: ``reid`` makes descriptors; ``transfer`` tells attributes of images, to label people with.
        depth: of the ResNet.
        last_stride: of its layer4.
        groups: number of attributes in each group; the runner sets it from the annotation.
        segment: width of each of the N + 1 segments of fc1, whose width is N + 1 times that.
        merge: what is aggregated and what predictors read: a group's ``segments`` each, or the ``whole`` feature,
            undivided (models B and C).
        weights: of frames: ``none`` is the mean (B, D), ``frame`` is one weight from the confidence in all attributes
            (C), ``segment`` one a group (E to H).
        sigma: of the confidence exp(Ent / sigma^2).
        entropy: Ent is the mean of p log p (``paper``), or of p log p + (1 - p) log(1 - p) (``binary``).
        neck: between descriptor and classifier, in training only.
        backprop_attributes: whether the attribute loss trains trunk and fc1, or the predictors alone.
        bce: within a group: the ``mean`` over attributes, or their ``sum``.
        feature_dim: width of the transfer network's attribute feature layer F; 0 takes the pooled channels.
        feature_norm: of F before it enters the MMD: ``l2`` gives it unit length, ``none`` leaves it.
        mmd_alpha: of the Gaussian kernel exp(-d^2 / (2 alpha^2)).
        wbce_sigma: of the weights of the weighted loss; its symbol is that of ``sigma``, its value need not be.
    """

    network: Literal["reid", "transfer"] = "reid"
    depth: Literal[18, 34, 50] = 18
    last_stride: Literal[1, 2] = 2
    groups: tuple[int, ...] = PAPER_GROUPS
    segment: int = 128
    merge: Literal["segments", "whole"] = "segments"
    weights: Literal["none", "frame", "segment"] = "segment"
    sigma: float = 0.5
    entropy: Entropy = "paper"
    neck: Literal["none", "bn", "bn-relu-dropout"] = "none"
    backprop_attributes: bool = True
    bce: Literal["mean", "sum"] = "mean"
    feature_dim: int = 512
    feature_norm: Literal["l2", "none"] = "l2"
    mmd_alpha: float = 0.5
    wbce_sigma: float = 1.0

    def __post_init__(self) -> None:
        if not self.groups or min(self.groups) < 1:
            raise MethodError(
                f"groups = {list(self.groups)} must name at least one group, each with at least one attribute;"
                " leave empty groups out"
            )
        if self.segment < 1 or self.feature_dim < 0:
            raise MethodError("segment is a width of at least 1, feature_dim one of 0 (pooled channels) or more")
        for name in ("sigma", "mmd_alpha", "wbce_sigma"):
            if getattr(self, name) <= 0:
                raise MethodError(f"{name} = {getattr(self, name)} must be positive")
        if self.merge == "whole" and self.weights == "segment":
            raise MethodError("weights = segment weighs segments, and merge = whole has none; write weights = frame")

    @property
    def parts(self) -> int:
        """Into how many parts of one width fc1 is cut."""
        return 1 if self.merge == "whole" else len(self.groups) + 1

    @property
    def fc1(self) -> int:
        """Width of fc1, and so of the descriptor; the same for every way of merging."""
        return self.segment * (len(self.groups) + 1)


READINGS: dict[str, dict[str, object]] = {"paper": {}}
