"""Figure: every arm in every division of the data, so that the same division can be compared arm by arm."""

import numpy as np

from reports.render.plot_style import QUIET, SETTINGS, colours, for_page, plain
from reports.schema.metrics import METRIC_LABELS
from reports.store.job import Job


def by_split(job: Job) -> str:
    """Inline SVG: a dot for each arm in each division (mean over seeds), a dashed line at its mean over divisions.

    Dots of one division hang on one thin line: what moves them together is how hard its people are.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    metric = job.headline_metric
    groups = [group for group in job.groups if group.control in (None, "colour")]
    values = np.stack([group.by_split(metric).mean(axis=0) for group in groups])  # [arms, K]
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(7.0, 3.6), layout="constrained")
        axes = figure.add_subplot()
        places = np.arange(len(job.splits))
        axes.vlines(places, values.min(axis=0), values.max(axis=0), color=QUIET, linewidth=0.8, alpha=0.5)
        for hue, group, row in zip(colours(len(groups)), groups, values, strict=True):
            colour = QUIET if group.control else hue
            marker = "D" if group.control else "o"
            axes.axhline(row.mean(), color=colour, linewidth=1, linestyle=(0, (4, 3)), alpha=0.8)
            axes.plot(places, row, color=colour, marker=marker, markersize=6, linestyle="none", label=group.label)
        axes.set_xticks(places, [str(number) for number in job.splits])
        axes.set_xlim(-0.5, len(places) - 0.5)
        axes.set_xlabel("split")
        axes.set_ylabel(f"{METRIC_LABELS[metric]}, %")
        plain(axes)
        axes.grid(False, axis="x")
        figure.legend(loc="outside lower center", ncols=min(len(groups), 3), fontsize=9)
        return for_page(figure, "splits")
