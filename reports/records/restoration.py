"""What a repairer did to the test data, as recorded: ``repair.json`` and ``repair.npz``, and what must hold in them.

Both are optional, and written for arms whose test data is repaired, not for controls; once for each repairer and seed.
Measures are those of `protocols.ground_truth.restoration`, means over tracklets. The array of a measure is called
``<measure>/repaired`` or ``<measure>/raw``, ``[N]``, NaN where it has no meaning for a tracklet.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.restoration import MEASURES
from protocols.vocabulary import CALL_SCORES, Verdict
from reports.errors import ReportError
from reports.records.interface import Arrays, OfArm, RecordKind
from reports.records.result_checks import check_repaired
from reports.schema.vocabulary import REPAIR_PICTURES

AGREEMENT = 1e-3  # by which a recorded mean may differ from its own array (rounding)


class Mean(TypedDict):
    """A mean with its 95 % interval; null where fewer than two people have a value."""

    mean: float | None
    low: float | None
    high: float | None


class MeasureMean(Mean):
    """The same over tracklets of some people."""

    tracklets: int
    people: int


class Difference(Mean):
    """Repaired less raw, and whether that is better."""

    verdict: Verdict


class Changed(TypedDict):
    """What was changed in the test data: frames, the share of their pixels, frames left out, tracklets kept whole."""

    frames: int
    of_frames: int
    pixel_share: float
    left_out: int
    kept_whole: int


class CurvePoint(TypedDict):
    """The calls at one threshold; precision is null where nothing is called."""

    tau: float
    precision: float | None
    recall: float | None
    false_positive_rate: float | None
    share_called: float


class Detection(TypedDict):
    """How well the calls of occluded regions agree with the truth: ``rule`` says in one sentence what is occluded."""

    tau: float
    rule: str
    regions: int
    positives: int
    excluded: int
    share_called: float
    precision: Mean | None
    recall: Mean | None
    auc: Mean | None
    curve: list[CurvePoint]


class RepairPictureRow(TypedDict):
    """One frame in data URIs; truth and difference are null where nobody knows the truth.

    ``gain`` is in dB of PSNR inside the occluded pixels, ``why`` the rule that chose the frame.
    """

    key: str
    person: int
    frame: int
    hidden_share: float
    called: bool
    occluded: str
    repaired: str
    truth: str | None
    difference: str | None
    gain: NotRequired[float]
    why: NotRequired[str]


class RepairPictures(TypedDict):
    """A few frames: differences are amplified that many times; ``rule`` says in one sentence how frames were chosen."""

    size: list[int]
    rows: list[RepairPictureRow]
    amplification: NotRequired[float]
    rule: NotRequired[str]


class RepairRecord(TypedDict):
    """``repair.json``; a repairer that leaves frames out has no measures."""

    repairer: str
    label: str
    options: dict[str, Any]
    seed: int
    calls: str | None
    frames: int
    tracklets: int
    people: int
    changed: Changed
    measures: dict[str, MeasureMean | None] | None
    raw: dict[str, MeasureMean | None] | None
    differences: dict[str, Difference | None] | None
    detection: Detection | None
    pictures: RepairPictures | None


@dataclass(frozen=True)
class Repair:
    """Both files of one run."""

    record: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    def values(self, measure: str, side: str) -> NDArray[np.float64] | None:
        """``[N]``, or ``None`` where it was not recorded."""
        found = self.arrays.get(f"{measure}/{side}")
        return None if found is None else np.asarray(found, dtype=np.float64)


def check_repair(record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], name: str = "the repair") -> None:
    """Refuse a record of a repairer that disagrees with its arrays, or holds a picture from elsewhere.

    Args:
        record: ``repair.json``.
        arrays: ``repair.npz``.
        name: whose it is, for the message.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    _check_changed(record["changed"], name)
    _check_arrays(record, arrays, name)
    for part, side in (("measures", "repaired"), ("raw", "raw")):
        for measure, found in (record[part] or {}).items():
            _check_measure(f"{part}.{measure}", found, arrays.get(f"{measure}/{side}"), name)
    for measure in record["differences"] or {}:
        if measure not in MEASURES:
            raise ReportError(f"{name} has the difference {measure!r}; known are {', '.join(MEASURES)}.")
    if record["detection"] is not None:
        _check_detection(record["detection"], name)
    for key, uri in _pictures(record):
        if not uri.startswith("data:image/"):
            raise ReportError(f"{name} holds a picture of {key} that is no data URI.")


def _check_changed(changed: Any, name: str) -> None:
    if not 0 <= changed["frames"] <= changed["of_frames"]:
        raise ReportError(f"{name} changed {changed['frames']} of {changed['of_frames']} frames; that cannot be.")
    if not 0 <= changed["pixel_share"] <= 1:
        raise ReportError(f"{name} has changed.pixel_share = {changed['pixel_share']}; expected a share from 0 to 1.")


def _check_arrays(record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], name: str) -> None:
    """One value a tracklet everywhere; a repairer without measures may have no arrays at all."""
    if record["measures"] or arrays:
        lacking = [key for key in ("person", "key") if key not in arrays]
        if lacking:
            raise ReportError(f"{name} lacks {', '.join(lacking)} in repair.npz.")
    expected = (record["tracklets"],) if record["measures"] else arrays["person"].shape if arrays else ()
    wrong = {key: array.shape for key, array in arrays.items() if array.shape != expected}
    if wrong:
        key, shape = next(iter(wrong.items()))
        raise ReportError(f"{name} has {key} of shape {shape} in repair.npz; expected one value for each tracklet, "
                          f"{expected}.")  # fmt: skip


def _check_measure(place: str, found: Any, values: NDArray[Any] | None, name: str) -> None:
    measure = place.rpartition(".")[2]
    if measure not in MEASURES:
        raise ReportError(f"{name} has {place}; known measures are {', '.join(MEASURES)}.")
    if found is None:
        return
    if values is None:
        raise ReportError(f"{name} has {place}, but no array of it in repair.npz.")
    if np.isinf(values).any():
        raise ReportError(f"{name} has an infinite {place} in repair.npz; values are finite, or NaN without a meaning.")
    known = values[np.isfinite(values)]
    if len(known) != found["tracklets"]:
        raise ReportError(f"{name} counts {found['tracklets']} tracklets in {place}, but its array has {len(known)}.")
    if len(known) and (found["mean"] is None or abs(float(known.mean()) - found["mean"]) > AGREEMENT):
        raise ReportError(f"{name} says {place} is {found['mean']}, but its array averages to {known.mean():.4f}.")


def _check_detection(found: Any, name: str) -> None:
    if not 0 <= found["positives"] <= found["regions"]:
        raise ReportError(
            f"{name} has {found['positives']} occluded regions among {found['regions']} in detection; expected no more "
            "positives than regions."
        )
    shares: dict[str, Any] = {"share_called": found["share_called"]}
    for score in CALL_SCORES:
        if found[score] is not None:
            shares |= {f"{score}.{end}": found[score][end] for end in ("mean", "low", "high")}
    for place, point in enumerate(found["curve"]):
        shares |= {f"curve[{place}].{key}": value for key, value in point.items() if key != "tau"}
    for key, value in shares.items():
        if value is not None and not 0 <= value <= 1:
            raise ReportError(f"{name} has detection.{key} = {value}; expected a share from 0 to 1.")


def _pictures(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every picture with the frame that it shows."""
    for row in (record["pictures"] or {"rows": []})["rows"]:
        for kind in REPAIR_PICTURES:
            if row[kind] is not None:
                yield f"frame {row['frame']} of {row['key']} ({kind})", row[kind]


def metrics(repair: Repair) -> dict[str, float]:
    """``repair/<measure>`` of the repaired test data with ``.../raw`` beside it, and how regions were called."""
    found: dict[str, float] = {}
    for part, suffix in (("measures", ""), ("raw", "/raw")):
        for measure, about in (repair.record.get(part) or {}).items():
            if about and about["mean"] is not None:
                found[f"repair/{measure}{suffix}"] = float(about["mean"])
    found["repair/pixel_share"] = float(repair.record["changed"]["pixel_share"])
    calls = repair.record.get("detection") or {}
    if calls:
        found["repair/calls/share_called"] = float(calls["share_called"])
    for name in CALL_SCORES:
        about = calls.get(name) or {"mean": None}
        if about["mean"] is not None:
            found[f"repair/calls/{name}"] = float(about["mean"])
    return found


def _check_beside(record: Mapping[str, Any], arrays: Arrays, name: str, result: Mapping[str, Any]) -> None:
    check_repaired(result)
    check_repair(record, arrays, name)


def _check_alike(arms: Sequence[OfArm[Repair]]) -> None:
    """What a repairer did is pooled over seeds tracklet by tracklet, and is one result for each seed."""
    keys: dict[str, tuple[str, NDArray[Any]]] = {}  # repairer -> where it was first met, and on which tracklets
    for run in (run for arm in arms for run in arm.runs if "key" in run.value.arrays):
        repairer = run.result["data"]["test"]
        first, values = keys.setdefault(repairer, (run.run_id, run.value.arrays["key"]))
        if not np.array_equal(run.value.arrays["key"], values):
            raise ReportError(
                f"runs {first} and {run.run_id} measured {repairer} on other tracklets each (repair.npz, key), so they "
                "cannot be pooled; record one of them again."
            )


KIND = RecordKind(
    name="restoration",
    stem="repair",
    what="repair",
    value=Repair,
    check=check_repair,
    form=RepairRecord,
    order=20,
    check_beside=_check_beside,
    metrics=metrics,
    facts=lambda found: [found.record] if found else [],  # its record holds every mean of its arrays
    check_alike=_check_alike,
)
