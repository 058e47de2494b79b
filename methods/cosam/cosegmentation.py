"""The co-segmentation activation module: what is common to the frames of a clip, as a mask.

Each position of a frame is compared with every position of the other frames by normalised cross correlation (NCC); a
1x1 convolution reads those numbers and says how much the position belongs to what is common.

That convolution is linear in the cost volume, so the volume need not be formed.  With ``X_m [D, P]`` the standardised
descriptors of frame m (P = h w positions) and ``W_r [K, P]`` the weights for the r-th other frame,

    W @ cost_volume_n = (sum over m != n of W_rank(n, m) @ X_m^T) @ X_n / D                  (K x D) @ (D x P)

and as rank(n, m) is m for the frames before n and m - 1 for those behind, running sums over m serve all n: work and
memory grow with T, not with T^2, and with P, not with P^2.
"""

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import MethodError
from .options import Options

EPSILON = 1e-4  # added to the deviation, in the released code
SUMMARY = 64  # channels between the two summary convolutions of the released code


def standardise(descriptors: Tensor, std: Literal["unbiased", "biased"]) -> Tensor:
    """Zero mean and unit deviation over channels; a constant descriptor becomes zero.

    Args:
        descriptors: ``[B, T, D, P]``.
        std: whether the deviation has D - 1 or D below its sum.

    Returns:
        ``[B, T, D, P]`` float32, also under autocast: correlations near one are compared with each other.
    """
    x = descriptors.float()
    centred = x - x.mean(dim=2, keepdim=True)
    return centred / (x.std(dim=2, keepdim=True, correction=int(std == "unbiased")) + EPSILON)


def summarise(x: Tensor, weight: Tensor) -> Tensor:
    """``weight @ cost_volume(x)`` without the cost volume; see the head of this file.

    Args:
        x: standardised descriptors ``[B, T, D, P]``.
        weight: of the 1x1 convolution, ``[K, (T - 1) P]``.

    Returns:
        ``[B, T, K, P]``.
    """
    frames, width, positions = x.shape[1:]
    ranked = weight.reshape(-1, frames - 1, positions).transpose(0, 1)  # [T - 1, K, P]
    rows = x.transpose(-1, -2)  # [B, T, P, D]
    as_earlier = ranked @ rows[:, :-1]  # [B, T - 1, K, D]: frame m has rank m for every frame behind it
    as_later = ranked @ rows[:, 1:]  # frame m has rank m - 1 for every frame before it
    earlier = functional.pad(as_earlier.cumsum(dim=1), (0, 0, 0, 0, 1, 0))  # frame 0 has nobody before it
    later = functional.pad(as_later.flip(1).cumsum(dim=1).flip(1), (0, 0, 0, 0, 0, 1))
    return (earlier + later) @ x / width


class Cosam(nn.Module):
    """COSAM behind one CNN block (Sec. 4.1 and 4.2): a spatial mask a frame, then a channel mask a clip.

    Args:
        channels: C of the block's maps.
        size: their height and width.
        options: ``clip``, ``reduce``, ``reduce_small``, ``summary``, ``channel``, ``std``.

    Attributes:
        uniform: replace every mask by its own mean (the spatial one over positions, the other over channels), a
            control.
    """

    def __init__(self, channels: int, size: tuple[int, int], options: Options) -> None:
        super().__init__()
        if options.clip < 2:
            raise MethodError("clip = 1 leaves COSAM nothing to compare a frame with; take 2 or more")
        width = options.width(channels)
        compared = (options.clip - 1) * size[0] * size[1]
        self.clip, self.size, self.std = options.clip, size, options.std
        self.residual = options.channel == "residual"
        self.uniform = False
        self.reduce = nn.Sequential(nn.Conv2d(channels, width, 1), nn.BatchNorm2d(width), nn.ReLU())
        if options.summary == "one":
            self.summary = nn.Sequential(nn.Conv2d(compared, 1, 1))
        else:
            self.summary = nn.Sequential(
                nn.Conv2d(compared, SUMMARY, 1), nn.BatchNorm2d(SUMMARY), nn.ReLU(), nn.Conv2d(SUMMARY, 1, 1)
            )
        self.channel = nn.Sequential(nn.Linear(channels, width), nn.Tanh(), nn.Linear(width, channels), nn.Sigmoid())

    def spatial_mask(self, maps: Tensor) -> Tensor:
        """``[B T, C, h, w]`` -> ``[B T, 1, h, w]`` float32 in (0, 1), one mask a frame."""
        x = self._standardised(maps)
        conv = cast(nn.Conv2d, self.summary[0])
        with torch.autocast(maps.device.type, enabled=False):
            scores = summarise(x, conv.weight.float().flatten(1))  # [B, T, K, P]
            scores = scores.reshape(-1, scores.shape[2], *self.size)  # [B T, K, h, w]
            scores = scores + cast(Tensor, conv.bias).float()[:, None, None]
        for layer in self.summary[1:]:
            scores = layer(scores)
        mask = scores.float().sigmoid()
        return mask.mean(dim=(2, 3), keepdim=True).expand_as(mask) if self.uniform else mask

    def channel_mask(self, masked: Tensor) -> Tensor:
        """Spatially masked maps ``[B T, C, h, w]`` -> ``[B T, C, 1, 1]``, the same for the T frames of a clip."""
        mask = self.channel(masked.mean(dim=(2, 3))).unflatten(0, (-1, self.clip)).mean(dim=1)  # [B, C]
        if self.uniform:
            mask = mask.mean(dim=1, keepdim=True).expand_as(mask)
        return mask.repeat_interleave(self.clip, dim=0)[..., None, None]

    def forward(self, maps: Tensor) -> Tensor:
        """``[B T, C, h, w]``, the frames of a clip side by side -> the same shape."""
        return self.with_mask(maps)[0]

    def with_mask(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, with the spatial mask ``[B T, 1, h, w]`` beside the maps.

        Raises:
            MethodError: maps of another size, or a number of frames that is no multiple of T.
        """
        frames, _, *size = maps.shape
        if tuple(size) != self.size or frames % self.clip:
            raise MethodError(
                f"COSAM was built for clips of {self.clip} frames and maps of {self.size[0]} x {self.size[1]}, as its "
                f"summary convolution has one weight for each position of the other frames; it got {frames} frames "
                f"and maps of {' x '.join(map(str, size))}"
            )
        spatial = self.spatial_mask(maps)
        masked = maps * spatial.to(maps.dtype)
        product = masked * self.channel_mask(masked).to(maps.dtype)
        return (masked + product if self.residual else product), spatial

    def _standardised(self, maps: Tensor) -> Tensor:
        reduced = self.reduce(maps).flatten(2).unflatten(0, (-1, self.clip))  # [B, T, D, P]
        return standardise(reduced, self.std)
