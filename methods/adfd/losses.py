"""Losses of attributes: of groups on merged segments, plain and weighted on images, and the MMD of two domains.

An attribute that is not known (NaN) takes no part; where none is known the loss is 0, with zero gradients.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import MethodError
from ..interface import AttributeTargets


def required(attributes: AttributeTargets | None, loss: str, groups: tuple[int, ...]) -> AttributeTargets:
    """The targets of a batch, which a loss of attributes cannot do without.

    Raises:
        MethodError: there are none, or they are of another number of attributes than the network's.
    """
    if attributes is None:
        raise MethodError(
            f"the loss {loss!r} needs to know attributes of the people, and this batch came without any; train on data "
            "that an annotation or a labeller describes"
        )
    if attributes.values.shape[1] != sum(groups):
        raise MethodError(
            f"the loss {loss!r} got {attributes.values.shape[1]} attributes a person, and the network was built for "
            f"{sum(groups)} in groups of {'-'.join(map(str, groups))}; build it with the groups of this annotation"
        )
    return attributes


def group_bce(
    logits: Tensor, values: Tensor, groups: tuple[int, ...], within: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """Sum over groups of each group's binary cross entropy.

    Args:
        logits: ``[B, A]``, the groups side by side.
        values: ``[B, A]``, 1, 0 or NaN.
        groups: number of attributes of each group; they sum to A.
        within: a group: the mean over its attributes, or their sum.

    Returns:
        Scalar, a mean over what is known of the batch.
    """
    sizes = list(groups)
    parts = zip(torch.split(logits, sizes, dim=1), torch.split(values, sizes, dim=1), strict=True)
    means = torch.stack([bce(x, y) for x, y in parts])  # [N]
    return (means * means.new_tensor(groups)).sum() if within == "sum" else means.sum()


def bce(logits: Tensor, values: Tensor) -> Tensor:
    """Binary cross entropy, the mean over all known entries of ``[B, A]``."""
    return weighted_bce(logits, values, 1.0, 1.0)


def imbalance_weights(positive: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Weights of yes and of no by the share of yes, w: exp((1 - w) / sigma^2) and exp(w / sigma^2).

    Args:
        positive: ``[A]`` w, in [0, 1].
        sigma: the smaller, the more a rare answer weighs.
    """
    return ((1 - positive) / sigma**2).exp(), (positive / sigma**2).exp()


def weighted_bce(logits: Tensor, values: Tensor, yes: Tensor | float, no: Tensor | float) -> Tensor:
    """Binary cross entropy whose two terms have weights of their own, the mean over all known entries.

    Args:
        logits: ``[B, A]``.
        values: ``[B, A]``, 1, 0 or NaN.
        yes: ``[A]`` or one number, weight of the term of y.
        no: the same for the term of 1 - y.
    """
    x, known = logits.float(), ~values.isnan()
    y = values.nan_to_num(0.0)
    losses = -(yes * y * functional.logsigmoid(x) + no * (1 - y) * functional.logsigmoid(-x))  # [B, A]
    return torch.where(known, losses, 0.0).sum() / known.sum().clamp(min=1)


def mmd(source: Tensor, target: Tensor, alpha: float) -> Tensor:
    """Squared maximum mean discrepancy of two samples: mean k(s, s) + mean k(t, t) - 2 mean k(s, t).

    It is the biased estimate: the means include each sample's kernel with itself, which is 1.

    Args:
        source: ``[M, d]``.
        target: ``[N, d]``.
        alpha: k(a, b) = exp(-|a - b|^2 / (2 alpha^2)).

    Returns:
        Scalar, 0 or more.
    """
    s, t = source.float(), target.float()
    return _kernel(s, s, alpha).mean() + _kernel(t, t, alpha).mean() - 2 * _kernel(s, t, alpha).mean()


def _kernel(a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """``[M, d]`` and ``[N, d]`` -> ``[M, N]``. Not through products: their rounding moves near pairs."""
    squares = (a[:, None] - b[None]).square().sum(dim=2)
    return (-squares / (2 * alpha**2)).exp()
