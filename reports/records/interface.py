"""What a kind of result is: its files, what must hold in them, and what they say to MLflow and over divisions.

A kind states itself in one constant, ``KIND``, in the module of its record: `reports.records` finds it there.
Nothing else lists kinds; the writer, the store and the pages go through all that are found.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from reports.errors import ReportError
from reports.schema.json_form import check_finite, check_form

Arrays = Mapping[str, NDArray[Any]]
LAST = 1000  # place of a kind that does not say where it stands


class Recorded(Protocol):
    """A record and the arrays that belong to it."""

    @property
    def record(self) -> Mapping[str, Any]:
        """Plain data."""

    @property
    def arrays(self) -> Arrays:
        """By name."""


class HasRecords(Protocol):
    """A run or a job, with what was recorded beside its result."""

    @property
    def records(self) -> Mapping[str, Any]:
        """Name of the kind -> value."""


V = TypeVar("V", bound=Recorded)


@dataclass(frozen=True)
class OfRun(Generic[V]):
    """A value, and the run that recorded it: its id and its ``result.json``."""

    run_id: str
    result: Mapping[str, Any]
    value: V


@dataclass(frozen=True)
class OfArm(Generic[V]):
    """The values that the seeds of one arm recorded; runs without one are left out."""

    name: str
    runs: tuple[OfRun[V], ...]


@dataclass(frozen=True)
class RecordKind(Generic[V]):
    """One kind of result, recorded as ``<stem>.json`` and ``<stem>.npz`` beside an arm's result, or of a whole job.

    Attributes:
        name: as ``run.records`` knows it: the name of its module, or of its folder.
        stem: of both files' names.
        what: what these are, after "the": ``frame weights``.
        value: makes the value of a record and its arrays.
        check: of a record that has the form, its arrays and whose they are: whether what they say can be; raises
            ReportError, naming the key and what was expected.
        form: `TypedDict` of the record; what is of another form does not reach `check`.
        order: place among the kinds, from the smallest.
        per: recorded of each arm with each seed, or of the job.
        check_beside: in place of `check` where the result that it stands beside is known, which is the last argument.
        metrics: what MLflow shows of it, name -> finite number.
        facts: what the digest of a result covers of it, or of its absence; by default record and arrays, or nothing.
        check_alike: refuses arms whose seeds cannot be pooled; raises ReportError.
        pool: values of some divisions of the data (numbers of these, name of the run) as one; None where they do not
            fit together. Without it they are not pooled.
        join: of a job: an earlier value and a new one, in this order, as what is kept.
    """

    name: str
    stem: str
    what: str
    value: Callable[[dict[str, Any], Arrays], V]
    check: Callable[[Mapping[str, Any], Arrays, str], None]
    form: Any = Any
    order: int = LAST
    per: Literal["arm", "job"] = "arm"
    check_beside: Callable[[Mapping[str, Any], Arrays, str, Mapping[str, Any]], None] | None = None
    metrics: Callable[[V], Mapping[str, float]] | None = None
    facts: Callable[[V | None], list[Any]] | None = None
    check_alike: Callable[[Sequence[OfArm[V]]], None] | None = None
    pool: Callable[[Sequence[V], Sequence[int], str], V | None] | None = None
    join: Callable[[V, V], V] | None = None

    @property
    def files(self) -> tuple[str, str]:
        """Names of both artifacts."""
        return f"{self.stem}.json", f"{self.stem}.npz"

    def of(self, found: HasRecords) -> V | None:
        """The value that a run or a job recorded; None where it has none."""
        value: V | None = found.records.get(self.name)
        return value

    def verify(
        self, record: Mapping[str, Any], arrays: Arrays, name: str, result: Mapping[str, Any] | None = None
    ) -> None:
        """Refuse what is of another form, says what cannot be, or cannot stand beside a result.

        Args:
            record: ``<stem>.json``.
            arrays: ``<stem>.npz``.
            name: whose they are, for the message.
            result: ``result.json``, where there is one.

        Raises:
            ReportError: naming the key and what was expected there.
        """
        check_form(record, self.form, f"{name}: {self.files[0]}")
        check_finite(record, f"{name}: {self.files[0]}")
        if self.check_beside is not None and result is not None:
            self.check_beside(record, arrays, name, result)
        else:
            self.check(record, arrays, name)

    def digest_facts(self, value: V | None) -> list[Any]:
        """What the digest of a result covers of this kind."""
        if self.facts is not None:
            return self.facts(value)
        return [] if value is None else [{self.stem: value.record, "arrays": digest_of(value.arrays)}]


def digest_of(arrays: Arrays) -> str:
    """32 hex digits of arrays by name, type, shape and bytes."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:32]


def same_tracklets(verb: str, stem: str) -> Callable[[Sequence[OfArm[Any]]], None]:
    """A `RecordKind.check_alike` for what is pooled over seeds tracklet by tracklet.

    Args:
        verb: what a seed did with its tracklets, in the past tense.
        stem: of the files.
    """

    def check(arms: Sequence[OfArm[Any]]) -> None:
        for arm in arms:
            keys = [run.value.arrays["key"] for run in arm.runs]
            if any(not np.array_equal(one, keys[0]) for one in keys):
                raise ReportError(
                    f"the seeds of {arm.name} {verb} other tracklets each ({stem}.npz, key), so they cannot be "
                    "pooled; record the arm again, with one choice of tracklets for all seeds."
                )

    return check
