"""Probe networks learn nothing and tell what they were shown: which frames, and what the pixels were like."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.frames.decoded import FrameStore
from datasets.seeding import generator

NAMES = tuple(
    f"{colour} {what}"
    for what in ("mean", "deviation", "right over left", "lower over upper")
    for colour in ("red", "green", "blue")
)
"""Measured of a frame, channel by channel: a mirrored, turned, swapped or rescaled picture shows in them."""


class ProbeNetworkFrames(nn.Module):
    """Statistics of each frame (`NAMES`), in place of frame features."""

    frame_dim = descriptor_dim = len(NAMES)

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, 12]``."""
        flat = images.float()
        height, width = flat.shape[-2:]
        whole = (-2, -1)
        left, right = flat[..., : width // 2].mean(whole), flat[..., width // 2 :].mean(whole)
        upper, lower = flat[..., : height // 2, :].mean(whole), flat[..., height // 2 :, :].mean(whole)
        deviation = flat.flatten(-2).std(-1)
        return torch.cat([flat.mean(whole), deviation, right - left, lower - upper], dim=-1)

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """The mean over real frames."""
        real = mask[..., None].float()
        return (features * real).sum(1) / real.sum(1)

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """None. Arguments as in `FrameThenTime.frame_losses`."""
        return {}

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` -> ``[B, 12]``."""
        return self.aggregate(self.frame_features(clips), mask)

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """None. Arguments as in `Method.losses`."""
        return {}


class ProbeNetworkClips(nn.Module):
    """The same from whole clips; ``seen``, if given, gathers the real frames of training batches."""

    descriptor_dim = len(NAMES)

    def __init__(self, seen: list[Tensor] | None = None) -> None:
        super().__init__()
        self.network, self.seen = ProbeNetworkFrames(), seen

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` -> ``[B, 12]``."""
        return torch.as_tensor(self.network(clips, mask))

    def losses(
        self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str], **known: Any
    ) -> dict[str, Tensor]:
        """None; the frames are kept.

        Args:
            clips: ``[B, T, 3, H, W]``; the real frames are appended to ``seen``, where there is one.
            mask: ``[B, T]`` bool, false on padding.
            labels, wanted, known: not looked at.
        """
        if self.seen is not None:
            self.seen.append(clips[mask])
        return {}


class NumberedFrames(FrameStore):
    """Frames without pixels that remember which of them were asked for last."""

    def __init__(self, lengths: NDArray[np.int64]) -> None:
        super().__init__(lengths, (4, 4), frames=np.zeros((1, 4, 4, 3), dtype=np.uint8))
        self.asked: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def gather(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Blank frames."""
        self.asked = np.array(rows)
        return np.zeros((*self.asked.shape, 4, 4, 3), dtype=np.uint8)


class ProbeNetworkRows(nn.Module):
    """Tells which frames it was given, and describes a clip by their numbers, so that the averaging shows as well.

    Attributes:
        seen: rows of the real frames of every clip, in the order of the clip.
    """

    descriptor_dim = 3

    def __init__(self, store: NumberedFrames) -> None:
        super().__init__()
        self.store = store
        self.seen: list[tuple[int, ...]] = []

    def tell(self, rows: NDArray[np.int64], mask: NDArray[np.bool_]) -> Tensor:
        """Rows ``[B, T]`` -> ``[B, 3]``: mean number, mean number times place, count."""
        told = []
        for line, real in zip(rows, mask, strict=True):
            numbers = line[real]
            self.seen.append(tuple(int(number) for number in numbers))
            places = np.arange(1, len(numbers) + 1)
            told.append([numbers.mean() / 100, (numbers * places).mean() / 1000, len(numbers)])
        return torch.tensor(told, dtype=torch.float32)


class ProbeNetworkAnyClip(ProbeNetworkRows):
    """Takes clips of any length."""

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` -> ``[B, 3]``."""
        return self.tell(self.store.asked, mask.numpy())


class ProbeNetworkFixedClip(ProbeNetworkAnyClip):
    """Takes clips of four frames only."""

    clip_length = 4


class ProbeNetworkImageAndClip(ProbeNetworkAnyClip):
    """Has a network of its own for images."""

    def image_descriptor(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, 3]``."""
        rows = self.store.asked.reshape(-1, 1)
        return self.tell(rows, np.ones(rows.shape, dtype=bool))


class ProbeNetworkFrameThenTime(ProbeNetworkRows):
    """Aggregates features, which are the frames' numbers."""

    frame_dim = 1

    def frame_features(self, images: Tensor) -> Tensor:
        """Never asked: features are known."""
        return torch.zeros(len(images), 1)

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 1]`` -> ``[B, 3]``."""
        return self.tell(features[..., 0].numpy().astype(np.int64), mask.numpy())

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """None. Arguments as in `FrameThenTime.frame_losses`."""
        return {}

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """Never asked: features are known."""
        return self.aggregate(self.frame_features(clips), mask)


def unsettled(network: nn.Module, key: str) -> nn.Module:
    """Wake parts that start out doing nothing (zeros, ones, BN statistics), so that a change in them shows.

    Residual branches that start at zero, attention that starts uniform and BN that starts as the identity would hide
    whatever is wrong behind them.

    Args:
        network: changed in place.
        key: of the random numbers.
    """
    tensors: Sequence[tuple[str, Tensor]] = [*network.named_parameters(), *network.named_buffers()]
    with torch.no_grad():
        for name, tensor in tensors:
            if not tensor.is_floating_point() or not tensor.numel():
                continue
            first = tensor.flatten()[0]
            if not bool((tensor == first).all()):
                continue
            noise = generator("unsettled", key, name).uniform(0.5, 1.0, tuple(tensor.shape))
            sign = 1.0 if float(first) > 0 else 0.1
            tensor.copy_(torch.from_numpy(np.asarray(sign * noise)).to(tensor.dtype))
    return network
