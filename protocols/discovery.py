"""Finding protocols: every module of a package holds one, or is refused by name."""

import pkgutil
from importlib import import_module

from .errors import ProtocolError
from .interface import Protocol


def protocols_in(package: str, folders: list[str]) -> dict[str, Protocol]:
    """Every protocol of a package, by name, sorted; each of its modules must hold one.

    Args:
        package: its dotted name.
        folders: where its modules lie.

    Raises:
        ProtocolError: a module that cannot be imported, holds no protocol, or one of another name than its file's.
    """
    found = {}
    for module in sorted(entry.name for entry in pkgutil.iter_modules(folders)):
        where = f"{package.replace('.', '/')}/{module}.py"
        try:
            held = getattr(import_module(f"{package}.{module}"), "PROTOCOL", None)
        except Exception as error:  # a protocol that somebody adds may fail in any way
            raise ProtocolError(f"{where} cannot be imported: {type(error).__name__}: {error}; mend it.") from error
        if not isinstance(held, Protocol):
            raise ProtocolError(
                f"{where} holds no protocol: expected `PROTOCOL = Protocol(...)`; assign one, or move the file out of "
                "this folder."
            )
        if held.name != module.replace("_", "-"):
            raise ProtocolError(
                f"{where} holds a protocol that calls itself {held.name!r}; expected {module.replace('_', '-')!r}, the "
                "file's own name with hyphens: rename one of the two."
            )
        found[held.name] = held
    return found
