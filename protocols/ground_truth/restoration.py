"""How close repaired frames come to what was really behind an occluder, where a data set knows that.

Every measure is one value a tracklet, from all pixels (cells, frames) of that tracklet that count; means over tracklets
have intervals over people. A region that should have been repaired and was not counts with its raw pixels. None of the
measures is read without its reference: the same of the raw frames.

==================  =================================================================================================
psnr                peak signal-to-noise ratio in dB, peak 255, of the pixels where something stands in front; squared
                    errors are pooled over pixels, channels and frames
ssim                structural similarity (Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 2004: Gaussian window of sigma
                    1.5, population covariance) as a map over the whole frame, each channel alone; mean over the same
                    pixels. A window reaches 5 pixels, so what stands around counts a little; beyond the edges of the
                    frame it sees the frame's mirror image
feature_distance    between the maps of a trunk's layers: each cell's channels are scaled to unit length, and squared
                    distances are averaged over the cells of which at least half has something in front, then over the
                    layers that have such cells. LPIPS without learned weights (Zhang et al., CVPR 2018, equation 1);
                    from 0 to 4, to 2 for maps without negative values. The one measure that should be low
identity            share of frames whose nearest person, by cosine, is their own; a person is the mean descriptor of
                    their unoccluded frames in other tracklets than the frame's own
spill_psnr          as psnr, where a repair changed pixels that nothing stood in front of
==================  =================================================================================================

The PSNR of identical pixels is infinite, so every value is cut at 60 dB: rounding to whole grey levels alone leaves
58.9 dB (a mean squared error of 1/12), so what is above is not told apart by 8-bit frames. NaN stands where a tracklet
leaves a measure without a meaning: no pixel, no cell that is half covered, nobody to compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.arrays import to_numpy
from protocols.errors import ProtocolError
from protocols.statistics import tracklet_means, verdict
from protocols.statistics.tracklet_means import Average
from protocols.vocabulary import Verdict

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Sums = tuple[Floats, Floats]
"""Of each frame: the sum of a measure over what counts, and how much counts; both [N]."""

MEASURES = ("psnr", "ssim", "feature_distance", "identity", "spill_psnr")
LESS_IS_BETTER = ("feature_distance",)
CAP = 60.0
"""dB; no PSNR is above it."""

_BOUNDS = {"psnr": (0.0, CAP), "ssim": (-1.0, 1.0), "feature_distance": (0.0, 4.0), "identity": (0.0, 1.0),
           "spill_psnr": (0.0, CAP)}  # fmt: skip
_PEAK = 255.0
_WINDOW = 11  # pixels of a Gaussian of sigma 1.5, cut at 3.5 sigma
_TINY = 1e-10  # keeps a cell without any activation at zero


def squared_errors(frames: ArrayLike, truth: ArrayLike, inside: ArrayLike) -> Sums:
    """Sums of squared errors of each frame, for `decibels`.

    Args:
        frames, truth: uint8 [N, H, W, 3].
        inside: [N, H, W] bool, the pixels that count.

    Returns:
        Sum and number of values (three a pixel) of each frame.

    Raises:
        ProtocolError: shapes or types that do not fit.
    """
    ours, theirs, mask = _checked_frames(frames, truth, inside)
    squares = np.square(ours.astype(np.int32) - theirs).sum(axis=3)  # [N, H, W], exact
    return (squares * mask).sum(axis=(1, 2)).astype(np.float64), 3.0 * mask.sum(axis=(1, 2))


def decibels(sums: ArrayLike, counts: ArrayLike) -> Floats:
    """PSNR of pooled squared errors, cut at `CAP`; NaN where nothing was counted."""
    mean = _ratio(np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64))
    floor = _PEAK**2 / 10 ** (CAP / 10)
    found: Floats = 10 * np.log10(_PEAK**2 / np.maximum(mean, floor))
    return found


def psnr(frames: ArrayLike, truth: ArrayLike, inside: ArrayLike) -> float:
    """PSNR in dB of the frames of one tracklet, pooled; arguments and errors as in `squared_errors`."""
    total, count = squared_errors(frames, truth, inside)
    return float(decibels(total.sum(), count.sum()))


def similarities(frames: ArrayLike, truth: ArrayLike, inside: ArrayLike) -> Sums:
    """Sums of structural similarity over the pixels that count, and their number, of each frame.

    Args:
        frames, truth, inside: as in `squared_errors`.

    Raises:
        ProtocolError: shapes or types that do not fit, or frames smaller than the window of 11 pixels.
    """
    from skimage.metrics import structural_similarity

    ours, theirs, mask = _checked_frames(frames, truth, inside)
    if min(mask.shape[1:]) < _WINDOW:
        raise ProtocolError(
            f"structural similarity sees windows of {_WINDOW} pixels, but the frames have {mask.shape[1:]}; take "
            "larger ones"
        )
    sums = np.zeros(len(mask))
    for number in np.flatnonzero(mask.any(axis=(1, 2))):
        _, found = structural_similarity(
            ours[number], theirs[number], full=True, channel_axis=-1, data_range=_PEAK,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )  # fmt: skip
        sums[number] = found.mean(axis=2)[mask[number]].sum()
    return sums, mask.sum(axis=(1, 2)).astype(np.float64)


def ssim(frames: ArrayLike, truth: ArrayLike, inside: ArrayLike) -> float:
    """Structural similarity of the frames of one tracklet inside a mask; arguments and errors as in `similarities`."""
    total, count = similarities(frames, truth, inside)
    return float(_ratio(total.sum(), count.sum()))


def _checked_frames(
    frames: ArrayLike, truth: ArrayLike, inside: ArrayLike
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Bools]:
    ours, theirs, mask = to_numpy(frames), to_numpy(truth), to_numpy(inside)
    fits = mask.ndim == 3 and ours.shape == theirs.shape == (*mask.shape, 3)
    if not fits or {ours.dtype, theirs.dtype} != {np.dtype(np.uint8)} or mask.dtype != np.bool_:
        raise ProtocolError(
            f"frames {ours.dtype} {ours.shape} and truth {theirs.dtype} {theirs.shape} must be uint8 [N, H, W, 3] with "
            f"a bool mask [N, H, W] beside them, got {mask.dtype} {mask.shape}"
        )
    return ours, theirs, mask


def feature_errors(maps: ArrayLike, truth: ArrayLike, covered: ArrayLike) -> Sums:
    """Sums of squared distances between unit-length cells of one layer, and the number of cells, of each frame.

    Args:
        maps, truth: [N, C, h, w], what a layer makes of a frame and of its twin.
        covered: [N, h, w] share of each cell's area that counts (`coverage`); a cell counts from one half on.

    Raises:
        ProtocolError: shapes that do not fit.
    """
    ours, theirs, shares = to_numpy(maps), to_numpy(truth), to_numpy(covered)
    if ours.ndim != 4 or ours.shape != theirs.shape or shares.shape != (len(ours), *ours.shape[2:]):
        raise ProtocolError(
            f"maps {ours.shape} and {theirs.shape} must be [N, C, h, w] beside shares [N, h, w] of their cells, got "
            f"{shares.shape}"
        )
    counted = shares >= 0.5
    difference = _unit(ours) - _unit(theirs)
    distances = np.einsum("nchw,nchw->nhw", difference, difference)
    return (distances * counted).sum(axis=(1, 2)), counted.sum(axis=(1, 2)).astype(np.float64)


def _unit(maps: NDArray[Any]) -> Floats:
    wide = maps.astype(np.float64)
    return wide / np.maximum(np.sqrt(np.einsum("nchw,nchw->nhw", wide, wide)), _TINY)[:, None]


def feature_distance(maps: Sequence[ArrayLike], truth: Sequence[ArrayLike], inside: ArrayLike) -> float:
    """Distance between the maps of the frames of one tracklet and of their twins.

    Args:
        maps, truth: one [N, C, h, w] a layer.
        inside: [N, H, W] bool, the pixels that count, at the size of the frames.

    Returns:
        Mean over the layers that have a cell of which at least half counts; NaN if none has.

    Raises:
        ProtocolError: shapes that do not fit, or no layer.
    """
    if not maps or len(maps) != len(truth):
        raise ProtocolError(
            f"{len(maps)} layers cannot be held against {len(truth)}; give the same layers, at least one"
        )
    sums = [
        feature_errors(ours, theirs, coverage(inside, to_numpy(ours).shape[2:]))
        for ours, theirs in zip(maps, truth, strict=True)
    ]
    return float(layer_mean(*(np.array([[part.sum() for part in kind]]) for kind in zip(*sums, strict=True)))[0])


def layer_mean(sums: Floats, counts: Floats) -> Floats:
    """Feature distances [N] from sums and counts of the layers [N, L]: the mean over the layers that have cells."""
    each = _ratio(sums, counts)
    there = np.isfinite(each)
    return _ratio(np.where(there, each, 0).sum(axis=1), there.sum(axis=1).astype(np.float64))


def coverage(inside: ArrayLike, grid: Sequence[int]) -> Floats:
    """Share of each cell's area that a mask covers, exact where the grid does not divide the frame.

    Args:
        inside: [N, H, W] bool.
        grid: (h, w) cells.

    Returns:
        [N, h, w] in [0, 1].

    Raises:
        ProtocolError: no mask [N, H, W], or a grid without cells.
    """
    mask = to_numpy(inside)
    if mask.ndim != 3 or mask.size == 0 or len(grid) != 2 or min(grid) < 1:
        raise ProtocolError(f"a mask [N, H, W] and a grid (h, w) are needed, got {mask.shape} and {tuple(grid)}")
    shares = mask.astype(np.float64)
    for axis, cells in enumerate(grid, start=1):
        shares = _cells(shares, cells, axis)
    return np.clip(shares, 0, 1)


def _cells(array: Floats, cells: int, axis: int) -> Floats:
    """Mean over each of so many equal parts of an axis, from the running sum at their edges."""
    length = array.shape[axis]
    zero = np.zeros_like(np.take(array, [0], axis=axis))
    running = np.concatenate([zero, np.cumsum(array, axis=axis)], axis=axis)
    edges = np.arange(cells + 1) * length / cells
    low = np.minimum(np.floor(edges).astype(np.int64), length - 1)
    part = (edges - low).reshape([-1 if i == axis else 1 for i in range(array.ndim)])
    at_edges = np.take(running, low, axis=axis) + part * np.take(array, low, axis=axis)
    return np.asarray(np.diff(at_edges, axis=axis) * cells / length)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Whom a frame can be taken for: sums of the descriptors of unoccluded frames.

    Attributes:
        persons: [P] labels, ascending.
        sums: [P, D] over all unoccluded frames of each person.
        counts: [P] how many.
        own_sums: tracklet -> [D] the part of one tracklet.
        own_counts: tracklet -> how many.
    """

    persons: NDArray[Any]
    sums: Floats
    counts: Floats
    own_sums: dict[int, Floats]
    own_counts: dict[int, int]

    @classmethod
    def of(cls, features: ArrayLike, persons: ArrayLike, tracklets: ArrayLike) -> People:
        """From unoccluded frames.

        Args:
            features: [U, D] descriptors.
            persons: [U] who each shows.
            tracklets: [U] number of the tracklet that each is of.

        Raises:
            ProtocolError: shapes that do not fit, values that are not finite, or fewer than two people.
        """
        table, people, rows = _checked_features(features, persons, tracklets)
        names, number = np.unique(people, return_inverse=True)
        if len(names) < 2:
            raise ProtocolError(f"unoccluded frames show {len(names)} people; the nearest of them is news from two on")
        sums = np.zeros((len(names), table.shape[1]))
        np.add.at(sums, number, table)
        own = {int(t): np.flatnonzero(rows == t) for t in np.unique(rows)}
        return cls(
            names, sums, np.bincount(number).astype(np.float64),
            {t: table[at].sum(axis=0) for t, at in own.items()}, {t: len(at) for t, at in own.items()},
        )  # fmt: skip


def identity_hits(features: ArrayLike, persons: ArrayLike, tracklets: ArrayLike, people: People) -> Floats:
    """Whether each frame's nearest person is its own.

    A person is the mean descriptor of their unoccluded frames; those of the frame's own tracklet are left out, since
    they share camera, pose and light with it. Nearest is by cosine.

    Args:
        features: [M, D] descriptors of the frames in question.
        persons: [M] who each shows.
        tracklets: [M] number of the tracklet that each is of, as in `People.of`.
        people: the candidates.

    Returns:
        [M] 1 or 0, 1/k where the own person is among k that are equally near; NaN for frames whose person has no
        unoccluded frame in another tracklet.

    Raises:
        ProtocolError: shapes that do not fit, or values that are not finite.
    """
    table, own, rows = _checked_features(features, persons, tracklets)
    if table.shape[1] != people.sums.shape[1]:
        raise ProtocolError(f"descriptors have {table.shape[1]} numbers and those of people {people.sums.shape[1]}")
    likeness = _directions(table) @ _directions(people.sums).T  # [M, P]
    hits = np.full(len(table), np.nan)
    for tracklet in np.unique(rows):
        at = np.flatnonzero(rows == tracklet)
        place = int(np.searchsorted(people.persons, own[at[0]]))
        if place == len(people.persons) or people.persons[place] != own[at[0]]:
            continue
        rest = people.counts[place] - people.own_counts.get(int(tracklet), 0)
        if rest == 0:
            continue
        others = people.sums[place] - people.own_sums.get(int(tracklet), 0.0)
        likeness[at, place] = _directions(table[at]) @ _directions(others[None])[0]
        best = likeness[at] >= likeness[at].max(axis=1, keepdims=True)
        hits[at] = best[:, place] / best.sum(axis=1)
    return hits


def _checked_features(
    features: ArrayLike, persons: ArrayLike, tracklets: ArrayLike
) -> tuple[Floats, NDArray[Any], NDArray[Any]]:
    table, people, rows = to_numpy(features).astype(np.float64), to_numpy(persons), to_numpy(tracklets)
    if table.ndim != 2 or not people.shape == rows.shape == table.shape[:1]:
        raise ProtocolError(
            f"descriptors {table.shape} must be [M, D] with the person {people.shape} and the tracklet {rows.shape} of "
            "each frame"
        )
    if not np.isfinite(table).all():
        raise ProtocolError(f"descriptor of frame {int(np.argwhere(~np.isfinite(table))[0, 0])} is not finite")
    return table, people, rows


def _directions(table: Floats) -> Floats:
    """Unit length; a descriptor of zeros stays one and is equally far from everybody."""
    return table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), _TINY)


def _ratio(part: Any, whole: Any) -> Floats:
    top, bottom = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


@dataclass(frozen=True, slots=True)
class RestorationDifference:
    """Repaired minus raw over the tracklets where both have a value.

    Attributes:
        average: of the differences, in the measure's unit.
        verdict: whether repaired frames are better, which for a distance is lower.
    """

    average: Average
    verdict: Verdict

    def as_dict(self) -> dict[str, Any] | None:
        """For the result record; None where no tracklet has a value."""
        found = as_record(self.average)
        p = self.average.interval.p if self.average.interval else None
        return found and {**found, "p": p, "verdict": self.verdict}


def as_record(average: Average) -> dict[str, Any] | None:
    """A mean for the result record, with the number of people; None where no tracklet has a value."""
    return {**average.as_dict(), "people": average.people} if average.tracklets else None


def average(measure: str, values: ArrayLike, persons: ArrayLike, *, seed: int = 0) -> Average:
    """Mean of a measure with its interval; tracklets without a value are left out.

    Args:
        measure: out of `MEASURES`; decides what values are possible at all.
        values: [N] one a tracklet, or [S, N] for S trained seeds.
        persons: [N] who is seen; what is resampled is the person.
        seed: of the resampling.

    Raises:
        ProtocolError: an unknown measure, or shapes that do not fit.
    """
    table, people = tracklet_means.checked(measure, MEASURES, values, persons)
    return tracklet_means.average(table, people, _BOUNDS[measure], seed)


def compare(
    measure: str, repaired: ArrayLike, raw: ArrayLike, persons: ArrayLike, *, seed: int = 0
) -> RestorationDifference:
    """Whether repaired frames are better than raw ones, tracklet by tracklet, with an interval over people.

    Args:
        measure: out of `MEASURES`.
        repaired, raw: [N] or [S, N], the same tracklets (and seeds) in the same order.
        persons: [N].
        seed: of the resampling.

    Raises:
        ProtocolError: an unknown measure, or shapes that do not fit.
    """
    first, people = tracklet_means.checked(measure, MEASURES, repaired, persons)
    second, _ = tracklet_means.checked(measure, MEASURES, raw, persons)
    found = tracklet_means.difference(first, second, people, seed)
    if found.interval is None:
        return RestorationDifference(found, "cannot tell")
    less = measure in LESS_IS_BETTER
    better = tracklet_means.difference(second, first, people, seed).interval if less else found.interval
    assert better is not None  # the same tracklets the other way round
    return RestorationDifference(found, verdict(better, None))
