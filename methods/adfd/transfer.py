"""Attribute transfer: a network that learns attributes of one domain's images and tells them of another's.

Loss in the paper: WBCE on the source, and the MMD between attribute features F of source and target. Averaging what it
says of all frames of a person, and cutting at one half, is the runner's business.
"""

from collections.abc import Iterable
from functools import cache

from torch import Tensor, nn
from torch.nn import functional

from ..errors import MethodError
from ..interface import AttributeTargets
from ..layers.head import classifier, embedding
from ..layers.losses import compute_losses
from ..layers.packing import pack, unpack, zero_padding
from ..layers.pooling import masked_mean
from ..layers.resnet import Trunk, global_average
from .losses import bce, imbalance_weights, mmd, required, weighted_bce
from .options import Options


class AttributeTransfer(nn.Module):
    """The network; see `methods.interface` for the contract of each method here.

    Attributes:
        trunk: ResNet.
        embed: the attribute feature layer F.
        predictors: one yes or no for each attribute, from F.
    """

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        self.groups = options.groups
        self.trunk = Trunk(options.depth, options.last_stride)
        self.embed = embedding(self.trunk.channels, options.feature_dim)
        self.frame_dim = options.feature_dim or self.trunk.channels
        self.descriptor_dim = self.frame_dim
        self.predictors = classifier(self.frame_dim, sum(self.groups))  # near zero: every chance is one half at first

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> ``[B, d]``, the mean of F."""
        return self.aggregate(self._frames(clips, mask), mask)

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> F, ``[N, d]``."""
        return self.embed(global_average(self.trunk(images)))

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, d]`` and ``[B, T]`` bool -> ``[B, d]``."""
        return masked_mean(features, mask)

    def attribute_probabilities(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, d]`` and ``[B, T]`` bool -> ``[B, A]``, the mean of what it says of each real frame."""
        return masked_mean(self.predictors(zero_padding(features, mask)).sigmoid(), mask)

    def losses(
        self,
        clips: Tensor,
        mask: Tensor,
        labels: Tensor,
        wanted: Iterable[str],
        attributes: AttributeTargets | None = None,
    ) -> dict[str, Tensor]:
        """The wanted ones of `bce`, `wbce` and `mmd`, see :meth:`frame_losses`.

        Args:
            clips: ``[B, T, 3, H, W]``.
            mask: ``[B, T]`` bool, false on padding.
            labels: not looked at.
            wanted: names out of these; an unknown one is a ``MethodError``.
            attributes: what is known of the batch's attributes; without it each of these losses is a ``MethodError``.
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
        """Losses of every real frame, with the attributes of its clip; identities are not looked at.

        ``bce`` and ``wbce`` are of the source, the rows of which something is known; ``mmd`` is between these and the
        rows of which nothing is.

        Args:
            features: ``[B, T, d]`` of frames.
            mask: ``[B, T]`` bool, false on padding.
            labels: not looked at.
            wanted: names out of these; an unknown one is a ``MethodError``.
            attributes: what is known of the batch's attributes; without it each of these losses is a ``MethodError``.

        Raises:
            MethodError: no attributes; for ``mmd``, a batch of one domain.
        """
        options, rows = self.options, pack(features, mask)  # [N, d]

        def of_frames(loss: str) -> tuple[Tensor, AttributeTargets]:
            targets = required(attributes, loss, self.groups)
            return targets.values[:, None].expand(*mask.shape, -1)[mask], targets  # [N, A]

        @cache
        def logits() -> Tensor:
            return self.predictors(rows)  # [N, A]

        def plain() -> Tensor:
            values, _ = of_frames("bce")
            return bce(logits(), values)

        def weighted() -> Tensor:
            values, targets = of_frames("wbce")
            return weighted_bce(logits(), values, *imbalance_weights(targets.positive, options.wbce_sigma))

        def discrepancy() -> Tensor:
            values, _ = of_frames("mmd")
            of_target = values.isnan().all(dim=1)  # [N]
            if bool(of_target.all()) or not bool(of_target.any()):
                found = "target, without any known attribute" if bool(of_target.all()) else "source"
                raise MethodError(
                    "the loss 'mmd' compares two domains, and every frame of this batch is of the "
                    f"{found}; train in a stage with domain = 'both'"
                )
            seen = functional.normalize(rows.float(), dim=1) if options.feature_norm == "l2" else rows
            return mmd(seen[~of_target], seen[of_target], options.mmd_alpha)

        return compute_losses(wanted, {"bce": plain, "wbce": weighted, "mmd": discrepancy})

    def _frames(self, clips: Tensor, mask: Tensor) -> Tensor:
        return unpack(self.frame_features(pack(clips, mask)), mask)  # [B, T, d]
