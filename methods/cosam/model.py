"""COSAM networks, top to bottom: ResNet or SE-ResNet with co-segmentation masks between its blocks -> one vector a
frame -> aggregation over frames.

Subramaniam, Nambiar, Mittal: Co-segmentation Inspired Attention Networks for Video-based Person Re-identification,
ICCV 2019.  README.md lists, by number, where text and released code differ and what was chosen.
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from ..errors import MethodError
from ..layers.head import neck
from ..layers.losses import batch_hard_triplet, compute_losses, cross_entropy
from ..layers.packing import pack, unpack
from ..layers.pooling import FramePool
from ..layers.resnet import Trunk, up_to, weighted_average
from .aggregation import HIDDEN, AttendedMean, AttentivePool, GlobalAverage, MeanOfLSTM
from .cosegmentation import Cosam
from .options import Options
from .se_resnet import SEResNet

LAST_BLOCK = 5


class Network(nn.Module):
    """What all have in common; see `methods.interface` for the contract of each method here.

    Args:
        num_ids: training identities.
        options: all of them.
        frame_size: height and width of the frames, which decide the maps that COSAM and TA are built for.
    """

    def __init__(self, num_ids: int, options: Options, frame_size: tuple[int, int]) -> None:
        super().__init__()
        self.options, self.frame_size = options, frame_size
        self.trunk: Trunk | SEResNet = (
            SEResNet(options.depth, options.stride) if options.squeeze else Trunk(options.depth, options.stride)
        )
        channels, sizes = self.trunk.channels, map_sizes(frame_size, options)
        self.cosam = nn.ModuleDict(
            {str(block): Cosam(channels >> (LAST_BLOCK - block), sizes[block], options) for block in options.placed}
        )
        self._behind = {up_to(self.trunk, f"layer{block - 1}")[-1]: str(block) for block in options.placed}
        if options.placed and isinstance(self.trunk, Trunk):
            self.trunk.alone = next(iter(self._behind))  # the first COSAM looks at other frames
        self.pool: nn.Module
        self.temporal: nn.Module
        self.descriptor_dim = channels
        if options.aggregation == "ta":
            self.pool, self.temporal = AttentivePool(channels, sizes[LAST_BLOCK]), AttendedMean()
        elif options.aggregation == "rnn":
            self.pool, self.temporal = GlobalAverage(), MeanOfLSTM(channels)
            self.descriptor_dim = HIDDEN
        else:
            self.pool, self.temporal = GlobalAverage(), FramePool()
        self.neck = neck(options.neck, self.descriptor_dim)
        self.classifier = nn.Linear(self.descriptor_dim, num_ids)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> ``[B, D]``."""
        return self.temporal(self._frames(clips, mask)[0], mask)

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """``cross_entropy`` and ``triplet``, from one forward pass. Arguments as in `Method.losses`."""
        return self._losses(self(clips, mask), labels, wanted)

    def _losses(self, descriptors: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        def identity() -> Tensor:
            return cross_entropy(self.classifier(self.neck(descriptors)), labels, self.options.label_smoothing)

        def triplet() -> Tensor:
            return batch_hard_triplet(descriptors, labels, self.options.margin)

        return compute_losses(wanted, {"cross_entropy": identity, "triplet": triplet})

    def _frames(self, clips: Tensor, mask: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """One vector a frame ``[B, T, d]``, and COSAM's spatial masks ``[B, T, h, w]`` by name."""
        seen = {}
        maps = pack(clips, mask)
        for name, step in self.trunk.parts():
            maps = step(maps)
            if name in self._behind:
                block = self._behind[name]
                maps, spatial = cast(Cosam, self.cosam[block]).with_mask(maps)
                seen[f"cosam{block}"] = unpack(spatial[:, 0], mask)
        return unpack(self.pool(maps), mask), seen


class PlainNetwork(Network):
    """No COSAM: each frame is encoded alone, and any number of frames will do."""

    def __init__(self, num_ids: int, options: Options, frame_size: tuple[int, int]) -> None:
        super().__init__(num_ids, options, frame_size)
        extra = self.pool.conv.out_channels if isinstance(self.pool, AttentivePool) else 0
        self.frame_dim = self.trunk.channels + extra

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, d]``; with TA its 256 attention channels stand behind the pooled ones."""
        return self.pool(self.trunk(images))

    def frame_maps(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> the last maps ``[N, C, h, w]``."""
        return self.trunk(images)

    def pool_maps(self, maps: Tensor, weights: Tensor) -> Tensor:
        """``[N, C, h, w]`` and ``[N, h, w]`` -> ``[N, d]``; TA's 256 attention channels see the whole map as ever."""
        pooled = weighted_average(maps, weights)
        return torch.cat([pooled, self.pool.attention(maps)], 1) if isinstance(self.pool, AttentivePool) else pooled

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, d]`` and ``[B, T]`` bool -> ``[B, D]``."""
        return self.temporal(features, mask)

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """As `losses`, from frame features. Arguments as in `FrameThenTime.frame_losses`."""
        return self._losses(self.temporal(features, mask), labels, wanted)


class PlainAttention(PlainNetwork):
    """No COSAM, aggregation TA."""

    def use_uniform_attention(self, on: bool) -> None:
        """Weigh all real frames alike, or undo it."""
        _attended(self.temporal).uniform = on

    def explain(self, clips: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """As `explain_features`, from clips ``[B, T, 3, H, W]``."""
        return self.explain_features(self._frames(clips, mask)[0], mask)

    def explain_features(self, features: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """``frames``: TA's weights ``[B, T]``."""
        return {"frames": _attended(self.temporal).weights(features, mask)}


class CosamNetwork(Network):
    """With COSAM, and so for clips of ``clip_length`` real frames of one size."""

    def __init__(self, num_ids: int, options: Options, frame_size: tuple[int, int]) -> None:
        super().__init__(num_ids, options, frame_size)
        self.clip_length = options.clip

    def use_uniform_attention(self, on: bool) -> None:
        """Replace each spatial mask, each channel mask and TA's weights by its own mean, or undo it."""
        for module in self.modules():
            if isinstance(module, Cosam | AttendedMean):
                module.uniform = on

    def explain(self, clips: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """``cosam4``, ``cosam5``, ...: spatial masks ``[B, T, h, w]``; with TA ``frames``, its weights ``[B, T]``."""
        features, seen = self._frames(clips, mask)
        if isinstance(self.temporal, AttendedMean):
            seen["frames"] = self.temporal.weights(features, mask)
        return seen

    def _frames(self, clips: Tensor, mask: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        given = isinstance(self.trunk, Trunk) and self.trunk.given  # maps, of frames of the right size
        real, frames, size = bool(mask.all()), clips.shape[1], self.frame_size if given else tuple(clips.shape[3:])
        if not real or frames != self.clip_length or size != self.frame_size:
            found = f"{frames} frames of {size[0]} x {size[1]}" + ("" if real else " with padding")
            raise MethodError(
                f"this network takes clips of exactly {self.clip_length} real frames of {self.frame_size[0]} x "
                f"{self.frame_size[1]}, as COSAM's summary convolution has one weight for each position of the other "
                f"frames; it got {found}: cut tracklets into snippets of {self.clip_length}, or create it for these"
            )
        return super()._frames(clips, mask)


def _attended(temporal: nn.Module) -> AttendedMean:
    if not isinstance(temporal, AttendedMean):
        raise MethodError("the temporal attention of this network was replaced by a control")
    return temporal


def map_sizes(frame_size: tuple[int, int], options: Options) -> dict[int, tuple[int, int]]:
    """Height and width of the map behind each block, 1 (the stem) to 5.

    ``(256, 128)`` gives 64 x 32 twice, 32 x 16, 16 x 8, and at last 16 x 8 (stride 1) or 8 x 4.
    """

    def halved(side: int) -> int:
        return -(-side // 2)

    def side(length: int) -> list[int]:
        half = halved(length)  # the stem's convolution
        pooled = max(halved(half - 3) + 1, 1) if options.squeeze else halved(half)  # ceiling without padding, or padded
        third = halved(pooled)
        fourth = halved(third)
        return [pooled, pooled, third, fourth, fourth if options.stride == 1 else halved(fourth)]

    high, wide = map(side, frame_size)
    return {block: (h, w) for block, (h, w) in enumerate(zip(high, wide, strict=True), start=1)}


def build(num_ids: int, options: Options, frame_size: tuple[int, int]) -> Network:
    """The network for a number of training identities and for frames of one size."""
    if options.placed:
        return CosamNetwork(num_ids, options, frame_size)
    return (PlainAttention if options.aggregation == "ta" else PlainNetwork)(num_ids, options, frame_size)
