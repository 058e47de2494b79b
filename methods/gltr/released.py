"""The authors' checkpoint layout, mapped onto this model; nothing is skipped and nothing is guessed.

No weights were ever published; the layout is that of the released code (a bare state dict, 343 entries with
the classifier, 341 without).  The names are flat: torchvision's for the trunk, ``feat`` for the frame
embedding, ``feat1`` .. ``feat3`` for the pyramid (2-D convolutions over time x channel), ``Nonlocal_block0``
for TSA.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from methods.layers.state_dict import load_strict, state_of

from ..errors import MethodError
from .model import GLTR

_PARTS = {
    "embed": "feat",
    "temporal.attention.query": "Nonlocal_block0.theta",
    "temporal.attention.key": "Nonlocal_block0.phi",
    "temporal.attention.value": "Nonlocal_block0.g",
    "temporal.attention.out": "Nonlocal_block0.W",
    "neck.0": "feat_bn",
    "classifier": "classifier",
}
_BRANCH = "temporal.pyramid.branches."


def load_released(method: nn.Module, state: Mapping[str, Any] | str | Path) -> None:
    """Load a checkpoint of the released code, strictly.

    Args:
        method: ``methods.create("gltr", num_ids, reading="released")``.
        state: its file, or what `methods.load_checkpoint` makes of it: the authors' names to tensors.  What is dealt
            with by itself is listed in `methods.layers.state_dict`; without both classifier entries (a test-only
            checkpoint) the classifier keeps its values.

    Raises:
        MethodError: the method has another structure; the checkpoint is none; entries are missing, unknown, of another
            shape or not finite.  The message names them and the method is unchanged.
    """
    if not isinstance(method, GLTR) or method.options.rates != (1, 2, 3) or not _same_structure(method):
        raise MethodError("this checkpoint layout needs methods.create('gltr', ..., reading='released')")
    own = method.state_dict()
    names = {theirs(name): name for name in own}
    counts = f"{len(names)} entries, {len(names) - 2} without classifier"
    found = load_strict(
        state_of(state, "the checkpoint"),
        {key: own[name] for key, name in names.items()},
        shapes={key: _their_shape(name, own[name]) for key, name in names.items()},
        classifier=("classifier.weight", "classifier.bias"),
        what=f"the checkpoint is not of GLTR's released layout ({counts})",
        hint=lambda key: "; create the method with that many num_ids" if key.startswith("classifier") else "",
    )
    ready = {names[key]: _to_conv1d(v) if names[key].startswith(_BRANCH) else v for key, v in found.items()}
    method.load_state_dict({**own, **ready}, strict=True)


def theirs(name: str) -> str:
    """The released code's name for an entry of our state dict.

    Raises:
        MethodError: it has no counterpart there.
    """
    if name.startswith("trunk."):
        return name.removeprefix("trunk.")
    if name.startswith(_BRANCH):
        return f"feat{int(name.removeprefix(_BRANCH).split('.')[0]) + 1}.weight"
    for ours, part in _PARTS.items():
        if name.startswith(ours + "."):
            return part + name.removeprefix(ours)
    raise MethodError(f"{name} has no counterpart in GLTR's released layout")


def _their_shape(name: str, value: Tensor) -> list[int]:
    shape = list(value.shape)
    return [shape[0], 1, shape[2], shape[1]] if name.startswith(_BRANCH) else shape


def _to_conv1d(weight: Tensor) -> Tensor:
    """A 2-D kernel over (time, channel) ``[out, 1, 3, in]`` as a 1-D one over time ``[out, in, 3]``."""
    return weight[:, 0].transpose(1, 2)


def _same_structure(method: GLTR) -> bool:
    options = method.options
    same = (options.depth, options.pyramid, options.identity_branch, options.tsa) == (
        50,
        "dilated",
        True,
        True,
    )
    plain = (options.tsa_norm, options.tsa_zero, options.neck) == ("none", "bn-gain", "bn-relu-dropout")
    return same and plain and hasattr(method.temporal, "pyramid")
