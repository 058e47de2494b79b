"""Pixels: from the suite's normalisation to [-1, 1], in which completion works, and back."""

import torch
from torch import Tensor

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of RGB in [0, 1]


def to_unit(images: Tensor) -> Tensor:
    """Normalised images ``[..., 3, H, W]`` -> float32 in [-1, 1]."""
    mean, deviation = _statistics(images)
    return (images.float() * deviation + mean) * 2 - 1


def to_normalised(images: Tensor) -> Tensor:
    """Images ``[..., 3, H, W]`` in [-1, 1] -> normalised by ImageNet's mean and deviation."""
    mean, deviation = _statistics(images)
    return ((images + 1) / 2 - mean) / deviation


def _statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    both = torch.tensor([MEAN, DEVIATION], device=images.device)[:, :, None, None]  # [2, 3, 1, 1]
    return both[0], both[1]
