"""Which attributes an arm recognises: ``attributes.json`` and ``attributes.npz``, and what must hold in them.

Both are optional, and written for arms whose network learns attributes. ``truth`` ``[N, C]`` is 1 (yes), 0 (no) or NaN
(unknown) for each tracklet and yes/no column, ``probability`` ``[N, C]`` the network's chance of yes. What follows from
them is computed here, by `protocols.ground_truth.attributes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.attributes import balanced
from reports.errors import ReportError
from reports.records.interface import Arrays, OfArm, RecordKind, same_tracklets
from reports.records.splits import mean_if_all_known
from reports.schema.attribute_columns import ColumnRecord, check_chances, check_columns, check_shape, check_truth
from reports.schema.tracklet_arrays import check_names


class AttributesRecord(TypedDict):
    """``attributes.json``: ``annotation`` says what is true, ``labels`` what was learned from.

    ``left_out`` counts columns that the network knows and the annotation does not.
    """

    annotation: str
    labels: str
    tracklets: int
    people: int
    what: str
    columns: list[ColumnRecord]
    left_out: NotRequired[int]


@dataclass(frozen=True)
class Attributes:
    """Both files of one run."""

    record: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(one["name"] for one in self.record["columns"])

    @property
    def groups(self) -> tuple[str, ...]:
        """The group of each column."""
        return tuple(one["group"] for one in self.record["columns"])


def check_attributes(
    record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], name: str = "the attributes"
) -> None:
    """Refuse attributes that disagree with their arrays.

    Args:
        record: ``attributes.json``.
        arrays: ``attributes.npz``.
        name: whose they are, for the message.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    file = "attributes"
    check_columns(record["columns"], f"{file}.json", name)
    check_names(arrays, ("person", "key", "truth", "probability"), f"{file}.npz", name)
    rows, columns = record["tracklets"], len(record["columns"])
    for key in ("person", "key"):
        check_shape(arrays, key, (rows,), f"{file}.npz", name)
    people = len(np.unique(arrays["person"]))
    if people != record["people"]:
        raise ReportError(f"{name} counts {record['people']} people, but {file}.npz has {people}.")
    check_truth(arrays, "truth", (rows, columns), f"{file}.npz", name)
    check_chances(arrays, "probability", (rows, columns), f"{file}.npz", name)


def pool(parts: Sequence[Attributes], numbers: Sequence[int], name: str = "the attributes") -> Attributes | None:
    """The attributes of all divisions of the data; ``None`` where they know other columns each."""
    found = _pooled([one.record for one in parts], [one.arrays for one in parts], numbers)
    return Attributes(*found) if found else None


def _pooled(
    records: Sequence[Mapping[str, Any]], parts: Sequence[Arrays], numbers: Sequence[int]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    names = [[(one["name"], one["group"]) for one in record["columns"]] for record in records]
    if any(one != names[0] for one in names):
        return None
    keys = [key for key in parts[0] if all(key in part for part in parts)]
    arrays = {key: np.concatenate([np.asarray(part[key]) for part in parts]) for key in keys}
    listed = [
        np.char.add(f"{number}/", np.asarray(part["key"]).astype(str))
        for number, part in zip(numbers, parts, strict=True)
    ]
    arrays["key"] = np.concatenate(listed)
    return {
        **records[0],
        "tracklets": len(arrays["key"]),
        "people": len(np.unique(arrays["person"])),
        "columns": [
            {**same[0], "positive": mean_if_all_known([one["positive"] for one in same])}
            for same in zip(*(record["columns"] for record in records), strict=True)
        ],
    }, arrays


def metrics(recognised: Attributes) -> dict[str, float]:
    """``attributes/<group>/balanced_accuracy`` in percent, of each group and of all columns."""
    arrays = recognised.arrays
    scores = balanced(arrays["truth"], arrays["probability"], arrays["person"], list(recognised.groups))
    found = {name: one.balanced.mean for name, one in scores.groups.items()} | {"all": scores.overall.balanced.mean}
    return {
        f"attributes/{name}/balanced_accuracy": 100 * float(value)
        for name, value in found.items()
        if np.isfinite(value)
    }


def _check_alike(arms: Sequence[OfArm[Attributes]]) -> None:
    """Attributes are pooled over seeds tracklet by tracklet and column by column, against one truth."""
    same_tracklets("recognised", "attributes")(arms)
    for arm in arms:
        first = arm.runs[0].value
        for one in (run.value for run in arm.runs[1:]):
            same = one.names == first.names and one.groups == first.groups
            if not same or not np.array_equal(one.arrays["truth"], first.arrays["truth"], equal_nan=True):
                raise ReportError(
                    f"the seeds of {arm.name} recognised other attributes each, or against another truth "
                    "(attributes.json, attributes.npz), so they cannot be pooled; record the arm again."
                )


KIND = RecordKind(
    name="attributes",
    stem="attributes",
    what="attributes",
    value=Attributes,
    check=check_attributes,
    form=AttributesRecord,
    order=40,
    metrics=metrics,
    check_alike=_check_alike,
    pool=pool,
)
