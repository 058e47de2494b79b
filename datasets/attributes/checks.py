"""Whether the parts of an annotation fit together, and what has to be said about every one."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError

if TYPE_CHECKING:
    from datasets.attributes.attribute import Attribute


def check(
    name: str,
    attributes: Sequence["Attribute"],
    people: NDArray[np.int64],
    keys: Sequence[str],
    codes: NDArray[np.int16],
) -> None:
    """Check the parts of an annotation against each other.

    Arguments as in `Annotation.of`.

    Raises:
        DataError: as in `Annotation.of`.
    """
    if not attributes or not len(people):
        raise DataError(
            f"{name} has {len(attributes)} attributes and {len(people)} rows, expected at least one of each"
        )
    if codes.shape != (len(people), len(attributes)) or len(keys) != len(people):
        raise DataError(
            f"{name} has codes {codes.shape} and {len(keys)} keys, expected {(len(people), len(attributes))} codes and "
            f"{len(people)} keys; its reader is wrong"
        )
    columns = [column for attribute in attributes for column in attribute.columns]
    twice = sorted({column for column in columns if columns.count(column) > 1})
    twice += sorted({a.name for a in attributes if [b.name for b in attributes].count(a.name) > 1} - set(twice))
    if twice:
        raise DataError(f"{name} has two attributes called {twice[0]!r}; give one of them another name")
    with_key = sum(map(bool, keys))
    if with_key not in (0, len(keys)):
        raise DataError(f"{name} names the tracklet of {with_key} of {len(keys)} rows, expected all of them or none")
    rows: Sequence[str | int] = keys if with_key else people.tolist()
    if len(set(rows)) != len(rows):
        first = Counter(rows).most_common(1)[0][0]
        raise DataError(f"{name} has two rows for {'tracklet' if with_key else 'person'} {first}; remove one of them")
    sizes = np.array([len(attribute.values) for attribute in attributes])
    outside = np.argwhere((codes < -1) | (codes >= sizes))
    if len(outside):
        row, column = outside[0].tolist()
        raise DataError(
            f"{name}: row {row + 1} has code {codes[row, column]} for {attributes[column].name!r}, expected -1 "
            f"(unknown) to {sizes[column] - 1}; correct it"
        )


def notices(name: str, attributes: Sequence["Attribute"], groups: Sequence[str]) -> list[str]:
    """What the user should know about any source: empty groups and undocumented polarity."""
    told = []
    filled = {attribute.group for attribute in attributes}
    for group in groups:
        if group not in filled:
            told.append(f"{name} has no attribute of the group {group!r}: the group is dropped")
    unclear = [a.name for a in attributes if a.kind == "binary" and a.polarity == "undocumented"]
    if unclear:
        told.append(
            f"which code is yes is not documented by the source for {', '.join(unclear)}: 1 is taken as yes, so read "
            "their yes as 'code 1'"
        )
    return told
