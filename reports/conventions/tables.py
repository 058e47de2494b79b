"""The protocol ledger: what counting in another way does to recorded arms, and what published papers counted.

Every record holds one number for each gallery, AP formula, treatment of queries without a match and distance, all from
the same descriptors. Here they are brought together: how far apart they lie, what each single choice moves, and
whether it is the way of counting that decides which of two arms is ahead.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from protocols.ranking.published import PUBLISHED
from reports.comparison.groups import ComparedArm, Stratum, strata
from reports.conventions.descriptors import GALLERIES, in_words
from reports.conventions.spread import Spread, Swap, Values, Way, joined, moved, spread, swaps
from reports.records.conventions import way_of
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.store.cards import describe_convention
from reports.store.jobs import Across

METRICS = {"mAP": "mAP", "rank1": "Rank-1"}
CHOICE_WORDS = {"gallery": "gallery", "ap": "AP formula", "empty": "query without a match", "distance": "distance"}
VALUE_WORDS = {"skip": "skipped", "zero": "counts 0", **GALLERIES}


@dataclass(frozen=True)
class Counted:
    """One arm under every way of counting.

    Attributes:
        entry: job and arm.
        headline: the way of its protocol.
        numbers: metric -> way -> percent, means over seeds.
        valid: way -> queries with a match.
    """

    entry: ComparedArm
    headline: Way
    numbers: Mapping[str, Values]
    valid: Mapping[Way, int]

    def spread(self, metric: str, ways: Iterable[Way] | None = None) -> Spread | None:
        """Over all ways, or some."""
        values = self.numbers[metric]
        return spread(values if ways is None else {way: values[way] for way in ways if way in values})


@dataclass(frozen=True)
class LedgerBlock:
    """The arms of one table of comparison; only these are ever put in an order."""

    stratum: Stratum
    arms: tuple[Counted, ...]

    @cached_property
    def sets(self) -> list[tuple[str, dict[str, tuple[str, ...]]]]:
        """For each choice the values that give the same numbers for every arm here, to be shown once."""
        return joined([arm.numbers[metric] for arm in self.arms for metric in METRICS])

    @cached_property
    def labels(self) -> dict[str, str]:
        """Name of an arm -> how a reader tells it from the others here: by its data and paper, where these differ."""
        several = len({arm.entry.paper for arm in self.arms}) > 1
        found = {}
        for arm in self.arms:
            data = f", {arm.entry.data_label}" if arm.entry.data_label else ""
            found[arm.entry.name] = arm.entry.group.label + data + (f" ({arm.entry.paper})" if several else "")
        return found

    def label(self, arm: Counted) -> str:
        """Of one of its arms."""
        return self.labels[arm.entry.name]

    def swaps(self, metric: str, ways: Iterable[Way] | None = None) -> tuple[list[Swap], int]:
        """Pairs of arms, by name, that change places, and how many pairs there are."""
        return swaps({arm.entry.name: arm.numbers[metric] for arm in self.arms}, ways)


@dataclass(frozen=True)
class ProtocolLedger:
    """All arms whose records hold a ledger; ``missing`` counts arms that were recorded without one."""

    parts: tuple[LedgerBlock, ...]
    missing: int
    cards: Mapping[str, Mapping[str, Any]]

    @property
    def arms(self) -> tuple[Counted, ...]:
        """Of all parts."""
        return tuple(arm for part in self.parts for arm in part.arms)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of all arms."""
        return tuple(run for arm in self.arms for run in arm.entry.run_ids)


PUBLISHED_WAYS = {named.name: way_of(named.as_row()) for named in PUBLISHED}


def build(across: Across) -> ProtocolLedger:
    """Bring the recorded ledgers of all jobs together; controls and the colour row are not arms."""
    parts, missing = [], 0
    for stratum in strata(across)[0]:
        counted = [counted_of(entry) for entry in (*stratum.entries, *stratum.truths)]
        known = tuple(arm for arm in counted if arm is not None)
        missing += len(counted) - len(known)
        if known:
            parts.append(LedgerBlock(stratum, known))
    cards = {job.card.get("key", job.experiment): job.card for job in across.jobs}
    return ProtocolLedger(tuple(parts), missing, cards)


def counted_of(entry: ComparedArm) -> Counted | None:
    """An arm's numbers, means over seeds; ``None`` where any of its runs was recorded without a ledger."""
    runs = entry.group.counted_runs
    if any(not run.result.get("ledger") for run in runs):
        return None
    rows = [{way_of(row): row for row in run.result["ledger"]} for run in runs]
    ways = [way for way in rows[0] if all(way in found for found in rows)]
    numbers: dict[str, dict[Way, float | None]] = {}
    for metric in METRICS:
        numbers[metric] = {}
        for way in ways:
            found = [row[way][metric] for row in rows]
            numbers[metric][way] = None if None in found else statistics.fmean(found)
    valid = {way: int(rows[0][way]["valid_queries"]) for way in ways}
    return Counted(entry, way_of(entry.group.first["protocol"]), numbers, valid)


def published_groups(arms: Sequence[Counted]) -> list[tuple[str, Way]]:
    """The published ways that all arms have, those with the same numbers under one name."""
    groups: dict[tuple[float | None, ...], list[str]] = {}
    for name, way in PUBLISHED_WAYS.items():
        if all(way in arm.numbers["mAP"] for arm in arms):
            key = tuple(arm.numbers[metric][way] for arm in arms for metric in METRICS)
            groups.setdefault(key, []).append(name)
    return [("; ".join(names), PUBLISHED_WAYS[names[0]]) for names in groups.values()]


def named_table(part: LedgerBlock, metric: str) -> Table:
    """Arms against published ways, and the spread over all ways."""
    groups = published_groups(part.arms)
    columns = [Column("arm", "Arm"), *(Column(f"way{n}", name, "number") for n, (name, _) in enumerate(groups, 1))]
    columns += [Column("low", "Lowest of all", "number"), Column("high", "Highest of all", "number"),
                Column("spread", "Spread", "number")]  # fmt: skip
    rows = []
    for arm in part.arms:
        across = arm.spread(metric)
        ends: tuple[Cell, ...] = (across.low, across.high, across.points) if across else (None, None, None)
        cells = (part.label(arm), *(arm.numbers[metric][way] for _, way in groups), *ends)
        rows.append(Row(cells, run_ids=arm.entry.run_ids))
    caption = f"{METRICS[metric]} in percent as published papers count it; {part.stratum.title}"
    return Table(f"ledger_{metric}_{part.stratum.slug}", caption, tuple(columns), tuple(rows))


def full_table(part: LedgerBlock) -> Table:
    """Every arm under every way; values of a choice that always agree stand in one row."""
    sets = dict(part.sets)
    formulas, empties = list(sets["ap"]), list(sets["empty"])
    columns = [Column("arm", "Arm"), Column("gallery", "Gallery"), Column("distance", "Distance")]
    for formula in formulas:
        columns += [Column(f"mAP_{formula}_{empty}", _both(formula, empty, empties), "number", group="mAP, %")
                    for empty in empties]  # fmt: skip
    columns += [
        Column(f"rank1_{empty}", _empty(empty, empties) or "all", "number", group="Rank-1, %") for empty in empties
    ]
    columns += [Column("valid", "Valid", "number"), Column("spread", "Spread of mAP", "number")]
    rows = []
    for arm in part.arms:
        across = arm.spread("mAP")
        for distance, distances in sets["distance"].items():
            for gallery, galleries in sets["gallery"].items():
                ways = [(gallery, formula, empty, distance) for formula in formulas for empty in empties]
                first = [(gallery, formulas[0], empty, distance) for empty in empties]
                cells: tuple[Cell, ...] = (
                    part.label(arm),
                    " or ".join(GALLERIES[one] for one in galleries),
                    " or ".join(distances).replace("unit Euclid or", "unit or"),
                    *(arm.numbers["mAP"].get(way) for way in ways),
                    *(arm.numbers["rank1"].get(way) for way in first),
                    arm.valid.get(ways[0]),
                    across.points if across else None,
                )
                own = arm.headline[0] in galleries and arm.headline[3] in distances
                rows.append(Row(cells, "headline" if own else "", arm.entry.run_ids))
    caption = f"Every way of counting; {part.stratum.title}"
    return Table(f"ledger_full_{part.stratum.slug}", caption, tuple(columns), tuple(rows))


def _both(formula: str, empty: str, empties: Sequence[str]) -> str:
    words = _empty(empty, empties)
    return f"{formula}, {words}" if words else formula


def _empty(empty: str, empties: Sequence[str]) -> str:
    """What becomes of queries without a match, where that matters to anything here."""
    return f"no match {VALUE_WORDS[empty]}" if len(empties) > 1 else ""


def moves_table(found: Sequence[Counted]) -> Table:
    """What one choice moves by itself, the others held at each arm's headline: mean over arms, and the range."""
    points: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    runs: dict[tuple[str, str, str], list[str]] = {}
    for arm in found:
        for metric in METRICS:
            for change, value in moved(arm.numbers[metric], arm.headline).items():
                points.setdefault(change, {}).setdefault(metric, []).append(value)
                runs.setdefault(change, []).extend(arm.entry.run_ids)
    rows = [
        Row(
            (
                CHOICE_WORDS[change[0]], VALUE_WORDS.get(change[1], change[1]), VALUE_WORDS.get(change[2], change[2]),
                len(points[change]["mAP"]) if "mAP" in points[change] else 0,
                *(_range(points[change].get(metric, [])) for metric in METRICS),
            ),
            run_ids=tuple(dict.fromkeys(runs[change])),
        )
        for change in sorted(points, key=lambda one: (list(CHOICE_WORDS).index(one[0]), one[1], one[2]))
    ]  # fmt: skip
    columns = (
        Column("choice", "Only this changes"), Column("from", "from"), Column("to", "to"),
        Column("arms", "Arms", "number"), Column("mAP", "mAP, points", "estimate", signed=True),
        Column("rank1", "Rank-1, points", "estimate", signed=True),
    )  # fmt: skip
    return Table("ledger_moves", "What a single choice moves: mean and range over arms", columns, tuple(rows))


def _range(values: Sequence[float]) -> Cell:
    """Mean with the lowest and highest, not an interval."""
    return Estimate(statistics.fmean(values), min(values), max(values)) if values else None


def orders_table(found: ProtocolLedger) -> Table:
    """Pairs of arms whose order depends on the way of counting, the largest change first."""
    rows = []
    for part in found.parts:
        runs = {arm.entry.name: arm.entry.run_ids for arm in part.arms}
        for one in part.swaps("mAP")[0]:
            first, second = part.labels[one.first], part.labels[one.second]
            cells = (first, one.lead, in_words(one.lead_at), second, one.behind, in_words(one.behind_at),
                     part.stratum.title)  # fmt: skip
            rows.append(Row(cells, run_ids=(*runs[one.first], *runs[one.second])))
    rows.sort(key=lambda row: -min(float(str(row.cells[1])), float(str(row.cells[4]))))
    columns = (
        Column("first", "This arm leads"), Column("lead", "by", "number", signed=True), Column("lead_at", "counted so"),
        Column("second", "and this one"), Column("behind", "by", "number", signed=True),
        Column("behind_at", "counted so"), Column("table", "Among", data_only=len(found.parts) == 1),
    )  # fmt: skip
    return Table("ledger_orders", "Pairs of arms that change places, in points of mAP", columns, tuple(rows))


def flat_table(found: ProtocolLedger) -> Table:
    """Everything, one row for each arm and way, for programs."""
    columns = (
        Column("paper", "Paper"), Column("arm", "Arm"), Column("experiment", "Experiment"),
        Column("gallery", "Gallery"), Column("ap", "AP"), Column("empty", "No match"), Column("distance", "Distance"),
        Column("mAP", "mAP", "number", unit="%"), Column("rank1", "Rank-1", "number", unit="%"),
        Column("valid", "Valid", "number"), Column("published", "Published as"),
    )  # fmt: skip
    rows = [
        Row(
            (
                arm.entry.paper, arm.entry.group.name, arm.entry.job.experiment, *way, arm.numbers["mAP"][way],
                arm.numbers["rank1"][way], arm.valid[way],
                "; ".join(name for name, one in PUBLISHED_WAYS.items() if one == way) or None,
            ),
            "headline" if way == arm.headline else "",
            arm.entry.run_ids,
        )
        for arm in found.arms
        for way in arm.numbers["mAP"]
    ]  # fmt: skip
    return Table("protocol_ledger", "Every arm under every way of counting", columns, tuple(rows))


def stated_table(found: ProtocolLedger) -> Table:
    """How the published numbers that stand in the cards were counted, as far as their sources say."""
    counts: Counter[tuple[str, str]] = Counter()
    for key, card in found.cards.items():
        for row in card.get("published") or ():
            counts[str(key), describe_convention(row.get("convention") or {})] += 1
    rows = [Row((paper, words, number)) for (paper, words), number in counts.items()]
    columns = (Column("paper", "Paper"), Column("convention", "Its published numbers are counted with"),
               Column("numbers", "Numbers", "number"))  # fmt: skip
    return Table("ledger_stated", "What the papers recorded here state of their own numbers", columns, tuple(rows))


def margins(found: ProtocolLedger, metric: str = "mAP") -> list[float]:
    """Every margin of accuracy that the papers recorded here claim, in points; each claim and data set once."""
    return [
        float(row["margin"])
        for card in found.cards.values()
        for claim in card.get("claims") or ()
        if str(claim.get("metric", "")).rpartition("/")[2] == metric
        for row in claim.get("published") or ()
        if row.get("margin") is not None
    ]
