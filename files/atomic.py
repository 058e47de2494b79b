"""Files that are written whole or not at all: under another name first, then moved."""

import json
import os
from pathlib import Path


def write_json(path: Path, value: object) -> None:
    """Write JSON; NaN and infinities are refused (ValueError), as they are no JSON."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8; what is no Unicode (a lone surrogate) becomes a question mark."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
