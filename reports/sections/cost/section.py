"""Cost against frames and batch for a page: tables, curves as inline SVG, and a page of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports import html
from reports.records.cost import ArmCost, Cell, CostRecord
from reports.render.plot_style import SETTINGS, colours, for_page, plain
from reports.render.table import Table
from reports.sections.cost import tables as cost_tables
from reports.sections.cost.curves import curves
from reports.sections.interface import Section, SectionInput

SHOWN = 8  # lines of a figure; more cannot be told apart


@dataclass(frozen=True, slots=True)
class CostLine:
    """One arm: a cost at some frames or batches, and which of them do not hold."""

    label: str
    at: tuple[int, ...]
    cost: tuple[float, ...]
    doubtful: tuple[bool, ...]

    def points(self, *, doubtful: bool) -> tuple[list[int], list[float]]:
        """Frames or batches and costs of those that do not hold, or of those that do."""
        chosen = [place for place, doubt in enumerate(self.doubtful) if doubt == doubtful]
        return [self.at[place] for place in chosen], [self.cost[place] for place in chosen]


def section(record: CostRecord) -> dict[str, Any]:
    """What ``cost.html.j2`` shows, under the name ``cost``: words, figures and tables of each way of running."""
    return {
        "on": cost_tables.on(record),
        "notes": cost_tables.notes(record),
        "command": record.command,
        "ways": [_way(record, way, f"cost{place}") for place, way in enumerate(cost_tables.ways(record))],
        "every": cost_tables.every_cell(record).visible(),
    }


def tables(record: CostRecord) -> list[Table]:
    """Every table of the section, for files."""
    found = [cost_tables.every_cell(record)]
    for way in cost_tables.ways(record):
        batch, frames = cost_tables.middle(record, way)
        found += [cost_tables.by_frames(record, batch, way), cost_tables.by_batch(record, frames, way)]
    return found


def page(record: CostRecord) -> str:
    """A page of its own, as HTML that loads nothing."""
    return html.render(
        "cost_page.html.j2",
        title=f"{record.title}: what it costs",
        kind="cost",
        heading=record.title,
        subtitle="What its arms cost at test time, against the number of frames and of tracklets.",
        origins={},
        cost=section(record),
    )


def _way(record: CostRecord, way: str, prefix: str) -> dict[str, Any]:
    from markupsafe import Markup

    arms = [one for one in record.arms if one.way == way]
    batch, frames = cost_tables.middle(record, way)
    at_batch = [(one, [cell for cell in one.cells if cell.batch == batch]) for one in arms]
    at_frames = [(one, [cell for cell in one.cells if cell.frames == frames]) for one in arms]
    drawn = (
        ("operations", _lines(at_batch, "frames", "gflops"), "frames T", "GFLOPs a tracklet"),
        ("time", _lines(at_batch, "frames", "ms_p50"), "frames T", "ms, p50"),
        ("throughput", _lines(at_frames, "batch", "frames_per_s"), "tracklets a call", "frames/s"),
    )
    figures = [
        {
            "what": what,
            "figure": Markup(against(lines, x, y, f"{prefix}-{what}")),
            "doubtful": any(any(line.doubtful) for line in lines),
        }
        for what, lines, x, y in drawn
        if any(len(line.at) > 1 for line in lines)
    ]
    return {
        "name": way,
        "batch": batch,
        "frames": frames,
        "figures": figures,
        "undrawn": max(0, len(arms) - SHOWN),
        "by_frames": cost_tables.by_frames(record, batch, way),
        "by_batch": cost_tables.by_batch(record, frames, way),
    }


def _lines(arms: Sequence[tuple[ArmCost, list[Cell]]], along: str, what: str) -> list[CostLine]:
    found = []
    for one, cells in arms[:SHOWN]:
        known = sorted(
            (getattr(cell, along), getattr(cell, what), what != "gflops" and bool(cell.mark))
            for cell in cells
            if getattr(cell, what) is not None
        )
        if known:
            found.append(CostLine(one.label, *(tuple(column) for column in zip(*known, strict=True))))
    return found


def against(lines: Sequence[CostLine], x_label: str, y_label: str, prefix: str) -> str:
    """Inline SVG of costs, both axes logarithmic: what grows in proportion rises at 45 degrees.

    Costs that do not hold are hollow, and lines pass them by.

    Args:
        lines: one an arm.
        x_label, y_label: of the axes.
        prefix: of the ids within the SVG, one of its own on a page.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(4.6, 3.9), layout="constrained")
        axes = figure.add_subplot()
        ticks = sorted({at for line in lines for at in line.at})
        for hue, line in zip(colours(len(lines)), lines, strict=True):
            style: dict[str, Any] = {"color": hue, "marker": "o", "markersize": 4.5}
            axes.plot(*line.points(doubtful=False), linewidth=2, label=line.label, **style)
            axes.plot(*line.points(doubtful=True), linestyle="none", markerfacecolor="none", **style)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(ticks, [str(one) for one in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if _narrow(lines) else (1.0,)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        plain(axes)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8.5)
        return for_page(figure, prefix)


def _narrow(lines: Sequence[CostLine]) -> bool:
    """Whether all costs lie within two decades, where tens alone would leave an axis bare."""
    costs = [cost for line in lines for cost in line.cost]
    return max(costs) < 100 * min(costs)


def _show(given: SectionInput) -> dict[str, Any]:
    return {"cost": section(given.job.cost)} if given.job.cost else {}


def _tables(given: SectionInput) -> list[Table]:
    return tables(given.job.cost) if given.job.cost else []


SECTIONS = (
    Section("curves", "Ranks and cost", curves, 90, "curves.html.j2"),
    Section("cost", "Cost", _show, 100, "cost.html.j2", _tables),
)
