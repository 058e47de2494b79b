"""Labels transferred from other data, against the truth: ``labels.json`` and ``labels.npz`` of the parent run.

Both are optional. A labeller is an arm that learned attributes elsewhere, on the *source*, and tells those of the
people of the *target*; an identity's answer is the mean over its frames, yes from one half on (ADFD). ``truth`` is
``[P, C]`` of the target's people, ``source_truth`` ``[S, C]`` of people of the source whom nobody learned from; 1 yes,
0 no, NaN unknown. ``<arm>/<seed>/probability`` ``[P, C]`` and ``.../source_probability`` ``[S, C]`` are the answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.attributes import balanced
from reports.errors import ReportError
from reports.records.interface import RecordKind
from reports.schema.attribute_columns import ColumnRecord, check_chances, check_columns, check_truth
from reports.schema.tracklet_arrays import check_names

Floats = NDArray[np.float64]


class DomainRecord(TypedDict):
    """The data on one side: the half that was learned from, or labelled."""

    name: str
    fingerprint: str
    frames: int
    people: int


class LabellerRecord(TypedDict):
    """One labeller with one seed; ``losses`` maps the names of its losses to their weights."""

    arm: str
    label: str
    seed: int
    losses: dict[str, float]


class LabelsRecord(TypedDict):
    """``labels.json``."""

    source: DomainRecord
    target: DomainRecord
    columns: list[ColumnRecord]
    labellers: list[LabellerRecord]
    left_out: NotRequired[int]


@dataclass(frozen=True)
class Labeller:
    """All seeds of one labelling arm."""

    arm: str
    label: str
    losses: frozenset[str]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Labels:
    """Both files of a parent run."""

    record: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def groups(self) -> tuple[str, ...]:
        """The group of each column."""
        return tuple(one["group"] for one in self.record["columns"])

    @property
    def labellers(self) -> tuple[Labeller, ...]:
        """Arms in the order of the record, seeds ascending."""
        found: dict[str, list[dict[str, Any]]] = {}
        for one in self.record["labellers"]:
            found.setdefault(one["arm"], []).append(one)
        return tuple(
            Labeller(
                arm,
                str(each[0]["label"]),
                frozenset(name for name, weight in each[0]["losses"].items() if weight),
                tuple(sorted(int(one["seed"]) for one in each)),
            )
            for arm, each in found.items()
        )

    @property
    def has_source(self) -> bool:
        """Whether people of the source were held out, so that there is a gap to measure."""
        return "source_person" in self.arrays

    def chances(self, labeller: Labeller, part: str, seeds: tuple[int, ...] | None = None) -> Floats:
        """``[S, P, C]`` of the target (``part=""``) or of the source's held-out people (``part="source_"``)."""
        wanted = labeller.seeds if seeds is None else seeds
        rows = [self.arrays[f"{labeller.arm}/{seed}/{part}probability"] for seed in wanted]
        return np.stack([np.asarray(row, dtype=np.float64) for row in rows])


def check_labels(record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], name: str = "the labels") -> None:
    """Refuse labels that disagree with their arrays.

    Args:
        record: ``labels.json``.
        arrays: ``labels.npz``.
        name: whose they are, for the message.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    file, columns = "labels.npz", len(record["columns"])
    check_columns(record["columns"], "labels.json", name)
    _check_labellers(record["labellers"], name)
    parts = ["", *(["source_"] if "source_person" in arrays else [])]
    for part in parts:
        check_names(arrays, (f"{part}person", f"{part}truth"), file, name)
        people = arrays[f"{part}person"]
        if people.ndim != 1 or not len(people) or len(np.unique(people)) != len(people):
            raise ReportError(f"{name} has {part}person of shape {people.shape} in {file}; expected each person once.")
        check_truth(arrays, f"{part}truth", (len(people), columns), file, name)
        for one in record["labellers"]:
            key = f"{one['arm']}/{one['seed']}/{part}probability"
            check_names(arrays, (key,), file, name)
            check_chances(arrays, key, (len(people), columns), file, name)
    known = {f"{part}{key}" for part in parts for key in ("person", "truth")}
    known |= {f"{one['arm']}/{one['seed']}/{part}probability" for one in record["labellers"] for part in parts}
    unknown = sorted(set(arrays) - known)
    if unknown:
        raise ReportError(f"{name} holds {', '.join(unknown)} in {file}, of which labels.json says nothing.")


def _check_labellers(labellers: Any, name: str) -> None:
    if not labellers:
        raise ReportError(f"{name} names no labeller in labels.json; expected one or more.")
    losses: dict[str, Any] = {}
    seen = set()
    for one in labellers:
        run = (one["arm"], one["seed"])
        if run in seen:
            raise ReportError(f"{name} names {one['arm']} with seed {one['seed']} twice in labels.json.")
        seen.add(run)
        if losses.setdefault(one["arm"], one["losses"]) != one["losses"]:
            raise ReportError(f"{name} has seeds of {one['arm']} that learned by different losses in labels.json.")


def join(earlier: Labels, new: Labels) -> Labels:
    """New labels, and those of the earlier labellers and seeds that are not among them, where both are of one truth.

    Of another truth (other data, people or columns) nothing is kept: it could not stand in one table.
    """
    same = all(earlier.record[key] == new.record[key] for key in ("source", "target", "columns"))
    truth = [key for key in new.arrays if not key.endswith("probability")]
    same &= all(key in earlier.arrays and _equal(earlier.arrays[key], new.arrays[key]) for key in truth)
    if not same:
        return new
    told = {(one["arm"], one["seed"]) for one in new.record["labellers"]}
    kept = [one for one in earlier.record["labellers"] if (one["arm"], one["seed"]) not in told]
    labellers = [*new.record["labellers"], *kept]
    return Labels({**new.record, "labellers": labellers}, {**earlier.arrays, **new.arrays})


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def metrics(labels: Labels) -> dict[str, float]:
    """``labels/<arm>/balanced_accuracy`` in percent, on the target and on held-out people of the source."""
    found = {}
    for one in labels.labellers:
        for part in ("", "source_") if labels.has_source else ("",):
            truth, people = labels.arrays[f"{part}truth"], labels.arrays[f"{part}person"]
            scores = balanced(truth, labels.chances(one, part), people, labels.groups)
            value = 100 * float(scores.overall.balanced.mean)
            if np.isfinite(value):
                found[f"labels/{one.arm}/{part}balanced_accuracy"] = value
    return found


KIND = RecordKind(
    name="labels",
    stem="labels",
    what="labels",
    value=Labels,
    check=check_labels,
    form=LabelsRecord,
    per="job",
    metrics=metrics,
    join=join,
)
