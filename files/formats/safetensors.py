"""Weights on disk, as safetensors: byte-stable, quick, nothing that could run as code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from files.errors import COPY_AGAIN, FileError, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

_EXPECTED = "weights (safetensors)"


def load(path: Path, *, error: type[Exception] = FileError, remedy: str = COPY_AGAIN) -> dict[str, Tensor]:
    """Tensors by name, on the CPU.

    Raises:
        error: the file is absent, cut or damaged.
    """
    from safetensors.torch import load_file

    if not path.is_file():
        raise error(f"{path} is missing, expected {_EXPECTED}; {remedy}")
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except Exception as wrong:  # the library's own error, and a dozen kinds of PyTorch's and Python's
        raise error(unreadable(path, _EXPECTED, wrong, remedy)) from wrong
    return tensors


def save(state: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name."""
    from safetensors.torch import save_file

    save_file({name: value.detach().cpu().contiguous().clone() for name, value in state.items()}, path)
