"""GLTR, top to bottom: ResNet -> one feature a frame -> temporal pyramid (DTP) -> self-attention (TSA) ->
mean.

Li, Wang, Tian, Gao, Zhang: Global-Local Temporal Representations for Video Person Re-Identification, ICCV
2019. README.md lists, by number, where text and released code differ and what was chosen where the text is
silent.
"""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import MethodError
from ..layers.head import classifier, embedding, neck
from ..layers.losses import compute_losses, cross_entropy
from ..layers.packing import pack, unpack, zero_padding
from ..layers.pooling import masked_mean
from ..layers.resnet import Trunk, global_average
from .options import Options

KERNEL = 3  # w in the paper


class Branch(nn.Module):
    """One level of the pyramid, with a receptive field of ``2 * rate + 1`` frames; T is kept.

    ``dilated`` and ``undilated`` reach it by the convolution alone; ``pooling`` by a convolution of width 3
    and a mean over the remaining window (at rate 1 all three are the same, as in Fig. 6).
    """

    def __init__(self, width: int, rate: int, kind: Literal["dilated", "undilated", "pooling"]) -> None:
        super().__init__()
        kernel = 2 * rate + 1 if kind == "undilated" else KERNEL
        dilation = rate if kind == "dilated" else 1
        self.window = 2 * rate + 1 - (KERNEL - 1) if kind == "pooling" else 1
        self.conv = nn.Conv1d(width, width, kernel, dilation=dilation, padding=dilation * (kernel // 2), bias=False)
        nn.init.normal_(self.conv.weight, std=0.001)  # as released; the text does not say

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``[B, d, T]``, zero on padding, and ``[B, T]`` -> ``[B, d, T]``."""
        y = self.conv(x)
        if self.window == 1:
            return y
        real = mask[:, None].to(y.dtype)  # [B, 1, T]
        half = self.window // 2
        total = functional.avg_pool1d(y * real, self.window, stride=1, padding=half)
        share = functional.avg_pool1d(real, self.window, stride=1, padding=half)
        return total / share.clamp(min=1 / (2 * self.window))  # no real frame in reach only on padding


class Pyramid(nn.Module):
    """Dilated temporal pyramid: parallel branches on the frame features, concatenated.

    Equation: F' = [W_1 * F, ..., W_N * F] with dilation r_n = 2^(n-1); the released code puts F itself in
    front.
    """

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.identity = options.identity_branch
        kind, rates = options.pyramid, options.rates
        self.branches = nn.ModuleList(
            Branch(options.embed, rate, kind) for rate in rates if kind != "none"
        )  # empty: frame features go through as they are

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``[B, d, T]``, zero on padding -> ``[B, N d, T]``; what stands on padding means nothing."""
        levels = [branch(x, mask) for branch in self.branches]
        if self.identity or not levels:
            levels.insert(0, x)
        return torch.cat(levels, dim=1)


class SelfAttention(nn.Module):
    """Temporal self-attention: F'' = F' + W (M-weighted mean of projected frames), the identity at first.

    Args:
        width: channels C of F'.
        options: ``alpha``, ``tsa_norm``, ``tsa_zero``, ``softmax_axis``.

    Attributes:
        uniform: replace M by the mean over real frames, a control.
    """

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        inner = width // options.alpha
        normed = options.tsa_norm == "bn-relu"
        self.axis = options.softmax_axis
        self.uniform = False
        self.query = nn.Conv1d(width, inner, 1, bias=not normed)  # a bias before a batch norm does nothing
        self.key = nn.Conv1d(width, inner, 1, bias=not normed)
        self.value = nn.Conv1d(width, inner, 1)
        self.query_norm = nn.BatchNorm1d(inner) if normed else None
        self.key_norm = nn.BatchNorm1d(inner) if normed else None
        if options.tsa_zero == "weight":
            zero = nn.Conv1d(inner, width, 1, bias=False)
            self.out = nn.ModuleList([zero])
            nn.init.zeros_(zero.weight)
        else:
            gain = nn.BatchNorm1d(width)
            self.out = nn.ModuleList([nn.Conv1d(inner, width, 1), gain])
            nn.init.zeros_(gain.weight)
            nn.init.zeros_(gain.bias)

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """M: ``[B, C, T]`` and ``[B, T]`` -> ``[B, T, T]``; row i weighs what makes output frame i."""
        if self.uniform:
            share = mask.to(x.dtype) / mask.sum(dim=1, keepdim=True)
            return share[:, None].expand(-1, mask.shape[1], -1)
        query = _project(self.query, self.query_norm, x, mask)  # [B, C / alpha, T]
        key = _project(self.key, self.key_norm, x, mask)
        logits = query.transpose(1, 2) @ key  # [B, T, T]
        if self.axis == "key":
            return logits.masked_fill(~mask[:, None, :], -torch.inf).softmax(dim=2)
        return logits.masked_fill(~mask[:, :, None], -torch.inf).softmax(dim=1) * mask[:, None, :]

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``[B, C, T]`` and ``[B, T]`` -> ``[B, C, T]``."""
        attended = self.value(x) @ self.weights(x, mask).transpose(1, 2)  # [B, C / alpha, T]
        y = self.out[0](attended)
        if len(self.out) > 1:
            y = _normed(self.out[1], y, mask)
        return x + y


def _normed(norm: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """Batch norm of ``[B, C, T]`` whose statistics are those of real frames."""
    return unpack(norm(pack(x.transpose(1, 2), mask)), mask).transpose(1, 2)


def _project(conv: nn.Conv1d, norm: nn.Module | None, x: Tensor, mask: Tensor) -> Tensor:
    y = conv(x)
    return y if norm is None else functional.relu(_normed(norm, y, mask))


class GlobalLocalHead(nn.Module):
    """All that mixes frames: pyramid, self-attention, mean."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.pyramid = Pyramid(options)
        self.attention = SelfAttention(options.width, options) if options.tsa else None

    def local(self, features: Tensor, mask: Tensor) -> Tensor:
        """F': ``[B, T, d]`` and ``[B, T]`` -> ``[B, C, T]``, zero on padding."""
        x = zero_padding(features, mask).transpose(1, 2)  # [B, d, T]
        return self.pyramid(x, mask) * mask[:, None]

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, d]`` and ``[B, T]`` bool -> ``[B, C]``."""
        x = self.local(features, mask)
        if self.attention is not None:
            x = self.attention(x, mask)
        return masked_mean(x.transpose(1, 2), mask)


class GLTR(nn.Module):
    """The network; see `methods.interface` for the contract of each method here."""

    def __init__(self, num_ids: int, options: Options) -> None:
        super().__init__()
        self.options = options
        self.trunk = Trunk(options.depth, options.last_stride)
        self.embed = embedding(self.trunk.channels, options.embed)
        self.frame_dim, self.descriptor_dim = options.embed, options.width
        self.temporal: nn.Module = GlobalLocalHead(options)
        self.neck = neck(options.neck, self.descriptor_dim)
        self.classifier = classifier(self.descriptor_dim, num_ids)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> ``[B, D]``, the feature before the neck."""
        return self.aggregate(self._frames(clips, mask), mask)

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, d]``."""
        return self.embed(global_average(self.trunk(images)))

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, d]`` and ``[B, T]`` bool -> ``[B, D]``."""
        return self.temporal(features, mask)

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """``cross_entropy``, the paper's only loss. Arguments as in `Method.losses`."""
        return self.frame_losses(self._frames(clips, mask), mask, labels, wanted)

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """``cross_entropy``, from frame features. Arguments as in `FrameThenTime.frame_losses`."""

        def of_clip() -> Tensor:
            return cross_entropy(self.classifier(self.neck(self.temporal(features, mask))), labels)

        return compute_losses(wanted, {"cross_entropy": of_clip})

    def _frames(self, clips: Tensor, mask: Tensor) -> Tensor:
        return unpack(self.frame_features(pack(clips, mask)), mask)  # [B, T, d]


class AttentiveGLTR(GLTR):
    """GLTR with TSA: its attention can be made uniform, and shown."""

    def use_uniform_attention(self, on: bool) -> None:
        """Replace M by the mean over real frames, or undo it."""
        self._attention().uniform = on

    def explain(self, clips: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """As `explain_features`, from clips ``[B, T, 3, H, W]``."""
        return self.explain_features(self._frames(clips, mask), mask)

    def explain_features(self, features: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """``frames``: the attention that each frame receives, averaged over the real frames that give it.

        Rows sum to 1. With ``softmax_axis = query`` every frame gives away the same, so the weights are
        equal.
        """
        attention = self._attention()
        assert isinstance(self.temporal, GlobalLocalHead)  # as it has attention
        x = self.temporal.local(features, mask)
        return {"frames": masked_mean(attention.weights(x, mask), mask)}

    def _attention(self) -> SelfAttention:
        head = self.temporal
        if not isinstance(head, GlobalLocalHead) or head.attention is None:
            raise MethodError("the temporal head was replaced by a control, which has no attention")
        return head.attention


def build(num_ids: int, options: Options, frame_size: tuple[int, int]) -> GLTR:
    """The network for a number of training identities; any frame size will do."""
    return (AttentiveGLTR if options.tsa else GLTR)(num_ids, options)
