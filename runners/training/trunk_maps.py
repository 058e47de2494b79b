"""Maps of the frozen part of a trunk, once for all seeds and arms that begin from the same weights.

A recipe may freeze the first blocks of its trunk (`methods.cards.recipe.Stage.frozen`). What these make of a frame is
then the same in every network that began from the same weights, so it is kept, and the networks go on from there.
Which weights they are shows in what they make of fixed noise, so two networks share maps only if they agree on it.
"""

import copy
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets import reader_of
from datasets.frames.decoded import FrameStore
from datasets.images import decode
from datasets.images.transforms import Normalisation
from datasets.tracklet import Split
from files.formats import arrays
from methods.layers.resnet import Trunk, maps_behind, shared_block
from runners.errors import RunError
from runners.plan.code_digest import code_digest
from runners.plan.environment import Precision
from runners.plan.step_store import Step, StepStore
from runners.training.frame_features import TrunkMaps, extract_frame_features, probe_digest

LIMIT = 3 << 30
"""Bytes of the maps of one half up to which they are kept; where they are more, every network begins from pixels."""


class FrozenPart(nn.Module):
    """The blocks of a trunk up to one, as a network that encodes frames alone: its feature is the map, flat."""

    def __init__(self, trunk: Trunk, block: str, size: tuple[int, int]) -> None:
        """Take the blocks of a trunk, in eval mode, for frames of a height and width."""
        super().__init__()
        if next(trunk.parameters()).device.type == "cpu":
            trunk = copy.deepcopy(trunk).to(memory_format=torch.channels_last)  # a fifth faster there
        self.trunk, self.block = trunk, block
        with torch.inference_mode():
            device = next(trunk.parameters()).device
            shape = maps_behind(trunk, torch.zeros(1, 3, *size, device=device), block).shape
        self.map_shape = tuple(shape[1:])
        self.frame_dim = self.descriptor_dim = prod(self.map_shape)

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, C h w]``."""
        if images.device.type == "cpu":
            images = images.contiguous(memory_format=torch.channels_last)
        return maps_behind(self.trunk, images, self.block).contiguous().flatten(1)

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """No part of a trunk knows of time.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Any) -> dict[str, Tensor]:
        """It is not trained.

        Args:
            features: none is looked at.
            mask: nor this.
            labels: nor these.
            wanted: nor what is asked for.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError


def trunk_maps(
    method: nn.Module,
    part: str,
    split: Split,
    store: FrameStore,
    normalise: Normalisation,
    steps: StepStore,
    device: str,
    precision: Precision,
    about: Mapping[str, Any] | None = None,
) -> TrunkMaps | None:
    """Maps of all frames of one half, made now or before; None where no two networks would share them.

    Args:
        method: in eval mode, see `runners.training.stage.keep_start`.
        part: ``train`` or ``test``.
        split: the data.
        store: frames of that half.
        normalise: of pixels.
        steps: where the maps are kept.
        device: such as ``cpu``.
        precision: of the network.
        about: what else decides the frames of the store, for those that are no frames of the data as they are.
    """
    block = shared_block(method)
    if not block:
        return None
    was_training = method.training
    method.eval()
    parts = [FrozenPart(module, block, store.size) for module in method.modules() if isinstance(module, Trunk)]
    first, frames = parts[0], int(store.offsets[-1])
    answers = {probe_digest(one, store.size, normalise, device, precision) for one in parts}
    method.train(was_training)
    if len(answers) > 1 or frames * first.frame_dim * np.dtype(np.float32).itemsize > LIMIT:
        return None
    words = "".join(f", {key} {value}" for key, value in list((about or {}).items())[:1])
    step = Step(
        "maps",
        f"maps of the {part} half behind {block}{words}",
        {
            "network": answers.pop(),
            "block": block,
            "data": split.fingerprint,
            "part": part,
            "size": list(store.size),
            "normalise": normalise,
            "precision": precision,
            "resize": store.resize,
            "crop": store.crop,
            "decoder": decode.version(),
            "code": code_digest("maps", modules=[reader_of(split.name)]),
            **(about or {}),
        },
    )
    if not steps.done(step):
        with steps.running(step, waits=True) as folder:
            if folder is not None:
                extract_frame_features(
                    first, store, normalise, device=device, precision=precision, folder=folder,
                    title=f"extract {step.name}",
                )  # fmt: skip
    remedy = "run again: what is damaged is made again"
    flat = arrays.load_npy(steps.folder(step) / "features.npy", mmap=True, error=RunError, remedy=remedy)
    return TrunkMaps(block, flat.reshape(frames, *first.map_shape))
