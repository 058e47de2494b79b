"""The section "Training" of the page: stages of all arms, and whom the protocol admits."""

from typing import Any

from reports.render.table import Table
from reports.sections.interface import Section, SectionInput
from reports.sections.results import provenance


def _show(given: SectionInput) -> dict[str, Any]:
    return {"stages": provenance.stages(given.job).visible(), "admission": provenance.admission(given.job)}


def _tables(given: SectionInput) -> list[Table]:
    return [provenance.stages(given.job), provenance.admission(given.job)]


SECTIONS = (Section("training", "Training", _show, 150, "training.html.j2", _tables),)
