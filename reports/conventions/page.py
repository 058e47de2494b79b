"""The page of the protocol ledger, its section on a paper's page, and both in plain words."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from reports import html
from reports.conventions.descriptors import published_table
from reports.conventions.spread import alone
from reports.conventions.tables import (
    CHOICE_WORDS,
    METRICS,
    PUBLISHED_WAYS,
    Counted,
    LedgerBlock,
    ProtocolLedger,
    build,
    flat_table,
    full_table,
    margins,
    moves_table,
    named_table,
    orders_table,
    published_groups,
    stated_table,
)
from reports.render.table import Table
from reports.store.job import Job
from reports.store.jobs import Across

SHOWN_SWAPS = 15


def page(
    across: Across,
    origins: Mapping[str, html.Origin] | None = None,
    pages: Sequence[tuple[str, str]] = (),
) -> str:
    """The page as HTML text.

    Args:
        across: all jobs that count.
        origins: run id -> where it is recorded; by default on pages of their own.
        pages: href and name of the other pages of the folder.
    """
    found = build(across)
    known = dict(origins) if origins is not None else {}
    if origins is None:
        for job in across.jobs:
            known |= html.origins(job)
    orders = orders_table(found)
    swapped = len(orders.rows)
    sections = [("parts", "As papers count")] if found.parts else []
    sections += [("moves", "One choice alone"), ("orders", "Who is ahead")] if found.arms else []
    return html.render(
        "protocol_ledger.html.j2",
        title="Protocols",
        kind="protocol ledger",
        heading="The same descriptors, counted in every way",
        subtitle="How far a number moves when nothing changes but gallery, AP, queries without a match or distance.",
        origins=known,
        facts=[
            ("Arms", str(len(found.arms))),
            ("Ways", str(max((len(arm.numbers["mAP"]) for arm in found.arms), default=0))),
            ("Published ways", str(len(PUBLISHED_WAYS))),
            ("Runs", str(len(found.run_ids))),
        ],
        sections=[*sections, ("published", "Who counts how"), ("left-out", "Not in it")],
        pages=pages,
        words=words(found),
        parts=[_part(part) for part in found.parts],
        moves=moves_table(found.arms) if found.arms else None,
        order_words=order_words(found),
        orders=replace(orders, rows=orders.rows[:SHOWN_SWAPS]) if swapped else None,
        more=max(0, swapped - SHOWN_SWAPS),
        published=published_table(),
        stated=stated_table(found),
        missing=found.missing,
    )


def tables(across: Across) -> list[Table]:
    """All tables of the page, whole, and everything in one for programs."""
    found = build(across)
    made = [flat_table(found), published_table(), stated_table(found)]
    for part in found.parts:
        made += [*(named_table(part, metric) for metric in METRICS), full_table(part)]
    if found.arms:
        made += [moves_table(found.arms), orders_table(found)]
    return made


def _part(part: LedgerBlock) -> dict[str, Any]:
    return {
        "title": part.stratum.title,
        "slug": part.stratum.slug,
        "named": [named_table(part, metric) for metric in METRICS],
        "full": full_table(part),
        "synthetic": part.stratum.synthetic,
    }


def words(found: ProtocolLedger) -> list[str]:
    """What the numbers say, in sentences; every figure is computed from the records."""
    if not found.arms:
        return ["No recorded arm holds a protocol ledger yet."]
    said = [
        f"Counted in other ways, the same descriptors lie {_over(found.arms, 'mAP')} points of mAP and "
        f"{_over(found.arms, 'rank1')} points of Rank-1 apart{_among(found.arms)}."
    ]
    apart = _widest(found.arms)
    if apart:
        one, other, gaps = apart
        said.append(
            f"Between published ways alone it is {_mean(_published_spreads(found.arms))} points of mAP. The widest "
            f"apart are {one} and {other}: {_mean(gaps)} points on average, before any method has done anything."
        )
    claimed = [value for value in margins(found) if value > 0]
    spreads = _published_spreads(found.arms)
    if claimed and spreads:
        typical = statistics.fmean(spreads)
        below = sum(value < typical for value in claimed)
        gains = "one gain of mAP" if len(claimed) == 1 else f"{len(claimed)} gains of mAP"
        smaller = f"{below} of {len(claimed)} {'is' if below == 1 else 'are'}"
        said.append(
            f"The papers recorded here claim {gains} (median {statistics.median(claimed):.1f} points); {smaller} "
            f"smaller than those {typical:.1f} points. So a row of one paper and a row of another say nothing about "
            "the two methods, unless both were counted alike."
        )
    return said


def _over(arms: Sequence[Counted], metric: str) -> str:
    found = [across.points for across in (arm.spread(metric) for arm in arms) if across]
    ends = f" ({min(found):.1f} to {max(found):.1f})" if len(found) > 1 else ""
    return f"{_mean(found)}{ends}"


def _among(arms: Sequence[Counted]) -> str:
    return f", on average over {len(arms)} arms (lowest to highest)" if len(arms) > 1 else ""


def _mean(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.1f}" if values else "0.0"


def _published_spreads(arms: Sequence[Counted]) -> list[float]:
    ways = tuple(PUBLISHED_WAYS.values())
    return [across.points for across in (arm.spread("mAP", ways) for arm in arms) if across]


def _widest(arms: Sequence[Counted]) -> tuple[str, str, list[float]] | None:
    """The two published ways whose numbers lie farthest apart on average, and by how much for each arm."""
    best: tuple[str, str, list[float]] | None = None
    for (one, way), (other, away) in combinations(published_groups(arms), 2):
        pairs = [(arm.numbers["mAP"][way], arm.numbers["mAP"][away]) for arm in arms]
        gaps = [abs(a - b) for a, b in pairs if a is not None and b is not None]
        if gaps and (best is None or statistics.fmean(gaps) > statistics.fmean(best[2])):
            best = one, other, gaps
    return best


def order_words(found: ProtocolLedger) -> list[str]:
    """How many pairs of arms change places, under published ways and under all."""
    ways = tuple(PUBLISHED_WAYS.values())
    named = [part.swaps("mAP", ways) for part in found.parts]
    every = [part.swaps("mAP") for part in found.parts]
    pairs = sum(count for _, count in named)
    if not pairs:
        return ["No two arms share a table, so there is no order to change."]
    some, all_ways = (sum(len(turns) for turns, _ in each) for each in (named, every))
    alike = f"{'the one pair' if pairs == 1 else f'{pairs} pairs'} of arms with the same input, training and scoring"
    if not all_ways:
        return [f"No way of counting changes the order of {alike}."]
    clear = sum(min(one.lead, one.behind) >= 1 for turns, _ in every for one in turns)
    return [
        f"Of {alike}, {some} {'changes' if some == 1 else 'change'} places between published ways and {all_ways} "
        f"between any two ways, {clear} of them by a point of mAP or more on both sides.",
        "These are orders of means. Many such pairs cannot be told apart under any one way either; the comparison "
        "shows which. But a table of means prints an order all the same.",
    ]


ONE_MATCH = (
    "Every query has one match here, so AP counts the rank of that match and no more, and trapezoid AP gives half of "
    "step AP wherever it is not first. Papers print the CMC on such data; what mAP differs by below are formulas."
)


def section(job: Job) -> dict[str, Any]:
    """The section on a paper's own page: its arms, side by side; empty where no arm has a ledger.

    Returns:
        ``words``, ``tables`` (to be shown), ``files`` (to be written), ``missing``: arms without a ledger.
    """
    across = Across(uri=job.uri, jobs=(job,), chosen=True)
    found = build(across)
    if not found.arms:
        return {}
    shown: list[Table] = []
    for part in found.parts:
        shown += [*(named_table(part, metric) for metric in METRICS), full_table(part)]
    moves = moves_table(found.arms)
    return {
        "words": [*words(found), *([ONE_MATCH] if job.one_match else []), *order_words(found)[:1], *_alone(found)],
        "named": [table for table in shown if not table.name.startswith("ledger_full_")],
        "full": [table for table in shown if table.name.startswith("ledger_full_")],
        "moves": moves,
        "files": [*shown, moves, published_table()],
        "published": published_table(),
        "missing": found.missing,
    }


def _alone(found: ProtocolLedger) -> list[str]:
    """What each choice moves, averaged over arms, in one sentence."""
    points: dict[str, list[float]] = {}
    for arm in found.arms:
        for choice, moved in alone(arm.numbers["mAP"], arm.headline).items():
            points.setdefault(choice, []).append(moved)
    parts = ", ".join(f"{CHOICE_WORDS[choice]} {_mean(values)}" for choice, values in points.items())
    return [f"One choice alone moves mAP, on average over arms, by: {parts} points."]
