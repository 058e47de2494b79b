"""The section "Ranks and cost" of the page: match curves, and accuracy against cost."""

from typing import Any

from protocols.statistics import clustered_bootstrap
from reports.render import figures
from reports.schema.metrics import headline_side
from reports.sections.cost import plots
from reports.sections.interface import SectionInput
from reports.sections.results import tables
from reports.store import repairer_names
from reports.store.arm import Group
from reports.store.job import Job


def curves(given: SectionInput) -> dict[str, Any]:
    """What the template needs: figures, whose runs they are, and which arms are left out."""
    from markupsafe import Markup

    job = given.job
    drawn = _drawn(job)
    return {
        "cmc": Markup(cmc_figure(job)),
        "side": headline_side(job.any_result["protocol"]),
        "some_drawn": len(drawn) < len(job.in_results),
        "costs": plots.cost_figures(job, drawn),
        "run_ids": tables.results(job).visible().runs(),
    }


def cmc_figure(job: Job) -> str:
    """CMC of the arms and the colour row, with bands from resampled identities."""
    curves = []
    for group in _drawn(job):
        if group.control not in (None, "colour"):
            continue
        ends = [
            clustered_bootstrap(group.values(f"rank{rank}"), group.people(), bounds=(0.0, 100.0), resamples=1000)
            for rank in range(1, figures.MAX_RANK + 1)
        ]
        curves.append(figures.curve(group.label, ends, reference=group.control is not None))
    return figures.cmc_curves(curves)


def _drawn(job: Job) -> list[Group]:
    """What curves show: all, but of arms that differ in their data alone the raw one and the headline arm."""
    if not job.repaired:
        return list(job.in_results)
    headline_one = repairer_names.headline_group(job)
    return [group for group in job.in_results if group.control or not group.data.repaired or group is headline_one]
