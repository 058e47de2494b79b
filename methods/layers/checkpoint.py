"""Strict reading of the authors' checkpoints: nothing is skipped, nothing is guessed, and every fault is named."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor

from ..errors import MethodError

_SHOWN = 5


def take(
    state: Mapping[str, Any],
    shapes: Mapping[str, list[int]],
    *,
    what: str,
    entry: str = "checkpoint entry ",
    more: str = "",
    hint: Callable[[str], str] = lambda _: "",
) -> dict[str, Tensor]:
    """The entries of a state dict, which must be exactly the expected ones.

    Args:
        state: the authors' names to tensors.
        shapes: the expected names with their shapes.
        what: what the state is not if names are missing or unknown, such as ``the checkpoint is not of ... layout``.
        entry: stands before the name of an entry whose shape is wrong.
        more: follows the names that are missing or unknown, as the remedy.
        hint: name of an entry of a wrong shape -> the remedy.

    Raises:
        MethodError: names are missing or unknown (the first five are shown), or a shape is another one.
    """
    missing, unknown = sorted(set(shapes) - set(state)), sorted(set(state) - set(shapes))
    if missing or unknown:
        raise MethodError(f"{what}: missing {listed(missing)}; unknown {listed(unknown)}{more}")
    for name, wanted in shapes.items():
        value = state[name]
        found = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        if found != wanted:
            raise MethodError(f"{entry}{name} has shape {found}, expected {wanted}{hint(name)}")
    return {name: state[name] for name in shapes}


def listed(names: Collection[object]) -> str:
    """The first five of some names, and how many more there are; ``nothing`` for none."""
    shown = ", ".join(map(str, list(names)[:_SHOWN])) or "nothing"
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
