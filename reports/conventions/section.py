"""The section "Conventions" of a paper's page: the same descriptors counted in other ways."""

from typing import Any

from reports.conventions import page
from reports.render.table import Table
from reports.sections.interface import Section, SectionInput
from reports.sections.results import tables
from reports.store import repairer_names
from reports.store.job import Job


def _conventions(given: SectionInput) -> dict[str, Any]:
    job = given.job
    ledgered = page.section(job)
    found = [] if ledgered else _convention_tables(job)
    if not ledgered and not found:
        return {}
    return {
        "ledgered": ledgered,
        "conventions": found,
        "conventions_words": _conventions_words(job, found, repairer_names.headline_group(job).name),
    }


def _convention_tables(job: Job) -> list[Table]:
    found = (tables.conventions(job, "mAP"), tables.conventions(job, "rank1"))
    return [table for table in found if table.rows]


def _convention_files(given: SectionInput) -> list[Table]:
    return [*_convention_tables(given.job), *page.section(given.job).get("files", [])]


def _conventions_words(job: Job, convention_tables: list[Table], arm: str) -> str:
    if not convention_tables:
        return ""
    table = convention_tables[0]
    if arm not in [column.key for column in table.columns]:
        return "Each row is another published way to count; nothing else changes."
    cells = [cell for cell in table.column(arm)[:-1] if isinstance(cell, float)]
    ends = f"{min(cells):.1f} to {max(cells):.1f} %"
    return (
        f"Published tables count in different ways. The same descriptors of {job.by_name[arm].label} score {ends} mAP "
        f"depending on the convention alone: {max(cells) - min(cells):.1f} points that are no property of the method."
    )


SECTIONS = (Section("conventions", "Conventions", _conventions, 140, "conventions.html.j2", _convention_files),)
