"""The authors' checkpoints, mapped onto these networks; nothing is skipped and nothing is guessed.

A checkpoint is a bare state dict, or a dict with ``state_dict``, ``rank1`` and ``epoch``.  Trunks are called ``base``:
of a ResNet-50 torchvision's children by number, of an SE-ResNet-50 Cadene's names.  COSAMs are numbered by where they
stand in a list that begins at block 2 (ResNet-50) or at the stem (SE-ResNet-50).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from methods.layers.state_dict import load_strict, state_of

from ..errors import MethodError
from .model import Network

_COSAM = {"reduce": "dim_reduction", "summary": "spatial_mask_summary", "channel": "channelwise_attention"}
_PARTS = {
    "pool.conv": "aggregation.attention_conv",
    "temporal.conv": "aggregation.attention_tconv",
    "temporal.lstm": "aggregation.lstm",
    "classifier": "classifier",
}
_RESNET = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
_RELEASED = {
    "depth": 50,
    "summary": "two",
    "channel": "residual",
    "reduce": 256,
    "reduce_small": 64,
    "std": "unbiased",
    "last_stride": "rule",
    "neck": "none",
}


def load_released(method: nn.Module, checkpoint: Mapping[str, Any] | str | Path) -> None:
    """Load a checkpoint of the released code, strictly.

    Args:
        method: ``methods.create("cosam", num_ids, reading="released", ...)`` with the backbone (``squeeze``),
            ``blocks``, ``aggregation``, ``clip`` and ``frame_size`` of the checkpoint.
        checkpoint: its file, or what `methods.load_checkpoint` makes of it: the authors' names to tensors, or a dict
            that holds them under ``state_dict``.  What is dealt with by itself is listed in
            `methods.layers.state_dict`; without both classifier entries the classifier keeps its values.

    Raises:
        MethodError: the method has another structure; the checkpoint is none; entries are missing, unknown, of another
            shape or not finite.  The message names them and the method is unchanged.
    """
    if not isinstance(method, Network) or not _same_structure(method):
        raise MethodError("this checkpoint layout needs methods.create('cosam', ..., reading='released')")
    own = method.state_dict()
    names = {theirs(name, method.options.squeeze): name for name in own}
    found = load_strict(
        state_of(checkpoint, "the checkpoint"),
        {key: own[name] for key, name in names.items()},
        classifier=("classifier.weight", "classifier.bias"),
        what=f"the checkpoint is not of the released layout of this network ({len(names)} entries)",
        more="; squeeze, blocks and aggregation must be those of the checkpoint",
        hint=_hint,
    )
    method.load_state_dict({**own, **{names[key]: value for key, value in found.items()}}, strict=True)


def theirs(name: str, squeeze: bool) -> str:
    """The released code's name for an entry of our state dict.

    Raises:
        MethodError: it has no counterpart there.
    """
    first, _, rest = name.partition(".")
    if first == "trunk":
        part, _, leaf = rest.partition(".")
        if squeeze:
            return f"base.layer0.{rest}" if part in ("conv1", "bn1") else f"base.{rest}"
        return f"base.{_RESNET[part]}.{leaf}"
    if first == "cosam":
        block, part, leaf = rest.split(".", 2)
        place = int(block) - (1 if squeeze else 2)
        return f"attention_modules.attention_modules.{place}.{_COSAM[part]}.{leaf}"
    for ours, part in _PARTS.items():
        if name.startswith(ours + "."):
            return part + name.removeprefix(ours)
    raise MethodError(f"{name} has no counterpart in the released layout")


def _hint(key: str) -> str:
    if key.startswith("classifier"):
        return "; create the method with that many num_ids"
    if "spatial_mask_summary.0" in key or "attention_conv" in key:
        return "; create the method with the checkpoint's clip and frame_size"
    return ""


def _same_structure(method: Network) -> bool:
    options = method.options
    return all(getattr(options, key) == value for key, value in _RELEASED.items())
