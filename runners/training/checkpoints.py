"""Where a stage's training stands, on disk: PyTorch's own file, and behind it the SHA-256 of its bytes.

PyTorch reads a file in which a bit has changed without a word; training would go on from other weights.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from files import digest
from files.formats import checkpoint
from runners.errors import RunError

_DIGEST = hashlib.sha256().digest_size


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    temporary = _unfinished(path)
    torch.save(dict(state), temporary)
    seal = bytes.fromhex(digest.sha256(temporary))
    with temporary.open("ab") as file:
        file.write(seal)
    temporary.replace(path)


def remove(path: Path) -> None:
    """Remove a checkpoint, and one that was being written when its process was killed."""
    path.unlink(missing_ok=True)
    _unfinished(path).unlink(missing_ok=True)


def load(path: Path, device: str) -> dict[str, Any]:
    """What `save` wrote.

    Raises:
        RunError: some of its bytes are not what was written.
    """
    with path.open("rb") as file:
        size = path.stat().st_size - _DIGEST
        sums = hashlib.sha256()
        left = max(size, 0)
        while left and (block := file.read(min(left, 1 << 24))):
            sums.update(block)
            left -= len(block)
        if size < 0 or file.read() != sums.digest():
            raise RunError(f"{path} holds other bytes than were written")
    found: dict[str, Any] = checkpoint.load(path, device=device, error=RunError)  # it passes over what follows
    return found


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".new")
