"""What the networks behind every row of a table began with, as a column of the table's files."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reports.render.table import Column, Table
from reports.store.arm import start_of
from reports.store.job import Job

COLUMN = Column("start", "Start", data_only=True)


def starts_by_run(jobs: Iterable[Job]) -> dict[str, str]:
    """Run id -> what the network of that run began with; runs without a network are left out."""
    parts = (part for job in jobs for group in job.groups for run in group.runs for part in run.parts)
    return {part.run_id: start_of(part.result) for part in parts if part.result["control"] != "colour"}


def with_starts(table: Table, starts: Mapping[str, str]) -> Table:
    """The table with a column for it, in CSV and JSON; itself where it has one, or where no row names its runs.

    Args:
        table: whose rows name the runs that they are from.
        starts: run id -> start.
    """
    if any(column.key == COLUMN.key for column in table.columns) or not any(row.run_ids for row in table.rows):
        return table
    rows = []
    for row in table.rows:
        found = dict.fromkeys(starts[run] for run in row.run_ids if run in starts)
        rows.append(replace(row, cells=(*row.cells, ", ".join(found) or None)))
    return replace(table, columns=(*table.columns, COLUMN), rows=tuple(rows))
