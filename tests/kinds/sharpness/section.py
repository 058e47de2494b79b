"""The section about sharp frames."""

from typing import Any

from reports.render.table import Column, Row, Table
from reports.sections.interface import Section, SectionInput

from .record import KIND


def table(given: SectionInput) -> Table:
    """Mean sharpness of each arm's test tracklets."""
    rows = []
    for group in given.job.arms():
        found = [(run, value) for run in group.runs if (value := KIND.of(run)) is not None]
        if found:
            mean = sum(value.record["mean"] for _, value in found) / len(found)
            rows.append(Row((group.label, mean), run_ids=tuple(run.run_id for run, _ in found)))
    columns = (Column("arm", "Arm"), Column("sharpness", "Sharpness", "number", decimals=2))
    return Table("sharpness", "Sharpness of the test tracklets", columns, tuple(rows))


def _show(given: SectionInput) -> dict[str, Any]:
    found = table(given)
    return {"words": ["Blurred frames say little of a gait."], "tables": [found.visible()]} if found.rows else {}


SECTIONS = (
    Section(
        "sharpness",
        "How sharp it is",
        _show,
        tables=lambda given: [table(given)],
        caveats=lambda given: ["Sharpness of the frames that were trained on."] if table(given).rows else [],
    ),
)
