"""ADFD, top to bottom: ResNet -> fc1, cut into segments -> weights by confidence -> merged segments, side by side.

Zhao et al.: Attribute-Driven Feature Disentangling and Temporal Aggregation for Video Person Re-Identification, CVPR
2019. README.md lists what the text leaves open and what was chosen. `transfer` is the paper's other network.
"""

from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor, nn

from ..interface import AttributeTargets
from ..layers.head import classifier, embedding, neck
from ..layers.losses import compute_losses, cross_entropy
from ..layers.packing import pack, unpack, zero_padding
from ..layers.resnet import Trunk, global_average
from .confidence import frame_weights, log_confidence
from .losses import group_bce, required
from .options import Options
from .transfer import AttributeTransfer


class ADFD(nn.Module):
    """The re-ID network; see `methods.interface` for the contract of each method here.

    P is the number of parts that are merged, each on its own: one segment a group and a global one, or with
    ``merge = whole`` one part; N is the number of groups.

    Attributes:
        trunk: ResNet.
        embed: fc1.
        predictors: a linear layer a group. Each is used twice: on frames, without gradient, where it says how much a
            frame weighs, and on what was merged, where it is trained.
        classifier: over identities, of the descriptor.
        uniform: weigh all frames alike, a control.
    """

    def __init__(self, num_ids: int, options: Options) -> None:
        super().__init__()
        self.options = options
        self.groups = options.groups
        self.uniform = False
        self.trunk = Trunk(options.depth, options.last_stride)
        self.embed = embedding(self.trunk.channels, options.fc1)
        self.frame_dim = self.descriptor_dim = options.fc1
        # Near zero, as the classifier: every chance is one half at first, every frame weighs the same.
        self.predictors = nn.ModuleList(classifier(options.fc1 // options.parts, count) for count in self.groups)
        self.neck = neck(options.neck, self.descriptor_dim)
        self.classifier = classifier(self.descriptor_dim, num_ids)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> ``[B, D]``."""
        return self.aggregate(self._frames(clips, mask), mask)

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> fc1, ``[N, D]``."""
        return self.embed(global_average(self.trunk(images)))

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, D]`` and ``[B, T]`` bool -> ``[B, D]``, the merged segments side by side."""
        return self.merge(features, mask).flatten(1)

    def merge(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, D]`` and ``[B, T]`` bool -> ``[B, P, D / P]``: each part's weighted sum over the frames."""
        parts = self.cut(features, mask)
        weights = self.frame_weights(parts, mask)
        even = _even(mask, parts)[..., None]  # [B, T, 1]
        if weights is None:
            weights = even
        elif self.options.merge == "segments":  # the global segment is always a mean
            weights = torch.cat([weights.expand(-1, -1, len(self.groups)), even], dim=2)  # [B, T, P]
        return (weights[..., None] * parts).sum(dim=1)

    def cut(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, D]`` and ``[B, T]`` bool -> ``[B, T, P, D / P]``, zero on padding."""
        return zero_padding(features, mask).reshape(*mask.shape, self.options.parts, -1)

    @torch.no_grad()
    def frame_weights(self, parts: Tensor, mask: Tensor) -> Tensor | None:
        """Weights w by confidence, constants to every gradient.

        Args:
            parts: ``[B, T, P, D / P]``, zero on padding.
            mask: ``[B, T]`` bool.

        Returns:
            ``[B, T, N]``, or ``[B, T, 1]`` where a frame has one weight; None where frames are not weighed.
        """
        options = self.options
        if options.weights == "none":
            return None
        chances = self.attribute_logits(parts).sigmoid()  # [B, T, A]
        judged = torch.split(chances, list(self.groups), dim=2) if options.weights == "segment" else (chances,)
        if self.uniform:
            return _even(mask, parts)[..., None].expand(-1, -1, len(judged))
        sure = torch.stack([log_confidence(p, options.sigma, options.entropy) for p in judged], dim=2)
        return frame_weights(sure, mask)

    def attribute_logits(self, parts: Tensor) -> Tensor:
        """``[..., P, D / P]``, of a frame or merged -> ``[..., A]``, the groups side by side."""
        whole = self.options.merge == "whole"
        read = [predict(parts[..., 0 if whole else n, :]) for n, predict in enumerate(self.predictors)]
        return torch.cat(read, dim=-1)

    def attribute_probabilities(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, D]`` and ``[B, T]`` bool -> ``[B, A]``, from what was merged."""
        return self.attribute_logits(self.merge(features, mask)).sigmoid()

    def losses(
        self,
        clips: Tensor,
        mask: Tensor,
        labels: Tensor,
        wanted: Iterable[str],
        attributes: AttributeTargets | None = None,
    ) -> dict[str, Tensor]:
        """The wanted ones of ``cross_entropy`` and ``attributes``, see :meth:`frame_losses`.

        Args:
            clips: ``[B, T, 3, H, W]``.
            mask: ``[B, T]`` bool, false on padding.
            labels: ``[B]`` int64, ``0 .. num_ids - 1``.
            wanted: names out of these; an unknown one is a ``MethodError``.
            attributes: what is known of the batch's attributes; without it the loss of that name is a ``MethodError``.
        """
        return self.frame_losses(self._frames(clips, mask), mask, labels, wanted, attributes)

    def frame_losses(
        self,
        features: Tensor,
        mask: Tensor,
        labels: Tensor,
        wanted: Iterable[str],
        attributes: AttributeTargets | None = None,
    ) -> dict[str, Tensor]:
        """``cross_entropy`` of the concatenation; ``attributes``, the groups' cross entropies on merged segments.

        Args:
            features: ``[B, T, d]`` of frames.
            mask: ``[B, T]`` bool, false on padding.
            labels: ``[B]`` int64, ``0 .. num_ids - 1``.
            wanted: names out of these; an unknown one is a ``MethodError``.
            attributes: what is known of the batch's attributes; without it the loss of that name is a ``MethodError``.
        """

        @cache
        def merged() -> Tensor:
            return self.merge(features, mask)  # [B, P, D / P]

        def of_identities() -> Tensor:
            return cross_entropy(self.classifier(self.neck(merged().flatten(1))), labels)

        def of_attributes() -> Tensor:
            targets = required(attributes, "attributes", self.groups)
            seen = merged() if self.options.backprop_attributes else merged().detach()
            return group_bce(self.attribute_logits(seen), targets.values, self.groups, self.options.bce)

        return compute_losses(wanted, {"cross_entropy": of_identities, "attributes": of_attributes})

    def _frames(self, clips: Tensor, mask: Tensor) -> Tensor:
        return unpack(self.frame_features(pack(clips, mask)), mask)  # [B, T, D]


class WeighingADFD(ADFD):
    """ADFD whose frames have weights: they can be made uniform, and shown."""

    def use_uniform_attention(self, on: bool) -> None:
        """Weigh all real frames alike, or undo it."""
        self.uniform = on

    def explain(self, clips: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """As `explain_features`, from clips ``[B, T, 3, H, W]``."""
        return self.explain_features(self._frames(clips, mask), mask)

    def explain_features(self, features: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Weights ``[B, T]``: ``frames``, the mean over groups, and ``frames/1``, ``frames/2``, ... of each group.

        Where a frame has one weight, ``frames`` stands alone.
        """
        weights = self.frame_weights(self.cut(features, mask), mask)
        assert weights is not None  # such an ADFD is not made without
        of_groups = enumerate(weights.unbind(dim=2), start=1) if self.options.weights == "segment" else ()
        return {"frames": weights.mean(dim=2), **{f"frames/{k}": each for k, each in of_groups}}


def _even(mask: Tensor, like: Tensor) -> Tensor:
    """``[B, T]`` bool -> one over the number of real frames, zero on padding."""
    return mask.to(like.dtype) / mask.sum(dim=1, keepdim=True)


def build(num_ids: int, options: Options, frame_size: tuple[int, int]) -> nn.Module:
    """The network for a number of training identities; any frame size will do."""
    if options.network == "transfer":
        return AttributeTransfer(options)
    return (ADFD if options.weights == "none" else WeighingADFD)(num_ids, options)
