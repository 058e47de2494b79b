"""Curves of accuracy against the number of frames that are fed at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.render.plot_style import QUIET, SETTINGS, colours, for_page, plain
from reports.render.table import Estimate


@dataclass(frozen=True, slots=True)
class Line:
    """One family of choices: ``frames`` (N, rising) with an accuracy in percent for each."""

    label: str
    frames: tuple[int, ...]
    cells: tuple[Estimate, ...]


def against_frames(lines: Sequence[Line], reference: tuple[str, Estimate] | None, value: str, prefix: str) -> str:
    """Inline SVG: accuracy against N on a logarithmic axis, with 95 % bands.

    Args:
        lines: one for each family; a family of one choice is a point with a bar.
        reference: label and accuracy of what takes all frames, a dashed line over all N.
        value: label of the vertical axis.
        prefix: of its ids, one for each figure of a page.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(4.6, 3.9), layout="constrained")
        axes = figure.add_subplot()
        ticks = sorted({frames for line in lines for frames in line.frames}) or [1]
        axes.set_xscale("log", base=2)
        axes.set_xlim(min(ticks) / 1.25, max(ticks) * 1.25)
        if reference:
            label, one = reference
            axes.axhspan(one.low, one.high, color=QUIET, alpha=0.12, linewidth=0)
            axes.axhline(one.mean, color=QUIET, linestyle=(0, (4, 2)), linewidth=1.4, label=label)
        for hue, line in zip(colours(len(lines)), lines, strict=True):
            table = np.array([(one.mean, one.low, one.high) for one in line.cells]).reshape(-1, 3)
            style: dict[str, Any] = {"color": hue, "marker": "o", "markersize": 4.5, "label": line.label}
            if len(line.frames) == 1:
                error = np.abs(table[:, 1:] - table[:, :1]).T
                axes.errorbar(line.frames, table[:, 0], yerr=error, capsize=3, linewidth=1.3, **style)
                continue
            axes.fill_between(line.frames, table[:, 1], table[:, 2], color=hue, alpha=0.13, linewidth=0)
            axes.plot(line.frames, table[:, 0], linewidth=2, **style)
        axes.set_xticks(ticks, [str(one) for one in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("N, frames fed at once")
        axes.set_ylabel(value)
        plain(axes)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8.5)
        return for_page(figure, prefix)
