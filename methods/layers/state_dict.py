"""Strict reading of the authors' checkpoints: nothing is skipped, nothing is guessed, and every fault is named.

What all papers have in common stands here. A checkpoint may be a file, a state dict, or a dict with ``state_dict`` (and
numbers such as ``rank1``, ``epoch``). Three things that do not change a network are dealt with: ``module.`` in front of
every name (``nn.DataParallel``); absent ``num_batches_tracked`` (before PyTorch 0.4.1; no computation here reads it);
and a checkpoint without the whole classifier, as test-only ones are: the method's then keeps its values.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from files.formats import checkpoint

from ..errors import MethodError

_SHOWN = 5
_PARALLEL = "module."
_COUNTER = "num_batches_tracked"
_EXPECTED = "expected its file, the authors' names to tensors, or a dict that holds them under state_dict"


def load_checkpoint(file: str | Path) -> Any:
    """What the authors stored with ``torch.save``: tensors, numbers (NumPy's too), texts, and lists and dicts of them.

    Nothing in the file is run as code (``weights_only=True``); tensors are put on the CPU.

    Args:
        file: such as ``best_model.pth.tar``.

    Raises:
        MethodError: the file is absent, cut or damaged, or holds anything else.

    Example:
        >>> state = load_checkpoint("best_model.pth.tar")  # doctest: +SKIP
        >>> methods.tkp.released.load_released(method, state)  # doctest: +SKIP
    """
    return checkpoint.load(
        Path(file).expanduser(), error=MethodError, remedy="get it again where the authors published it"
    )


def opened(given: Any, what: str, *, whole: bool = True) -> Mapping[str, Any]:
    """A checkpoint as a dict, read where a file was given.

    Args:
        given: what a caller passed.
        what: the checkpoint's name in messages.
        whole: whether it may be a file; a part of a checkpoint may not.

    Raises:
        MethodError: it is neither a file that can be read nor a dict with texts as keys.
    """
    found = load_checkpoint(given) if whole and isinstance(given, str | Path) else given
    expected = _EXPECTED if whole else "expected names to tensors"
    if isinstance(found, nn.Module):
        raise MethodError(f"{what} is a network ({type(found).__name__}), {expected}; pass its state_dict()")
    if not isinstance(found, Mapping):
        raise MethodError(f"{what} is {'None' if found is None else f'a {type(found).__name__}'}, {expected}")
    odd = [key for key in found if not isinstance(key, str)]
    if odd:
        raise MethodError(f"{what} has the key {odd[0]!r}, and names are texts; {expected}")
    return found


def state_of(given: Any, what: str, *, whole: bool = True) -> dict[str, Any]:
    """The names and tensors of a checkpoint, without the wrapping that training scripts put around them.

    Args:
        given, what, whole: as of `opened`.

    Raises:
        MethodError: as `opened`.
    """
    found = opened(given, what, whole=whole)
    if "state_dict" in found:
        found = opened(found["state_dict"], f"the state_dict of {what}", whole=False)
    if found and all(name.startswith(_PARALLEL) for name in found):
        found = {name.removeprefix(_PARALLEL): value for name, value in found.items()}
    return dict(found)


def load_strict(
    state: Mapping[str, Any],
    own: Mapping[str, Tensor],
    *,
    what: str,
    shapes: Mapping[str, list[int]] | None = None,
    classifier: Collection[str] = (),
    entry: str = "checkpoint entry ",
    more: str = "",
    hint: Callable[[str], str] = lambda _: "",
) -> dict[str, Tensor]:
    """The entries of a state dict, which must be exactly the expected ones.

    Args:
        state: the authors' names to tensors, see `state_of`.
        own: the expected names, with what they fill.
        what: what the state is not if names are missing or unknown, such as ``the checkpoint is not of ... layout``.
        shapes: of entries that are stored in another shape than what they fill.
        classifier: names that may be absent, all together.
        entry: stands before the name of an entry that cannot be taken.
        more: follows the names that are missing or unknown, as the remedy.
        hint: name of an entry of a wrong shape -> the remedy.

    Returns:
        Names to tensors, as stored; those that may be absent and are do not stand in it.

    Raises:
        MethodError: names are missing or unknown (the first five are shown), a shape is another one, or a value is no
            tensor, of another kind of number, or not finite.
    """
    optional = {name for name in own if name.rpartition(".")[2] == _COUNTER}
    if not set(classifier) & set(state):
        optional |= set(classifier)
    missing, unknown = sorted(set(own) - optional - set(state)), sorted(set(state) - set(own))
    if missing or unknown:
        raise MethodError(f"{what}: missing {listed(missing)}; unknown {listed(unknown)}{more}")
    found = {}
    for name, value in own.items():
        if name not in state:
            continue
        given = state[name]
        if not isinstance(given, Tensor):
            raise MethodError(f"{entry}{name} is a {type(given).__name__}, expected a tensor")
        wanted = list(value.shape) if shapes is None or name not in shapes else shapes[name]
        if list(given.shape) != wanted:
            raise MethodError(f"{entry}{name} has shape {list(given.shape)}, expected {wanted}{hint(name)}")
        if given.is_meta or given.is_sparse or given.is_floating_point() != value.is_floating_point():
            kind = "no values (meta)" if given.is_meta else "sparse values" if given.is_sparse else str(given.dtype)
            raise MethodError(f"{entry}{name} has {kind}, expected numbers like {value.dtype}")
        wrong = int((~given.isfinite()).sum()) if given.is_floating_point() else 0
        if wrong:
            raise MethodError(
                f"{entry}{name}: {wrong} of its {given.numel()} values are not finite (NaN or infinite); such weights "
                "give no descriptors, so get another copy"
            )
        found[name] = given
    return found


def listed(names: Collection[object]) -> str:
    """The first five of some names, and how many more there are; ``nothing`` for none."""
    shown = ", ".join(map(str, list(names)[:_SHOWN])) or "nothing"
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
