"""ResNet-18s of an eighth of the width, for tests of what surrounds the trunk.

The same modules under the same names by the same code, but with a sixtieth of the weights: a step of training and a
pass over the frames take milliseconds. Run as a module, it is the main command with such trunks, for tests that start
and kill processes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

TIMES = 8
FULL = torchvision.models.get_model


class NarrowResNet(ResNet):
    """torchvision's network with 8, 16, 32 and 64 channels in its four stages, and 8 before them."""

    def __init__(self, layers: list[int], **named: Any) -> None:
        super().__init__(BasicBlock, layers, **named)
        self.fc = nn.Linear(self.fc.in_features // TIMES, self.fc.out_features)

    def _make_layer(self, block: Any, planes: int, *rest: Any, **named: Any) -> nn.Sequential:
        if planes == self.inplanes == self.conv1.out_channels:  # the first stage: what it reads is made already
            self.inplanes //= TIMES
            self.conv1 = nn.Conv2d(3, self.inplanes, 7, stride=2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(self.inplanes)
        return super()._make_layer(block, planes // TIMES, *rest, **named)


def model(name: str, **named: Any) -> nn.Module:
    """`torchvision.models.get_model`, but for ResNet-18."""
    if name != "resnet18":
        return FULL(name, **named)
    assert named.pop("weights") is None
    return NarrowResNet([2, 2, 2, 2], **named)


@contextmanager
def narrowed() -> Iterator[None]:
    """Trunks of depth 18 are narrow while it lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchvision.models, "get_model", model)
        yield


if __name__ == "__mp_main__":  # a worker of the command below
    torchvision.models.get_model = model

if __name__ == "__main__":
    from runners.reproduce import main

    with narrowed():
        sys.exit(main(sys.argv[1:]))
