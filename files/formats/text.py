"""Text in UTF-8, with a limit on its size."""

from pathlib import Path
from typing import Final

from files.errors import COPY_AGAIN, FileError, reason

LARGEST: Final = 256 * 2**20
"""Bytes of a text that is read whole."""


def read(
    path: Path,
    *,
    error: type[Exception] = FileError,
    expected: str = "text",
    remedy: str = COPY_AGAIN,
    largest: int = LARGEST,
) -> str:
    """The text of a file; a byte-order mark at its beginning is dropped.

    Args:
        path: the file.
        error: class of the error.
        expected: what it should be, for the sentence.
        remedy: what to do, as the end of the sentence.
        largest: bytes; a larger file is refused unread.

    Raises:
        error: it is absent, too large, or no UTF-8.
    """
    try:
        size = path.stat().st_size
        if size > largest:
            raise error(f"{path} has {size:,} bytes, expected {expected} of at most {largest:,}; {remedy}")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise error(f"{path} is missing, expected {expected}; {remedy}") from None
    except UnicodeDecodeError as wrong:
        raise error(f"{path} is no text in UTF-8 (byte {wrong.start:,}), expected {expected}; {remedy}") from wrong
    except (OSError, MemoryError) as wrong:
        raise error(f"{path} cannot be read ({reason(wrong)}), expected {expected}; {remedy}") from wrong
