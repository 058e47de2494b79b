"""The ResNet trunk of the field: torchvision's network without its classifier, with the last stride as a
choice.

The parameters keep torchvision's flat names (``conv1``, ``bn1``, ``layer1.0.conv1``, ...), so that
checkpoints of the field map onto it.  ResNet-50 has 23,508,032 parameters here.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from ..errors import MethodError
from .state_dict import load_strict

DEPTHS = (18, 34, 50, 101, 152)
STEM = "stem"
STAGES = ("layer1", "layer2", "layer3", "layer4")

Maps = Callable[[Tensor], Tensor]


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
        kept: the last block that has its starting weights still, and will; empty where there is none. The runner
            writes it (`keep_until`).
        alone: the last block up to which a frame is encoded by this trunk alone. A network that puts something of its
            own between blocks writes it.
        given: the block whose maps ``forward`` takes in place of images; empty for images (`beginning_behind`).
        entrance: what such maps pass through, unchanged.
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
        self.kept, self.given = "", ""
        self.alone = block_names(self)[-1]
        self.entrance = nn.Identity()

    def stem(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, 64, H / 4, W / 4]``, what layer1 reads."""
        return self.maxpool(self.relu(self.bn1(self.conv1(images))))

    def steps(self) -> Iterator[tuple[str, Maps]]:
        """The stem and all residual blocks in order, each with its name; behind `given`, that name and the entrance."""
        names = block_names(self)
        if self.given:
            yield self.given, self.entrance
            names = names[names.index(self.given) + 1 :]
        for name in names:
            yield name, self.stem if name == STEM else self.get_submodule(name)

    def parts(self) -> Iterator[tuple[str, Maps]]:
        """As `steps`, with whole stages in place of their blocks; the stage that `given` lies in goes on by block."""
        begun = self.given.partition(".")[0]
        if begun:
            yield from (step for step in self.steps() if step[0].partition(".")[0] == begun)
        yield from whole_stages(self)[(STEM, *STAGES).index(begun) + 1 if begun else 0 :]

    def forward(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, channels, H / 32, W / 32]``, or ``/ 16`` with last stride 1."""
        for _, part in self.parts():
            images = part(images)
        return images

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


def block_names(trunk: nn.Module) -> list[str]:
    """``stem``, ``layer1.0``, ``layer1.1`` and so on to the last residual block of a ResNet."""
    stages = ((stage, trunk.get_submodule(stage)) for stage in STAGES)
    return [STEM, *(f"{stage}.{number}" for stage, blocks in stages for number, _ in blocks.named_children())]


def whole_stages(trunk: nn.Module) -> list[tuple[str, Maps]]:
    """A ResNet's stem and its four stages, each by the name of its last block."""
    stages = [(stage, trunk.get_submodule(stage)) for stage in STAGES]
    lasts = [(f"{stage}.{[*blocks.named_children()][-1][0]}", blocks) for stage, blocks in stages]
    return [(STEM, getattr(trunk, STEM)), *lasts]


def up_to(trunk: nn.Module, last: str) -> list[str]:
    """Names of a ResNet's blocks up to one, or up to the last one of a stage such as ``layer3``.

    Raises:
        MethodError: it has no such block.
    """
    names = block_names(trunk)
    ends = [place for place, name in enumerate(names) if name == last or name.startswith(f"{last}.")]
    if not ends:
        raise MethodError(f"a trunk has no block {last!r}; it has {', '.join((STEM, *STAGES))}, and {names[-1]} is one")
    return names[: ends[-1] + 1]


def frozen_modules(trunk: nn.Module, last: str) -> list[nn.Module]:
    """The modules of a ResNet up to a block, see `up_to`; of the stem, its convolution and batch norm."""
    own = {STEM: [trunk.get_submodule("conv1"), trunk.get_submodule("bn1")]}
    return [module for name in up_to(trunk, last) for module in own.get(name) or [trunk.get_submodule(name)]]


def keep_until(network: nn.Module, lasts: Sequence[str]) -> None:
    """Tell all trunks of a network how far they have their starting weights.

    Args:
        network: of any kind.
        lasts: the last frozen block of each training that it went through, see `up_to`; empty text where none was.
    """
    for trunk in (module for module in network.modules() if isinstance(module, Trunk)):
        known = [up_to(trunk, last) if last else [""] for last in lasts]
        trunk.kept = min(known, key=len, default=[""])[-1] if all(lasts) else ""


def shared_block(network: nn.Module) -> str:
    """The last block whose maps depend on the frame and the starting weights alone, in every trunk; "" for none.

    Networks that were trained from the same start agree on what is before it, so that it need be computed but once.
    """
    trunks = [module for module in network.modules() if isinstance(module, Trunk)]
    inside = {id(module) for trunk in trunks for module in trunk.modules()}
    others = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d) and m.in_channels == 3]
    if not trunks or any(id(module) not in inside for module in others):
        return ""
    if len({trunk.depth for trunk in trunks}) > 1 or not all(trunk.kept for trunk in trunks):
        return ""
    names = block_names(trunks[0])
    return min((name for trunk in trunks for name in (trunk.kept, trunk.alone)), key=names.index)


@contextmanager
def beginning_behind(network: nn.Module, block: str) -> Iterator[None]:
    """Inside, all trunks of a network take a block's maps ``[N, C, h, w]`` in place of images."""
    trunks = [module for module in network.modules() if isinstance(module, Trunk)]
    for trunk in trunks:
        trunk.given = block
    try:
        yield
    finally:
        for trunk in trunks:
            trunk.given = ""


def maps_behind(trunk: Trunk, images: Tensor, block: str) -> Tensor:
    """``[N, 3, H, W]`` -> maps ``[N, C, h, w]`` of a block that `block_names` lists."""
    for name, step in trunk.steps():
        images = step(images)
        if name == block:
            break
    return images


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
