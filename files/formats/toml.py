"""TOML, with limits: what is nested by the thousand would take minutes."""

import json
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from files.errors import FileError, unreadable
from files.formats import text

LARGEST: Final = 2**20
"""Bytes of a TOML file; the largest card of a paper has a twentieth of it."""
DEEPEST: Final = 50
"""Names in one dotted key: the library's time grows with their square."""
_DOTTED = re.compile(rf"""(?<![\w\-"'])(?:[\w\-"']++[ \t]*+\.[ \t]*+){{{DEEPEST}}}""")


def read(path: Path, *, error: type[Exception] = FileError, remedy: str = "correct it") -> dict[str, Any]:
    """The table of a TOML file.

    Args:
        path: the file, UTF-8.
        error: class of the error.
        remedy: what to do, as the end of its sentence.

    Raises:
        error: it is absent, too large, too deeply nested, or no TOML.
    """
    content = text.read(path, error=error, expected="TOML", remedy=remedy, largest=LARGEST)
    if _DOTTED.search(content):
        raise error(unreadable(path, "TOML", f"a key has more than {DEEPEST} names", remedy))
    try:
        return tomllib.loads(content)
    except (ValueError, RecursionError, MemoryError) as wrong:  # TOMLDecodeError is a ValueError
        raise error(unreadable(path, "TOML", wrong, remedy)) from wrong


def dumps(table: Mapping[str, Any]) -> str:
    """A table of plain values as TOML: texts, whole numbers, floats, truth values, and lists and tables of them.

    Lists of tables at the top stand as ``[[name]]`` and tables as ``[name]``; deeper ones stand in their line.

    Raises:
        ValueError: a value that TOML does not know, such as None or a key that is no text.
    """
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping) and not _are_tables(value)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if key in plain:
            continue
        head = f"[{_key(key)}]" if isinstance(value, Mapping) else f"[[{_key(key)}]]"
        for one in [value] if isinstance(value, Mapping) else value:
            lines += ["", head, *(f"{_key(name)} = {_value(inner)}" for name, inner in one.items())]
    return "\n".join(lines) + "\n"


def _are_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError(f"the key {key!r} is no text, and TOML knows no others")
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(value: str) -> str:
    """As JSON writes it, which is a basic string of TOML, but for the one control character that JSON leaves."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    raise ValueError(f"{value!r} is nothing that TOML knows")
