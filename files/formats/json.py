"""JSON: read with limits, written whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from files.errors import COPY_AGAIN, FileError, unreadable
from files.formats import text

if TYPE_CHECKING:
    from pathlib import Path


def read(
    path: Path, *, error: type[Exception] = FileError, remedy: str = COPY_AGAIN, largest: int = text.LARGEST
) -> Any:
    """The value of a JSON file.

    Args:
        path: the file, UTF-8.
        error: class of the error.
        remedy: what to do, as the end of its sentence.
        largest: bytes; a larger file is refused unread.

    Raises:
        error: it is absent, too large, too deeply nested, or no JSON.  NaN and infinities are no JSON.
    """
    return parse(text.read(path, error=error, expected="JSON", remedy=remedy, largest=largest), path, error, remedy)


def read_object(
    path: Path, *, error: type[Exception] = FileError, remedy: str = COPY_AGAIN, largest: int = text.LARGEST
) -> dict[str, Any]:
    """The same for a file that holds an object (``{...}``).

    Args:
        path, error, remedy, largest: as in `read`.

    Raises:
        error: as in `read`, or it holds another value than an object.
    """
    value = read(path, error=error, remedy=remedy, largest=largest)
    if not isinstance(value, dict):
        raise error(f"{path} holds {kind(value)}, expected a JSON object; {remedy}")
    return value


def parse(content: str, name: Path | str, error: type[Exception] = FileError, remedy: str = COPY_AGAIN) -> Any:
    """The value of a JSON text.

    Args:
        content: the text.
        name: what the error's sentence begins with.
        error: class of the error.
        remedy: what to do, as the end of its sentence.

    Raises:
        error: it is no JSON, or too deeply nested.  NaN and infinities are no JSON.
    """
    try:
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError, MemoryError) as wrong:
        raise error(unreadable(name, "JSON", wrong, remedy)) from wrong


def kind(value: object) -> str:
    """What a JSON value is, in JSON's words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
