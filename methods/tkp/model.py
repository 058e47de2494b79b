"""TKP, top to bottom: a ResNet for images, a ResNet with non-local blocks for videos, one classifier for both.

Gu, Ma, Chang, Shan, Chen: Temporal Knowledge Propagation for Image-to-Video Person Re-Identification, ICCV 2019.
README.md lists where text and released code differ, and what was chosen where both are silent.
"""

from collections.abc import Iterable
from functools import cache

from torch import Tensor, nn

from ..layers.head import classifier
from ..layers.losses import compute_losses, cross_entropy
from ..layers.nonlocal_block import NonLocalTrunk
from ..layers.packing import pack, unpack
from ..layers.pooling import masked_mean
from ..layers.resnet import Trunk, global_average
from .losses import batch_hard, distance_loss, feature_loss, integrated_triplet
from .options import Options


class TKP(nn.Module):
    """The network; see `methods.interface` for the contract of each method here.

    Attributes:
        image: trunk of single images.
        video: trunk of clips, with non-local blocks unless they are switched off.
        classifier: over identities, one for both.
    """

    def __init__(self, num_ids: int, options: Options) -> None:
        super().__init__()
        self.options = options
        self.image = Trunk(options.depth, options.last_stride)
        self.video = NonLocalTrunk(options.depth, options.last_stride, places=None if options.non_local else {})
        self.descriptor_dim = self.video.channels
        self.classifier = classifier(self.descriptor_dim, num_ids)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> ``[B, D]``, the mean of the video network's frame features."""
        return masked_mean(unpack(self.frame_features_of_clips(clips, mask), mask), mask)

    def image_descriptor(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, D]``, by the image network."""
        return global_average(self.image(images))

    def frame_features_of_clips(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> the video network's features of the N real frames, ``[N, D]``."""
        return global_average(self.video(clips, mask))

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """The wanted ones of the losses below; each network runs at most once, and only if a wanted one needs it.

        ``cross_entropy``: of videos plus of images. ``triplet``: the integrated one, four terms. ``feature`` and
        ``distance``: the transfer, from a detached video network. ``i2v_triplet``: its first term alone.
        ``video_cross_entropy`` and ``video_triplet``: what trains a video network on its own, the teacher.

        Arguments as in `Method.losses`.
        """
        options, of_frame = self.options, labels[:, None].expand_as(mask)[mask]  # [N]

        @cache
        def images() -> Tensor:
            return self.image_descriptor(pack(clips, mask)).float()  # [N, D]

        @cache
        def frames() -> Tensor:
            return self.frame_features_of_clips(clips, mask).float()  # [N, D]

        @cache
        def videos() -> Tensor:
            return masked_mean(unpack(frames(), mask), mask)  # [B, D]

        def taught(features: Tensor) -> Tensor:
            return features if options.backprop_to_video else features.detach()

        def of_videos() -> Tensor:
            return cross_entropy(self.classifier(videos()), labels)

        def of_both() -> Tensor:
            return of_videos() + cross_entropy(self.classifier(images()), of_frame)

        def triplet() -> Tensor:
            return integrated_triplet(images(), of_frame, videos(), labels, options.margin)

        def feature() -> Tensor:
            if not options.target_is_clip:
                return feature_loss(images(), taught(frames()))
            clip_of_frame = mask.nonzero()[:, 0]  # [N]
            return feature_loss(images(), taught(videos())[clip_of_frame])

        known = {
            "cross_entropy": of_both,
            "triplet": triplet,
            "feature": feature,
            "distance": lambda: distance_loss(images(), taught(frames()), options.distance_mean),
            "i2v_triplet": lambda: batch_hard(images(), of_frame, videos(), labels, options.margin),
            "video_cross_entropy": of_videos,
            "video_triplet": lambda: batch_hard(videos(), labels, videos(), labels, options.margin),
        }
        return compute_losses(wanted, known)


def build(num_ids: int, options: Options, frame_size: tuple[int, int]) -> TKP:
    """The network for a number of training identities; any frame size will do."""
    return TKP(num_ids, options)
