"""What stands between a descriptor and the identity classifier in training."""

from typing import Literal

from torch import nn

Neck = Literal["none", "bn", "bn-relu-dropout"]


def neck(kind: Neck, width: int) -> nn.Module:
    """``[N, width]`` -> ``[N, width]``: nothing, batch norm, or batch norm, ReLU and dropout of one half."""
    if kind == "none":
        return nn.Identity()
    if kind == "bn":
        return nn.Sequential(nn.BatchNorm1d(width))
    return nn.Sequential(nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.5))


def classifier(width: int, num_ids: int) -> nn.Linear:
    """Linear classifier over identities, starting near zero so that the first loss is log(num_ids)."""
    layer = nn.Linear(width, num_ids)
    nn.init.normal_(layer.weight, std=0.001)
    nn.init.zeros_(layer.bias)
    return layer


def embedding(width: int, dim: int, hidden: int = 0) -> nn.Module:
    """Frame embedding: nothing (``dim = 0``), Linear, or with ``hidden`` Linear-BN-ReLU-Linear (TriNet)."""
    if dim == 0:
        return nn.Identity()
    if hidden == 0:
        return _linear(width, dim)
    return nn.Sequential(_linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), _linear(hidden, dim))


def _linear(width: int, dim: int) -> nn.Linear:
    layer = nn.Linear(width, dim)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out")
    nn.init.zeros_(layer.bias)
    return layer
