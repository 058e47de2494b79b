"""What may be recorded beside a result: where a network looks, what repair did, frame weights, attributes, choices.

Each part is a JSON record and arrays. All are optional; a part that is absent leaves no trace, not even in the digest
by which a recorded result is known again.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.attributes import balanced
from protocols.vocabulary import WITH_INTERVALS
from reports.records.attributes import check_attributes
from reports.records.frame_weights import check_weights
from reports.records.labels import Labels
from reports.records.masks import check_explain
from reports.records.restoration import check_repair
from reports.records.result_checks import check_repaired
from reports.records.test_time import check_choices
from reports.schema.vocabulary import ResultKind
from runners.tracking import tags_and_metrics as content


class Recorded(Protocol):
    """A record and the arrays that belong to it."""

    @property
    def record(self) -> Mapping[str, Any]:
        """Plain data."""

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """One value a tracklet, or one row."""


@dataclass(frozen=True)
class Parts:
    """The parts of one result.

    Attributes:
        explained: as `reports.records.masks`.
        restored: as `reports.records.restoration`.
        weighed: as `reports.records.frame_weights`.
        recognised: as `reports.records.attributes`.
        chosen: as `reports.records.test_time`.
    """

    explained: Recorded | None = None
    restored: Recorded | None = None
    weighed: Recorded | None = None
    recognised: Recorded | None = None
    chosen: Recorded | None = None

    def check(self, result: Mapping[str, Any]) -> None:
        """Refuse a part that is incomplete, or stands beside a result it cannot belong to.

        Raises:
            ReportError: naming the key and what was expected there.
        """
        name = content.run_name(result)
        if self.explained:
            check_explain(self.explained.record, self.explained.arrays, name)
        if self.restored:
            check_repaired(result)
            check_repair(self.restored.record, self.restored.arrays, name)
        if self.weighed:
            check_weights(self.weighed.record, self.weighed.arrays, name)
        if self.recognised:
            check_attributes(self.recognised.record, self.recognised.arrays, name)
        if self.chosen:
            check_choices(self.chosen.record, self.chosen.arrays, name, result)

    def facts(self) -> list[Any]:
        """What the result's digest covers beside the result itself."""
        facts: list[Any] = [self.explained.record if self.explained else {}]
        facts += [self.restored.record] if self.restored else []
        for name, part in (("weights", self.weighed), ("attributes", self.recognised), ("choices", self.chosen)):
            if part:  # the record of attributes says what was asked; the answers are in the arrays alone
                facts.append({name: part.record, "arrays": digest_of(part.arrays)})
        return facts

    def metrics(self) -> dict[str, float]:
        """The numbers of all parts that MLflow shows."""
        found = content.mask_metrics(self.explained.record if self.explained else {})
        found |= content.repair_metrics(self.restored.record if self.restored else {})
        found |= content.weight_metrics(self.weighed.record if self.weighed else {})
        found |= choice_metrics(self.chosen.record if self.chosen else {})
        return found | (recognition_metrics(self.recognised) if self.recognised else {})

    def named(self) -> Iterator[tuple[ResultKind, Recorded]]:
        """The parts that are there, by the name of their files."""
        parts: dict[ResultKind, Recorded | None] = {
            "explain": self.explained, "repair": self.restored, "weights": self.weighed, "attributes": self.recognised,
            "choices": self.chosen,
        }  # fmt: skip
        yield from ((name, part) for name, part in parts.items() if part is not None)


def choice_metrics(choices: Mapping[str, Any]) -> dict[str, float]:
    """``choice/<name>/mAP`` and ``.../rank1`` in percent of every choice that was run, and ``choice/passes``."""
    found = {} if choices.get("passes") is None else {"choice/passes": float(choices["passes"])}
    for one in choices.get("choices", ()):
        for metric in WITH_INTERVALS:
            if one["not_run"] is None:
                found[content.safe_key(f"choice/{one['name']}/{metric}")] = float(one["metrics"][metric])
    return {name: round(value, content.DECIMALS) for name, value in found.items()}


def recognition_metrics(recognised: Recorded) -> dict[str, float]:
    """``attributes/<group>/balanced_accuracy`` in percent, of each group and of all columns."""
    arrays = recognised.arrays
    groups = [str(one["group"]) for one in recognised.record["columns"]]
    scores = balanced(arrays["truth"], arrays["probability"], arrays["person"], groups)
    found = {name: one.balanced.mean for name, one in scores.groups.items()} | {"all": scores.overall.balanced.mean}
    return _percent({f"attributes/{name}/balanced_accuracy": value for name, value in found.items()})


def joined_labels(earlier: Labels, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Labels:
    """New labels, and those of the earlier labellers and seeds that are not among them, where both are of one truth.

    Of another truth (other data, people or columns) nothing is kept: it could not stand in one table.
    """
    same = all(earlier.record[key] == record[key] for key in ("source", "target", "columns"))
    truth = [key for key in arrays if not key.endswith("probability")]
    same &= all(key in earlier.arrays and _equal(earlier.arrays[key], arrays[key]) for key in truth)
    if not same:
        return Labels(dict(record), arrays)
    told = {(one["arm"], one["seed"]) for one in record["labellers"]}
    kept = [one for one in earlier.record["labellers"] if (one["arm"], one["seed"]) not in told]
    return Labels({**record, "labellers": [*record["labellers"], *kept]}, {**earlier.arrays, **arrays})


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def label_metrics(labels: Labels) -> dict[str, float]:
    """``labels/<arm>/balanced_accuracy`` in percent, on the target and on held-out people of the source."""
    found = {}
    for one in labels.labellers:
        for part in ("", "source_") if labels.has_source else ("",):
            truth, people = labels.arrays[f"{part}truth"], labels.arrays[f"{part}person"]
            scores = balanced(truth, labels.chances(one, part), people, labels.groups)
            found[f"labels/{one.arm}/{part}balanced_accuracy"] = scores.overall.balanced.mean
    return _percent(found)


def _percent(found: Mapping[str, float]) -> dict[str, float]:
    """In percent under names that MLflow accepts; without those that nothing could be said of."""
    return {
        content.safe_key(name): round(100 * float(value), content.DECIMALS)
        for name, value in found.items()
        if np.isfinite(value)
    }


def digest_of(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hex digest of arrays by name, type, shape and bytes."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:32]
