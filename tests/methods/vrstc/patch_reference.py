"""The plain reference of `attention.patch_similarity`: nine times the numbers, about ten times as slow."""

import torch
from torch import Tensor

from methods.vrstc.attention import SMALL, patches


def plain_similarity(current: Tensor, neighbour: Tensor) -> Tensor:
    """Cosine of all 3x3 patches ``[N, P, P']``, with every patch laid out."""

    def directions(vectors: Tensor) -> Tensor:  # [N, D, P]
        length = vectors.norm(dim=1, keepdim=True)
        return torch.where(length > SMALL, vectors / length.clamp_min(SMALL), torch.zeros_like(vectors))

    return directions(patches(current)).transpose(1, 2) @ directions(patches(neighbour))
