"""The reference beside which networks are timed: torchvision's own ResNet-50, and no network of this repository.

One reference for all arms of all papers, so that ratios may be compared: how many times a bare ResNet-50 on the same
frames a network takes. If a trunk of ours gets slower, its ratio shows it.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import nn

NAME = "resnet50"
LABEL = "ResNet-50"


@lru_cache(maxsize=1)
def bare_trunk(device: torch.device, kind: torch.dtype = torch.float32) -> nn.Module:
    """The reference in eval mode, with weights that are drawn; kept, as many networks are timed beside it.

    Takes [N, 3, H, W] frames. The global random numbers are afterwards as they were.

    Args:
        device: where.
        kind: of its numbers, those of the network beside it.
    """
    from torchvision.models import resnet50

    with torch.random.fork_rng(devices=[]):
        return resnet50(weights=None, num_classes=1).eval().requires_grad_(False).to(device, kind)
