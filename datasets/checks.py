"""Checks of a data set: what was expected, what was found, and whether that is a failure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from datasets.errors import DataError
from datasets.tracklet import Split


@dataclass(frozen=True, slots=True)
class Check:
    """One fact about a data set that could be false.

    Attributes:
        what: the fact, as a short name ("train_tracklets", "images missing", ...).
        expected: the expected value; None where there is nothing to compare with.
        found: the value on disk.
        detail: a sentence for the reader when it fails.
        kind: of the problems that it counts (`Problem.kind`), where it counts problems.
    """

    what: str
    expected: int | None
    found: int
    detail: str = ""
    kind: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value is the expected one (always, where none is expected)."""
        return self.expected is None or self.expected == self.found

    def as_dict(self) -> dict[str, object]:
        """The check for JSON."""
        return {**asdict(self), "passed": self.passed}


@dataclass(frozen=True, slots=True)
class Problem:
    """One file that is not as it should be.

    Attributes:
        kind: one word for what is wrong: ``missing``, ``empty``, ``truncated``, ``damaged``, ``duplicate``, ``size``,
            ``order``, ``camera`` ...
        file: its path relative to the data set's folder.
        found: what was found, as the rest of a sentence that begins with the file.
        remedy: what to do about it.
    """

    kind: str
    file: str
    found: str
    remedy: str

    def __str__(self) -> str:
        """The whole sentence."""
        return f"{self.file} {self.found}; {self.remedy}"


def compare_counts(found: dict[str, int], expected: dict[str, int] | None, remedy: str = "") -> tuple[Check, ...]:
    """Turn counts into checks; counts without an expectation pass."""
    wanted = expected or {}
    return tuple(Check(what, wanted.get(what), value, remedy) for what, value in found.items())


@dataclass(frozen=True, eq=False)
class Examination:
    """A data set as it was read, and all that can be said for or against it.

    Attributes:
        split: the tracklets.
        checks: good news included.
        expectation: in a few words, what the counts were compared with.
        problems: single files that are not as they should be; each kind is counted by a check too.
        notes: sentences about what is no failure, but may not be meant.
    """

    split: Split
    checks: tuple[Check, ...]
    expectation: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> Sequence[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]

    def require(self) -> Split:
        """The split, if every check passed.

        Raises:
            DataError: one sentence about the first failure, with the names of further ones.
        """
        if not self.failed:
            return self.split
        first, *others = self.failed
        more = f" ({len(others)} more: {', '.join(check.what for check in others)})" if others else ""
        raise DataError(
            f"{self.split.root}: {first.what.replace('_', ' ')} is {first.found:,}, expected "
            f"{first.expected:,}{more}; {first.detail or 'get a complete copy'}"
        )
