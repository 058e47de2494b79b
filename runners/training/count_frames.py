"""How many frames really enter a network: counted where they do, not computed from what was planned.

A hook on every convolution that takes three channels counts the images that reach it, and one on the entrance of a
trunk the maps that it is given in place of images. A frame that enters two trunks
(an image network and a video network, say) counts twice, and so does one that enters the same trunk again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from methods.layers.resnet import Trunk

COLOURS = 3


@dataclass
class TrunkFrames:
    """What was counted.

    Attributes:
        entrances: convolutions that are watched; with none of them nothing can be counted.
        seen: frames so far.
    """

    entrances: int
    seen: int = 0

    @property
    def frames(self) -> int | None:
        """Frames that entered; None where there is no entrance to watch."""
        return self.seen if self.entrances else None

    def _count(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        images = given[0]
        assert isinstance(images, Tensor)  # a convolution takes nothing else
        whole = images.ndim == (5 if isinstance(module, nn.Conv3d) else 4)  # without a batch it is one image or clip
        batch = images.shape[0] if whole else 1
        times = images.shape[-3] if isinstance(module, nn.Conv3d) else 1
        self.seen += int(batch * times)


@contextmanager
def counting_trunk_frames(method: nn.Module) -> Iterator[TrunkFrames]:
    """Count frames that enter a network while this is open; the network does what it did before."""
    doors = [
        module
        for module in method.modules()
        if isinstance(module, nn.Conv2d | nn.Conv3d) and module.in_channels == COLOURS
    ]
    behind = [module.entrance for module in method.modules() if isinstance(module, Trunk)]
    count = TrunkFrames(len(doors))
    hooks = [door.register_forward_pre_hook(count._count) for door in (*doors, *behind)]
    try:
        yield count
    finally:
        for hook in hooks:
            hook.remove()
