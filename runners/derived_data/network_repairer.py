"""A network that repairs, as a repairer of whole tracklets on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.images.resize import resize
from datasets.images.transforms import to_tensor
from datasets.repaired.interface import Footage, Repaired
from methods.interface import Repair
from runners.plan.environment import Precision
from runners.training.sources import autocast

# to_tensor's "imagenet", the other way round
_MEAN = torch.tensor([0.485, 0.456, 0.406])
_DEVIATION = torch.tensor([0.229, 0.224, 0.225])


@dataclass(frozen=True)
class NetworkRepairer:
    """A trained `methods.interface.Repair` network that paints at its own size and pastes into the frames' own.

    Attributes:
        name: of the repairing arm.
        options: what decides its work, weights included.
        network: in eval mode, on ``device``.
        size: (height, width) that it was trained at.
        device: such as ``cpu``.
        precision: of the network.
    """

    name: str
    options: Mapping[str, Any]
    network: Repair
    size: tuple[int, int]
    device: str
    precision: Precision

    @torch.inference_mode()
    def repair(self, footage: Footage) -> Repaired:
        """Paint the hidden pixels of one tracklet; all others stay as they are."""
        frames, hidden = footage.frames, footage.hidden
        kept = np.arange(len(frames), dtype=np.int64)
        if not hidden.any():
            return Repaired(frames, hidden, kept)
        small = np.stack([resize(frame, self.size) for frame in frames])
        clips = to_tensor(torch.from_numpy(small)[None].to(self.device), "imagenet")  # [1, T, 3, h, w]
        wanted = torch.from_numpy(_resized(hidden, self.size))[None].to(self.device)
        mask = torch.ones(clips.shape[:2], dtype=torch.bool, device=self.device)
        with autocast(self.device, self.precision):
            painted = self.network.repair(clips, mask, wanted)
        pixels = _to_bytes(painted[0].float().cpu())
        out = frames.copy()
        changed = np.zeros_like(hidden)
        for t in np.flatnonzero(hidden.any(axis=(1, 2))):
            large = resize(pixels[t], (frames.shape[1], frames.shape[2]))
            was_painted = bool((painted[0, t] != clips[0, t]).any())  # a network may leave a frame as it is
            changed[t] = hidden[t] & was_painted
            out[t][changed[t]] = large[changed[t]]
        return Repaired(out, changed, kept)


def _resized(hidden: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """``[T, H, W]`` at another size; a pixel is hidden where its centre was."""
    height, width = hidden.shape[1:]
    rows = ((np.arange(size[0]) + 0.5) * height / size[0]).astype(np.int64)
    columns = ((np.arange(size[1]) + 0.5) * width / size[1]).astype(np.int64)
    return hidden[:, rows[:, None], columns]


def _to_bytes(images: Tensor) -> NDArray[np.uint8]:
    """Normalised ``[T, 3, h, w]`` -> uint8 ``[T, h, w, 3]``."""
    levels = images * _DEVIATION[:, None, None] + _MEAN[:, None, None]
    rounded: NDArray[np.uint8] = (levels.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return rounded
