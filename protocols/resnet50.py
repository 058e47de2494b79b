"""Recognises a ResNet-50 by its structure, whatever its classes and attributes are called.

He et al. 2016, table 1: a 7x7 stem of 64 channels and bottlenecks (1x1, 3x3, 1x1 with four times the width) in stages
of 3, 4, 6, 3 blocks of width 64, 128, 256, 512; 23,508,032 parameters without the classifier. Strides and dilations
are free: re-ID networks keep the last stage's resolution. What stands between or behind the stages is a paper's own
business; what sits *inside* a bottleneck (squeeze-and-excitation, grouped or deformable convolutions, other norms)
makes it another backbone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from torch import nn

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
PARAMETERS = 23_508_032

Conv = nn.Conv2d | nn.Conv3d
_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True, slots=True)
class Block:
    """A module that is built like a bottleneck.

    Attributes:
        name: path of the module.
        width: channels of its 3x3 convolution.
        middle: that convolution, which runs if and only if the block runs.
        extra: what a plain bottleneck does not have; empty for a plain one.
    """

    name: str
    width: int
    middle: Conv
    extra: str


def kernel(conv: Conv) -> tuple[int, ...]:
    """Spatial kernel size; a 3D kernel over a single frame counts as the 2D kernel it is."""
    size = tuple(conv.kernel_size)
    return size[1:] if len(size) == 3 and size[0] == 1 else size


def convolutions(module: nn.Module) -> list[tuple[str, Conv]]:
    """All convolutions inside, by path."""
    return [(name, m) for name, m in module.named_modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]


def find_blocks(module: nn.Module, prefix: str = "") -> list[Block]:
    """Outermost modules that hold exactly one 3x3 convolution and its widening 1x1, in order of registration."""
    inside = convolutions(module)
    middles = [conv for _, conv in inside if kernel(conv) == (3, 3)]
    if not middles:
        return []
    if len(middles) == 1:
        middle = middles[0]
        width = middle.in_channels
        widens = any(kernel(c) == (1, 1) and (c.in_channels, c.out_channels) == (width, 4 * width) for _, c in inside)
        plain_width = width in {w for w, _ in STAGES} and middle.out_channels == width
        if widens and plain_width:
            return [Block(prefix, width, middle, _extra(module, middle))]
    found = []
    for name, child in module.named_children():
        found += find_blocks(child, f"{prefix}.{name}" if prefix else name)
    return found


def _extra(module: nn.Module, middle: Conv) -> str:
    """What a plain bottleneck around `middle` would not hold, in words."""
    width = middle.in_channels
    if middle.groups != 1:
        return f"a 3x3 convolution in {middle.groups} groups"
    left = {name: p.numel() for name, p in module.named_parameters()}
    narrow = widen = norms = 0
    for name, part in module.named_modules():
        spend = False
        if isinstance(part, nn.Conv2d | nn.Conv3d) and part.bias is None and part.groups == 1:
            shape = (part.in_channels, part.out_channels)
            if part is middle:
                spend = True
            elif kernel(part) == (1, 1) and shape[1] == width and not narrow:
                narrow, spend = shape[0], True
            elif kernel(part) == (1, 1) and shape[1] == 4 * width and shape[0] in (width, narrow) and widen < 2:
                widen, spend = widen + 1, True
        elif isinstance(part, _NORMS) and part.num_features in (width, 4 * width) and norms < 2 + widen:
            norms, spend = norms + 1, True
        if spend:
            for own, _ in part.named_parameters(recurse=False):
                left.pop(f"{name}.{own}" if name else own)
    if left:
        name, count = next(iter(left.items()))
        return f"{sum(left.values()):,} parameters that a bottleneck has not ({name}: {count:,})"
    return "" if narrow and widen else "not the three convolutions of a bottleneck"


def describe(  # noqa: PLR0911 - one reason a line
    blocks: list[Block], ran: set[int], stem: Conv | None, method: nn.Module
) -> tuple[bool, str]:
    """Whether what ran is one plain ResNet-50, and what was seen.

    Args:
        blocks: from `find_blocks`.
        ran: ids of the convolutions that ran in a forward pass.
        stem: the first convolution that ran.
        method: the whole network, to count its parameters.
    """
    used = [block for block in blocks if id(block.middle) in ran]
    counts = [(width, len(list(group))) for width, group in groupby(block.width for block in used)]
    if not used:
        threes = sum(kernel(conv) == (3, 3) and id(conv) in ran for _, conv in convolutions(method))
        return False, f"no bottleneck of a ResNet-50 ran ({threes} other 3x3 convolutions did), so this is no ResNet-50"
    odd = [block for block in used if block.extra]
    if odd:
        return False, f"{len(odd)} of {len(used)} bottlenecks are not plain: {odd[0].name} holds {odd[0].extra}"
    if len(used) > 16 and len(used) % 16 == 0 and tuple(counts[:4]) == STAGES:
        return False, f"{len(used) // 16} ResNet-50 trunks run in one pass; the class allows one"
    if tuple(counts) != STAGES:
        seen = "-".join(str(n) for _, n in counts)
        return False, f"stages of {seen} bottlenecks (widths {[w for w, _ in counts]}) instead of 3-4-6-3"
    if stem is None or kernel(stem) != (7, 7) or stem.out_channels != 64 or stem.bias is not None:
        return False, f"the first convolution is {stem}, not the 7x7 stem of 64 channels"
    modules = dict(method.named_modules())
    trunk = sum(p.numel() for block in used for p in modules[block.name].parameters())
    trunk += stem.weight.numel() + 2 * stem.out_channels  # the stem's batch normalisation
    if trunk != PARAMETERS:
        return False, f"the trunk has {trunk:,} parameters instead of {PARAMETERS:,}"
    total = sum(p.numel() for p in method.parameters())
    return True, f"one ResNet-50 of {PARAMETERS:,} parameters; {total - PARAMETERS:,} more in the paper's own parts"
