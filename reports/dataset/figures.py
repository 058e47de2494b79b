"""Figures of a data set: tracklet lengths, cameras, tracklets of a person, correct matches of a query."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.render.plot_style import QUIET, SETTINGS, colours, for_page, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS_A_DOUBLING = 2
_CLIPS = (4, 8, 16, 32, 64)  # usual clip lengths
_WIDE = 24  # a histogram of more different values than this gets bins

Histogram = Mapping[int, int]
Series = Sequence[tuple[str, Histogram]]


def lengths(parts: Series, prefix: str) -> str:
    """Inline SVG: share of tracklets by length, frames on a logarithmic axis, in bins of half a doubling."""

    def draw(axes: "Axes") -> None:
        lowest, highest = _ends(parts)
        bins = _bins(lowest, highest)
        for hue, (label, histogram) in zip(colours(len(parts)), parts, strict=True):
            values, counts = _arrays(histogram)
            shares = 100 * np.histogram(values, bins, weights=counts)[0] / counts.sum()
            axes.stairs(shares, bins, color=hue, linewidth=2, label=label)
        _frames_axis(axes, lowest, highest)
        axes.set_ylabel("tracklets (%)")
        axes.set_ylim(bottom=0)

    return _figure(draw, prefix, len(parts))


def shorter(parts: Series, prefix: str) -> str:
    """Inline SVG: share of tracklets that are shorter than so many frames, with the usual clip lengths marked."""

    def draw(axes: "Axes") -> None:
        lowest, highest = _ends(parts)
        for clip in _CLIPS:
            if lowest <= clip <= highest:
                axes.axvline(clip, color=QUIET, linewidth=0.8, linestyle=(0, (2, 3)))
        for hue, (label, histogram) in zip(colours(len(parts)), parts, strict=True):
            values, counts = _arrays(histogram)
            below = 100 * np.concatenate([[0], np.cumsum(counts)]) / counts.sum()
            edges = np.concatenate([values, [values[-1] + 1]])  # below[i] of the tracklets are shorter than edges[i]
            axes.plot(edges, below, color=hue, linewidth=2, label=label, drawstyle="steps-pre")
        _frames_axis(axes, lowest, highest)
        axes.set_ylabel("shorter than that (%)")
        axes.set_ylim(0, 100)

    return _figure(draw, prefix, len(parts))


def bars(series: Series, x_label: str, y_label: str, prefix: str) -> str:
    """Inline SVG: how often each value occurs, one bar a series side by side; many values are put into bins.

    Args:
        series: (label, histogram) each.
        x_label, y_label: of the axes.
        prefix: of the ids within the SVG, one of its own on a page.
    """

    def draw(axes: "Axes") -> None:
        values = sorted({value for _, histogram in series for value in histogram})
        hues = colours(len(series))
        if binned(series):
            _stairs(axes, series, hues)
        else:
            width = 0.8 / len(series)
            places = np.arange(len(values))
            for row, (hue, (label, histogram)) in enumerate(zip(hues, series, strict=True)):
                heights = [histogram.get(value, 0) for value in values]
                axes.bar(places + (row - (len(series) - 1) / 2) * width, heights, width, color=hue, label=label)
            axes.set_xticks(places, [str(value) for value in values])
            axes.tick_params(axis="x", length=0)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)

    return _figure(draw, prefix, len(series))


def binned(series: Series) -> bool:
    """Whether there are so many different values that `bars` counts them in bins."""
    return len({value for _, histogram in series for value in histogram}) > _WIDE


def _stairs(axes: "Axes", series: Series, hues: Sequence[Any]) -> None:
    """Counts in bins that widen by half; a value of 0 has a bin of its own at the left end."""
    from matplotlib.ticker import NullLocator

    highest = max(max(histogram) for _, histogram in series)
    lowest = min(1, *(min(histogram) for _, histogram in series))
    bins = [0.0, 1.0, 2.0, 3.0, 4.0][lowest:]
    while bins[-1] <= highest:
        bins.append(float(round(bins[-1] * 1.5)))
    for hue, (label, histogram) in zip(hues, series, strict=True):
        values, counts = _arrays(histogram)
        axes.stairs(np.histogram(values, bins, weights=counts)[0], bins, color=hue, linewidth=2, label=label)
    if lowest == 0:
        axes.set_xscale("symlog", base=2, linthresh=1)
    else:
        axes.set_xscale("log", base=2)
    ticks = [*([0] if lowest == 0 else []), *(2**power for power in range(20) if 2**power <= highest)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)


def _figure(draw: Callable[["Axes"], None], prefix: str, series: int) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(5.2, 3.7), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        plain(axes)
        axes.grid(False, axis="x")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        if series > 1:
            figure.legend(loc="outside lower center", ncols=min(series, 3), fontsize=8.5)
        return for_page(figure, prefix)


def _frames_axis(axes: "Axes", lowest: int, highest: int) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log", base=2)
    ticks = [2**power for power in range(20) if lowest <= 2**power <= highest] or [lowest]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("frames of a tracklet")


def _ends(parts: Series) -> tuple[int, int]:
    return min(min(histogram) for _, histogram in parts), max(max(histogram) for _, histogram in parts)


def _bins(lowest: int, highest: int) -> np.ndarray:
    """Edges between whole numbers, so that no length lies on one; each is at least one frame from the next."""
    steps = np.arange(int(np.floor(np.log2(lowest) * _BINS_A_DOUBLING)), 1000) / _BINS_A_DOUBLING
    edges = np.unique(np.ceil(2.0 ** steps[2.0**steps < 2 * highest + 2]))
    edges = edges[: int(np.searchsorted(edges, highest, side="right")) + 1]
    return np.maximum(edges - 0.5, 0.5)


def _arrays(histogram: Histogram) -> tuple[np.ndarray, np.ndarray]:
    values, counts = np.array(sorted(histogram.items()), dtype=np.int64).T
    return values, counts
