"""RAP_annotation.mat: one MATLAB struct of cells, read by the names of its fields where they are known.

RAP v1 has the fields, in this order: partition, label, names of the attributes in Chinese and in English, position,
image names, and the attributes of the usual evaluation. RAP v2 has others in another order, so fields are looked up by
name first; only what has no such names is read in the order of v1.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets import identifiers
from datasets.errors import DataError
from datasets.files.matlab import read_variable

VARIABLE: Final = "RAP_annotation"
VERSIONS: Final = {(41_585, 92): "1", (84_928, 152): "2"}
_NAMES: Final = {
    "partition": ("partition", "partitionattribute"),
    "label": ("label", "labels"),
    "english": ("attributeeng", "attributesenglish", "attributeenglish", "attribute", "attributename"),
    "images": ("imagesname", "imagename", "imagenames", "name", "images"),
}
_V1_ORDER: Final = {"partition": 0, "label": 1, "english": 3, "images": 5}
_V1_FIELDS: Final = (6, 7)
_Indices = NDArray[np.int64]


class RapFile(NamedTuple):
    """What is used of the file.

    Attributes:
        version: "1", "2" or "of unknown size".
        label: uint8 or other numbers [N, A] as they stand.
        names: A attribute names in English.
        images: N file names.
        partitions: (training rows, test rows) of each partition, from 0.
        by_order: whether the fields had to be told by their order.
    """

    version: str
    label: NDArray[np.generic]
    names: tuple[str, ...]
    images: tuple[str, ...]
    partitions: tuple[tuple[_Indices, _Indices], ...]
    by_order: bool


def read_file(path: Path) -> RapFile:
    """Read the file, and check that its parts agree with each other.

    Raises:
        DataError: for a file that is missing, damaged or of another layout, counts that disagree, and a partition that
            names images that do not exist or the same image in both halves.
    """
    fields, by_order = _fields(path)
    label = np.asarray(fields["label"])
    if label.ndim != 2 or label.dtype.kind not in "biuf" or not label.size:
        raise DataError(f"{path}: the labels are {label.dtype} {label.shape}, expected numbers [images, attributes]")
    names, images = (
        _texts(path, "English attribute names", fields["english"]),
        _texts(path, "image names", fields["images"]),
    )
    if label.shape != (len(images), len(names)):
        raise DataError(
            f"{path}: the labels are {label.shape[0]:,} x {label.shape[1]}, but there are {len(images):,} image names "
            f"and {len(names)} English attribute names; the parts must agree: take the released file"
        )
    partitions = _partitions(path, fields["partition"], len(images))
    version = VERSIONS.get((len(images), len(names)), "of unknown size")
    return RapFile(version, label, names, images, partitions, by_order)


def _fields(path: Path) -> tuple[dict[str, Any], bool]:
    stored = read_variable(path, VARIABLE, "copy it from the official release of RAP")
    named = stored.dtype.names or ()
    found = {part: _named(named, aliases) for part, aliases in _NAMES.items()}
    if all(found.values()) and stored.size == 1:
        return {part: stored.reshape(-1)[0][name] for part, name in found.items()}, False
    cells = list(stored.reshape(-1)[0]) if named and stored.size == 1 else list(stored.reshape(-1))
    if len(cells) not in _V1_FIELDS:
        missing = [part for part, name in found.items() if not name]
        raise DataError(
            f"{path}: {VARIABLE} has {len(cells)} fields ({', '.join(named) or 'without names'}), expected partition, "
            f"label, attribute names in English, image names ({', '.join(missing)} not found); take the released file"
        )
    return {part: cells[place] for part, place in _V1_ORDER.items()}, True


def _named(fields: Sequence[str], aliases: Sequence[str]) -> str:
    plain = {name.lower().replace("_", ""): name for name in fields}
    return next((plain[alias] for alias in aliases if alias in plain), "")


def _peel(value: Any) -> Any:
    """Take away the cells of one element that MATLAB and SciPy wrap around a value."""
    while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        value = value.reshape(-1)[0]
    return value


def _texts(path: Path, what: str, field: Any) -> tuple[str, ...]:
    cells = field.reshape(-1).tolist() if isinstance(field, np.ndarray) else [field]
    if len(cells) == 1 and isinstance(cells[0], np.ndarray) and cells[0].dtype == object:
        cells = cells[0].reshape(-1).tolist()
    found = []
    for place, cell in enumerate(cells):
        text = _peel(cell)
        if isinstance(text, np.ndarray) and text.dtype.kind == "U" and text.size == 1:
            text = text.reshape(-1)[0]
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{path}: entry {place + 1} of the {what} is no text; take the released file")
        found.append(str(text).strip())
    return tuple(found)


def _partitions(path: Path, field: Any, images: int) -> tuple[tuple[_Indices, _Indices], ...]:
    value = np.asarray(field)
    cells = list(value.reshape(-1))
    found = []
    for place, cell in enumerate(cells):
        inner = _peel(cell)
        names = inner.dtype.names if isinstance(inner, np.ndarray | np.void) else None
        if names:
            record = inner.reshape(-1)[0] if isinstance(inner, np.ndarray) else inner
            order = sorted(names, key=lambda name: ("test" in name.lower(), names.index(name)))
            halves = [record[name] for name in order]
        else:
            halves = list(np.asarray(inner, dtype=object).reshape(-1)) if np.asarray(inner).dtype == object else []
        if len(halves) != 2:
            raise DataError(
                f"{path}: partition {place + 1} has {len(halves)} parts, expected the indices of training and of test "
                "images; take the released file"
            )
        train, test = (_indices(path, place, _peel(half), images) for half in halves)
        both = np.intersect1d(train, test)
        if both.size:
            raise DataError(
                f"{path}: partition {place + 1} has {len(both):,} images in both halves (the first is index "
                f"{both[0] + 1}), expected none; take the released file"
            )
        found.append((train, test))
    if not found:
        raise DataError(f"{path}: there is no partition, expected at least one; take the released file")
    return tuple(found)


def _indices(path: Path, partition: int, half: Any, images: int) -> _Indices:
    numbers = np.asarray(half).reshape(-1)
    where = f"{path}: partition {partition + 1}"
    if numbers.dtype.kind not in "iuf" or not numbers.size:
        raise DataError(
            f"{where} holds {numbers.dtype} of shape {numbers.shape}, expected whole numbers; copy it again"
        )
    numbers = identifiers.whole_numbers(numbers, f"{where}: its entries", "copy it again")
    outside = numbers[(numbers < 1) | (numbers > images)]
    if outside.size:
        raise DataError(f"{where} names image {int(outside[0])}, expected 1 to {images:,}; take the released file")
    if len(np.unique(numbers)) != len(numbers):
        raise DataError(f"{where} names an image twice in one half, expected once; take the released file")
    return numbers - 1
