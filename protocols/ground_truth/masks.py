"""How well a soft mask lies on what is truly there, pixel by pixel, where a data set knows the truth.

A network that claims to look at the person gives a mask [T, h, w] in [0, 1] on its own coarse grid. It is enlarged to
the frames and held against four regions: the visible person, what the person carries, what stands in front, and the
rest. Papers show such masks in pictures; here they are numbers, and none of them is read without its reference: the
same network untrained, and a mask that merely knows that people stand in the middle (`centre_prior`).

Pixels of all frames of a tracklet are pooled, so a mask that singles out the frames where the person is seen best gains
by it. Measures (fractions; M is the enlarged mask):

==================  =================================================================================================
auc                 probability that a pixel of the person or of what is carried has more mask than any other pixel,
                    ties one half; 0.5 is chance
iou                 overlap of {M >= threshold} with person and bag, at the one threshold that is best on average over
                    all tracklets of this map (`best_threshold`)
person, bag,        share of the mask's sum that lies in the region; the four add up to 1
background,
occluder
.._density          mean mask in the region over the mean mask of the whole frames: 1 for a mask that is blind to what
                    is there, whatever its level. A share is the density times the region's share of the pixels
==================  =================================================================================================

Degenerate masks have values too. A flat mask has auc 0.5, densities 1 and shares that are those of the pixels; a mask
of zeros is the limit of a flat one and counts as one. NaN stands only where the truth leaves a measure without a
meaning: the density of an empty region, auc where there are no two sides to compare, iou where no person is visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.arrays import to_numpy
from protocols.errors import ProtocolError
from protocols.statistics import tracklet_means, verdict
from protocols.statistics.tracklet_means import Average
from protocols.vocabulary import Verdict

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

REGIONS = ("person", "bag", "background", "occluder")
MEASURES = ("auc", "iou", *REGIONS, *(f"{region}_density" for region in REGIONS))
THRESHOLDS = 257
"""Levels of the quantile grid; 0, 1/256, ..., 1."""

_SLACK = 1e-6  # a mean of float32 sigmoids may pass 1 by rounding


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """What is truly seen at each pixel of a tracklet; each pixel belongs to exactly one region.

    Attributes:
        person: [T, H, W] bool, visible pixels of the person without what is carried.
        bag: [T, H, W] bool, visible pixels of backpack, shoulder bag, hand bag and hat.
        occluder: [T, H, W] bool, what stands in front of the person or of the background.
        background: [T, H, W] bool, the rest.

    Raises:
        ProtocolError: not four bool arrays of one shape [T, H, W], or pixels in no region or in several.
    """

    person: Bools
    bag: Bools
    occluder: Bools
    background: Bools

    def __post_init__(self) -> None:
        for name in REGIONS:
            array = getattr(self, name)
            fits = isinstance(array, np.ndarray) and array.dtype == np.bool_ and array.ndim == 3 and array.size
            if not fits or array.shape != self.person.shape:
                got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
                raise ProtocolError(
                    f"region {name} is {got}; all four regions are bool arrays of one shape [T, H, W] with at least "
                    "one pixel"
                )
        times = sum(getattr(self, name).astype(np.int8) for name in REGIONS)
        wrong = np.argwhere(times != 1)
        if len(wrong):
            frame, row, column = (int(i) for i in wrong[0])
            raise ProtocolError(
                f"{len(wrong)} pixels lie in no region or in several (first: frame {frame}, row {row}, column "
                f"{column}, in {int(times[frame, row, column])}); regions are disjoint and cover the frame"
            )

    @property
    def foreground(self) -> Bools:
        """[T, H, W] what a mask should lie on: the visible person and what is carried."""
        return self.person | self.bag


@dataclass(frozen=True, slots=True, eq=False)
class TrackletStatistics:
    """What one tracklet contributes, kept until the threshold of its map is known.

    Attributes:
        values: every measure but iou.
        inside: float32, ascending: the mask at the pixels of the foreground.
        outside: float32, ascending: at all others. Both together take 4 bytes a pixel.
    """

    values: dict[str, float]
    inside: NDArray[np.float32]
    outside: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class MapScores:
    """All tracklets of one map.

    Attributes:
        threshold: where iou was taken: the mask counts from this value on; NaN if no person is visible anywhere.
        measures: name out of `MEASURES` -> [N], one value a tracklet, NaN where it has no meaning.
    """

    threshold: float
    measures: dict[str, Floats]


def enlarge(mask: ArrayLike, size: tuple[int, int]) -> Floats:
    """A mask on a coarse grid at the size of the frames: bilinear between the centres of cells, edges held.

    A cell of the grid stands for H/h by W/w pixels around its centre, so centres are half a cell from the edge (the
    half-pixel rule, `align_corners=False` in torch) and the mask is not shifted against the frame. Between centres it
    runs linearly: blocks of one value would tie hundreds of pixels and draw edges that the network never drew. Beyond
    the outermost centres nothing is known, so the edge value is held, which also keeps the mask within its own range.
    A flat mask stays flat to the last bit.

    Args:
        mask: [T, h, w].
        size: (H, W), at least (h, w).

    Returns:
        [T, H, W] float64.

    Raises:
        ProtocolError: not three axes, or a mask finer than the frames.
    """
    array = to_numpy(mask).astype(np.float64)
    if array.ndim != 3 or array.size == 0:
        raise ProtocolError(f"a mask must be [T, h, w] with at least one cell, got shape {array.shape}")
    if array.shape[1] > size[0] or array.shape[2] > size[1]:
        raise ProtocolError(f"a mask of {array.shape[1:]} cells cannot be enlarged to frames of {tuple(size)} pixels")
    return _stretch(_stretch(array, size[0], axis=1), size[1], axis=2)


def _stretch(array: Floats, length: int, axis: int) -> Floats:
    cells = array.shape[axis]
    places = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)  # in cells, from centre to centre
    low = np.floor(places).astype(np.int64)
    near = np.take(array, low, axis=axis)
    step = np.take(array, np.minimum(low + 1, cells - 1), axis=axis) - near
    share = (places - low).reshape([-1 if i == axis else 1 for i in range(array.ndim)])
    return near + share * step


def tracklet_statistics(mask: ArrayLike, regions: Regions) -> TrackletStatistics:
    """Holds one tracklet's mask against the truth; give all tracklets of a map to `best_threshold` afterwards.

    Args:
        mask: [T, h, w] in [0, 1], NumPy or torch, one map for each frame of `regions`.
        regions: the truth of the same frames, at their size.

    Raises:
        ProtocolError: another number of frames, values outside [0, 1] or not finite, or a mask finer than the frames.
    """
    array = to_numpy(mask)
    frames, *size = regions.person.shape
    if array.ndim != 3 or len(array) != frames:
        raise ProtocolError(f"the mask is {array.shape} for {frames} frames; give [{frames}, h, w]")
    if not (np.isfinite(array).all() and array.min() >= -_SLACK and array.max() <= 1 + _SLACK):
        raise ProtocolError(
            f"mask values run from {array.min()} to {array.max()}; a mask lies in [0, 1] and is finite: apply its "
            "sigmoid first"
        )
    large = enlarge(array, (size[0], size[1]))  # [T, H, W]
    # In float32, values that are equal but for the order of float64 additions tie, as they should.
    single = large.astype(np.float32)
    inside, outside = np.sort(single[regions.foreground]), np.sort(single[~regions.foreground])
    return TrackletStatistics({"auc": _auc(inside, outside)} | _energy(large, regions), inside, outside)


def _auc(inside: NDArray[np.float32], outside: NDArray[np.float32]) -> float:
    """Exact: pairs won and pairs tied are counted as whole numbers in the sorted values."""
    pairs = len(inside) * len(outside)
    if pairs == 0:
        return float("nan")
    won = int(np.searchsorted(outside, inside, side="left").sum())
    won_or_tied = int(np.searchsorted(outside, inside, side="right").sum())
    return (won + won_or_tied) / (2 * pairs)


def _energy(large: Floats, regions: Regions) -> dict[str, float]:
    total = float(large.sum())
    if total <= 0:  # nowhere any mask: blind to what is there, like any other flat mask
        large, total = np.ones_like(large), float(large.size)
    shares, densities = {}, {}
    for name in REGIONS:
        here = getattr(regions, name)
        shares[name] = float(large[here].sum()) / total
        pixels = int(here.sum())
        densities[f"{name}_density"] = shares[name] * large.size / pixels if pixels else float("nan")
    return shares | densities


def best_threshold(collected: Sequence[TrackletStatistics]) -> MapScores:
    """Finds the one threshold of a map, and gives every measure of every tracklet.

    The threshold is the one with the best mean iou over the tracklets, out of 257 quantiles of the mask itself (each
    tracklet weighs the same; of equally good ones the lowest). Quantiles instead of fixed levels, because some masks
    live between 0.4 and 0.6: what is compared is where a mask lies, not how it is calibrated. It is chosen on the
    tracklets that it is used on, which favours every map alike and by little, being one number for all of them.

    Args:
        collected: one entry a tracklet, from `tracklet_statistics`.

    Raises:
        ProtocolError: no tracklet.
    """
    if not collected:
        raise ProtocolError("no tracklet was collected, so there is no mask to judge")
    levels = _levels(collected)
    table = np.stack([_iou(one, levels) for one in collected])  # [N, L]
    seen = np.isfinite(table[:, 0])
    best = int(table[seen].mean(axis=0).argmax()) if seen.any() else 0
    measures = {"iou": table[:, best]}
    measures |= {name: np.array([one.values[name] for one in collected]) for name in MEASURES if name != "iou"}
    threshold = float(levels[best]) if seen.any() else float("nan")
    return MapScores(threshold, {name: measures[name] for name in MEASURES})


def _levels(collected: Sequence[TrackletStatistics]) -> NDArray[np.float32]:
    """Values that occur in the masks, at evenly spaced ranks, ascending."""
    ranks = np.linspace(0, 1, THRESHOLDS)
    each = [np.sort(np.concatenate([one.inside, one.outside])) for one in collected]
    pool = np.concatenate([values[np.rint(ranks * (len(values) - 1)).astype(np.int64)] for values in each])
    return np.unique(np.quantile(pool, ranks, method="inverted_cdf"))


def _iou(one: TrackletStatistics, levels: NDArray[np.float32]) -> Floats:
    """[L] overlap at each level, NaN where there is no foreground."""
    if len(one.inside) == 0:
        return np.full(len(levels), np.nan)
    hit = len(one.inside) - np.searchsorted(one.inside, levels, side="left")
    false = len(one.outside) - np.searchsorted(one.outside, levels, side="left")
    return hit / (len(one.inside) + false)


def centre_prior(persons: Sequence[ArrayLike], grid: tuple[int, int]) -> Floats:
    """The mean silhouette: how often each cell shows the person, over all tracklets alike.

    Given to `tracklet_statistics` as a mask (`np.broadcast_to(prior, (T, h, w))`), it is what a network reaches that
    has learnt where people stand in a crop and nothing about this one. A mask that does not beat it does not look.

    Args:
        persons: one [T, H, W] bool array a tracklet (sizes may differ), true where the person is seen.
        grid: (h, w) of the masks that it is to be compared with, so that both are equally coarse.

    Returns:
        [h, w] in [0, 1]; a cell is the mean over the pixels that it covers, in part where the grid does not divide the
        frame.

    Raises:
        ProtocolError: no tracklet, a grid without cells, or an array that is not [T, H, W] bool.
    """
    if len(persons) == 0 or min(grid) < 1:
        raise ProtocolError(f"a mean silhouette needs a tracklet and a grid, got {len(persons)} tracklets and {grid}")
    total = np.zeros(grid)
    for number, person in enumerate(persons):
        array = to_numpy(person)
        if array.ndim != 3 or array.size == 0 or array.dtype != np.bool_:
            raise ProtocolError(f"person mask {number} is {array.dtype} {array.shape}; give bool [T, H, W]")
        mean = array.mean(axis=0)  # [H, W]
        total += _cover(mean.shape[0], grid[0]) @ mean @ _cover(mean.shape[1], grid[1]).T
    return np.clip(total / len(persons), 0, 1)


def _cover(pixels: int, cells: int) -> Floats:
    """[cells, pixels] what share of a cell each pixel makes up; rows sum to 1."""
    edges = np.arange(cells + 1) * pixels / cells
    at = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    return np.clip(overlap, 0, None) * cells / pixels


@dataclass(frozen=True, slots=True)
class Comparison:
    """A mask against its reference, over the tracklets where both have a value.

    Attributes:
        mask, reference: each on its own.
        difference: mask minus reference, tracklet by tracklet.
        verdict: whether the mask is higher; for a measure that should be low (background), swap the two.
    """

    mask: Average
    reference: Average
    difference: Average
    verdict: Verdict


def average(measure: str, values: ArrayLike, persons: ArrayLike, *, seed: int = 0) -> Average:
    """Mean of a measure with its interval; tracklets without a value are left out and counted.

    Args:
        measure: out of `MEASURES`; decides what values are possible at all.
        values: [N] one a tracklet, or [S, N] for S trained seeds.
        persons: [N] who is seen; what is resampled is the person.
        seed: of the resampling.

    Raises:
        ProtocolError: an unknown measure, or shapes that do not fit.
    """
    table, people = tracklet_means.checked(measure, MEASURES, values, persons)
    bounds = (0.0, np.inf) if measure.endswith("_density") else (0.0, 1.0)
    return tracklet_means.average(table, people, bounds, seed)


def compare(
    measure: str,
    mask: ArrayLike,
    reference: ArrayLike,
    persons: ArrayLike,
    *,
    margin: float | None = None,
    seed: int = 0,
) -> Comparison:
    """Whether a mask scores higher than its reference on the same tracklets, with an interval over people.

    Args:
        measure: out of `MEASURES`.
        mask, reference: [N] or [S, N], the same tracklets (and seeds) in the same order. A pair where either has no
            value is left out of both sides and counted.
        persons: [N].
        margin: what was published, in the measure's unit; None where no size was claimed.
        seed: of the resampling.

    Raises:
        ProtocolError: an unknown measure, shapes that do not fit, or a margin that is not above 0.
    """
    first, people = tracklet_means.checked(measure, MEASURES, mask, persons)
    second, _ = tracklet_means.checked(measure, MEASURES, reference, persons)
    found = tracklet_means.difference(first, second, people, seed)
    lost = np.asarray(~np.isfinite(first - second).all(axis=0))
    first, second = np.where(lost, np.nan, first), np.where(lost, np.nan, second)
    one, other = average(measure, first, people, seed=seed), average(measure, second, people, seed=seed)
    return Comparison(one, other, found, verdict(found.interval, margin) if found.interval else "cannot tell")
