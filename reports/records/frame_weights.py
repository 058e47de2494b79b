"""How an arm weighs frames, held against how much of the person is seen: ``weights.json`` and ``weights.npz``.

Both are optional, and written for arms whose network says how it weighs frames, on data that know what is seen. Maps
are ``frames`` and ``frames/<group>``. The array of a measure is ``<map>/<measure>``, ``[N]``, NaN where a tracklet
leaves it without a meaning. Measures are those of `protocols.ground_truth.frame_weights`: ``correlation``, and
``gain`` in points of percent; a plain mean over frames has 0 in both.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.frame_weights import BOUNDS, MEASURES
from reports.errors import ReportError
from reports.records.interface import RecordKind, same_tracklets
from reports.schema.tracklet_arrays import check_tracklets

MEAN_MAP = "frames"
AGREEMENT = 1e-3  # by which a recorded mean may differ from its own array (rounding)
SUM_AGREEMENT = 1e-2  # weights of a picture may be rounded


class MeasureRecord(TypedDict):
    """A mean over tracklets with its 95 % interval; null where there is none. The counts are of those with a value."""

    mean: float | None
    low: float | None
    high: float | None
    tracklets: int
    people: int


class MapRecord(TypedDict):
    """One map: ``frames``, or ``frames/<group>``."""

    name: str
    measures: dict[str, MeasureRecord]


class WeightPictureRow(TypedDict):
    """A tracklet: frames as data URIs, how much of the person each shows (null: nobody is there), and their weights.

    Where not all of its ``of_frames`` frames are shown, ``numbers`` says which ones, and weights sum to 1 over these.
    """

    key: str
    person: int
    frames: list[str]
    visible: list[float | None]
    weights: dict[str, list[float]]
    of_frames: NotRequired[int]
    numbers: NotRequired[list[int]]


class WeightPictures(TypedDict):
    """A few tracklets; ``rule`` says in one sentence how they were chosen."""

    size: list[int]
    rows: list[WeightPictureRow]
    rule: NotRequired[str]


class WeightsRecord(TypedDict):
    """``weights.json``: ``what`` says in one sentence which frames were weighed."""

    tracklets: int
    people: int
    frames: int
    what: str
    maps: list[MapRecord]
    pictures: NotRequired[WeightPictures | None]


@dataclass(frozen=True)
class Weights:
    """Both files of one run."""

    record: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps, in the network's order."""
        return tuple(one["name"] for one in self.record["maps"])

    def values(self, name: str, measure: str) -> NDArray[np.float64] | None:
        """``[N]``, or ``None`` where it was not recorded."""
        found = self.arrays.get(f"{name}/{measure}")
        return None if found is None else np.asarray(found, dtype=np.float64)


def check_weights(record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], name: str = "the weights") -> None:
    """Refuse weights that disagree with their arrays, or hold a picture from elsewhere.

    Args:
        record: ``weights.json``.
        arrays: ``weights.npz``.
        name: whose they are, for the message.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    check_tracklets(record, arrays, "weights", name)
    people = len(np.unique(arrays["person"]))
    if people != record["people"]:
        raise ReportError(f"{name} counts {record['people']} people, but weights.npz has {people}.")
    names = [one["name"] for one in record["maps"]]
    if not names or len(set(names)) != len(names):
        raise ReportError(f"{name} has the maps {names} in weights.json; expected at least one, and each once.")
    for one in record["maps"]:
        _check_map(one, arrays, name)
    for row in (record.get("pictures") or {"rows": []})["rows"]:
        _check_pictures(row, names, name)


def _check_map(one: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], name: str) -> None:
    which = one["name"]
    if not re.fullmatch(f"{MEAN_MAP}(/.+)?", which):
        raise ReportError(f"{name} has the map {which!r}; expected {MEAN_MAP} or {MEAN_MAP}/<group>.")
    if set(one["measures"]) != set(MEASURES):
        raise ReportError(
            f"{name} has the measures {sorted(one['measures'])} of {which}; expected {', '.join(MEASURES)}."
        )
    for measure, found in one["measures"].items():
        place = f"{which}/{measure}"
        if place not in arrays:
            raise ReportError(f"{name} lacks the array of {place}.")
        low, high = BOUNDS[measure]
        values = arrays[place]
        known = ~np.isnan(values)
        outside = values[known][(values[known] < low - AGREEMENT) | (values[known] > high + AGREEMENT)]
        if len(outside):
            raise ReportError(f"{name} has {place} = {outside[0]:g} in weights.npz; expected {low:g} to {high:g}.")
        counts = (int(known.sum()), len(np.unique(arrays["person"][known])))
        if counts != (found["tracklets"], found["people"]):
            raise ReportError(
                f"{name} counts {found['tracklets']} tracklets of {found['people']} people in {place}, but its array "
                f"has {counts[0]} of {counts[1]}."
            )
        mean = float(values[known].mean()) if known.any() else None
        if mean is not None and (found["mean"] is None or abs(mean - found["mean"]) > AGREEMENT):
            raise ReportError(f"{name} says {place} is {found['mean']}, but its array averages to {mean:.4f}.")


def _check_pictures(row: Mapping[str, Any], names: list[str], name: str) -> None:
    counts = {"frames": len(row["frames"]), "visible": len(row["visible"])}
    counts |= {which: len(weights) for which, weights in row["weights"].items()}
    counts |= {"numbers": len(row["numbers"])} if "numbers" in row else {}
    if len(set(counts.values())) != 1 or not row["frames"]:
        raise ReportError(f"{name} has pictures of {row['key']} that are not one for each frame: {counts}.")
    for which, weights in row["weights"].items():
        if which not in names or min(weights) < 0 or abs(sum(weights) - 1) > SUM_AGREEMENT:
            raise ReportError(
                f"{name} has weights {which} of the pictures of {row['key']} that sum to {sum(weights):.3f}; expected "
                f"weights of one of {', '.join(names)}, none below 0, that sum to 1."
            )
    if any(share is not None and not 0 <= share <= 1 for share in row["visible"]):
        raise ReportError(f"{name} has visible shares of {row['key']} that are not from 0 to 1.")
    if any(not uri.startswith("data:image/") for uri in row["frames"]):
        raise ReportError(f"{name} holds a picture of {row['key']} that is no data URI.")


def metrics(weights: Weights) -> dict[str, float]:
    """``weights/<map>/correlation`` and ``.../gain``."""
    return {
        f"weights/{one['name']}/{measure}": float(about["mean"])
        for one in weights.record.get("maps", ())
        for measure, about in one["measures"].items()
        if about["mean"] is not None
    }


KIND = RecordKind(
    name="frame_weights",
    stem="weights",
    what="frame weights",
    value=Weights,
    check=check_weights,
    form=WeightsRecord,
    order=30,
    metrics=metrics,
    check_alike=same_tracklets("weighed", "weights"),
)
