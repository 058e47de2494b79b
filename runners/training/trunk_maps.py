"""Maps of the frozen part of a trunk, once for all seeds and arms that begin from the same weights.

A recipe may freeze the first blocks of its trunk (`methods.cards.recipe.Stage.frozen`). What these make of a frame is
then the same in every network that began from the same weights, so it is kept, and the networks go on from there.
Which weights they are shows in what they make of fixed noise, so two networks share maps only if they agree on it.
"""

import copy
from math import prod
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from files.formats import arrays
from methods.layers.resnet import Trunk, maps_behind, shared_block
from runners.errors import RunError
from runners.plan.step_store import AGAIN, Step, StepStore
from runners.training.frame_features import TrunkMaps
from runners.training.frame_pass import FramePass

LIMIT = 3 << 30
"""Bytes of the maps of one half up to which they are kept; where they are more, every network begins from pixels."""


class FrozenPart(nn.Module):
    """The blocks of a trunk up to one, as a network that encodes frames alone: its feature is the map, flat."""

    def __init__(self, trunk: Trunk, block: str, size: tuple[int, int]) -> None:
        """Take the blocks of a trunk, in eval mode, for frames of a height and width."""
        super().__init__()
        self.trunk, self.block, self.reordered = trunk, block, False
        with torch.inference_mode():
            device = next(trunk.parameters()).device
            shape = maps_behind(trunk, torch.zeros(1, 3, *size, device=device), block).shape
        self.map_shape = tuple(shape[1:])
        self.frame_dim = prod(self.map_shape)

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, C h w]``."""
        if self.reordered:
            images = images.contiguous(memory_format=torch.channels_last)
        return maps_behind(self.trunk, images, self.block).contiguous().flatten(1)

    def in_fast_order(self) -> Self:
        """The same with a trunk of its own, in the memory order that convolutions of a CPU are fastest with."""
        if next(self.trunk.parameters()).device.type != "cpu":
            return self
        fast = copy.deepcopy(self).to(memory_format=torch.channels_last)
        fast.reordered = True
        return fast


def trunk_maps(method: nn.Module, frames: FramePass, steps: StepStore) -> TrunkMaps | None:
    """Maps of all frames of one half, made now or before; None where no two networks would share them.

    Args:
        method: in eval mode, see `runners.training.stage.keep_start`.
        frames: how they reach it.
        steps: where the maps are kept.
    """
    block = shared_block(method)
    if not block:
        return None
    store = frames.store
    parts = [FrozenPart(module, block, store.size) for module in method.modules() if isinstance(module, Trunk)]
    first, total = parts[0], int(store.offsets[-1])
    inputs = frames.decided_by(first, "maps") | {"block": block}
    alike = all(frames.probe(other) == inputs["network"] for other in parts[1:])
    if not alike or total * first.frame_dim * np.dtype(np.float32).itemsize > LIMIT:
        return None
    step = Step("maps", f"maps of the {frames.part} half behind {block}{frames.words}", inputs)
    if not steps.done(step):
        with steps.running(step, waits=True) as folder:
            if folder is not None:
                frames.run(first.in_fast_order(), folder, step.name)
    flat = arrays.load_npy(steps.folder(step) / "features.npy", mmap=True, error=RunError, remedy=AGAIN)
    return TrunkMaps(block, flat.reshape(total, *first.map_shape))
