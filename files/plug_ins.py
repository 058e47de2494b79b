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
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

VARIABLE = "REPROID_KINDS"
_PACKAGE = "kind_outside"


def outside_folders() -> tuple[Path, ...]:
    """The folders that ``REPROID_KINDS`` names, as absolute paths, in its order."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    return tuple(dict.fromkeys(Path(one).expanduser().resolve() for one in named if one))


def package_of(folder: Path, prefix: str = _PACKAGE) -> str:
    """The dotted name under which the modules of a folder outside the suite are imported."""
    return f"{prefix}_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"


def make_package(folder: Path, prefix: str = _PACKAGE) -> str:
    """A folder on no import path becomes a package, once; its ``__init__.py`` is run where there is one.

    Returns:
        The package's name.

    Raises:
        ImportError: its ``__init__.py`` fails.
    """
    name, init = package_of(folder, prefix), folder / "__init__.py"
    if name in sys.modules:
        return name
    spec = ModuleSpec(name, SourceFileLoader(name, str(init)) if init.is_file() else None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    if spec.loader is not None:
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # a user's own file may fail in any way
            del sys.modules[name]
            raise ImportError(f"{init} cannot be imported: {type(error).__name__}: {error}") from error
    return name


def stated(package: str, constant: str, part: str = "") -> Iterator[tuple[str, Any]]:
    """The constant of every module in a package that states it, with the module's dotted name, sorted.

    Args:
        package: its dotted name.
        constant: which one, such as ``KIND``.
        part: look into the module of this name in each package below, in place of the modules themselves.
    """
    home = import_module(package)
    for entry in sorted(pkgutil.iter_modules(home.__path__), key=lambda one: one.name):
        name = f"{package}.{entry.name}"
        if part and not (entry.ispkg and importlib.util.find_spec(f"{name}.{part}")):
            continue
        where = f"{name}.{part}" if part else name
        held = getattr(import_module(where), constant, None)
        if held is not None:
            yield where, held


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
        where = f"{make_package(folder)}.{part}"
        try:
            held = getattr(import_module(where), constant, None)
        except Exception as error:  # a user's own file may fail in any way
            raise ImportError(f"{folder / part}.py cannot be imported: {type(error).__name__}: {error}") from error
        if held is None:
            raise ImportError(f"{folder / part}.py states no {constant}; every kind's {part}.py does.")
        yield where, held
