"""A network of a few thousand parameters that satisfies the contract: what the runner does is quick to test on it."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from datasets.frames.decoded import FrameStore
from methods.errors import MethodError


class Small(nn.Module):
    """Two convolutions, a temporal convolution, dropout before the classifier."""

    def __init__(self, num_ids: int = 4) -> None:
        super().__init__()
        self.frame_dim, self.descriptor_dim = 8, 6
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2)
        )
        self.temporal = _Temporal(8, 6)
        self.neck = nn.BatchNorm1d(6)
        self.classifier = nn.Linear(6, num_ids)

    def frame_features(self, images: Tensor) -> Tensor:
        return self.trunk(images).mean((2, 3))

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        return self.temporal(features, mask)

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        if set(wanted) - {"cross_entropy"}:
            raise MethodError(f"no such loss: {wanted}")
        logits = self.classifier(functional.dropout(self.neck(self.aggregate(features, mask)), 0.5, self.training))
        return {"cross_entropy": functional.cross_entropy(logits, labels)}

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        return self.aggregate(self._frames(clips, mask), mask)

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        return self.frame_losses(self._frames(clips, mask), mask, labels, wanted)

    def _frames(self, clips: Tensor, mask: Tensor) -> Tensor:
        real = self.frame_features(clips[mask])
        return real.new_zeros(*mask.shape, 8).masked_scatter(mask[..., None], real)


class _Temporal(nn.Module):
    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, out, 3, padding=1)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        real = mask[..., None].float()
        out = self.conv((features * real).transpose(1, 2)).transpose(1, 2) * real
        return out.sum(1) / real.sum(1)


class PixelsAndTime(nn.Module):
    """The same network, but not offering its frame features: the runner must feed it whole clips."""

    def __init__(self, inner: Small) -> None:
        super().__init__()
        self.inner = inner
        self.descriptor_dim = inner.descriptor_dim

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        return torch.as_tensor(self.inner(clips, mask))

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        return self.inner.losses(clips, mask, labels, wanted)


def random_frames(lengths: np.ndarray) -> FrameStore:
    """Tracklets of these lengths, 32 x 32 pixels; the same each time."""
    frames = np.random.default_rng(5).integers(0, 256, (int(lengths.sum()), 32, 32, 3), dtype=np.uint8)
    return FrameStore(lengths, (32, 32), frames=frames)


def seeded() -> Small:
    """The network as one seed makes it, in eval mode."""
    torch.manual_seed(3)
    return Small().eval()
