"""Checks of a data set: what was expected, what was found, and whether that is a failure."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from datasets.errors import DataError


@dataclass(frozen=True, slots=True)
class Check:
    """One fact about a data set that could be false.

    Attributes:
        what: the fact, as a short name ("train_tracklets", "images missing", ...).
        expected: the expected value; None where there is nothing to compare with.
        found: the value on disk.
        detail: a sentence for the reader when it fails.
    """

    what: str
    expected: int | None
    found: int
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value is the expected one (always, where none is expected)."""
        return self.expected is None or self.expected == self.found

    def as_dict(self) -> dict[str, object]:
        """The check for JSON."""
        return {**asdict(self), "passed": self.passed}


def compare_counts(
    found: dict[str, int], expected: dict[str, int] | None, remedy: str = ""
) -> tuple[Check, ...]:
    """Turn counts into checks; counts without an expectation pass."""
    wanted = expected or {}
    return tuple(Check(what, wanted.get(what), value, remedy) for what, value in found.items())


def require(subject: str, checks: Iterable[Check]) -> None:
    """Raise for the first failed check.

    Raises:
        DataError: one sentence about the first failure, with the number of further ones.
    """
    failed: Sequence[Check] = [check for check in checks if not check.passed]
    if not failed:
        return
    first = failed[0]
    more = (
        f" ({len(failed) - 1} more checks fail: {', '.join(check.what for check in failed[1:])})"
        if failed[1:]
        else ""
    )
    raise DataError(
        f"{subject}: {first.what.replace('_', ' ')} is {first.found:,}, expected {first.expected:,}"
        f"{more}; {first.detail or 'get a complete copy'}"
    )
