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

    Args:
        current: ``[N, C, h, w]``.
        neighbour: ``[N, C, h', w']``.

    Returns:
        ``[N, P, P']`` in [-1, 1]; 0 for patches of zeros.
    """
    return (_directions(patches(current)).transpose(1, 2) @ _directions(patches(neighbour))).clamp(-1, 1)


def _directions(vectors: Tensor) -> Tensor:
    """``[N, D, P]`` -> the same of length 1, or zero where a vector is too short to have a direction."""
    length = vectors.norm(dim=1, keepdim=True)
    return torch.where(length > SMALL, vectors / length.clamp_min(SMALL), torch.zeros_like(vectors))


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
