"""The section "Occlusion and repair" of the page, and its tables as files."""

from typing import Any

from reports.ledger.difference import FEWEST_PEOPLE
from reports.render import figures
from reports.render.table import Table
from reports.schema.metrics import METRIC_LABELS
from reports.schema.vocabulary import ORACLE
from reports.sections.interface import Section, SectionInput
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


def _show(given: SectionInput) -> dict[str, Any]:
    found = section(given.job)
    return {"repair": found} if found else {}


def _caveats(given: SectionInput) -> list[str]:
    job = given.job
    painters = {name: arm for name, arm in job.card["arms"].items() if arm.get("role") == "repairer"}
    seen = {repairer_names.name_of(one) for group in job.arms() for one in (group.data.train, group.data.test)}
    unseen = [str(arm.get("label", name)) for name, arm in painters.items() if name not in seen]
    found = [f"Repairers of the card whose data no arm saw: {', '.join(unseen)}."] if unseen else []
    if not job.repaired:
        return found
    if job.synthetic:
        found.append(
            "Repair of filmed people: nothing here was repaired but drawn frames, whose occluders are drawn too; only "
            "there are the pixels behind them known."
        )
    else:
        found.append("Whether repair restores the truth: nobody knows the pixels behind an occluder on filmed frames.")
    squares = effect.squares(job)
    quarters = [quarter for square in squares for where, quarter in square.quarters.items() if any(where)]
    absent = sum(quarter.group is None for quarter in quarters)
    if absent:
        found.append(
            f"{absent} of the {len(quarters)} ways to train or test on repaired data, which the squares call not run."
        )
    if job.synthetic and not any(repairer_names.name_of(square.repairer) == ORACLE for square in squares):
        found.append("How much repair could win at most: no arm saw the oracle's data.")
    if repairer_names.records(job):
        found.append("What repairers do to the training data: pixels and calls were measured on test frames only.")
    return found


SECTIONS = (
    Section(
        "repair",
        "Occlusion and repair",
        _show,
        60,
        "repair.html.j2",
        lambda given: tables(given.job),
        _caveats,
        lambda given: {"repair": list(what_can_be_shown(given.job))},
    ),
)
