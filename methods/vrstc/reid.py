"""The re-ID networks: plain, with non-local blocks, and the frozen classifier that guides completion."""

from collections.abc import Iterable
from typing import Literal

from torch import Tensor, nn

from ..layers.head import classifier
from ..layers.losses import compute_losses, cross_entropy
from ..layers.nonlocal_block import NonLocalTrunk
from ..layers.packing import pack, unpack
from ..layers.pooling import FramePool, masked_mean
from ..layers.resnet import Trunk, global_average, weighted_average
from .options import Options
from .regions import region_features, region_rows, region_scores

BLOCKS = {18: {"layer2": 2, "layer3": 2}, 50: {"layer2": 4, "layer3": 6}}  # residual blocks of these stages


class PlainNet(nn.Module):
    """ResNet, average pooling, mean over frames, linear classifier; it also scores regions.

    Attributes:
        trunk: of single frames.
        temporal: the mean over frames, without parameters.
        classifier: over identities.
    """

    def __init__(self, num_ids: int, options: Options) -> None:
        super().__init__()
        self.options = options
        self.trunk = Trunk(options.depth, options.last_stride)
        self.temporal: nn.Module = FramePool()
        self.frame_dim = self.descriptor_dim = self.trunk.channels
        self.classifier = classifier(self.descriptor_dim, num_ids)
        self.region_threshold = options.tau

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> ``[B, D]``."""
        return self.aggregate(self._frames(clips, mask), mask)

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, D]``."""
        return global_average(self.trunk(images))

    def frame_maps(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> the last maps ``[N, D, h, w]``."""
        return self.trunk(images)

    def pool_maps(self, maps: Tensor, weights: Tensor) -> Tensor:
        """``[N, D, h, w]`` and ``[N, h, w]`` -> ``[N, D]``."""
        return weighted_average(maps, weights)

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, D]`` and ``[B, T]`` bool -> ``[B, D]``."""
        return self.temporal(features, mask)

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """``cross_entropy`` of the clip's descriptor. Arguments as in `Method.losses`."""
        return self.frame_losses(self._frames(clips, mask), mask, labels, wanted)

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """The same from frame features ``[B, T, D]``. Arguments as in `FrameThenTime.frame_losses`."""
        known = {"cross_entropy": lambda: cross_entropy(self.classifier(self.temporal(features, mask)), labels)}
        return compute_losses(wanted, known)

    def region_rows(self, height: int) -> tuple[tuple[int, int], ...]:
        """Rows of the three regions, split at floor(i * height / 3)."""
        return region_rows(height)

    def region_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, 3 regions, C]``, see `methods.vrstc.regions.region_features`."""
        return region_features(images, self.trunk, self.options.region_pool)

    def region_scores(self, features: Tensor) -> Tensor:
        """``[T, 3, C]`` -> ``[T, 3]``, the cosine with the mean over time."""
        return region_scores(features)

    def _frames(self, clips: Tensor, mask: Tensor) -> Tensor:
        return unpack(self.frame_features(pack(clips, mask)), mask)  # [B, T, D]


class NonLocalNet(nn.Module):
    """The plain network with non-local blocks: frames of a clip know each other, and their features are averaged.

    Attributes:
        trunk: of clips, see `NonLocalTrunk`; its own ResNet is ``trunk.trunk``.
        classifier: over identities.
    """

    def __init__(self, num_ids: int, options: Options) -> None:
        super().__init__()
        places = nonlocal_places(options.nonlocal_places, options.depth)
        self.trunk = NonLocalTrunk(options.depth, options.last_stride, places=places)
        self.descriptor_dim = self.trunk.channels
        self.classifier = classifier(self.descriptor_dim, num_ids)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> ``[B, D]``, the mean of the frame features."""
        return masked_mean(unpack(global_average(self.trunk(clips, mask)), mask), mask)

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """``cross_entropy`` of the clip's descriptor. Arguments as in `Method.losses`."""
        known = {"cross_entropy": lambda: cross_entropy(self.classifier(self(clips, mask)), labels)}
        return compute_losses(wanted, known)


def nonlocal_places(rule: Literal["alternate", "before-last"], depth: int) -> dict[str, tuple[int, ...]] | None:
    """Stage -> residual blocks (from 0) that a non-local one follows; None for the layers' own, which alternate."""
    if rule == "alternate":
        return None
    return {stage: (blocks - 2,) for stage, blocks in BLOCKS[depth].items()}


class Guider(nn.Module):
    """The ID guider R: the plain network's trunk and classifier, on single frames, always in eval mode.

    Attributes:
        trunk: of single frames.
        classifier: over identities.
    """

    def __init__(self, num_ids: int, options: Options) -> None:
        super().__init__()
        self.trunk = Trunk(options.depth, options.last_stride)
        self.classifier = classifier(self.trunk.channels, num_ids)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Guider":
        """Stays in eval mode whatever ``mode`` says: its batch statistics are frozen too."""
        return super().train(False)

    def features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]``, normalised as everywhere -> ``[N, D]``."""
        return global_average(self.trunk(images))

    def forward(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]``, normalised as everywhere -> scores of identities ``[N, num_ids]``."""
        return self.classifier(self.features(images))
