"""The section about frame weights of the page, and its tables as files."""

from typing import Any

from reports.render.table import Table
from reports.sections.frame_weights import tables as frame_weights_tables
from reports.sections.interface import Section, SectionInput
from reports.store.job import Job


def section(job: Job) -> dict[str, Any]:
    """How arms weigh frames; empty where none recorded it."""
    table = frame_weights_tables.table(job)
    if not table.rows:
        return {}
    return {
        "words": frame_weights_tables.words(job),
        "reading": frame_weights_tables.READING,
        "table": table.visible(),
        "groups": frame_weights_tables.groups_table(job).visible(),
        "pictures": frame_weights_tables.pictures(job),
        "shown": frame_weights_tables.shown_table(job),
    }


def _show(given: SectionInput) -> dict[str, Any]:
    found = section(given.job)
    return {"weighed": found} if found else {}


def _tables(given: SectionInput) -> list[Table]:
    made = (frame_weights_tables.table, frame_weights_tables.groups_table, frame_weights_tables.shown_table)
    return [table(given.job) for table in made]


def _caveats(given: SectionInput) -> list[str]:
    job = given.job
    if not frame_weights_tables.arms(job):
        return []
    found = ["That weights which avoid occlusion are why an arm is more accurate: both were measured, not the cause."]
    if job.synthetic:
        found.insert(0, "Frame weights on filmed people: what is seen of a person is known on drawn ones only.")
    return found


SECTIONS = (Section("weights", "Frame weights", _show, 120, "weights.html.j2", _tables, _caveats),)
