"""The sentences for files that cannot be read and for names that nobody knows."""

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Final

COPY_AGAIN: Final = "get a whole copy of it"


class FileError(ValueError):
    """A file cannot be read as what it should be; one sentence names the file, the expectation and the remedy."""


def unreadable(path: Path | str, expected: str, error: BaseException | str, remedy: str) -> str:
    """The sentence for a file whose bytes are not what they should be.

    Args:
        path: the file.
        expected: the format, as in "JSON" or "a NumPy array (.npy)".
        error: what the reader said, or a reason in words.
        remedy: what to do, as the end of a sentence.

    Example:
        >>> print(unreadable(Path("a.json"), "JSON", "it ends too early", "write it again"))
        a.json cannot be read as JSON (it ends too early); write it again
    """
    return f"{path} cannot be read as {expected} ({reason(error)}); {remedy}"


def reason(error: BaseException | str) -> str:
    """An error in a few words, on one line."""
    if isinstance(error, OSError) and error.errno is not None:
        return (error.strerror or errno.errorcode.get(error.errno, "error of the system")).lower()
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    said = " ".join(str(error).split())
    if len(said) > _LONGEST:
        said = said[:_LONGEST].rstrip() + " ..."
    return said or type(error).__name__


def did_you_mean(name: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6, quoted: bool = False) -> str:
    """The names nearest to an unknown one, as a question; empty where none is near.

    Args:
        name: the unknown one.
        known: all names that there are.
        most: names that are offered.
        cutoff: how alike they have to be, from 0 to 1.
        quoted: put each in quotes.

    Example:
        >>> did_you_mean("gltrr", ["gltr", "adfd"])
        'did you mean gltr?'
    """
    near = difflib.get_close_matches(name, list(known), n=most, cutoff=cutoff)
    return f"did you mean {' or '.join(map(repr, near) if quoted else near)}?" if near else ""


_LONGEST = 200  # characters of a library's message that are passed on: some repeat the file's own bytes
