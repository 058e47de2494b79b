"""Yes/no columns of attributes, and what must hold in them: attributes and labels are recorded by them alike."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from reports.errors import ReportError

_SLACK = 1e-6  # a mean of float32 sigmoids may pass 1 by rounding


class ColumnRecord(TypedDict):
    """One yes/no column; ``positive`` is the share of yes among the people learned from, null where none is known."""

    name: str
    attribute: str
    group: str
    positive: float | None


def check_columns(columns: Sequence[Mapping[str, Any]], file: str, name: str) -> None:
    """Refuse columns that are none, named twice, or have a share that is none.

    Raises:
        ReportError: naming what is wrong.
    """
    for one in columns:
        if one["positive"] is not None and not 0 <= one["positive"] <= 1:
            raise ReportError(
                f"{name} has a positive share of {one['positive']} of {one['name']} in {file}; expected 0 to 1."
            )
    names = [one["name"] for one in columns]
    if not names or len(set(names)) != len(names):
        raise ReportError(
            f"{name} has {len(names)} columns of {len(set(names))} names in {file}; expected one or more."
        )


def check_shape(arrays: Mapping[str, NDArray[Any]], key: str, shape: tuple[int, ...], file: str, name: str) -> None:
    """Refuse an array of another shape.

    Args:
        arrays: name -> array.
        key: which of them.
        shape: that is expected.
        file: that it came from, for messages.
        name: of what holds it, for messages.

    Raises:
        ReportError: it has another shape.
    """
    if arrays[key].shape != shape:
        raise ReportError(f"{name} has {key} of shape {arrays[key].shape} in {file}; expected {shape}.")


def check_truth(arrays: Mapping[str, NDArray[Any]], key: str, shape: tuple[int, int], file: str, name: str) -> None:
    """Refuse a truth [N, A] that is no yes, no or unknown. Arguments as in `check_shape`.

    Raises:
        ReportError: it has another shape or value.
    """
    check_shape(arrays, key, shape, file, name)
    values = np.asarray(arrays[key], dtype=np.float64)
    wrong = values[~np.isnan(values) & (values != 0) & (values != 1)]
    if len(wrong):
        raise ReportError(f"{name} has {key} = {wrong[0]:g} in {file}; expected 1 (yes), 0 (no) or NaN (unknown).")


def check_chances(arrays: Mapping[str, NDArray[Any]], key: str, shape: tuple[int, int], file: str, name: str) -> None:
    """Refuse chances [N, A] outside 0 and 1. Arguments as in `check_shape`.

    Raises:
        ReportError: it has another shape or value.
    """
    check_shape(arrays, key, shape, file, name)
    values = np.asarray(arrays[key], dtype=np.float64)
    wrong = values[~((values >= -_SLACK) & (values <= 1 + _SLACK))]
    if len(wrong):
        raise ReportError(f"{name} has {key} = {wrong[0]:g} in {file}; expected chances from 0 to 1.")
