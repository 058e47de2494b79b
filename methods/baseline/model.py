"""ResNet, one feature a frame, mean over frames."""

from collections.abc import Iterable

from torch import Tensor, nn

from ..layers.head import classifier, embedding, neck
from ..layers.losses import batch_hard_triplet, compute_losses, cross_entropy
from ..layers.packing import pack, unpack
from ..layers.pooling import FramePool
from ..layers.resnet import Trunk, global_average, weighted_average
from .options import Options


class Baseline(nn.Module):
    """Frame-averaged ResNet; every module's name is shared with the papers that start from it."""

    def __init__(self, num_ids: int, options: Options) -> None:
        super().__init__()
        self.options = options
        self.trunk = Trunk(options.depth, options.last_stride)
        self.embed = embedding(self.trunk.channels, options.embed, options.hidden)
        self.frame_dim = options.embed or self.trunk.channels
        self.descriptor_dim = self.frame_dim
        self.temporal: nn.Module = FramePool(options.test_pool)
        self.neck = neck(options.neck, self.descriptor_dim)
        self.classifier = classifier(self.descriptor_dim, num_ids)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> ``[B, D]``."""
        return self.aggregate(self._frames(clips, mask), mask)

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, d]``."""
        return self.embed(global_average(self.trunk(images)))

    def frame_maps(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> the last maps ``[N, C, h, w]``."""
        return self.trunk(images)

    def pool_maps(self, maps: Tensor, weights: Tensor) -> Tensor:
        """``[N, C, h, w]`` and ``[N, h, w]`` -> ``[N, d]``."""
        return self.embed(weighted_average(maps, weights))

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, d]`` and ``[B, T]`` bool -> ``[B, D]``."""
        pooled = self.temporal(features, mask)
        return self.neck(pooled) if self.options.descriptor == "after-neck" else pooled

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """The wanted ones of the losses in ``options.LOSSES``, see :meth:`frame_losses`.

        Arguments as in `Method.losses`.
        """
        return self.frame_losses(self._frames(clips, mask), mask, labels, wanted)

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Cross entropy of the clip or of each frame alone, and the triplet loss before the neck.

        Arguments as in `FrameThenTime.frame_losses`.
        """
        margin, smoothing = self.options.margin, self.options.label_smoothing

        def clip_level() -> Tensor:
            return cross_entropy(self.classifier(self.neck(self.temporal(features, mask))), labels, smoothing)

        def frame_level() -> Tensor:
            of_frame = labels[:, None].expand_as(mask)[mask]  # [N]
            return cross_entropy(self.classifier(self.neck(pack(features, mask))), of_frame, smoothing)

        def triplet() -> Tensor:
            return batch_hard_triplet(self.temporal(features, mask), labels, margin)

        known = {"cross_entropy": clip_level, "frame_cross_entropy": frame_level, "triplet": triplet}
        return compute_losses(wanted, known)

    def _frames(self, clips: Tensor, mask: Tensor) -> Tensor:
        return unpack(self.frame_features(pack(clips, mask)), mask)  # [B, T, d]


def build(num_ids: int, options: Options, frame_size: tuple[int, int]) -> Baseline:
    """The network for a number of training identities; any frame size will do."""
    return Baseline(num_ids, options)
