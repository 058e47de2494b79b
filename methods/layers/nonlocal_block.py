"""The non-local block over space and time, and a ResNet trunk with such blocks inside.

Wang, Girshick, Gupta, He: Non-local Neural Networks, CVPR 2018 (embedded Gaussian, bottleneck, pooled keys).  TKP
(ICCV 2019) puts five of them into ResNet-50, two in its second and three in its third stage; VRSTC (CVPR 2019) cites
the same placement.  All convolutions are per frame, so clips travel as the packed rows of their real frames, with one
length a clip: padding is no query and no key, and no batch statistic knows of it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import MethodError
from .packing import pack, unpack
from .resnet import STAGES, Trunk

PLACES: Mapping[str, tuple[int, ...]] = {"layer2": (1, 3), "layer3": (1, 3, 5)}  # after these residual blocks, from 0

Attention = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def fused_attention(query: Tensor, key: Tensor, value: Tensor, scale: float = 1.0) -> Tensor:
    """softmax(scale * Q K^T) V without ever holding the matrix of weights, where the device has a kernel for it.

    It computes in float32 also under autocast: the logits of this block are not divided by anything, so that the
    steps of a 16-bit float (0.25 at 32 in bfloat16) would be errors of the exponent.

    Args:
        query: ``[G, L, d]``.
        key: ``[G, M, d]``.
        value: ``[G, M, d]``.
        scale: factor of the logits; the block's default is 1, transformers take ``d ** -0.5``.

    Returns:
        ``[G, L, d]`` float32.  `plain_attention` is the same, written out.
    """
    with _no_autocast(query.device.type):
        # One head, and rows that lie together: kernels turn other layouts away.
        q, k, v = (x.float().contiguous().unsqueeze(1) for x in (query, key, value))
        return functional.scaled_dot_product_attention(q, k, v, scale=scale).squeeze(1)


def plain_attention(query: Tensor, key: Tensor, value: Tensor, scale: float = 1.0) -> Tensor:
    """The reference of `fused_attention`, which holds all ``G x L x M`` weights at once.

    Args:
        query: ``[G, L, d]``.
        key: ``[G, M, d]``.
        value: ``[G, M, d]``.
        scale: factor of the logits.
    """
    with _no_autocast(query.device.type):
        logits = scale * (query.float() @ key.float().transpose(1, 2))  # [G, L, M]
        return logits.softmax(dim=2) @ value.float()


def _no_autocast(device: str) -> AbstractContextManager[Any]:
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class NonLocal(nn.Module):
    """x + BN(W attention(theta x, phi x, g x)): every position looks at all positions of all frames of its clip.

    theta, phi, g and W are 1x1 convolutions with bias; phi and g are followed by a 2x2 max-pool, so that there is a
    quarter as many keys as queries.  The batch norm's gain and shift start at 0: the block starts as the identity.

    Args:
        channels: C; the inner width d is C / 2.
        scale: factor of the logits.  1 as in the papers here, ``(C / 2) ** -0.5`` for transformers' habit.

    Attributes:
        attention: `fused_attention`; `plain_attention` can take its place.
    """

    def __init__(self, channels: int, scale: float = 1.0) -> None:
        super().__init__()
        if channels < 2 or channels % 2:
            raise MethodError(f"a non-local block of {channels} channels has no inner width of half of them")
        inner = channels // 2
        self.scale = scale
        self.attention: Attention = fused_attention
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        self.g = nn.Conv2d(channels, inner, 1)
        self.out = nn.Conv2d(inner, channels, 1)
        for conv in (self.theta, self.phi, self.g, self.out):
            nn.init.normal_(conv.weight, std=sqrt(2 / conv.out_channels))  # over 1 x 1 x out; biases are torch's
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)
        nn.init.zeros_(self.norm.bias)

    def forward(self, maps: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, C, h, w]`` and ``[B, T]`` bool -> ``[B, T, C, h, w]``, zero where there is no frame."""
        return unpack(self.of_frames(pack(maps, mask), lengths_of(mask)), mask)

    def of_frames(self, rows: Tensor, lengths: Sequence[int]) -> Tensor:
        """The same on packed frames.

        Args:
            rows: maps of the real frames, clip after clip, ``[N, C, h, w]``.
            lengths: how many of them each clip has; they sum to N.

        Returns:
            ``[N, C, h, w]``.
        """
        queries = self.theta(rows)  # [N, d, h, w]
        mixed = _within_clips(
            self.attention,
            _positions(queries),
            _positions(_pooled(self.phi(rows))),
            _positions(_pooled(self.g(rows))),
            lengths,
            self.scale,
        )  # [N, h * w, d]
        maps = mixed.to(queries.dtype).transpose(1, 2).reshape(queries.shape)
        return rows + self.norm(self.out(maps))


class NonLocalTrunk(nn.Module):
    """A `Trunk` with non-local blocks after some of its residual blocks, on clips.

    Args:
        depth: of the trunk.
        last_stride: of its layer4.
        places: stage -> numbers (from 0) of the residual blocks that are followed by a non-local one; ``{}`` for a
            plain trunk.  By default those of `PLACES` that the trunk has: five in ResNet-50, and in ResNet-18, which
            has two residual blocks a stage, one after the last of layer2 and of layer3.
        scale: see `NonLocal`.

    Attributes:
        trunk: the `Trunk`, under torchvision's names.
        nonlocals: the blocks, ``nonlocals.layer2.1`` after ``trunk.layer2.1``.
        channels: of the map.

    Raises:
        MethodError: a place that the trunk does not have.
    """

    def __init__(
        self,
        depth: int = 50,
        last_stride: Any = 2,
        places: Mapping[str, Sequence[int]] | None = None,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.trunk = Trunk(depth, last_stride)
        self.channels = self.trunk.channels
        sizes = {stage: len(list(self.trunk.get_submodule(stage).children())) for stage in STAGES}
        if places is None:
            places = {stage: [i for i in PLACES[stage] if i < sizes[stage]] for stage in PLACES}
        for stage, numbers in places.items():
            wrong = [i for i in numbers if i not in range(sizes.get(stage, 0))]
            if wrong:
                raise MethodError(
                    f"ResNet-{depth} has no residual block {stage}.{wrong[0]} for a non-local block to follow;"
                    f" its stages have {', '.join(f'{name}: {size}' for name, size in sizes.items())}"
                )
        self.nonlocals = nn.ModuleDict()
        for stage in (stage for stage in STAGES if places.get(stage)):
            width = _width(self.trunk.get_submodule(stage))
            blocks = {str(i): NonLocal(width, scale) for i in sorted(places[stage])}
            self.nonlocals[stage] = nn.ModuleDict(blocks)
        self.trunk.alone = next(iter(self._blocks()), self.trunk.alone)  # the first one looks at other frames

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> maps of the N real frames, ``[N, channels, h, w]``."""
        lengths = lengths_of(mask)
        rows, blocks = pack(clips, mask), self._blocks()
        for name, step in self.trunk.steps():
            rows = step(rows)
            if name in blocks:
                rows = blocks[name].of_frames(rows, lengths)
        return rows

    def _blocks(self) -> dict[str, NonLocal]:
        """Residual block -> the non-local one that follows it."""
        return {name: block for name, block in self.nonlocals.named_modules() if isinstance(block, NonLocal)}


def lengths_of(mask: Tensor) -> list[int]:
    """Real frames of each clip, from ``[B, T]`` bool."""
    return [int(length) for length in mask.sum(dim=1).tolist()]


def _positions(maps: Tensor) -> Tensor:
    """``[N, d, h, w]`` -> ``[N, h * w, d]``."""
    return maps.flatten(2).transpose(1, 2)


def _pooled(maps: Tensor) -> Tensor:
    """Maximum of each 2x2 window, an odd last row or column left out; along a side of 1 there is nothing to pool."""
    window = tuple(min(2, side) for side in maps.shape[2:])
    return functional.max_pool2d(maps, window)


def _within_clips(
    attention: Attention, query: Tensor, key: Tensor, value: Tensor, lengths: Sequence[int], scale: float
) -> Tensor:
    """Attention within each clip: ``[N, L, d]``, ``[N, M, d]`` twice -> ``[N, L, d]``.

    Clips of one length go together; otherwise each goes alone.  So no mask is ever needed, which some kernels would
    refuse, and no position is computed that is not there.
    """
    if len(set(lengths)) > 1:
        alone = zip(*(torch.split(x, list(lengths)) for x in (query, key, value)), lengths, strict=True)
        return torch.cat([_within_clips(attention, q, k, v, [length], scale) for q, k, v, length in alone])
    q, k, v = (x.reshape(len(lengths), -1, x.shape[2]) for x in (query, key, value))  # [B, T * L or M, d]
    return attention(q, k, v, scale).reshape(query.shape)


def _width(stage: nn.Module) -> int:
    """Output channels of a stage: those of the last batch norm of its residual blocks."""
    norms = [module for module in stage.modules() if isinstance(module, nn.BatchNorm2d)]
    return norms[-1].num_features
