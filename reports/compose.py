"""The report of one job before it is written: every file of its folder, and plain data about it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.ledger.columns_table import columns_table
from reports.ledger.ledger import SYNTHETIC, Ledger, build_ledger
from reports.page import paper_page
from reports.page_caveats import left_out
from reports.render.table import Table
from reports.sections import discovery
from reports.sections.interface import SectionInput
from reports.sections.results.provenance import runs
from reports.sections.results.slices import find
from reports.sections.results.start_column import starts_by_run, with_starts
from reports.store.job import Job

_IN_SHORT = frozenset({"results", "sides", "four_columns"})
"""Tables that stand in the summary."""


@dataclass(frozen=True)
class Composed:
    """A job's report before it is written: the folder's usual name, path -> text, and plain data about it."""

    name: str
    files: dict[str, str]
    facts: dict[str, Any]


def compose(job: Job, slices: Sequence[str] = (), pages: Sequence[tuple[str, str]] = ()) -> Composed:
    """Everything that a job's report folder holds.

    Args:
        job: what was recorded.
        slices: attributes of the queries to show accuracy by.
        pages: href and name of other pages that the page links to.
    """
    wanted = find(job, slices)
    ledger = build_ledger(job)
    given = SectionInput(job, ledger, wanted)
    first = job.any_result
    name = f"{first['paper']}-{first['dataset']['name']}-{first['protocol']['name']}"
    starts = starts_by_run([job])
    found = [*discovery.tables(given), columns_table(ledger.claims), runs(job)]
    made = [with_starts(table, starts) for table in found if table.rows]
    files: dict[str, str] = {"index.html": paper_page(job, ledger, wanted, pages)}
    for table in made:
        files[f"{table.name}.csv"] = table.as_csv()
        files[f"{table.name}.tex"] = table.as_latex()
    files |= {
        "ledger.json": json.dumps(ledger.as_dict(), indent=1, sort_keys=True, ensure_ascii=False) + "\n",
        "ledger.csv": ledger.as_csv(),
        "summary.md": summary(job, ledger, made),
        "tables.json": json.dumps([table.as_dict() for table in made], indent=1, ensure_ascii=False) + "\n",
    }
    facts = {
        "experiment": job.experiment,
        "parent_id": job.parent_id,
        "changes": dict(job.changes),
        "controls_left_out": job.controls_left_out,
        "gains": {claim.id: claim.gain for claim in ledger.claims},
        "ledger": ledger.as_dict(),
        "tables": {table.name: table.as_dict() for table in made},
        **discovery.facts(given),
    }
    return Composed(name, files, facts)


def summary(job: Job, ledger: Ledger, made: Sequence[Table]) -> str:
    """The page in short, as Markdown for a README or a pull request: how it was made, arms, claims, what can be told.

    Args:
        job: what was recorded.
        ledger: of the job.
        made: its tables.
    """
    first = job.any_result
    wanted = [table for table in made if table.name in _IN_SHORT]
    parts = [f"## {first['paper']}, {ledger.dataset}, `{ledger.protocol}`", "", "```", str(first["command"]), "```", ""]
    for table in wanted:
        parts += [f"**{table.caption}**", "", table.as_markdown()]
    if ledger.checks:
        parts += ["**Can this run tell?**", ""]
        parts += [f"- {one.name}: {one.answer}. {one.words}" for one in ledger.checks]
        parts += [""]
    parts += [*(f"{sentence}\n" for sentence in left_out(job))]
    parts += [ledger.rule, *([SYNTHETIC] if ledger.synthetic else []), ""]
    return "\n".join(parts)
