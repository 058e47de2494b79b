"""How sure the attribute predictors are of a frame, and what its weight is by that.

Zhao et al. 2019: Ent(p) = 1/A sum of p log p, Conf = exp(Ent / sigma^2), w_t = Conf_t / sum over the frames.
"""

import torch
from torch import Tensor

from ..layers.packing import expand
from .options import Entropy


def log_confidence(probabilities: Tensor, sigma: float, entropy: Entropy = "paper") -> Tensor:
    """The logarithm of Conf, Ent / sigma^2.

    Ent is a negative entropy, and in the paper only one of its two terms: an attribute that is surely there and one
    that is surely not are equally sure (0), and the least sure one has p = 1/e, not one half.

    Args:
        probabilities: ``[..., A]`` in [0, 1], both ends included.
        sigma: the smaller, the more frames differ.
        entropy: ``paper``, or ``binary`` with the term of 1 - p too.

    Returns:
        ``[...]``, from -1 / (e sigma^2), or -log 2 / sigma^2 for ``binary``, to 0.
    """
    terms = torch.xlogy(probabilities, probabilities)  # 0 at p = 0
    if entropy == "binary":
        terms = terms + torch.xlogy(1 - probabilities, 1 - probabilities)
    return terms.mean(dim=-1) / sigma**2


def frame_weights(log_confidences: Tensor, mask: Tensor) -> Tensor:
    """Conf over its sum over the real frames, as a softmax of logarithms: a small sigma then divides no 0 by 0.

    Args:
        log_confidences: ``[B, T, ...]``; what stands on padding means nothing.
        mask: ``[B, T]`` bool.

    Returns:
        ``[B, T, ...]``; sums to 1 over the frames, 0 on padding.
    """
    return log_confidences.masked_fill(~expand(mask, log_confidences), -torch.inf).softmax(dim=1)
