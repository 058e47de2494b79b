"""The claims page: every claim of every paper in one table, then each with its words, its bars and its runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protocols.vocabulary import GAINS
from reports import html
from reports.comparison.claims import KEYS, SCHEMA, Judged, command, counts, headline, run_ids
from reports.ledger import forest_plot
from reports.ledger.columns.cause import CAUSE_NAMES, CONTROL_OF
from reports.ledger.difference import Difference
from reports.ledger.ledger import SYNTHETIC, rule_of
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.schema.controls import CONTROL_LABELS
from reports.schema.metrics import METRIC_LABELS
from reports.sections.results.tables import data_label, dataset_label, split_count
from reports.store.job import Job, in_words
from reports.store.jobs import Across

OPEN = ("not judged", "not run")


@dataclass(frozen=True, slots=True)
class ClaimPart:
    """A stretch of a bar of counts."""

    css: str
    count: int


@dataclass(frozen=True, slots=True)
class Tally:
    """One line of the overview: a paper and what became of its claims."""

    name: str
    anchor: str
    parts: tuple[ClaimPart, ...]
    spoken: str
    counts: Mapping[str, int]


def claims_page(
    across: Across,
    found: Sequence[Judged],
    origins: Mapping[str, html.Origin],
    pages: Sequence[tuple[str, str]],
    paper_pages: Mapping[str, str],
) -> str:
    """The page as HTML text.

    Args:
        across: what was read.
        found: from `reports.comparison.claims.all_claims`.
        origins: run id -> where it is recorded.
        pages: the other pages beside this one.
        paper_pages: parent run id -> href of the job's page.
    """
    jobs = list(dict.fromkeys(one.job.parent_id for one in found if one.job))
    by_id = {job.parent_id: job for job in across.jobs}
    lines = overview(found)
    return html.render(
        "claims.html.j2",
        title="Claims of all papers",
        kind="claims ledger",
        heading="Which published gains are reproduced",
        subtitle=headline(found),
        origins=origins,
        facts=_facts(found, jobs),
        sections=[("overview", "Overview"), ("claims", "All claims"),
                  *((f"paper-{line.name}", line.name) for line in lines), ("data", "As data")],
        pages=pages,
        skip="Skip to the overview",
        note=SYNTHETIC if any(job.synthetic for job in across.jobs) else "",
        overview=lines,
        columns=(*GAINS, *OPEN),
        tables=[table.visible() for table in tables(found)],
        rule=rule_of([one.claim for one in found if one.claim]),
        papers=[_paper(line.name, found, by_id, paper_pages) for line in lines],
        keys=KEYS,
        schema=SCHEMA,
        counts=across.counts(),
        left_out=across.left_out,
    )  # fmt: skip


def _facts(found: Sequence[Judged], jobs: Sequence[str]) -> list[tuple[str, str]]:
    return [
        ("Papers", str(len({one.paper for one in found}))),
        ("Claims", str(len({(one.paper, one.id) for one in found}))),
        ("Answered", str(sum(one.gain is not None for one in found))),
        ("Jobs", str(len(jobs))),
    ]


def overview(found: Sequence[Judged]) -> list[Tally]:
    """What became of each paper's claims, as lengths of a bar."""
    lines = []
    for paper, row in counts(found).items():
        parts = tuple(ClaimPart(key.replace(" ", "-"), count) for key, count in row.items() if count)
        spoken = f"{paper}: " + ", ".join(f"{count} {key}" for key, count in row.items() if count)
        lines.append(Tally(paper, f"paper-{paper}", parts, spoken, row))
    return lines


def tables(found: Sequence[Judged]) -> list[Table]:
    """All claims in points; and those about where a network looks, whose units differ."""
    papers = {paper: place for place, paper in enumerate(dict.fromkeys(one.paper for one in found))}
    found = sorted(found, key=lambda one: (papers[one.paper], ("judged", *OPEN).index(one.status)))
    in_points = [one for one in found if one.claim is None or one.claim.unit == "points"]
    of_masks = [one for one in found if one.claim is not None and one.claim.unit != "points"]
    made = [_table("claims_table", "Claims about accuracy", in_points, 1)]
    if of_masks:
        made.append(_table("claims_masks", "Claims about where a network looks", of_masks, 3))
    return made


def _table(name: str, caption: str, found: Sequence[Judged], decimals: int) -> Table:
    points = name == "claims_table"
    ran = [name for name in CAUSE_NAMES if any(one.cause(name) for one in found)]
    group = "Measured difference, points" if points else "Measured difference"
    measured = {"difference": "baseline" if points else "reference"}
    measured |= {name: f"{name}: {CONTROL_LABELS[CONTROL_OF[name]]}" for name in ran}
    columns = (
        Column("claim", "Claim"),
        Column("paper", "Paper"),
        Column("gain", "Gain"),
        Column("gain_holm", "Gain by Holm"),
        Column("metric", "Metric"),
        *([] if points else [Column("unit", "Unit")]),
        Column("published", "Published margin"),
        *(
            Column(key, title, "estimate", decimals, True, group=group, has_verdict=True)
            for key, title in measured.items()
        ),
        *([Column("colour", "Colours alone", "estimate", unit="%")] if points else []),
        Column("seeds", "Seeds", "number"),
        Column("under", "Judged under"),
        Column("reason", "Why", data_only=True),
        Column("command", "Command", data_only=True),
    )  # fmt: skip
    rows = []
    for one in found:
        values: dict[str, Cell] = {
            "claim": str(one.plain.get("text", one.id)),
            "paper": one.paper,
            "gain": one.gain or one.status,
            "gain_holm": one.claim.gain_holm if one.claim and one.gain else None,
            "metric": one.claim.metric_label if one.claim else METRIC_LABELS.get(str(one.plain.get("metric", "rank1"))),
            "unit": one.claim.unit if one.claim else None,
            "published": published(one),
            "difference": _estimate(one.claim.difference, one.claim.gain)
            if one.claim and one.claim.difference
            else None,
            "seeds": len(one.claim.difference.seeds) if one.claim and one.claim.difference else None,
            "under": under(one.job) if one.job else None,
            "reason": one.reason,
            "command": command(one.job) if one.job else None,
        }
        for key in ran:
            cause = one.cause(key)
            if cause is not None:
                values[key] = _estimate(cause.difference, cause.answer) if cause.difference else cause.answer
        colour = one.colour()
        values["colour"] = colour[0] if colour and one.gain else None
        kind = one.gain.replace(" ", "-") if one.gain else "few"
        cells = tuple(values.get(column.key) for column in columns)
        rows.append(Row(cells, kind, run_ids(one), href=f"#claim-{one.key}"))
    return Table(name, caption, columns, tuple(rows))


def _estimate(difference: Difference, answer: str) -> Estimate:
    """With what it answers."""
    return Estimate(difference.mean, difference.low, difference.high, answer)


def published(one: Judged) -> str | None:
    """The margins that stand beside the measured one, with their place: ``+13.0 on MARS, Table 2``."""
    source = str(one.plain.get("source", ""))
    if one.claim and one.ledger:
        rows = forest_plot.margins(one.claim, one.ledger.dataset)
    else:
        rows = [dict(row) for row in one.plain.get("published") or ()]
        rows = [row for row in rows if row["dataset"] == "mars"] or rows
    margins = "; ".join(f"{float(row['margin']):+.2f} on {dataset_label(row['dataset'])}" for row in rows)
    within = float(one.plain.get("within") or 0.0)
    equal = f"equal within {within:g}" if within else ""
    return ", ".join(text for text in (margins.replace("-", "\u2212"), equal, source) if text) or None


def under(job: Job) -> str:
    """Data, protocol, profile, budget and what options changed of a job, for a table."""
    first = job.any_result
    budget = "" if first["budget"] == "full" else f", {first['budget']}"
    protocol = f"{first['protocol']['name']} v{first['protocol']['version']}"
    splits = f" ({split_count(job)})" if job.splits else ""
    changed = f", {in_words(job.changes)}" if job.changes else ""
    return f"{data_label(first['dataset'])}{splits}, {protocol}, {first['profile']}{budget}{changed}"


def _paper(
    paper: str, found: Sequence[Judged], jobs: Mapping[str, Job], paper_pages: Mapping[str, str]
) -> dict[str, Any]:
    own = [one for one in found if one.paper == paper]
    parts = []
    for parent in dict.fromkeys(one.job.parent_id for one in own if one.job):
        job = jobs[parent]
        here = [one for one in own if one.job is job]
        ledger = here[0].ledger
        bars = {one.claim.id: one for one in forest_plot.forests(ledger)} if ledger else {}
        parts.append({
            "title": under(job),
            "href": paper_pages.get(parent, ""),
            "parent": parent,
            "command": command(job),
            "note": ledger.note if ledger else "",
            "judged": [(one, bars[one.id], run_ids(one), _colour(one)) for one in here if one.gain],
            "open": [one for one in here if not one.gain],
            "any_band": any(bar.band for one in bars.values() for bar in one.bars),
            "any_mask": any(one.claim.unit != "points" for one in bars.values()),
        })  # fmt: skip
    card = own[0].card
    place = " ".join(str(card[key]) for key in ("venue", "year") if card.get(key))
    return {
        "key": paper,
        "title": str(card.get("title", paper)),
        "place": place,
        "parts": parts,
        "not_run": [one for one in own if one.status == "not run"],
    }


def _colour(one: Judged) -> str:
    colour = one.colour()
    if colour is None or one.claim is None:
        return ""
    found = colour[0]
    return f"Colours alone: {found.mean:.1f} % {one.claim.metric_label} ({found.low:.1f} to {found.high:.1f})."
