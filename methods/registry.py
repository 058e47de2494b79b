"""Finding papers by folder and making networks out of them.

A paper is a folder that holds ``paper.toml`` (the card), ``options.py`` (typed choices, without torch) and
``model.py`` (``build(num_ids, options, frame_size)``). The folders beside this file are found by themselves; a folder
anywhere else is named by its path and is loaded as a package of its own, so that relative imports inside it
work.
"""

from __future__ import annotations

import importlib
import importlib.util
import operator
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from files import plug_ins
from methods.cards.card import CARD_FILE, ArmCard, Card, read_card
from methods.cards.options import Choices
from methods.cards.schema import field_types
from methods.cards.validation import check

from .errors import MethodError, unknown

if TYPE_CHECKING:
    from torch import nn

_HOME = Path(__file__).resolve().parent
_EXTERNAL = "methods_outside"


def names() -> tuple[str, ...]:
    """Keys of the papers in this repository, sorted."""
    return tuple(sorted(file.parent.name for file in _HOME.glob(f"*/{CARD_FILE}")))


def papers() -> dict[str, Card]:
    """Key -> card of every paper in this repository, read and checked; torch is not imported."""
    return {name: paper(name) for name in names()}


def paper(name_or_path: str | Path) -> Card:
    """The card of one paper, by its name or by the path of a folder that holds a ``paper.toml``.

    Raises:
        MethodError: no such paper (near matches are named), or something in its card is wrong.
    """
    folder = find(name_or_path)
    card = check(read_card(folder), lambda arm, card: choices(method_folder(arm, card)))
    if folder.parent == _HOME and card.key != folder.name:
        raise MethodError(f"{folder.name}/{CARD_FILE}: paper.key is {card.key!r} but the folder is {folder.name!r}")
    return card


def find(name_or_path: str | Path) -> Path:
    """The folder of a paper, as an absolute path.

    Raises:
        MethodError: there is no such paper (near names are given), or the folder holds no card.
    """
    known = names()
    if isinstance(name_or_path, str) and name_or_path in known:
        return _HOME / name_or_path
    path = Path(name_or_path).expanduser()
    if (path / CARD_FILE).is_file():
        return path.resolve()
    if isinstance(name_or_path, Path) or path.is_dir() or len(path.parts) > 1:
        raise MethodError(f"{path / CARD_FILE}: no such file; --paper takes a name or a folder that holds a card")
    raise unknown("paper", name_or_path, known)


def method_folder(arm: ArmCard, card: Card) -> Path:
    """Where an arm's network is built: the card's own folder, or another paper of this repository."""
    return card.folder if arm.method == card.key else find(arm.method)


def package_of(folder: Path) -> str | None:
    """The package that a method's folder is in this repository; None for a folder anywhere else."""
    return f"methods.{folder.name}" if folder.parent == _HOME else None


def choices(folder: Path) -> Choices:
    """The options, readings and losses that a method's folder declares, without importing torch.

    Raises:
        MethodError: something of this is absent or of another form.
    """
    module = _load(folder, "options")
    where = f"{folder.name}/options.py"
    kind, readings, losses = (getattr(module, name, None) for name in ("Options", "READINGS", "LOSSES"))
    params = getattr(kind, "__dataclass_params__", None)
    if kind is None or params is None or not params.frozen:
        raise MethodError(f"{where}: expected a frozen dataclass named Options")
    if not isinstance(readings, Mapping) or "paper" not in readings:
        raise MethodError(f"{where}: expected READINGS = {{'paper': {{...}}, ...}}")
    if not isinstance(losses, tuple) or not losses:
        raise MethodError(f"{where}: expected LOSSES, a tuple of the names that losses() knows")
    deciding = tuple(getattr(module, "DECIDING", ()))
    for option in deciding:
        if option not in field_types(kind):
            raise MethodError(f"{where}: DECIDING: {unknown('option', option, field_types(kind))}")
    return Choices(kind, readings, losses, where, deciding)


def create(
    name: str | Path, num_ids: int, reading: str = "paper", frame_size: tuple[int, int] = (256, 128), **options: Any
) -> nn.Module:
    """Build a paper's network.

    Args:
        name: a paper's name, or the path of its folder.
        num_ids: identities of the training set, the width of classifiers.
        reading: ``"paper"`` or ``"released"``, which source is followed where they differ.
        frame_size: (height, width) of the images; some networks are built for one size.
        options: overrides, typed or as text (``tsa=False`` and ``tsa="off"`` are the same).

    Returns:
        An ``nn.Module`` that satisfies `methods.interface.Method`, with its initial weights drawn from
        torch's
        generator: seed that first for equal weights.

    Raises:
        MethodError: unknown paper, reading, option or value (near matches are named).

    Example:
        >>> network = create("gltr", num_ids=625, reading="released")
        >>> network.descriptor_dim
        512
    """
    folder = find(name)
    return build(folder, num_ids, choices(folder).resolve(reading, options), frame_size)


def build(folder: Path, num_ids: int, options: Any, frame_size: tuple[int, int] = (256, 128)) -> nn.Module:
    """The network of the folder's ``model.py`` for resolved options; imports torch.

    Args:
        folder: of the paper, as `find` gives it.
        num_ids: identities that the classifier tells apart.
        options: resolved ones, of the folder's own ``Options``.
        frame_size: (height, width) of the frames in pixels.

    Raises:
        MethodError: the folder has no such function, or it returns no `Method`.
    """
    num_ids = _count(num_ids)
    module = _load(folder, "model")
    where = f"{folder.name}/model.py"
    if not callable(getattr(module, "build", None)):
        raise MethodError(f"{where}: expected a function build(num_ids, options, frame_size)")
    network = module.build(num_ids, options, frame_size)
    from torch import nn

    from .interface import Method

    if not isinstance(network, nn.Module) or not isinstance(network, Method):
        raise MethodError(f"{where}: build() returned no Method; see methods/interface.py for what it must offer")
    return network


def _count(num_ids: Any) -> int:
    """A number of identities, of any whole kind (NumPy's too); a truth value is none."""
    try:
        count = -1 if type(num_ids).__name__ in ("bool", "bool_") else operator.index(num_ids)
    except TypeError:
        count = -1
    if count < 1:
        raise MethodError(
            f"num_ids = {num_ids!r} is not accepted: expected the number of training identities, at least 1"
        )
    return count


def _load(folder: Path, name: str) -> ModuleType:
    """Import one module of a paper's folder as part of that folder's package."""
    if not (folder / f"{name}.py").is_file():
        raise MethodError(f"{folder / name}.py: no such file; a paper's folder needs it")
    try:
        package = package_of(folder) or plug_ins.make_package(folder, _EXTERNAL)
    except ImportError as error:
        raise MethodError(str(error)) from error
    try:
        return importlib.import_module(f"{package}.{name}")
    except MethodError:
        raise
    except Exception as error:  # a user's own file may fail in any way; ours is raised as it is
        if folder.parent == _HOME:
            raise
        raise MethodError(f"{folder / name}.py cannot be imported: {type(error).__name__}: {error}") from error
