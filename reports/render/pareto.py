"""Accuracy against cost: who is beaten by nobody at its price, with names that cannot collide.

The names stand in a column beside the plot, ordered as the points are high, each joined to its point by a thin line.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reports.render.figures import Point
from reports.render.plot_style import INK, QUIET, SETTINGS, colours, for_page, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 4.6, 0.66, 1.72, 0.55, 0.14  # inches: the figure, then its margins
LEGEND = 0.36  # inches above the plot, where there is one
LEAST_HEIGHT, NAME_SIZE, GAP = 3.5, 9.0, 5.0  # inches, points, points between two names
BESIDE = 1.06  # where names begin, in widths of the plot
WIDE = 8.0  # from this ratio of the dearest to the cheapest on, costs stand on a logarithmic axis


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats: none is as cheap and more accurate, none as accurate and cheaper.

    The cheapest first. Points that are equal in both stay together. One whose cost is in doubt is not among them, and
    beats nobody.
    """
    points = [one for one in points if not one.doubt]

    def beaten(one: Point) -> bool:
        return any(
            other.cost <= one.cost
            and other.accuracy >= one.accuracy
            and (other.cost < one.cost or other.accuracy > one.accuracy)
            for other in points
        )

    return sorted((one for one in points if not beaten(one)), key=lambda one: (one.cost, one.accuracy))


def spread(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float, gap: float) -> list[float]:
    """Centres on a line, near the wanted ones, so that things of these sizes keep a gap and their order.

    Args:
        wanted: centres, descending.
        sizes: extents, in the same order; with the gaps they must fit between ``low`` and ``high``.
        low: lower end of the line.
        high: its upper end.
        gap: between two neighbours.
    """
    found: list[float] = []
    above = high
    for at, (centre, size) in enumerate(zip(wanted, sizes, strict=True)):
        below = low + sum(sizes[at + 1 :]) + gap * (len(sizes) - at - 1)  # what those after it need
        place = max(min(centre, above - size / 2), below + size / 2)
        found.append(place)
        above = place - size / 2 - gap
    return found


def pareto(points: Sequence[Point], cost_label: str, accuracy_label: str, prefix: str) -> str:
    """Inline SVG: cost against accuracy with 95 % intervals; arms that nobody beats are filled and joined by a line.

    Costs in doubt are hollow diamonds in grey, and a legend says why; the axis follows the others, and such a point
    beyond its ends stands at the nearer one.

    Args:
        points: at least one; ``reference`` ones, such as baselines, are squares.
        cost_label: of the horizontal axis.
        accuracy_label: of the vertical axis.
        prefix: of its ids, one for each figure of a page.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with mpl.rc_context(SETTINGS):
        order = sorted(range(len(points)), key=lambda at: -points[at].accuracy)
        names = [_wrapped(points[at].label) for at in order]
        sizes = [NAME_SIZE * 1.25 * (1 + name.count("\n")) for name in names]
        top = TOP + (LEGEND if any(one.doubt for one in points) else 0.0)
        height = max(LEAST_HEIGHT, (sum(sizes) + GAP * len(sizes)) / 72 + BOTTOM + top)
        figure = Figure(figsize=(WIDTH, height))
        inside = (WIDTH - LEFT - RIGHT) / WIDTH, (height - BOTTOM - top) / height
        axes = figure.add_axes((LEFT / WIDTH, BOTTOM / height, *inside))
        best = frontier(points)
        axes.plot([one.cost for one in best], [one.accuracy for one in best], color=QUIET, linewidth=1.2, zorder=2)
        hues = [QUIET if one.doubt else hue for hue, one in zip(colours(len(points)), points, strict=True)]
        _limits(axes, [one.cost for one in points if not one.doubt] or [one.cost for one in points])
        beyond = any(_inside(axes, one.cost) != one.cost for one in points)
        points = [replace(one, cost=_inside(axes, one.cost)) if one.doubt else one for one in points]
        for one, hue in zip(points, hues, strict=True):
            error = [[max(one.accuracy - one.low, 0.0)], [max(one.high - one.accuracy, 0.0)]]
            axes.errorbar(
                one.cost, one.accuracy, yerr=error, color=hue, marker=_marker(one), markersize=6.5, capsize=3,
                linewidth=1.3, markerfacecolor=hue if one in best else "none", zorder=3, clip_on=False,
            )  # fmt: skip
        axes.set_xlabel(cost_label)
        axes.set_ylabel(accuracy_label)
        axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))  # short numbers: the margin is narrow
        plain(axes)
        low, high = axes.get_ylim()
        if top > TOP:
            _legend(axes, sorted({one.doubt for one in points if one.doubt}), beyond)
        span = (height - BOTTOM - top) * 72  # points
        wanted = [(points[at].accuracy - low) / (high - low) * span for at in order]
        for at, name, place in zip(order, names, spread(wanted, sizes, 0.0, span, GAP), strict=True):
            _name(axes, points[at], name, place / span, hues[at])
        return for_page(figure, prefix)


def _marker(point: Point) -> str:
    if point.doubt:
        return "D"
    return "s" if point.reference else "o"


def _inside(axes: "Axes", cost: float) -> float:
    """The cost, or where that is beyond the axis its nearer end."""
    low, high = axes.get_xlim()
    return min(max(cost, low), high)


def _legend(axes: "Axes", doubts: Sequence[str], beyond: bool) -> None:
    """What the diamonds are, in two lines above the plot."""
    from matplotlib.lines import Line2D

    handle = Line2D([], [], color=QUIET, marker="D", markersize=5.5, markerfacecolor="none", linestyle="none")
    words = f"{' or '.join(doubts)} († in the table), so not compared"
    words += "\nat the end of the axis: lies beyond it" if beyond else ""
    axes.legend(
        [handle], [words], loc="lower left", bbox_to_anchor=(-0.02, 1.0), fontsize=8, frameon=False,
        borderaxespad=0.1, handletextpad=0.2,
    )  # fmt: skip


def _name(axes: "Axes", point: Point, name: str, height: float, hue: Any) -> None:
    """A name in the margin on the right, at a share of the plot's height, and the line to its point."""
    axes.text(
        BESIDE, height, name, transform=axes.transAxes, fontsize=NAME_SIZE, color=INK, va="center", ha="left",
        linespacing=1.15,
    )  # fmt: skip
    line: dict[str, Any] = {
        "arrowstyle": "-",
        "linewidth": 0.8,
        "alpha": 0.75,
        "shrinkA": 0,
        "shrinkB": 4,
        "color": hue,
    }
    axes.annotate(
        "", xy=(point.cost, point.accuracy), xycoords="data", xytext=(BESIDE - 0.02, height),
        textcoords="axes fraction", annotation_clip=False, arrowprops=line,
    )  # fmt: skip


def _wrapped(label: str) -> str:
    """The label on as many lines as the column beside the plot asks for."""
    room = (RIGHT - (BESIDE - 1) * (WIDTH - LEFT - RIGHT)) * 72 - 5
    longest = max(6, min(len(label), int(len(label) * room / max(_length(label), 1.0)) + 3))
    for width in range(longest, 5, -1):
        lines = textwrap.wrap(label, width) or [""]
        if all(_length(line) <= room for line in lines):
            break
    return "\n".join(lines)


def _length(text: str) -> float:
    """Points that a line of text takes."""
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=NAME_SIZE).get_extents().width) if text.strip() else 0.0


def _limits(axes: "Axes", costs: Sequence[float]) -> None:
    """Logarithmic over a wide range; else at least a fifth of the cost itself, so that a cheap head looks cheap."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    low, high = min(costs), max(costs)
    if low > 0 and high / low >= WIDE:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 100 else (1.0, 3.0)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(low / 1.5, high * 1.5)
        return
    half = max(0.1 * high, 0.6 * (high - low)) or 1.0
    axes.set_xlim((low + high) / 2 - half, (low + high) / 2 + half)
