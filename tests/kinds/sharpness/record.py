"""How sharp the frames of each test tracklet are: ``sharpness.json`` and ``sharpness.npz``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from reports.errors import ReportError
from reports.records.interface import RecordKind, same_tracklets
from reports.schema.tracklet_arrays import check_tracklets


class SharpnessRecord(TypedDict):
    """``sharpness.json``: ``mean`` over tracklets, of grey levels a pixel."""

    tracklets: int
    what: str
    mean: float


@dataclass(frozen=True)
class Sharpness:
    """Both files; ``sharpness`` is ``[N]``."""

    record: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def check_sharpness(record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], name: str) -> None:
    """Refuse a mean that is not that of its array."""
    check_tracklets(record, arrays, "sharpness", name)
    mean = float(arrays["sharpness"].mean())
    if abs(mean - record["mean"]) > 1e-3:
        raise ReportError(f"{name} says the mean is {record['mean']}, but its array averages to {mean:.4f}.")


def pool(parts: Any, numbers: Any, name: str) -> Sharpness:
    """All divisions of the data one after the other."""
    arrays = {key: np.concatenate([part.arrays[key] for part in parts]) for key in parts[0].arrays}
    values = arrays["sharpness"]
    return Sharpness({**parts[0].record, "tracklets": len(values), "mean": float(values.mean())}, arrays)


KIND = RecordKind(
    name="sharpness",
    stem="sharpness",
    what="sharpness",
    value=Sharpness,
    check=check_sharpness,
    form=SharpnessRecord,
    metrics=lambda found: {"sharpness/mean": found.record["mean"]},
    check_alike=same_tracklets("looked at", "sharpness"),
    pool=pool,
)
