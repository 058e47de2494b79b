"""Checkpoints of PyTorch (``torch.save``): weights only, so that nothing in them can run as code."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from files.errors import COPY_AGAIN, FileError, unreadable

if TYPE_CHECKING:
    from pathlib import Path

_EXPECTED = "a checkpoint of PyTorch (weights only)"


def load(path: Path, *, device: str = "cpu", error: type[Exception] = FileError, remedy: str = COPY_AGAIN) -> Any:
    """What ``torch.save`` wrote: tensors, numbers (NumPy's too), texts, and lists and dicts of them.

    Args:
        path: the file.
        device: where its tensors go.
        error: class of the error.
        remedy: what to do, as the end of its sentence.

    Raises:
        error: the file is absent, cut or damaged, or holds anything else.
    """
    import torch

    if not path.is_file():
        raise error(f"{path} is missing, expected {_EXPECTED}; {remedy}")
    try:
        with torch.serialization.safe_globals(list(_numbers_of_numpy())):
            return torch.load(path, map_location=device, weights_only=True)
    except Exception as wrong:  # zip, pickle and PyTorch each have their own kinds of error for damage
        raise error(unreadable(path, _EXPECTED, wrong, remedy)) from wrong


@cache
def _numbers_of_numpy() -> tuple[Any, ...]:
    """What a pickled NumPy number is made of: authors store ``cmc[0]`` beside the weights."""
    import numpy as np

    scalar, reconstruct = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
    named = [
        (made, f"{package}.multiarray.{name}")
        for made, name in ((scalar, "scalar"), (reconstruct, "_reconstruct"))
        for package in ("numpy.core", "numpy._core")  # before NumPy 2, and since
    ]
    kinds = {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + np.typecodes["AllFloat"] + "?SU"}
    return (*named, np.ndarray, np.dtype, *sorted(kinds, key=lambda kind: kind.__name__))
