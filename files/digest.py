"""Digests of files."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """64 hexadecimal digits over a file's bytes.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
