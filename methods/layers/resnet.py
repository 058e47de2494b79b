"""The ResNet trunk of the field: torchvision's network without its classifier, with the last stride as a
choice.

The parameters keep torchvision's flat names (``conv1``, ``bn1``, ``layer1.0.conv1``, ...), so that
checkpoints of the field map onto it.  ResNet-50 has 23,508,032 parameters here.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from ..errors import MethodError
from .state_dict import load_strict

DEPTHS = (18, 34, 50, 101, 152)


class Trunk(nn.Module):
    """Images to feature maps.

    Args:
        depth: 18, 34, 50, 101 or 152.
        last_stride: stride of layer4; 1 doubles the height and width of the last map (common in re-ID since
            2018).
        zero_init_residual: start each residual branch at zero, so that training from scratch is stable;
            weights that are loaded afterwards replace it.

    Attributes:
        channels: channels of the map, 2048 at depth 50.
    """

    def __init__(self, depth: int = 50, last_stride: Literal[1, 2] = 2, zero_init_residual: bool = True) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise MethodError(f"there is no ResNet-{depth}; choose one of {', '.join(map(str, DEPTHS))}")
        net = torchvision.models.get_model(
            f"resnet{depth}", weights=None, zero_init_residual=zero_init_residual, num_classes=1
        )
        self.depth = depth
        self.conv1, self.bn1, self.relu, self.maxpool = net.conv1, net.bn1, net.relu, net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4
        self.channels: int = net.fc.in_features
        if last_stride == 1:
            _unstride(self.layer4[0])

    def stem(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, 64, H / 4, W / 4]``, what layer1 reads."""
        return self.maxpool(self.relu(self.bn1(self.conv1(images))))

    def forward(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, channels, H / 32, W / 32]``, or ``/ 16`` with last stride 1."""
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(images)))))

    def load_imagenet(self) -> None:
        """Fill with torchvision's first ImageNet weights; errors as in the function of that name."""
        own, what = self.state_dict(), f"the ImageNet file of ResNet-{self.depth}"
        state = {name: value for name, value in _imagenet_state(self.depth).items() if not name.startswith("fc.")}
        found = load_strict(state, own, what=f"{what} is not torchvision's", entry=f"{what}: ", more="; replace it")
        self.load_state_dict({**own, **found})

    def load_start(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Fill with starting weights, as `Startable` says; nothing stays fresh."""
        return fill_trunk(self, state, fresh=())


def _unstride(block: BasicBlock | Bottleneck) -> None:
    """Take the stride out of a stage's first block: its strided 3x3 and its shortcut."""
    strided = block.conv2 if isinstance(block, Bottleneck) else block.conv1
    strided.stride = (1, 1)
    if block.downsample is not None:
        block.downsample[0].stride = (1, 1)


def global_average(maps: Tensor) -> Tensor:
    """``[N, C, h, w]`` -> ``[N, C]``."""
    return maps.mean(dim=(2, 3))


def weighted_average(maps: Tensor, weights: Tensor) -> Tensor:
    """Weighted means over the places of maps.

    Args:
        maps: ``[N, C, h, w]``.
        weights: ``[N, h, w]``, none below 0; a map without a weight above 0 is averaged as a whole.

    Returns:
        ``[N, C]``.
    """
    weights = weights.to(maps.dtype)[:, None]  # [N, 1, h, w]
    total = weights.sum(dim=(2, 3))  # [N, 1]
    empty = total <= 0
    pooled = (maps * weights).sum(dim=(2, 3)) / total.masked_fill(empty, 1.0)
    return torch.where(empty, global_average(maps), pooled)


@runtime_checkable
class Pretrainable(Protocol):
    """A trunk that knows where its ImageNet weights lie."""

    def load_imagenet(self) -> None:
        """Fill it, or raise a `MethodError` that names the file and its folder."""
        ...


def load_imagenet(network: nn.Module) -> int:
    """Load ImageNet weights (the first ones of torchvision, which the papers had) into every trunk of a network.

    Returns:
        How many trunks were filled.

    Raises:
        MethodError: there is no trunk, or its weights are neither in torch's cache nor can they be fetched; the
            message names the file and the folder that it must be put in.
    """
    trunks = [module for module in network.modules() if isinstance(module, Pretrainable)]
    if not trunks:
        raise MethodError("imagenet weights were asked for, but this network has no trunk that has any")
    for trunk in trunks:
        trunk.load_imagenet()
    return len(trunks)


@runtime_checkable
class Startable(Protocol):
    """A trunk that takes starting weights of this suite (`methods.starts`).

    Attributes:
        depth: of the ResNet; a start is of one depth.
    """

    depth: int

    def load_start(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Fill it from a plain ResNet's weights.

        Args:
            state: names as in `Trunk`, float32.

        Returns:
            Names of its own entries that the start does not have, which keep their initial values.

        Raises:
            MethodError: names or shapes do not fit; nothing is filled then.
        """
        ...


def trunks_of(network: nn.Module) -> list[tuple[str, Startable]]:
    """Every trunk of a network that takes a start, with its name there; a trunk inside of one is part of it."""
    found: list[tuple[str, Startable]] = []
    for name, module in network.named_modules():
        if isinstance(module, Startable) and not any(not above or name.startswith(f"{above}.") for above, _ in found):
            found.append((name, module))
    return found


def fill_trunk(trunk: nn.Module, state: Mapping[str, Tensor], fresh: Collection[str]) -> tuple[str, ...]:
    """Fill a trunk from a plain ResNet's weights, strictly.

    Args:
        trunk: what is filled.
        state: names to tensors.
        fresh: names of modules that no plain ResNet has; their entries keep their values.

    Returns:
        Names of the entries that kept theirs.

    Raises:
        MethodError: names are missing or unknown, or a shape is another one; nothing is filled then.
    """
    own = trunk.state_dict()
    kept = tuple(name for name in own if set(fresh) & set(name.split(".")))
    found = load_strict(
        state, {name: value for name, value in own.items() if name not in kept}, what="it has other entries"
    )
    trunk.load_state_dict({**own, **found})
    return kept


def _imagenet_state(depth: int) -> dict[str, Tensor]:
    weights = torchvision.models.get_model_weights(f"resnet{depth}")["IMAGENET1K_V1"]
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = folder / Path(weights.url).name
    present = file.is_file()
    try:
        return dict(weights.get_state_dict(progress=True, check_hash=True))
    except Exception as error:  # network, disk or a damaged file: the remedy is the same
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        if present:
            raise MethodError(f"{file} is no readable weights file ({why}); replace it by torchvision's own") from error
        raise MethodError(
            f"the ImageNet weights of ResNet-{depth} are not here and could not be fetched ({why}); "
            f"put torchvision's file {file.name} into {folder}"
        ) from error
