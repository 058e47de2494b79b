"""The plain reference of `methods.cosam.cosegmentation.summarise`: the cost volume itself, in one batched product."""

import torch
from torch import Tensor


def cost_volume(x: Tensor) -> Tensor:
    """The NCC of each position of each frame with every position of the other frames, in one batched product.

    Args:
        x: standardised descriptors ``[B, T, D, P]``.

    Returns:
        ``[B, T, (T - 1) P, P]``; entry ``[b, n, r P + q, p]`` compares position p of frame n with position q of the
        r-th other frame, in rising order with n itself left out.
    """
    frames = x.shape[1]
    others = torch.tensor([[m for m in range(frames) if m != n] for n in range(frames)], device=x.device)
    rows = x[:, others].transpose(-1, -2).flatten(2, 3)  # [B, T, (T - 1) P, D]
    return rows @ x / x.shape[2]
