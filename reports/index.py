"""The index: what is recorded, paper by paper, and where its pages are."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports import html
from reports.comparison.claims import Judged, command, headline
from reports.comparison.claims_page import overview, under
from reports.comparison.tables import ComparisonTable, labels_of
from reports.ledger.ledger import Ledger
from reports.page import headline as verdict_of
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.schema.metrics import METRIC_LABELS
from reports.sections.results.tables import SHOWN
from reports.store.evidence_files import Kept
from reports.store.job import Job
from reports.store.jobs import Across, paper_of


def index_page(
    across: Across,
    compared: Sequence[ComparisonTable],
    claims: Sequence[Judged],
    ledgers: Mapping[str, Ledger],
    paper_pages: Mapping[str, str],
    origins: Mapping[str, html.Origin],
    pages: Sequence[tuple[str, str]],
    evidence: Sequence[Kept],
    build_command: str,
) -> str:
    """The page as HTML text.

    Args:
        across: what was read.
        compared: all tables of comparison.
        claims: all claims.
        ledgers: parent run id -> ledger.
        paper_pages: parent run id -> href of the job's page.
        origins: run id -> where it is recorded.
        pages: the other pages beside this one.
        evidence: files kept with the code.
        build_command: that builds all of this again.
    """
    return html.render(
        "index.html.j2",
        title="Overview",
        kind="reports",
        heading="Which published gains are reproduced",
        subtitle=headline(claims),
        origins=origins,
        facts=facts(across),
        sections=[("papers", "Papers"), ("tables", "Tables of comparison"), ("more", "Ledgers"),
                  *([("evidence", "Evidence")] if evidence else []), ("again", "Make it again"),
                  ("left-out", "Left out")],
        pages=pages,
        skip="Skip to the papers",
        papers=[_paper(paper, across, ledgers, paper_pages) for paper in across.papers],
        tallies={line.name: line for line in overview(claims)},
        strata=strata_table(compared).visible(),
        more=[(href, name, _about(name)) for href, name in pages if href not in ("index.html", "comparison.html")],
        evidence=evidence,
        jobs=[(under(job), paper_of(job), command(job)) for job in across.jobs],
        build_command=build_command,
        uri=shown_uri(across.uri),
        counts=across.counts(),
        left_out=across.left_out,
    )  # fmt: skip


def facts(across: Across) -> list[tuple[str, str]]:
    """How much there is, and from when."""
    ended = sorted(job.ended for job in across.jobs if job.ended)
    found = [("Papers", str(len(across.papers))), ("Jobs", str(len(across.jobs))), ("Runs", str(across.runs))]
    if ended:
        found.append(("Recorded", ended[0] if ended[0] == ended[-1] else f"{ended[0]} to {ended[-1]}"))
    return found


def shown_uri(uri: str) -> str:
    """The store for a reader; where a database lies on this machine is nobody's business."""
    return uri if uri.startswith(("http://", "https://")) else f"{uri.split(':', 1)[0]} database"


def strata_table(compared: Sequence[ComparisonTable]) -> Table:
    """One row for each table of comparison: who is best there, as far as that can be told."""
    metrics = [name for name in SHOWN if any(one.stratum.metric == name for one in compared)] or ["mAP"]
    columns = (
        Column("table", "Table"),
        Column("rows", "Rows", "number"),
        Column("papers", "Papers", "number"),
        Column("best", "Highest row"),
        *(Column(metric, METRIC_LABELS[metric], "estimate", unit="%") for metric in metrics),
        Column("sharing", "Rows at rank 1", "number"),
        Column("words", "In words", data_only=True),
        Column("floor", f"Colours alone, {' or '.join(METRIC_LABELS[one] for one in metrics)}", "estimate", unit="%"),
    )
    rows = []
    for one in compared:
        keys = [column.key for column in one.table.columns]
        place = keys.index(one.stratum.metric)
        first = one.table.rows[0]
        colour = next((row for row in one.table.rows if "colour" in row.kind), None)
        labels, stood = labels_of(one.stratum), one.standing
        values: tuple[Cell, ...] = (
            one.stratum.title,
            len(one.stratum.entries),
            len({entry.paper for entry in one.stratum.entries}),
            labels[stood.order[0]] if stood else None,
            *(
                _as_estimate(first.cells[place]) if stood and one.stratum.metric == metric else None
                for metric in metrics
            ),
            sum(rank == 1 for rank in stood.rank.values()) if stood else None,
            " ".join(one.words),
            _as_estimate(colour.cells[place]) if colour else None,
        )
        runs = first.run_ids if stood else ()
        href = f"comparison.html#{one.stratum.slug}"
        rows.append(Row(values, "", (*runs, *(colour.run_ids if colour else ())), href=href))
    return Table(
        "strata", "Tables of comparison; rows of different tables are never ranked together", columns, tuple(rows)
    )


def _as_estimate(cell: Cell) -> Estimate | None:
    return cell if isinstance(cell, Estimate) else None


def _paper(paper: str, across: Across, ledgers: Mapping[str, Ledger], paper_pages: Mapping[str, str]) -> dict[str, Any]:
    jobs = [job for job in across.jobs if paper_of(job) == paper]
    card = jobs[0].card
    place = " ".join(str(card[key]) for key in ("venue", "year") if card.get(key))
    return {
        "key": paper,
        "title": str(card.get("title", paper)),
        "place": place,
        "jobs": [_job(job, ledgers[job.parent_id], paper_pages.get(job.parent_id, "")) for job in jobs],
    }


def _job(job: Job, ledger: Ledger, href: str) -> dict[str, Any]:
    seeds = sorted({seed for group in job.arms() for seed in group.seeds})
    return {
        "title": under(job),
        "href": href,
        "verdict": verdict_of(ledger),
        "runs": sum(len(group.run_ids) for group in job.groups),
        "seeds": len(seeds),
        "ended": job.ended,
        "finished": job.finished,
    }


def _about(name: str) -> str:
    return {
        "Claims": "every claim of every paper: published margin, measured margin against the baseline and each "
        "control, with gain, cause, headroom and power; also as JSON and CSV",
        "Protocols": "the same descriptors counted in every published way: how many points are the protocol's alone",
        "Cost": "operations, parameters, time and memory of every arm",
    }.get(name, "")
