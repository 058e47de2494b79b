"""Parts that are found, not listed: modules of a package, and folders that somebody names.

A module is a part of some sort when it states the constant of that sort, such as ``KIND``. A kind of result that lies
outside the suite is one folder with ``record.py``, ``section.py`` and ``measurement.py``; the environment variable
``REPROID_KINDS`` names such folders, separated as in ``PATH``.
"""

import hashlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

VARIABLE = "REPROID_KINDS"
_PACKAGE = "kind_outside"


def outside_folders() -> tuple[Path, ...]:
    """The folders that ``REPROID_KINDS`` names, as absolute paths, in its order."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    return tuple(dict.fromkeys(Path(one).expanduser().resolve() for one in named if one))


def package_of(folder: Path) -> str:
    """The dotted name under which the modules of a folder outside the suite are imported."""
    return f"{_PACKAGE}_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"


def stated(package: str, constant: str, part: str = "") -> Iterator[tuple[str, Any]]:
    """The constant of every module in a package that states it, with the module's dotted name, sorted.

    Args:
        package: its dotted name.
        constant: which one, such as ``KIND``.
        part: look into the module of this name in each package below, in place of the modules themselves.

    Raises:
        ImportError: a module cannot be imported; it is named.
    """
    home = import_module(package)
    for entry in sorted(pkgutil.iter_modules(home.__path__), key=lambda one: one.name):
        name = f"{package}.{entry.name}"
        if part and not (entry.ispkg and importlib.util.find_spec(f"{name}.{part}")):
            continue
        yield from _of_module(f"{name}.{part}" if part else name, constant)


def stated_outside(constant: str, part: str, folders: tuple[Path, ...]) -> Iterator[tuple[str, Any]]:
    """The same of the module ``part`` of folders outside the suite that have one.

    Raises:
        ImportError: there is no such folder, or its module cannot be imported, or states no such constant.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ImportError(f"{VARIABLE} names {folder}, which is no folder; name one that holds a kind of result.")
        if not (folder / f"{part}.py").is_file():
            continue
        _make_package(folder)
        found = list(_of_module(f"{package_of(folder)}.{part}", constant))
        if not found:
            raise ImportError(f"{folder / part}.py states no {constant}; every kind's {part}.py does.")
        yield from found


def _of_module(name: str, constant: str) -> Iterator[tuple[str, Any]]:
    try:
        held = getattr(import_module(name), constant, None)
    except Exception as error:  # what somebody adds may fail in any way
        file = getattr(importlib.util.find_spec(name), "origin", None) or name
        raise ImportError(f"{file} cannot be imported: {type(error).__name__}: {error}; mend it.") from error
    if held is not None:
        yield name, held


def _make_package(folder: Path) -> None:
    """A folder on no import path becomes a package, once."""
    name = package_of(folder)
    if name not in sys.modules:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = importlib.util.module_from_spec(spec)
