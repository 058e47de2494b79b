"""What an arm recorded about where it looks: ``explain.json`` and ``explain.npz``, and what must hold in them.

Both are optional, and written for arms, not for controls. Measures are those of ``protocols.ground_truth.masks``:
fractions, but densities, which are ratios. The array of one measure is called ``<map>/<measure>/<who>``, ``[N]``,
NaN where the truth of a tracklet leaves it without a meaning.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.masks import MEASURES
from protocols.vocabulary import Who
from reports.errors import ReportError
from reports.records.interface import RecordKind, same_tracklets
from reports.schema.tracklet_arrays import check_tracklets

AGREEMENT = 1e-3  # by which a recorded mean may differ from its own array (rounding)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class MeasureRecord(TypedDict):
    """A mean over tracklets with its interval; null where fewer than two people have a value."""

    mean: float | None
    low: float | None
    high: float | None
    tracklets: int


class MapRecord(TypedDict):
    """One map of one network: ``grid`` is its height and width in cells, ``threshold`` where its iou was taken."""

    name: str
    grid: list[int]
    who: Who
    threshold: float | None
    measures: dict[str, MeasureRecord]


class MaskPictureRow(TypedDict):
    """A tracklet in data URIs, one for each of its T frames: frames, truth, and every map laid over the frames."""

    key: str
    person: int
    frames: list[str]
    truth: list[str]
    maps: dict[str, list[str]]


class MaskPictures(TypedDict):
    """A few tracklets.

    ``legend`` names the colours of the truth, region -> ``#rrggbb``; ``overlay`` says in one sentence how a map shows.
    """

    size: list[int]
    rows: list[MaskPictureRow]
    legend: NotRequired[dict[str, str]]
    overlay: NotRequired[str]


class ExplainRecord(TypedDict):
    """``explain.json``: ``what`` says in one sentence which clips of ``clip`` frames were looked at."""

    clip: int
    tracklets: int
    frames: int
    what: str
    maps: list[MapRecord]
    differences: list[dict[str, Any]]
    pictures: NotRequired[MaskPictures]


@dataclass(frozen=True)
class Explanation:
    """Both files of one run."""

    record: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps of the trained network, in the network's order."""
        return tuple(dict.fromkeys(one["name"] for one in self.record["maps"] if one["who"] == "trained"))

    def values(self, name: str, measure: str, who: str) -> NDArray[np.float64] | None:
        """``[N]``, or ``None`` where it was not recorded."""
        found = self.arrays.get(f"{name}/{measure}/{who}")
        return None if found is None else np.asarray(found, dtype=np.float64)


def check_explain(record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], name: str = "the explanation") -> None:
    """Refuse an explanation that disagrees with its arrays, or holds a picture from elsewhere.

    Args:
        record: ``explain.json``.
        arrays: ``explain.npz``.
        name: whose it is, for the message.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    check_tracklets(record, arrays, "explain", name)
    for one in record["maps"]:
        _check_map(one, arrays, name)
    for key, uri in _pictures(record):
        if not uri.startswith("data:image/"):
            raise ReportError(f"{name} holds a picture of {key} that is no data URI.")


def _check_map(one: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], name: str) -> None:
    place = f"{one['name']} ({one['who']})"
    if "/" in one["name"]:
        raise ReportError(f"{name} has the map {place}; expected a name without /.")
    for measure, found in one["measures"].items():
        key = f"{one['name']}/{measure}/{one['who']}"
        if measure not in MEASURES:
            raise ReportError(f"{name} has the measure {measure} of {place}; known are {', '.join(MEASURES)}.")
        if key not in arrays:
            raise ReportError(f"{name} has no array {key} in explain.npz.")
        values = arrays[key][np.isfinite(arrays[key])]
        if len(values) != found["tracklets"]:
            raise ReportError(
                f"{name} counts {found['tracklets']} tracklets with {measure} of {place}, but {key} has {len(values)}."
            )
        if len(values) and (found["mean"] is None or abs(float(values.mean()) - found["mean"]) > AGREEMENT):
            raise ReportError(
                f"{name} says {measure} of {place} is {found['mean']}, but {key} averages to {values.mean():.4f}."
            )


def _pictures(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every picture with the tracklet that it shows; first that there is one for each frame."""
    pictures = record.get("pictures") or {"rows": []}
    for colour in pictures.get("legend", {}).values():
        if not _COLOUR.fullmatch(colour):
            raise ReportError(f"the colour {colour!r} of a legend is not of the form #rrggbb.")
    for row in pictures["rows"]:
        columns = {"frames": row["frames"], "truth": row["truth"], **row["maps"]}
        counts = {label: len(uris) for label, uris in columns.items()}
        if len(set(counts.values())) != 1:
            raise ReportError(f"the pictures of {row['key']} are not one for each frame: {counts}.")
        for uris in columns.values():
            yield from ((row["key"], uri) for uri in uris)


def metrics(explained: Explanation) -> dict[str, float]:
    """``masks/<map>/<measure>`` of the trained network, and ``.../untrained`` and ``.../centre`` beside it."""
    found = {}
    for one in explained.record.get("maps", ()):
        suffix = "" if one["who"] == "trained" else f"/{one['who']}"
        for measure, about in one["measures"].items():
            if about["mean"] is not None:
                found[f"masks/{one['name']}/{measure}{suffix}"] = float(about["mean"])
    return found


KIND = RecordKind(
    name="masks",
    stem="explain",
    what="explanation",
    value=Explanation,
    check=check_explain,
    form=ExplainRecord,
    order=10,
    metrics=metrics,
    facts=lambda found: [found.record if found else {}],  # as digests were before there was a second kind
    check_alike=same_tracklets("explained", "explain"),
)
