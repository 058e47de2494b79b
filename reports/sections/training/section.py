"""The section "Training" of the page: stages of all arms, and whom the protocol admits."""

from typing import Any

from reports.render.table import Table
from reports.sections.interface import Section, SectionInput
from reports.sections.results import tables


def _show(given: SectionInput) -> dict[str, Any]:
    return {"stages": tables.stages(given.job).visible(), "admission": tables.admission(given.job)}


def _tables(given: SectionInput) -> list[Table]:
    return [tables.stages(given.job), tables.admission(given.job)]


SECTIONS = (Section("training", "Training", _show, 150, "training.html.j2", _tables),)
