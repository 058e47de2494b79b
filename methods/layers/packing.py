"""Real frames only: between padded clips and rows of frames.

Padding must never reach a network: not its batch statistics in training and not a descriptor in testing.  So
a clip is packed into the rows of its real frames before a frame network sees it.
"""

import torch
from torch import Tensor


def pack(clips: Tensor, mask: Tensor) -> Tensor:
    """``[B, T, ...]`` and ``[B, T]`` bool -> the real frames in order, ``[N, ...]``."""
    return clips.flatten(0, 1) if bool(mask.all()) else clips[mask]


def unpack(rows: Tensor, mask: Tensor) -> Tensor:
    """``[N, ...]`` and ``[B, T]`` bool -> ``[B, T, ...]`` with zeros where there is no frame."""
    if bool(mask.all()):
        return rows.reshape(*mask.shape, *rows.shape[1:])
    clips = rows.new_zeros((*mask.shape, *rows.shape[1:]))
    return clips.masked_scatter(expand(mask, clips), rows)


def expand(mask: Tensor, like: Tensor) -> Tensor:
    """``[B, T]`` -> ``[B, T, 1, ...]`` with as many axes as ``like``."""
    return mask.reshape(*mask.shape, *([1] * (like.ndim - mask.ndim)))


def zero_padding(features: Tensor, mask: Tensor) -> Tensor:
    """Zeros where there is no frame, whatever stood there (also NaN)."""
    return torch.where(expand(mask, features), features, torch.zeros((), dtype=features.dtype, device=features.device))
