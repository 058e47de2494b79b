"""Means over tracklets with intervals over the people they show; tracklets without a value are left out and counted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.arrays import to_numpy
from protocols.errors import ProtocolError

from .bootstrap import Interval, clustered_bootstrap, paired_difference

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Average:
    """A mean over tracklets.

    Attributes:
        mean: NaN without any tracklet.
        interval: resampling people; None where fewer than two people have a value.
        tracklets, people: that have a value.
        left_out: tracklets that have none (NaN).
    """

    mean: float
    interval: Interval | None
    tracklets: int
    people: int
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """For the result record; None where there is no number."""
        return {
            "mean": self.mean if self.tracklets else None,
            "low": self.interval.low if self.interval else None,
            "high": self.interval.high if self.interval else None,
            "tracklets": self.tracklets,
        }


def checked(measure: str, known: Collection[str], values: ArrayLike, persons: ArrayLike) -> tuple[Floats, NDArray[Any]]:
    """Values as [S, N] and the person of each tracklet [N].

    Args:
        measure: name of the measure.
        known: names that there are.
        values: [N] or [S, N] for S seeds.
        persons: [N] person of each tracklet.

    Raises:
        ProtocolError: a measure that is not known, or shapes that do not fit.
    """
    if measure not in known:
        raise ProtocolError(f"measure {measure!r} is unknown; choose one of {', '.join(known)}")
    table, people = np.atleast_2d(to_numpy(values).astype(np.float64)), to_numpy(persons)
    if table.ndim != 2 or table.shape[1] == 0 or people.shape != table.shape[1:]:
        raise ProtocolError(
            f"{measure} must be [N] or [S, N] with the person of each tracklet beside it, got {table.shape} values "
            f"and {people.shape} persons"
        )
    return table, people


def average(table: Floats, people: NDArray[Any], bounds: tuple[float, float], seed: int) -> Average:
    """Mean of `checked` values, with an interval cut to the values that are possible at all.

    Args:
        table: [S, N], NaN where a tracklet has no value.
        people: [N] person of each tracklet.
        bounds: least and largest value that is possible.
        seed: of the bootstrap.
    """
    kept = np.asarray(np.isfinite(table).all(axis=0))
    interval = None
    if len(np.unique(people[kept])) > 1:
        interval = clustered_bootstrap(table[:, kept], people[kept], seed=seed, bounds=bounds)
    return _average(table, people, kept, interval)


def difference(first: Floats, second: Floats, people: NDArray[Any], seed: int) -> Average:
    """Mean of first minus second [S, N] over the tracklets where both have a value, paired.

    Args:
        first, second: [S, N] of the same tracklets, NaN where there is no value.
        people: [N] person of each tracklet.
        seed: of the bootstrap.

    Raises:
        ProtocolError: sides of different shape.
    """
    if first.shape != second.shape:
        raise ProtocolError(f"both sides must hold the same tracklets, got {first.shape} and {second.shape}")
    kept = np.asarray(np.isfinite(first - second).all(axis=0))
    interval = None
    if len(np.unique(people[kept])) > 1:
        interval = paired_difference(first[:, kept], second[:, kept], people[kept], seed=seed)
    return _average(first - second, people, kept, interval)


def _average(table: Floats, people: NDArray[Any], kept: NDArray[np.bool_], interval: Interval | None) -> Average:
    mean = float(table[:, kept].mean()) if kept.any() else float("nan")
    return Average(mean, interval, int(kept.sum()), len(np.unique(people[kept])), int((~kept).sum()))
