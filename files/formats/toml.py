"""TOML, with limits: what is nested by the thousand would take minutes."""

import re
import tomllib
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
