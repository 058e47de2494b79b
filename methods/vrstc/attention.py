"""The temporal attention layer: what of a neighbouring frame resembles each place of this one (Hou et al. 2019, Eq. 3).

It computes in float32 also under autocast, since cosines are multiplied before the softmax. The matrix of weights of
one frame and one neighbour has P x P numbers, P = h * w positions of the feature map: 1 MiB for frames of 128 x 64
pixels (32 x 16 positions), 64 KiB for 64 x 32, 16 MiB for 256 x 128.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

SMALL = 1e-4  # a patch shorter than this is taken for zero: no direction, and no gradient to find one


def patches(maps: Tensor) -> Tensor:
    """The 3x3 patch around each position, zeros beyond the border: ``[N, C, h, w]`` -> ``[N, 9 * C, P]``."""
    return functional.unfold(maps, 3, padding=1)


def patch_similarity(current: Tensor, neighbour: Tensor) -> Tensor:
    """Cosine of all 3x3 patches of two maps.

    The product of two patches is the sum over nine shifts of the product of two vectors, so products of vectors are
    formed once and summed along both positions at a time: no patch is ever laid out.

    Args:
        current: ``[N, C, h, w]`` float32.
        neighbour: ``[N, C, h', w']`` float32.

    Returns:
        ``[N, P, P']`` in [-1, 1]; 0 for patches of zeros.
    """
    products = current.flatten(2).transpose(1, 2) @ neighbour.flatten(2)  # [N, P, P']
    products = _over_patches(products.reshape(len(products), *current.shape[2:], *neighbour.shape[2:]))
    scaled = products.flatten(3).flatten(1, 2) * _one_over_length(current)[:, :, None]
    return (scaled * _one_over_length(neighbour)[:, None]).clamp(-1, 1)


def _over_patches(products: Tensor) -> Tensor:
    """Sum over the nine shifts that move both positions alike: ``[N, h, w, h', w']`` -> the same shape."""
    padded = functional.pad(products, (0, 0, 1, 1, 0, 0, 1, 1))  # rows of both
    products = padded[:, :-2, :, :-2] + products + padded[:, 2:, :, 2:]
    padded = functional.pad(products, (1, 1, 0, 0, 1, 1))  # columns of both
    return padded[:, :, :-2, :, :-2] + products + padded[:, :, 2:, :, 2:]


def _one_over_length(maps: Tensor) -> Tensor:
    """Of the patch around each position, 0 where it is too short: ``[N, C, h, w]`` -> ``[N, P]``."""
    squares = maps.square().sum(dim=1, keepdim=True)
    length = functional.avg_pool2d(squares, 3, stride=1, padding=1, divisor_override=1).flatten(1)  # squared
    return torch.where(length > SMALL**2, length.clamp_min(SMALL**2).rsqrt(), torch.zeros_like(length))


class PatchAttention(nn.Module):
    """softmax over the neighbour's positions of scale times patch cosine, then the weighted sum.  No parameters.

    Args:
        scale: factor of the cosines. With 1 and 512 positions no weight can exceed e^2 / (e^2 + 511) = 0.0143.
        value: what is summed: ``centre``, the neighbour's feature vectors, or ``patch``, its 3x3 patches, folded back
            and divided by how many of them overlap.
    """

    def __init__(self, scale: float, value: Literal["centre", "patch"]) -> None:
        super().__init__()
        self.scale, self.value = scale, value

    def weights(self, current: Tensor, neighbour: Tensor) -> Tensor:
        """Maps ``[N, C, h, w]`` -> ``[N, P, P]``; each row, a position of ``current``, sums to 1."""
        return (self.scale * patch_similarity(current.float(), neighbour.float())).softmax(dim=2)

    def forward(self, current: Tensor, neighbour: Tensor) -> Tensor:
        """Maps ``[N, C, h, w]`` -> the neighbour's, put where they fit: ``[N, C, h, w]``."""
        with _no_autocast(current.device.type):
            weights = self.weights(current, neighbour)
            values = neighbour.float().flatten(2) if self.value == "centre" else patches(neighbour.float())
            mixed = values @ weights.transpose(1, 2)  # [N, C or 9 * C, P]
            size = current.shape[2:]
            if self.value == "centre":
                return mixed.reshape(*mixed.shape[:2], *size).to(current.dtype)
            overlap = functional.fold(torch.ones_like(mixed[:1, :9]), size, 3, padding=1)  # [1, 1, h, w], 4 to 9
            return (functional.fold(mixed, size, 3, padding=1) / overlap).to(current.dtype)


def _no_autocast(device: str) -> AbstractContextManager[Any]:
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()
