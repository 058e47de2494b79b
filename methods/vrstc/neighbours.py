"""Which frames stand beside a frame: the nearest ones before and after it of which nothing is hidden."""

import torch
from torch import Tensor

NONE = -1


def nearest(clean: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest clean frame up to and from each frame.

    Args:
        clean: frames that may be neighbours, ``[B, T]`` bool.

    Returns:
        Frame numbers of the last one up to and of the first one from each frame, ``[B, T]`` int64, -1 for none. A clean
        frame is its own.
    """
    frames = torch.arange(clean.shape[1], device=clean.device).expand_as(clean)
    end = clean.shape[1]
    earlier = torch.where(clean, frames, NONE).cummax(dim=1).values
    later = torch.where(clean, frames, end).flip(1).cummin(dim=1).values.flip(1)
    return earlier, torch.where(later == end, NONE, later)


def fill_ends(earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
    """Where one of the two is missing the other takes its place; -1 stays where both are."""
    return torch.where(earlier == NONE, later, earlier), torch.where(later == NONE, earlier, later)


def least_hidden(hidden: Tensor, mask: Tensor, pixels: int) -> Tensor:
    """For each frame the other real frame of its tracklet with the fewest hidden pixels.

    Args:
        hidden: number of hidden pixels, ``[B, T]`` int64.
        mask: real frames, ``[B, T]`` bool.
        pixels: of a frame; one of which all are hidden is of no use.

    Returns:
        Frame numbers ``[B, T]`` int64, -1 where there is none. Of equals the nearest is taken, then the earlier one.
    """
    length = hidden.shape[1]
    frames = torch.arange(length, device=hidden.device)
    distance = (frames[:, None] - frames).abs()  # [T, T]
    usable = (mask & (hidden < pixels))[:, None] & (distance > 0)  # [B, T, T]
    # One number orders them: hidden pixels first, then distance; argmin takes the first, which is the earlier.
    cost = torch.where(usable, hidden[:, None] * length + distance, torch.iinfo(torch.int64).max)
    return torch.where(usable.any(dim=2), cost.argmin(dim=2), NONE)
