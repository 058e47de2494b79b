"""Figures: CMC with bands, calls of occluded regions, accuracy by slices of the queries."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reports.render.plot_style import INK, QUIET, SETTINGS, colours, for_page, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from protocols.statistics import Interval

MAX_RANK = 20


@dataclass(frozen=True, slots=True)
class Curve:
    """One arm's CMC: ``ranks [K]`` in percent with a band; ``reference`` draws it quiet and dashed."""

    label: str
    ranks: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """One arm in a plot of costs; accuracy in percent with its interval.

    ``reference`` draws it as a square; ``doubt``, what is wrong with its cost, as a hollow diamond that beats nobody.
    """

    label: str
    cost: float
    accuracy: float
    low: float
    high: float
    reference: bool = False
    doubt: str = ""


def curve(label: str, ends: Sequence["Interval"], reference: bool = False) -> Curve:
    """A curve from one interval for each rank, in percent."""
    table = np.array([(end.mean, end.low, end.high) for end in ends]).reshape(-1, 3)
    return Curve(label, table[:, 0], table[:, 1], table[:, 2], reference)


def single_cmc(cmc: NDArray[np.floating[Any]], label: str) -> bytes:
    """PNG of one run's CMC (percent by rank from 1), for the run's artifact folder."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(4.8, 3.4), layout="constrained")
        axes = figure.add_subplot()
        shown = cmc[:MAX_RANK]
        axes.plot(np.arange(1, len(shown) + 1), shown, color="#0b6e69", linewidth=2, marker="o", markersize=3)
        axes.set_title(label, loc="left", fontsize=11)
        _dress_cmc(axes, float(shown.min()) if len(shown) else 0.0)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def cmc_curves(curves: Sequence[Curve]) -> str:
    """Inline SVG of several CMC curves with their 95 % bands."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(4.6, 3.5), layout="constrained")
        axes = figure.add_subplot()
        for colour, curve in zip(colours(len(curves)), curves, strict=True):
            hue = QUIET if curve.reference else colour
            ranks = np.arange(1, len(curve.ranks) + 1)
            style: dict[str, Any] = {"linewidth": 2}
            if curve.reference:
                style = {"linestyle": (0, (4, 2)), "linewidth": 1.4}
            axes.fill_between(ranks, curve.low, curve.high, color=hue, alpha=0.13, linewidth=0)
            axes.plot(ranks, curve.ranks, color=hue, label=curve.label, **style)
        _dress_cmc(axes, min((float(curve.low.min()) for curve in curves), default=0.0))
        axes.legend(loc="lower right", fontsize=9)
        return for_page(figure, "cmc")


def calls_over_threshold(points: Sequence[dict[str, Any]], used: Sequence[float]) -> str:
    """Inline SVG: precision, recall and share called of occluded regions over the threshold; lines where one is used.

    Args:
        points: rising ``tau`` with ``precision`` (or None), ``recall``, ``share_called`` as fractions.
        used: thresholds in use.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(4.6, 3.5), layout="constrained")
        axes = figure.add_subplot()
        texts = {"precision": "precision", "recall": "recall", "share_called": "share called"}
        for colour, (key, text) in zip(colours(3), texts.items(), strict=True):
            known = [(one["tau"], 100 * one[key]) for one in points if one[key] is not None]
            style: dict[str, Any] = {"linewidth": 2} if key != "share_called" else {"linestyle": (0, (4, 2))}
            axes.plot(*np.array(known).reshape(-1, 2).T, color=colour, label=text, **style)
        for tau in used:
            axes.axvline(tau, color=QUIET, linewidth=1)
            axes.annotate(
                f"τ = {tau:g}", (tau, 104), fontsize=8.5, ha="center", va="bottom", rotation=90, annotation_clip=False
            )
        called = [one["tau"] for one in points if one["share_called"] > 0.002]  # below, there is nothing to see
        left = min([*called, *used], default=0.0)
        right = max([*(one["tau"] for one in points), *used], default=1.0)
        axes.set_xlim(left, right if right > left else left + 1)
        axes.set_ylim(0, 102)
        axes.set_xlabel("threshold τ")
        axes.set_ylabel("%")
        plain(axes)
        axes.legend(loc="best", fontsize=9)
        return for_page(figure, "calls")


def roc(points: Sequence[dict[str, Any]], used: Sequence[float], auc: float | None) -> str:
    """Inline SVG: share of occluded regions called against share of the others called, marked where one is used."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(4.6, 3.5), layout="constrained")
        axes = figure.add_subplot()
        known = [one for one in points if one["recall"] is not None and one["false_positive_rate"] is not None]
        ends = np.array([(100 * one["false_positive_rate"], 100 * one["recall"]) for one in known]).reshape(-1, 2)
        colour = colours(1)[0]
        axes.plot([0, 100], [0, 100], color=QUIET, linestyle=(0, (4, 2)), linewidth=1.2, label="chance")
        text = "calls" if auc is None else f"calls, AUC {auc:.3f}"
        axes.plot(*np.vstack([[(0, 0)], ends, [(100, 100)]]).T, color=colour, linewidth=2, label=text)
        for tau in used:
            near = min(known, key=lambda one: abs(one["tau"] - tau), default=None)
            if near is not None:
                at = (100 * near["false_positive_rate"], 100 * near["recall"])
                axes.plot(*at, marker="o", markersize=7, color=colour)
                axes.annotate(f"{tau:g}", at, xytext=(7, -9), textcoords="offset points", fontsize=8.5, color=INK)
        axes.set_xlim(-1.5, 101)
        axes.set_ylim(0, 102)
        axes.set_xlabel("called of what is not occluded, %")
        axes.set_ylabel("called of what is occluded, %")
        plain(axes)
        axes.legend(loc="lower right", fontsize=9)
        return for_page(figure, "roc")


def by_slice(names: Sequence[str], lines: Sequence[tuple[str, Sequence[Any]]], value_label: str, prefix: str) -> str:
    """Inline SVG: accuracy of several arms in slices of the queries; a slice without an interval is hollow.

    Args:
        names: of the slices, in order.
        lines: label of an arm -> for each slice an `Estimate`, a bare mean, or None.
        value_label: of the vertical axis.
        prefix: of its ids, one for each figure of a page.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from reports.render.table import Estimate

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(4.6, 4.1), layout="constrained")
        axes = figure.add_subplot()
        step = 0.6 / max(len(lines), 1)
        for place, (colour, (label, cells)) in enumerate(zip(colours(len(lines)), lines, strict=True)):
            hue, marker = (QUIET, "D") if place == 0 else (colour, "o")
            shift = (place - (len(lines) - 1) / 2) * step
            for at, cell in enumerate(cells):
                if cell is None:
                    continue
                name = label if at == next(i for i, one in enumerate(cells) if one is not None) else None
                if isinstance(cell, Estimate):
                    error = [[max(cell.mean - cell.low, 0.0)], [max(cell.high - cell.mean, 0.0)]]
                    axes.errorbar(at + shift, cell.mean, yerr=error, color=hue, marker=marker, markersize=5, capsize=2,
                                  linewidth=1.3, label=name)  # fmt: skip
                else:
                    axes.plot(at + shift, cell, color=hue, marker=marker, markersize=5, markerfacecolor="none",
                              linestyle="none", label=name)  # fmt: skip
        axes.set_xticks(range(len(names)), names, fontsize=9)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylabel(value_label)
        plain(axes)
        axes.grid(False, axis="x")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8.5)
        return for_page(figure, prefix)


def _dress_cmc(axes: "Axes", lowest: float) -> None:
    axes.set_xlabel("rank")
    axes.set_ylabel("queries answered by then, %")
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.set_xlim(0.5, MAX_RANK + 0.5)
    axes.set_ylim(max(0.0, np.floor(lowest / 10) * 10 - 5), 101)
    plain(axes)
