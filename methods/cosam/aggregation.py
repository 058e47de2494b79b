"""From the last maps of a clip's frames to one descriptor: mean (TP), learned frame weights (TA), LSTM (RNN).

Each has two parts: ``pool`` turns a frame's map into numbers, on its own; ``temporal`` joins the real frames.  TA's
first convolution covers the whole map, so it belongs to the first part, and its channels travel beside the pooled ones.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import MethodError
from ..layers.packing import zero_padding
from ..layers.pooling import masked_mean
from ..layers.resnet import global_average

ATTENTION = 256  # channels of TA's first convolution
HIDDEN = 512  # width of the LSTM, and so of its descriptor


class GlobalAverage(nn.Module):
    """``[N, C, h, w]`` -> ``[N, C]``; of TP and RNN."""

    def forward(self, maps: Tensor) -> Tensor:
        return global_average(maps)


class AttentivePool(nn.Module):
    """TA's part for one frame: channel means, and 256 numbers from a convolution as large as the map."""

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.conv = nn.Conv2d(channels, ATTENTION, size)

    def forward(self, maps: Tensor) -> Tensor:
        """``[N, C, h, w]`` -> ``[N, C + 256]``; a `MethodError` for maps of another size."""
        if tuple(maps.shape[2:]) != self.size:
            raise MethodError(
                f"temporal attention was built for maps of {self.size[0]} x {self.size[1]}, the size of its "
                f"convolution; it got {maps.shape[2]} x {maps.shape[3]}: create it with the frame_size of these frames"
            )
        return torch.cat([global_average(maps), self.attention(maps)], dim=1)

    def attention(self, maps: Tensor) -> Tensor:
        """``[N, C, h, w]`` of the size that it was built for -> ``[N, 256]``."""
        return functional.relu(self.conv(maps)).flatten(1)


class AttendedMean(nn.Module):
    """TA's part for a clip: a convolution over time gives each frame a score; softmax, weighted sum.

    Attributes:
        uniform: weigh all real frames alike, a control.
    """

    def __init__(self) -> None:
        super().__init__()
        self.uniform = False
        self.conv = nn.Conv1d(ATTENTION, 1, 3, padding=1)
        # A ReLU follows: were all scores negative, weights would be equal and nothing here could ever learn. The
        # softmax does not see a common shift.
        nn.init.ones_(cast(Tensor, self.conv.bias))

    def weights(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, C + 256]`` and ``[B, T]`` bool -> ``[B, T]``, rows sum to 1, zero on padding."""
        if self.uniform:
            return mask.to(features.dtype) / mask.sum(dim=1, keepdim=True)
        # beyond a clip's end is what is beyond T: zero
        seen = zero_padding(features[..., -ATTENTION:], mask).transpose(1, 2)
        scores = functional.relu(self.conv(seen))[:, 0]  # [B, T]
        return scores.float().masked_fill(~mask, -torch.inf).softmax(dim=1)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, C + 256]`` and ``[B, T]`` bool -> ``[B, C]``."""
        weights = self.weights(features, mask)
        return (weights[..., None] * zero_padding(features[..., :-ATTENTION], mask)).sum(dim=1)


class MeanOfLSTM(nn.Module):
    """RNN: one LSTM layer over the real frames, in order, and the mean of its outputs."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, HIDDEN, batch_first=True)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, C]`` and ``[B, T]`` bool -> ``[B, 512]``."""
        order = (~mask).to(torch.uint8).argsort(dim=1, stable=True)  # real frames first: then padding comes too late
        real = mask.gather(1, order)
        moved = zero_padding(features, mask).gather(1, order[..., None].expand_as(features))
        outputs, _ = self.lstm(moved)  # [B, T, 512]
        return masked_mean(outputs, real)
