"""The section "Training" of the page: stages of all arms, and whom the protocol admits."""

from typing import Any

from reports.render.table import Table
from reports.sections.interface import Material, Section
from reports.sections.results import tables


def _show(material: Material) -> dict[str, Any]:
    return {"stages": tables.stages(material.job).visible(), "admission": tables.admission(material.job)}


def _tables(material: Material) -> list[Table]:
    return [tables.stages(material.job), tables.admission(material.job)]


SECTIONS = (Section("training", "Training", _show, 150, "training.html.j2", _tables),)
