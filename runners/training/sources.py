"""Where the losses of a batch come from: decoded frames, or frame features that were computed before."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.frames.concatenated import TrainingFrames
from datasets.images.transforms import to_tensor
from methods.cards.recipe import Stage
from methods.interface import AttributeTargets, FrameThenTime, Method
from protocols.precision import computing
from runners.plan.environment import Precision
from runners.training.batches import Picks, pixels


class Source(Protocol):
    """Gives the losses of a batch, from pixels or from frame features that were computed before."""

    def fetch(self, picks: Picks) -> Tensor:
        """Gather a batch in host memory; runs in a thread of its own, one batch ahead."""
        ...

    def losses(self, method: nn.Module, batch: Tensor, picks: Picks, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Named losses of a fetched batch.

        Args:
            method: the network.
            batch: what `fetch` gave.
            picks: frames, mask and labels of the batch.
            wanted: names of losses.
        """
        ...


def autocast(device: str, precision: Precision) -> AbstractContextManager[Any]:
    """A network's forward pass in these numbers; fp32 is full float32, without the TF32 that torch leaves on."""
    return computing(precision, torch.device(device))


def laid_out(images: Tensor, precision: Precision) -> Tensor:
    """Images ``[N, 3, H, W]`` in the memory order that convolutions of that precision are fastest with."""
    return images.contiguous(memory_format=torch.channels_last if mixed(precision) else torch.contiguous_format)


def mixed(precision: Precision) -> bool:
    """Whether products are made in 16 bits, beside float32 weights."""
    return precision in ("bf16", "fp16")


def encode_frames(method: FrameThenTime, clips: Tensor, mask: Tensor, precision: Precision) -> Tensor:
    """Frame features of clips ``[B, T, 3, H, W]`` -> ``[B, T, d]`` float32, zeros on padding.

    Args:
        method: the network.
        clips: ``[B, T, 3, H, W]``.
        mask: ``[B, T]``, true on real frames.
        precision: of the network.
    """
    real = method.frame_features(laid_out(clips[mask], precision)).float()  # [real frames, d]
    return real.new_zeros(*mask.shape, real.shape[-1]).masked_scatter(mask[..., None], real)


@dataclass(frozen=True)
class Targets:
    """Attributes of the training tracklets, for methods that learn some.

    Attributes:
        values: ``[N, A]`` float32, 1 yes, 0 no, NaN unknown.
        positive: ``[A]`` float32, share of yes among what is known of all frames.
    """

    values: NDArray[np.float32]
    positive: NDArray[np.float32]

    @classmethod
    def of(cls, values: NDArray[np.float32], lengths: NDArray[np.int64]) -> Self:
        """Targets of tracklets ``[N, A]`` with so many frames each ``[N]``."""
        known = ~np.isnan(values)
        frames = lengths[:, None] * known
        yes = (np.where(known, values, 0) * frames).sum(axis=0)
        count = frames.sum(axis=0)
        share = np.divide(yes, count, out=np.full(len(yes), 0.5), where=count > 0)
        return cls(values, share.astype(np.float32))

    def of_batch(self, picks: Picks, device: str) -> AttributeTargets:
        """Those of a batch."""
        values = torch.from_numpy(self.values[picks.tracklets])
        return AttributeTargets(values.to(device), torch.from_numpy(self.positive).to(device))


def _attributes(targets: Targets | None, picks: Picks, device: str) -> dict[str, AttributeTargets]:
    """What the losses of a method that learns attributes get on top; nothing for others."""
    return {} if targets is None else {"attributes": targets.of_batch(picks, device)}


@dataclass
class PixelSource:
    """Decoded frames, augmented in uint8 and normalised on the device."""

    store: TrainingFrames
    stage: Stage
    seed: int
    device: str
    precision: Precision
    targets: Targets | None = None

    def fetch(self, picks: Picks) -> Tensor:
        """uint8 ``[B, T, H, W, 3]``."""
        return torch.from_numpy(pixels(picks, self.store, self.stage, self.seed))

    def losses(self, method: nn.Module, batch: Tensor, picks: Picks, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Frame network in mixed precision, aggregation and losses in float32 where they can be told apart.

        Arguments as in `Source.losses`.
        """
        clips = to_tensor(batch.to(self.device, non_blocking=True), self.stage.normalise)
        mask = torch.from_numpy(picks.mask).to(self.device)
        labels = torch.from_numpy(picks.labels).to(self.device)
        known = _attributes(self.targets, picks, self.device)
        if isinstance(method, FrameThenTime):
            with autocast(self.device, self.precision):
                features = encode_frames(method, clips, mask, self.precision)
            return method.frame_losses(features.float(), mask, labels, wanted, **known)
        assert isinstance(method, Method)  # every method is one
        with autocast(self.device, self.precision):
            return method.losses(clips, mask, labels, wanted, **known)


@dataclass
class FeatureSource:
    """Frame features of a frozen frame network, computed once for all stages and arms that share it.

    Equal to :class:`PixelSource` without augmentation (tested).
    """

    features: NDArray[np.float32]  # [F, d]
    offsets: NDArray[np.int64]  # [N + 1]
    device: str
    targets: Targets | None = None

    def fetch(self, picks: Picks) -> Tensor:
        """float32 ``[B, T, d]``, zeros on padding."""
        rows = self.offsets[picks.tracklets][:, None] + picks.frames
        return torch.from_numpy(self.features[rows] * picks.mask[..., None].astype(np.float32))

    def losses(self, method: nn.Module, batch: Tensor, picks: Picks, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Losses from features. Arguments as in `Source.losses`."""
        assert isinstance(method, FrameThenTime)  # the runner makes this source for no other
        mask = torch.from_numpy(picks.mask).to(self.device)
        labels = torch.from_numpy(picks.labels).to(self.device)
        known = _attributes(self.targets, picks, self.device)
        return method.frame_losses(batch.to(self.device), mask, labels, wanted, **known)
