"""The words of a command line."""

import sys
from collections.abc import Sequence
from pathlib import Path


def words(arguments: Sequence[str] | None = None) -> list[str]:
    """A command's words, with `~` as the home folder where a path begins with it.

    A shell puts the home folder in only at the beginning of a word: not in `--data-root=~/mars`, nor within quotes.

    Args:
        arguments: the words; None for those that the process was started with.

    Example:
        >>> words(["--data-root=/data", "--size=64x32"])
        ['--data-root=/data', '--size=64x32']
    """
    return [_at_home(word) for word in (sys.argv[1:] if arguments is None else arguments)]


def _at_home(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if not value.startswith("~"):
        return word
    try:
        return f"{option}{equals}{Path(value).expanduser()}"
    except RuntimeError:  # nobody of that name
        return word
