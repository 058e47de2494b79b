"""The section "Occlusion and repair" of the page, and its tables as files."""

from typing import Any

from reports.ledger.difference import FEWEST_PEOPLE
from reports.render import figures
from reports.render.table import Table
from reports.schema.metrics import METRIC_LABELS
from reports.sections.repair import effect
from reports.sections.repair import tables as repair_tables
from reports.sections.results.tables import SHOWN
from reports.store import repairer_names
from reports.store.job import Job


def section(job: Job) -> dict[str, Any]:
    """All that the section shows; empty for a job where nothing was repaired."""
    from markupsafe import Markup

    if not job.repaired and not repairer_names.records(job):
        return {}
    squares = effect.squares(job)
    networks = []
    for place, base in enumerate(repairer_names.bases(job)):
        slices = effect.by_hidden_share(job, base)
        drawn = SHOWN if slices and not place else ()
        networks.append({
            "label": repairer_names.base_label(job, base),
            "squares": [one for one in squares if one.base == base],
            "table": effect.table(job, base, squares),
            "slices": slices.visible() if slices else None,
            "figures": [
                (METRIC_LABELS[metric], Markup(_figure(job, base, metric))) for metric in drawn
            ],
        })  # fmt: skip
    curve = repair_tables.curve(job)
    if curve:
        curve |= {
            "calls": Markup(figures.calls_over_threshold(curve["points"], curve["used"])),
            "roc": Markup(figures.roc(curve["points"], curve["used"], curve["auc"])),
        }
    return {
        "shows": effect.what_can_be_shown(job, squares),
        "networks": networks,
        "fewest": FEWEST_PEOPLE,
        "detection": repair_tables.detection(job).visible(),
        "curve": curve,
        "measures": repair_tables.measures(job).visible(),
        "reading": repair_tables.READING,
        "pictures": repair_tables.pictures(job),
    }


def what_can_be_shown(job: Job) -> tuple[str, ...]:
    """The first sentences of the section."""
    return effect.what_can_be_shown(job, effect.squares(job))


def _figure(job: Job, base: str, metric: str) -> str:
    names, lines = effect.lines(job, base, metric)
    return figures.by_slice(names, lines, f"{METRIC_LABELS[metric]}, %", f"hidden-{metric}")


def tables(job: Job) -> list[Table]:
    """Every table of the section, for files; those without rows are left out."""
    squares = effect.squares(job)
    found: list[Table | None] = [repair_tables.detection(job), repair_tables.measures(job)]
    for base in repairer_names.bases(job):
        found += [effect.table(job, base, squares), effect.by_hidden_share(job, base)]
    return [table for table in found if table is not None and table.rows]
