"""Test-time choices side by side: ``choices.json`` and ``choices.npz``, under a protocol that lists some.

Accuracies are in percent, of the protocol's headline convention. ``headline`` names the choice whose numbers are those
of ``result.json``. Arrays have one value a query: ``person``, ``key``, ``length`` (frames of the query's tracklet) and
``valid``; for every choice that was run ``<choice>/average_precision`` and ``<choice>/hit1``. For slices by the length
of gallery tracklets ``gallery/<bin>/valid``, ``<choice>/gallery/<bin>/average_precision`` and ``.../hit1``: right
answers of other lengths are ignored for that query, as junk is, and every wrong answer stays. Where ``valid`` is false,
the query has no right answer, and its values are 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from protocols.vocabulary import ACCURACIES, WITH_INTERVALS, Family
from reports.errors import ReportError
from reports.records.interface import Arrays, RecordKind
from reports.records.splits import listed, mean_of_each, pooled_queries
from reports.schema.metrics import AGREEMENT

Floats = NDArray[np.float64]
MEASURES = {"mAP": "average_precision", "rank1": "hit1"}
COMMON = ("person", "key", "length", "valid")


class ChoiceRecord(TypedDict):
    """One choice: how it feeds, what that came to on this data, and its accuracies.

    ``frames`` is N or null, ``rest`` the padding rule, ``mean`` over ``clips`` or ``frames`` (empty for one clip),
    ``clips`` and ``fed`` the number of clips and of frames in them over all test tracklets, ``curve`` whether it is a
    point of the curves against N. ``not_run`` is null, or says why the arm cannot be fed so; ``metrics`` and
    ``intervals`` are empty then.
    """

    name: str
    label: str
    family: Family
    frames: int | None
    rest: str
    mean: str
    source: str
    curve: bool
    clips: int
    fed: int
    metrics: dict[str, float]
    intervals: dict[str, list[float]]
    not_run: str | None


class BinRecord(TypedDict):
    """Tracklets of ``low`` to ``high`` frames (null: any number from ``low`` on), and how many there are."""

    name: str
    low: int
    high: int | None
    queries: int
    gallery: int


class LengthsRecord(TypedDict):
    """The slices by length; ``rule`` says in one sentence how they were chosen."""

    rule: str
    bins: list[BinRecord]


class ChoicesRecord(TypedDict):
    """``choices.json``.

    ``frames`` counts the test frames, ``trunk_frames`` those that were really put through the trunk for all choices
    together (null where it could not be counted), ``passes`` is their ratio. ``once`` says whether the arm's frames are
    encoded one by one, and thus once for all choices. ``left_out`` names published ways that are no choice, with the
    reason.
    """

    headline: str
    queries: int
    frames: int
    trunk_frames: int | None
    passes: float | None
    once: bool
    choices: list[ChoiceRecord]
    lengths: LengthsRecord
    left_out: NotRequired[list[dict[str, str]]]


@dataclass(frozen=True)
class Choices:
    """Both files of one run."""

    record: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def run(self) -> tuple[dict[str, Any], ...]:
        """The choices that were run, in the protocol's order."""
        return tuple(one for one in self.record["choices"] if one["not_run"] is None)

    @property
    def not_run(self) -> tuple[dict[str, Any], ...]:
        """The others; ``not_run`` says why."""
        return tuple(one for one in self.record["choices"] if one["not_run"] is not None)

    @property
    def bins(self) -> tuple[dict[str, Any], ...]:
        """The slices by length, the shortest first."""
        return tuple(self.record["lengths"]["bins"])

    def of(self, name: str) -> dict[str, Any] | None:
        """The record of a choice that was run, or ``None``."""
        return next((one for one in self.run if one["name"] == name), None)

    def values(self, name: str, metric: str = "mAP", gallery: str = "") -> Floats | None:
        """``[Q]`` in percent of a choice, all answers or those of one bin of gallery lengths; ``None`` if not run."""
        place = f"{name}/gallery/{gallery}" if gallery else name
        found = self.arrays.get(f"{place}/{MEASURES[metric]}")
        return None if found is None else np.asarray(found, dtype=np.float64)

    def valid(self, gallery: str = "") -> NDArray[np.bool_]:
        """``[Q]``: whether a query has a right answer (of that bin of lengths)."""
        return np.asarray(self.arrays[f"gallery/{gallery}/valid" if gallery else "valid"], dtype=bool)


def check_choices(
    record: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    name: str = "the choices",
    result: Mapping[str, Any] | None = None,
) -> None:
    """Refuse choices that disagree with their arrays, or with the result they stand beside.

    Args:
        record: ``choices.json``.
        arrays: ``choices.npz``.
        name: whose they are, for the message.
        result: ``result.json``; its metrics must be those of the headline choice.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    choices = record["choices"]
    names = [one["name"] for one in choices]
    if len(set(names)) != len(names):
        raise ReportError(f"{name} has the choices {', '.join(names)}; expected each once.")
    run = [one for one in choices if one["not_run"] is None]
    if record["headline"] not in [one["name"] for one in run]:
        raise ReportError(
            f"{name} has the headline {record['headline']!r}, which is none of the choices that were run."
        )
    _check_passes(record, name)
    _check_arrays(record, arrays, run, name)
    empty = str(result["protocol"]["empty"]) if result else None
    for one in run:
        _check_metrics(one, arrays, empty, name)
    if result is not None:
        own = next(one for one in run if one["name"] == record["headline"])["metrics"]
        for metric in MEASURES:
            if abs(own[metric] - result["metrics"][metric]) > AGREEMENT:
                raise ReportError(
                    f"{name} has {metric} {own[metric]:.3f} of its headline {record['headline']}, but result.json says "
                    f"{result['metrics'][metric]:.3f}; they must agree."
                )


def _check_passes(record: Mapping[str, Any], name: str) -> None:
    counted, passes = record["trunk_frames"], record["passes"]
    if (counted is None) != (passes is None):
        raise ReportError(f"{name} has trunk_frames {counted} and passes {passes}; expected both, or null twice.")
    if counted is not None and abs(passes - counted / record["frames"]) > 1e-3:
        raise ReportError(f"{name} has passes {passes:.4f}, but {counted} of {record['frames']} frames.")


def _check_arrays(
    record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], run: list[dict[str, Any]], name: str
) -> None:
    bins = [one["name"] for one in record["lengths"]["bins"]]
    wanted = [*COMMON, *(f"gallery/{each}/valid" for each in bins)]
    for one in run:
        places = [one["name"], *(f"{one['name']}/gallery/{each}" for each in bins)]
        wanted += [f"{place}/{measure}" for place in places for measure in MEASURES.values()]
    lacking = [key for key in wanted if key not in arrays]
    if lacking:
        raise ReportError(f"{name} lacks {', '.join(lacking[:3])}{' and more' * (len(lacking) > 3)} in choices.npz.")
    for key in wanted:
        if arrays[key].shape != (record["queries"],):
            raise ReportError(
                f"{name} has {key} of shape {arrays[key].shape} in choices.npz; expected one value for each of "
                f"{record['queries']} queries."
            )
    for one in record["lengths"]["bins"]:
        inside = arrays["length"] >= one["low"]
        if one["high"] is not None:
            inside &= arrays["length"] <= one["high"]
        if int(inside.sum()) != one["queries"]:
            raise ReportError(
                f"{name} counts {one['queries']} queries of {one['name']} frames, but choices.npz has "
                f"{int(inside.sum())}."
            )


def _check_metrics(one: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], empty: str | None, name: str) -> None:
    lacking: list[str] = [metric for metric in ACCURACIES if metric not in one["metrics"]]
    lacking += [f"interval of {metric}" for metric in MEASURES if metric not in one["intervals"]]
    if lacking:
        raise ReportError(f"{name} lacks {', '.join(lacking)} of the choice {one['name']} in choices.json.")
    valid = np.asarray(arrays["valid"], dtype=bool)
    for metric, measure in MEASURES.items():
        values = np.asarray(arrays[f"{one['name']}/{measure}"], dtype=np.float64)
        if not np.isfinite(values).all() or values.min(initial=0) < 0 or values.max(initial=0) > 100 + AGREEMENT:
            raise ReportError(f"{name} has {one['name']}/{measure} outside of 0 to 100 in choices.npz.")
        if empty is None:
            continue
        kept = values[valid] if empty == "skip" else np.where(valid, values, 0.0)
        mean = float(kept.mean()) if len(kept) else 0.0
        if abs(mean - one["metrics"][metric]) > AGREEMENT:
            raise ReportError(
                f"{name} says {metric} of {one['name']} is {one['metrics'][metric]:.3f}, but its array averages to "
                f"{mean:.3f}."
            )


def pool(parts: Sequence[Choices], numbers: Sequence[int], name: str) -> Choices:
    """The choices of all divisions of the data.

    Slices by length are kept where all divisions cut alike; they are chosen from the lengths of each division's data.

    Args:
        parts: one for each division.
        numbers: of the divisions.
        name: of the run, for the message.

    Raises:
        ReportError: the divisions ran other choices each.
    """
    return Choices(*_pooled([one.record for one in parts], [one.arrays for one in parts], numbers, name))


def _pooled(
    records: Sequence[Mapping[str, Any]], parts: Sequence[Arrays], numbers: Sequence[int], name: str
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    first = records[0]
    names = [[(one["name"], one["not_run"] is None) for one in record["choices"]] for record in records]
    if any(one != names[0] for one in names):
        raise ReportError(f"{name} ran other choices in its splits {listed(numbers)} each; record it again.")
    ranges = [[(one["name"], one["low"], one["high"]) for one in record["lengths"]["bins"]] for record in records]
    alike = all(one == ranges[0] for one in ranges)
    bins = list(zip(*(record["lengths"]["bins"] for record in records), strict=True)) if alike else []
    lengths = {
        "rule": first["lengths"]["rule"] if alike else "No slices by length: every split would be cut elsewhere.",
        "bins": [
            {**same[0], **{key: sum(one[key] for one in same) for key in ("queries", "gallery")}} for same in bins
        ],
    }
    frames = sum(record["frames"] for record in records)
    counted = [record["trunk_frames"] for record in records]
    trunk = None if None in counted else sum(counted)
    pooled = {
        **first,
        "queries": sum(record["queries"] for record in records),
        "frames": frames,
        "trunk_frames": trunk,
        "passes": None if trunk is None else trunk / frames,
        "choices": [
            {
                **same[0],
                "clips": sum(one["clips"] for one in same),
                "fed": sum(one["fed"] for one in same),
                "metrics": mean_of_each([one["metrics"] for one in same]),
                "intervals": {},
            }
            for same in zip(*(record["choices"] for record in records), strict=True)
        ],
        "lengths": lengths,
    }
    kept = [{key: values for key, values in part.items() if alike or "gallery/" not in key} for part in parts]
    if not alike:
        return pooled, pooled_queries(kept, numbers, name)
    whole = [{key: values for key, values in part.items() if not key.startswith("gallery/")} for part in kept]
    arrays = pooled_queries(whole, numbers, name)
    sliced = [key for key in parts[0] if key.startswith("gallery/")]  # how many have an answer differs by division
    return pooled, arrays | {key: np.concatenate([part[key] for part in parts]) for key in sliced}


def metrics(choices: Choices) -> dict[str, float]:
    """``choice/<name>/mAP`` and ``.../rank1`` in percent of every choice that was run, and ``choice/passes``."""
    passes = choices.record.get("passes")
    found = {} if passes is None else {"choice/passes": float(passes)}
    for one in choices.run:
        found |= {f"choice/{one['name']}/{metric}": float(one["metrics"][metric]) for metric in WITH_INTERVALS}
    return found


KIND = RecordKind(
    name="test_time",
    stem="choices",
    what="choices",
    value=Choices,
    check=check_choices,
    form=ChoicesRecord,
    order=50,
    check_beside=check_choices,
    metrics=metrics,
    pool=pool,
)
