"""SE-ResNet-50 as COSAM used it: Cadene's layout, a squeeze-and-excitation gate in every bottleneck.

It differs from torchvision's ResNet-50 in three ways beside the gate (Hu et al. 2018): the stride of a bottleneck sits
in its first 1x1 convolution, the max-pool has no padding but a ceiling, and gates are 1x1 convolutions with a bias.
Names are those of the published file, with ``layer0.conv1`` and ``layer0.bn1`` brought up to this module's top.
26,039,024 parameters.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from files.formats import checkpoint
from methods.layers.resnet import Maps, fill_trunk, whole_stages
from methods.layers.state_dict import load_strict, state_of

from ..errors import MethodError

IMAGENET = "se_resnet50-ce0d4300.pth"
_WHOSE = "the SE-ResNet-50 weights of Cadene's pretrained-models (ImageNet)"
REDUCTION = 16
STAGES = {50: (3, 4, 6, 3), 18: (1, 1, 1, 1)}  # there is no SE-ResNet-18 of bottlenecks: that one is for quick tests


class Gate(nn.Module):
    """Squeeze and excitation: each channel times a number in (0, 1) read from all channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // REDUCTION, 1)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(channels // REDUCTION, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """``[N, C, h, w]`` -> the same shape."""
        return maps * self.fc2(self.relu(self.fc1(maps.mean(dim=(2, 3), keepdim=True)))).sigmoid()


class Bottleneck(nn.Module):
    """1x1 with the stride, 3x3, 1x1, gate, shortcut; the width is a quarter of the output's channels."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.se_module = Gate(4 * width)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != 4 * width:
            shortcut = nn.Conv2d(channels, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))

    def forward(self, maps: Tensor) -> Tensor:
        """``[N, C, h, w]`` -> ``[N, 4 width, h / stride, w / stride]``."""
        y = self.relu(self.bn1(self.conv1(maps)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.se_module(self.bn3(self.conv3(y)))
        return self.relu(y + (maps if self.downsample is None else self.downsample(maps)))


class SEResNet(nn.Module):
    """Images to feature maps; the counterpart of `methods.layers.resnet.Trunk`.

    Args:
        depth: 50, or 18 for one bottleneck a stage.
        last_stride: stride of layer4.

    Attributes:
        channels: channels of the last map, 2048.
    """

    def __init__(self, depth: Literal[18, 50] = 50, last_stride: Literal[1, 2] = 1) -> None:
        super().__init__()
        self.depth = depth
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
        blocks = STAGES[depth]
        self.layer1 = _stage(64, 64, blocks[0], 1)
        self.layer2 = _stage(256, 128, blocks[1], 2)
        self.layer3 = _stage(512, 256, blocks[2], 2)
        self.layer4 = _stage(1024, 512, blocks[3], last_stride)
        self.channels = 2048
        for module in self.modules():  # as in Trunk: training from scratch is stable, loaded weights replace it
            if isinstance(module, nn.Conv2d) and module.bias is None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)

    def stem(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, 64, H / 4, W / 4]``, what layer1 reads."""
        return self.maxpool(self.relu(self.bn1(self.conv1(images))))

    def parts(self) -> Iterator[tuple[str, Maps]]:
        """The stem and the stages in order, each by the name of its last block."""
        yield from whole_stages(self)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, 2048, H / 16, W / 16]``, or ``/ 32`` with last stride 2."""
        for _, part in self.parts():
            images = part(images)
        return images

    def load_imagenet(self) -> None:
        """Fill with the ImageNet weights of Cadene's pretrained-models, from torch's folder of checkpoints.

        Raises:
            MethodError: the file is not there or is not that network's; the message names file and folder. Nothing is
                fetched.
        """
        if self.depth != 50:
            raise MethodError("there are no ImageNet weights for an SE-ResNet of depth 18; take depth = 50")
        file = Path(torch.hub.get_dir()) / "checkpoints" / IMAGENET
        own = self.state_dict()
        state = {name: value for name, value in _imagenet_state(file).items() if not name.startswith("last_linear.")}
        found = load_strict(
            state,
            {_published(name): value for name, value in own.items()},
            what=f"{file} does not hold {_WHOSE}",
            entry=f"{file}: ",
            more="; replace it by theirs",
        )
        self.load_state_dict({name: found.get(_published(name), value) for name, value in own.items()})

    def load_start(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Fill convolutions and batch norms from a plain ResNet-50, as `Startable` says; the gates stay fresh.

        They have the same names and shapes there; the stride of a bottleneck sits in another of its convolutions.
        """
        return fill_trunk(self, state, fresh=("se_module",))


def _stage(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    rest = [Bottleneck(4 * width, width, 1) for _ in range(blocks - 1)]
    return nn.Sequential(Bottleneck(channels, width, stride), *rest)


def _published(name: str) -> str:
    """The published file's name for an entry of the trunk."""
    return f"layer0.{name}" if name.startswith(("conv1.", "bn1.")) else name


def _imagenet_state(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise MethodError(
            f"{_WHOSE} are not here and are not fetched by themselves: put {file.name} into {file.parent}"
        )
    return state_of(checkpoint.load(file, error=MethodError, remedy=f"replace it by {_WHOSE}"), str(file))
