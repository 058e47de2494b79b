"""Pooling over the real frames of a clip."""

from typing import Literal

import torch
from torch import Tensor, nn

from .packing import expand, zero_padding


def masked_mean(features: Tensor, mask: Tensor) -> Tensor:
    """``[B, T, ...]`` and ``[B, T]`` bool -> the mean over real frames, ``[B, ...]``."""
    count = mask.sum(dim=1).reshape(-1, *([1] * (features.ndim - 2)))
    return zero_padding(features, mask).sum(dim=1) / count


def masked_max(features: Tensor, mask: Tensor) -> Tensor:
    """``[B, T, ...]`` and ``[B, T]`` bool -> the maximum over real frames, ``[B, ...]``."""
    low = torch.finfo(features.dtype).min
    return features.masked_fill(~expand(mask, features), low).amax(dim=1)


class FramePool(nn.Module):
    """Mean over the real frames; at test time optionally their maximum.  It has no parameters.

    Args:
        test_pool: what eval mode does.  Training always takes the mean.
    """

    def __init__(self, test_pool: Literal["mean", "max"] = "mean") -> None:
        super().__init__()
        self.test_pool = test_pool

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, d]`` and ``[B, T]`` bool -> ``[B, d]``."""
        if self.test_pool == "max" and not self.training:
            return masked_max(features, mask)
        return masked_mean(features, mask)
