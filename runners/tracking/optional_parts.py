"""What may be recorded beside a result or a job: values of the kinds that `reports.records` finds.

Each is a JSON record and arrays. All are optional; one that is absent leaves no trace but what its kind asks for, not
even in the digest by which a recorded result is known again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reports.errors import ReportError
from reports.records import kinds, kinds_of_arms
from reports.records.interface import Recorded, RecordKind
from runners.errors import RunError
from runners.tracking.tags_and_metrics import DECIMALS, run_name, safe_key


@dataclass(frozen=True)
class Parts:
    """What stands beside one result: name of the kind -> value."""

    values: Mapping[str, Recorded]

    def check(self, result: Mapping[str, Any]) -> None:
        """Refuse a value that is incomplete, or stands beside a result it cannot belong to.

        Raises:
            ReportError: naming the key and what was expected there, or a kind that no arm records.
        """
        known = kinds_of_arms()
        unknown = sorted(self.values.keys() - {kind.name for kind in known})
        if unknown:
            raise ReportError(
                f"nothing is known of the kind {unknown[0]!r} that {run_name(result)} recorded; "
                f"known are {', '.join(kind.name for kind in known)}."
            )
        for kind, value in self.named():
            kind.verify(value.record, value.arrays, run_name(result), result)

    def facts(self) -> list[Any]:
        """What the result's digest covers beside the result itself."""
        return [fact for kind in kinds_of_arms() for fact in kind.digest_facts(self.values.get(kind.name))]

    def metrics(self) -> dict[str, float]:
        """The numbers of all values that MLflow shows."""
        return {name: value for kind, found in self.named() for name, value in metrics_of(kind, found).items()}

    def named(self) -> Iterator[tuple[RecordKind[Any], Recorded]]:
        """The values that are there, each with its kind, in the order of these."""
        yield from ((kind, self.values[kind.name]) for kind in kinds_of_arms() if kind.name in self.values)


def metrics_of(kind: RecordKind[Any], found: Recorded) -> dict[str, float]:
    """The numbers of one value, under names that MLflow accepts."""
    if kind.metrics is None:
        return {}
    numbers = kind.metrics(kind.value(dict(found.record), found.arrays))
    return {safe_key(name): round(float(value), DECIMALS) for name, value in numbers.items()}


def kind_of_jobs(name: str) -> RecordKind[Any]:
    """A kind of result that is recorded once for a job, by its name.

    Raises:
        RunError: there is none.
    """
    kind = kinds().get(name)
    if kind is None or kind.per != "job":
        known = ", ".join(one.name for one in kinds().values() if one.per == "job")
        raise RunError(f"no job records the kind {name!r}; known are {known}.")
    return kind
