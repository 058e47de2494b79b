"""The report of one job before it is written: every file of its folder, and plain data about it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.conventions import page as protocol_ledger_page
from reports.ledger import mask_measures
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.render.table import Table
from reports.sections.attributes import section as attributes_section
from reports.sections.cost import section as cost_section
from reports.sections.repair import section as repair_section
from reports.sections.results import sides, splits, tables
from reports.sections.results.slices import find
from reports.sections.test_time import section as test_time_section
from reports.store.job import Job


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
    first = job.any_result
    name = f"{first['paper']}-{first['dataset']['name']}-{first['protocol']['name']}"
    made: list[Table] = [tables.results(job), tables.stages(job), tables.runs(job), *splits.tables(job)]
    made += [table] if (table := tables.admission(job)).rows else []
    some = [tables.conventions(job, "mAP"), tables.conventions(job, "rank1"), sides.matrix(job), sides.variants(job)]
    some += protocol_ledger_page.section(job).get("files", [])
    for group in job.arms():
        if group.explained():
            some += [mask_measures.accuracy(group), mask_measures.differences(group)]
    some += cost_section.tables(job.cost) if job.cost else []
    some += [*test_time_section.tables(job), *repair_section.tables(job), *attributes_section.tables(job, wanted)]
    made += [table for table in some if table.rows]
    files: dict[str, str] = {"index.html": paper_page(job, ledger, wanted, pages)}
    for table in made:
        files[f"{table.name}.csv"] = table.as_csv()
        files[f"{table.name}.tex"] = table.as_latex()
    files |= {
        "ledger.json": json.dumps(ledger.as_dict(), indent=1, sort_keys=True, ensure_ascii=False) + "\n",
        "ledger.csv": ledger.as_csv(),
        "tables.json": json.dumps([table.as_dict() for table in made], indent=1, ensure_ascii=False) + "\n",
    }
    facts = {
        "experiment": job.experiment,
        "parent_id": job.parent_id,
        "verdicts": {claim.id: claim.verdict for claim in ledger.claims},
        "ledger": ledger.as_dict(),
        "tables": {table.name: table.as_dict() for table in made},
        "repair": list(repair_section.what_can_be_shown(job)),
        "slices": [one.attribute["name"] for one in wanted],
        "splits": list(job.splits),
        "splits_told": [splits.words(job), *splits.leads(job, ledger)] if job.splits else [],
    }
    return Composed(name, files, facts)
