"""Checks of what comes in for ranking, and the change from torch to NumPy without importing torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ProtocolError


def is_torch(value: object) -> bool:
    """Whether `value` is a torch tensor; NumPy users never pay for an import of torch."""
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def to_numpy(value: Any) -> NDArray[Any]:
    """A tensor of any device, or anything array-like, as a NumPy array (bfloat16 becomes float32)."""
    if is_torch(value):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        value = value.numpy()
    return np.asarray(value)


def to_floats(value: Any, name: str) -> NDArray[np.floating[Any]]:
    """A two-dimensional float32 or float64 array; half precision is widened (exactly), integers become float64.

    Raises:
        ProtocolError: not a matrix of real numbers.
    """
    array = to_numpy(value)
    if array.ndim != 2:
        raise ProtocolError(f"{name} must be a matrix, got an array of shape {array.shape}")
    if array.dtype.kind == "f" and array.dtype.itemsize <= 4:
        return array.astype(np.float32, copy=False)
    if array.dtype.kind not in "fiub":
        raise ProtocolError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return array.astype(np.float64, copy=False)


def to_ids(value: ArrayLike, name: str, length: int) -> NDArray[np.int64]:
    """Integer labels of a known number.

    Raises:
        ProtocolError: wrong number of them, or not whole numbers.
    """
    array = to_numpy(value)
    if array.shape != (length,):
        raise ProtocolError(f"{name} must have {length} entries, got an array of shape {array.shape}")
    whole = array.dtype.kind in "iub" or (array.dtype.kind == "f" and bool(np.all(array == np.floor(array))))
    if length and not whole:
        raise ProtocolError(f"{name} must be whole numbers, got {array.dtype} with fractions or text")
    return array.astype(np.int64)


def refuse_non_finite(rows: NDArray[np.floating[Any]], first_row: int, what: str) -> None:
    """Stops at the first row that holds a NaN or an infinity.

    Raises:
        ProtocolError: names that row, counted from `first_row`.
    """
    if rows.size == 0 or (np.isfinite(rows.min()) and np.isfinite(rows.max())):  # NaN runs through min and max
        return
    row, column = np.argwhere(~np.isfinite(rows))[0]
    raise ProtocolError(
        f"{what} of row {first_row + int(row)} hold {rows[row, column]} (column {int(column)}): "
        "only finite numbers can be ranked, so look for a diverged model or a broken tracklet"
    )
