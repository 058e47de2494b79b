"""The arrays of a descriptor file: which there may be, what they may hold, and what was probably meant."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from files.formats import arrays, matlab
from runners.errors import RunError
from runners.evaluation.descriptor_set import SUFFIX

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]

LABELS = ("query_ids", "query_cams", "gallery_ids", "gallery_cams")
NAMES = ("query_features", "gallery_features", *LABELS)
INSIDE = "query_in_gallery"
ALL = "features"
_LARGEST = 2**53  # above it, two whole numbers may be one as a float64
_SPOKEN = {
    "features": {"", "f", "feat", "feats", "feature", "features", "emb", "embeddings", "descriptor", "descriptors"},
    "ids": {"id", "ids", "pid", "pids", "person", "persons", "people", "personid", "personids", "label", "labels"},
    "cams": {"cam", "cams", "camid", "camids", "camera", "cameras", "cameraid", "cameraids"},
}  # fmt: skip


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """All arrays of an ``.npz``, or those of a ``.mat`` that are known here; and the names of all that there are.

    Raises:
        RunError: no such file, an unknown kind, or one that cannot be read.
    """
    if path.suffix not in (".npz", ".mat"):
        kinds = f"a folder NAME{SUFFIX}, an .npz or a .mat"
        raise RunError(f"{path}: unknown kind of descriptors; expected {kinds}.")
    if not path.is_file():
        raise RunError(f"{path} does not exist; name a file with descriptors.")
    if path.suffix == ".npz":
        stored = arrays.load_npz(path, error=RunError, remedy="write it again with numpy.savez")
        return stored, list(stored)
    found = matlab.read(path, error=RunError, only=(*NAMES, INSIDE, ALL), remedy="save it again with -v7")
    spoilt = {name: why for name, why in found.others.items() if name in (*NAMES, INSIDE, ALL)}
    if spoilt:
        raise RunError(f"{path}: {'; '.join(f'{name} is {why}' for name, why in spoilt.items())}.")
    there = {name: array if name.endswith("features") else _flat(array) for name, array in found.values.items()}
    return there, [*there, *found.others]


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """MATLAB knows no vectors, only ``[1, N]`` and ``[N, 1]``."""
    return array.ravel() if array.ndim == 2 and 1 in array.shape else array


def meant(missing: Sequence[str], there: Iterable[str]) -> str:
    """``; perhaps qf is query_features ...`` for names that others write so; empty where there are none."""
    known = {}
    for name in there:
        part = re.fullmatch(r"(query|q|gallery|gal|g)(.*)", re.sub(r"[^a-z0-9]", "", name.lower()))
        if part:
            what = next((one for one, words in _SPOKEN.items() if part[2] in words), None)
            known[f"{'query' if part[1].startswith('q') else 'gallery'}_{what}"] = name
    pairs = [f"{known[name]} is {name}" for name in missing if name in known]
    return f"; perhaps {', '.join(pairs)} under another name: rename them" if pairs else ""


def matrix(array: NDArray[Any], name: str, path: Path) -> Floats:
    """Descriptors as float32 or float64, ``[N, D]``.

    Raises:
        RunError: it is no matrix of numbers.
    """
    if array.ndim != 2:
        raise RunError(f"{path}: {name} must be a matrix with one row a tracklet, got shape {array.shape}.")
    if array.dtype.kind not in "fiu":
        raise RunError(f"{path}: {name} must hold real numbers, got {array.dtype}.")
    kept = array.dtype.newbyteorder("=") if array.dtype.kind == "f" and array.dtype.itemsize <= 8 else np.float64
    return array.astype(kept, copy=False)


def whole(array: NDArray[Any], name: str, length: int, path: str) -> Ints:
    """Ids, cameras or rows: whole numbers, also where they are written as 1.0.

    Args:
        array: as it was read.
        name: of the array, for messages.
        length: expected.
        path: of the file, for messages.

    Raises:
        RunError: it holds other than whole numbers, or has another length.
    """
    if array.shape != (length,):
        raise RunError(f"{path}: {name} must have one entry for each of {length} rows, got shape {array.shape}.")
    if array.dtype.kind not in "iuf":
        raise RunError(f"{path}: {name} must be whole numbers, got {array.dtype}.")
    wrong = np.flatnonzero(~((array == np.floor(array)) & (np.abs(array.astype(np.float64)) <= _LARGEST)))
    if len(wrong):
        row = int(wrong[0])
        raise RunError(f"{path}: {name} must be whole numbers, but entry {row} is {array[row]} ({array.dtype}).")
    return array.astype(np.int64)


def listed(there: Iterable[str]) -> str:
    """Names of arrays for a message, not more than fit in it."""
    names = sorted(there)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return (", ".join(ascii(name)[1:-1][:40] for name in names[:12]) or "nothing") + more
