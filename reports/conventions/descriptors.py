"""What `runners.evaluate` shows: descriptors under every convention, published ones first, intervals and spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.ranking import Ranking
from protocols.ranking.conventions import Gallery, Scoring
from protocols.ranking.published import PUBLISHED, PublishedConvention
from protocols.statistics import clustered_bootstrap, paired_difference
from protocols.vocabulary import WITH_INTERVALS
from reports.conventions.spread import Spread, Way, alone, joined, spread, swaps
from reports.records.conventions import way_of
from reports.render.table import Cell, Column, Estimate, Row, Table

RANKS = (1, 5, 10, 20)
GALLERIES = {"full": "full", "without-junk": "no junk", "without-queries": "no queries"}
_RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One set of descriptors, scored in every way.

    Attributes:
        name: for tables.
        rankings: of each way of scoring.
        people: ``[Q]`` person of each query, by which intervals are clustered.
        keys: ``[Q]`` names of the queries, where they have some.
        about: what is known of the descriptors; may be empty.
        notes: sentences on how they were read.
        placing: what was done about queries in the gallery, in a sentence.
        apart: the gallery holds no query, so that the one without queries is the one without junk.
        unnamed: galleries over which no name of a published way may stand.
    """

    name: str
    rankings: Mapping[Scoring, Ranking]
    people: NDArray[np.int64]
    keys: NDArray[np.str_] | None
    about: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    placing: str = ""
    apart: bool = False
    unnamed: tuple[Gallery, ...] = ()

    @cached_property
    def ways(self) -> dict[Way, Scoring]:
        """The four choices of each way, in the order of scoring."""
        return {way_of(scoring.as_row()): scoring for scoring in self.rankings}

    def values(self, metric: str) -> dict[Way, float | None]:
        """mAP or rank-k in percent by way; ``None`` where no query counts."""
        return {way: self.value(scoring, metric) for way, scoring in self.ways.items()}

    def value(self, scoring: Scoring, metric: str) -> float | None:
        """mAP or rank-k of one way, in percent; ``None`` where no query counts."""
        ranking = self.rankings[scoring]
        if not ranking.counted.any():
            return None
        return 100 * (ranking.mAP if metric == "mAP" else ranking.rank(int(metric[4:])))

    def per_query(self, scoring: Scoring, metric: str) -> NDArray[np.float64]:
        """``[Q']`` percent, of the queries that count."""
        ranking = self.rankings[scoring]
        values = ranking.average_precision if metric == "mAP" else ranking.hits(int(metric[4:]))
        return 100 * values[ranking.counted]

    def estimate(self, scoring: Scoring, metric: str) -> Cell:
        """With its 95 % interval, people resampled; the number alone where all queries show one person."""
        value = self.value(scoring, metric)
        people = self.people[self.rankings[scoring].counted]
        if value is None or len(np.unique(people)) == 1:
            return value
        values = self.per_query(scoring, metric)
        key = (metric, values.tobytes(), len(people))
        if key not in self._intervals:
            found = clustered_bootstrap(values, people, bounds=(0.0, 100.0), resamples=_RESAMPLES)
            self._intervals[key] = Estimate(found.mean, found.low, found.high)
        return self._intervals[key]

    @cached_property
    def _intervals(self) -> dict[tuple[str, bytes, int], Estimate]:
        return {}  # many ways rank alike, and then one interval does for all

    def named(self) -> list[tuple[PublishedConvention, Scoring]]:
        """The published conventions that were scored, each with a gallery that it has."""
        found = []
        for one in PUBLISHED:
            row = one.as_row()
            if row["gallery"] in self.unnamed:
                continue
            if self.apart and row["gallery"] == "without-queries":
                row["gallery"] = "without-junk"  # the same tracklets
            scoring = self.ways.get(way_of(row))
            if scoring is not None:
                found.append((one, scoring))
        return found


_NUMBERS = (
    Column("mAP", "mAP", "estimate", unit="%"),
    Column("rank1", "Rank-1", "estimate", unit="%"),
    *(Column(f"rank{k}", f"R-{k}", "number") for k in RANKS[1:]),
    Column("valid", "Valid", "number"),
    Column("queries", "Queries", "number", data_only=True),
)
_CHOICES = (
    Column("gallery", "Gallery"), Column("ap", "AP"), Column("empty", "No match"), Column("distance", "Distance"),
)  # fmt: skip


def named_table(found: Evaluation, name: str = "named") -> Table:
    """The published conventions, each with who uses it."""
    data = tuple(Column(c.key, c.title, data_only=True) for c in _CHOICES)
    columns = (Column("convention", "Counted as"), *_NUMBERS, *data, Column("who", "Used by", data_only=True),
               Column("source", "Source", data_only=True))  # fmt: skip
    rows = tuple(
        Row((named.name, *_numbers(found, scoring), *_words(way_of(scoring.as_row())), named.who, named.source))
        for named, scoring in found.named()
    )
    return Table(name, f"{found.name} as published papers count", columns, rows)


def ways_table(found: Evaluation, name: str = "conventions") -> Table:
    """Every gallery, AP formula, treatment of queries without a match and distance; the last row is the spread."""
    rows = [Row((*_words(way), *_numbers(found, scoring))) for way, scoring in found.ways.items()]
    return Table(name, f"{found.name} under every convention", (*_CHOICES, *_NUMBERS), (*rows, _spread_row(found)))


def joined_table(found: Evaluation, name: str = "conventions") -> Table:
    """The same with values of a choice in one row where all numbers agree, as cosine and Euclid of unit vectors do."""
    metrics = ("mAP", *(f"rank{k}" for k in RANKS))
    sets = joined([found.values(metric) for metric in metrics])
    rows = []
    for way, scoring in found.ways.items():
        if all(value in same for value, (_, same) in zip(way, sets, strict=True)):
            members = [same[value] for value, (_, same) in zip(way, sets, strict=True)]
            rows.append(Row((*_joined_words(members), *_numbers(found, scoring))))
    table = Table(name, f"{found.name} under every convention", (*_CHOICES, *_NUMBERS), (*rows, _spread_row(found)))
    total = len(found.ways)
    note = (
        f"{total} combinations; values that give the same numbers throughout share a row." if total > len(rows) else ""
    )
    return replace(table, notes=(note,) if note else ())


def _spread_row(found: Evaluation) -> Row:
    numbers: list[Cell] = []
    for metric in ("mAP", *(f"rank{k}" for k in RANKS)):
        across = spread(found.values(metric))
        numbers.append(across.points if across else None)
    return Row(("spread", None, None, None, *numbers, None, None), "spread")


def _joined_words(members: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """All values of each choice that a row stands for."""
    galleries, formulas, empties, distances = members
    spoken = [_words((galleries[0], formulas[0], empty, distances[0]))[2] for empty in empties]
    spoken = spoken if len(spoken) == 1 else ["either"]
    return (
        " or ".join(GALLERIES.get(one, one) for one in galleries), " or ".join(formulas), spoken[0],
        " or ".join(distances).replace("unit Euclid or", "unit or"),
    )  # fmt: skip


def _words(way: Way) -> tuple[str, str, str, str]:
    gallery, ap, empty, distance = way
    return GALLERIES.get(gallery, gallery), ap, "skipped" if empty == "skip" else "counts 0", distance


def _numbers(found: Evaluation, scoring: Scoring) -> tuple[Cell, ...]:
    ranking = found.rankings[scoring]
    rest = (found.value(scoring, f"rank{k}") for k in RANKS[1:])
    return (
        found.estimate(scoring, "mAP"), found.estimate(scoring, "rank1"), *rest, int(ranking.valid.sum()),
        len(ranking.valid),
    )  # fmt: skip


def in_words(way: Way) -> str:
    """``full gallery, trapezoid AP, queries without a match skipped, cosine distance``."""
    gallery, ap, empty, distance = way
    held = "full gallery" if gallery == "full" else f"gallery {gallery.replace('-', ' ')}"
    without = "skipped" if empty == "skip" else "counted as 0"
    return f"{held}, {ap} AP, queries without a match {without}, {distance} distance"


def sentences(found: Evaluation) -> list[str]:
    """The spread in plain words, and what most of it is made of."""
    said = []
    across = {metric: spread(found.values(metric)) for metric in WITH_INTERVALS}
    precision, first = across["mAP"], across["rank1"]
    if precision is None or first is None:
        return ["No query of this set has a match under any convention."]
    said.append(
        f"The same descriptors score {_range(precision)} mAP and {_range(first)} Rank-1: {precision.points:.1f} and "
        f"{first.points:.1f} points that are no property of the network."
    )
    said.append(f"Lowest mAP: {in_words(precision.at_low)}; highest: {in_words(precision.at_high)}.")
    named = [one.name for one, _ in found.named()]
    if named:
        values = {one.name: found.value(scoring, "mAP") for one, scoring in found.named()}
        known = {name: value for name, value in values.items() if value is not None}
        if not known:
            return [*said, "Under no published way of scoring has a query an answer."]
        low, high = min(known, key=lambda one: known[one]), max(known, key=lambda one: known[one])
        said.append(
            f"Between the published ways alone: {known[low]:.1f} ({low}) to {known[high]:.1f} ({high}), "
            f"{known[high] - known[low]:.1f} points of mAP."
        )
        headline = way_of(found.named()[0][0].as_row())
        single = alone(found.values("mAP"), headline)
        words = {"gallery": "the gallery", "ap": "the AP formula", "empty": "queries without a match",
                 "distance": "the distance"}  # fmt: skip
        parts = ", ".join(f"{words[choice]} {points:.1f}" for choice, points in single.items())
        said.append(f"Counted as {named[0]}, one choice alone moves mAP by: {parts} points.")
    return said


def _range(across: Spread) -> str:
    return f"{across.low:.1f} to {across.high:.1f} %"


def same_queries(one: Evaluation, other: Evaluation) -> bool:
    """Whether two sets were asked the same questions, so that they can be compared query by query."""
    if not np.array_equal(one.people, other.people):
        return False
    return one.keys is None or other.keys is None or np.array_equal(one.keys, other.keys)


def comparison_table(found: Sequence[Evaluation], metric: str) -> Table:
    """Several sets under the published conventions, and each one's difference to the first where queries are equal."""
    first, *others = found
    label = {"mAP": "mAP", "rank1": "Rank-1"}[metric]
    columns = [Column("convention", "Counted as"), Column("first", first.name, "estimate", unit="%")]
    for place, one in enumerate(others, 2):
        columns.append(Column(f"set{place}", one.name, "estimate", unit="%"))
        if same_queries(first, one):
            columns.append(Column(f"difference{place}", f"{one.name} − {first.name}", "estimate", signed=True))
    rows = []
    theirs = [{named.name: scoring for named, scoring in one.named()} for one in others]
    for named, scoring in first.named():
        cells: list[Cell] = [named.name, first.estimate(scoring, metric)]
        for one, ways in zip(others, theirs, strict=True):
            there = ways.get(named.name)
            cells.append(one.estimate(there, metric) if there else None)
            if same_queries(first, one):
                cells.append(_difference(one, first, scoring, metric) if there == scoring else None)
        rows.append(Row(tuple(cells)))
    apart = [one.name for one in others if not same_queries(first, one)]
    notes = ["Differences are paired query by query, people resampled; an interval without 0 separates the two."]
    if apart:
        notes.append(f"Asked other queries than {first.name}, so there is no paired difference: {', '.join(apart)}.")
    return Table(f"comparison_{metric}", f"{label} side by side", tuple(columns), tuple(rows), tuple(notes))


def _difference(one: Evaluation, other: Evaluation, scoring: Scoring, metric: str) -> Cell:
    counted = one.rankings[scoring].counted
    if not np.array_equal(counted, other.rankings[scoring].counted) or len(np.unique(one.people[counted])) < 2:
        return None
    values = one.per_query(scoring, metric), other.per_query(scoring, metric)
    gap = paired_difference(*values, one.people[counted])
    return Estimate(gap.mean, gap.low, gap.high)


def turned(found: Sequence[Evaluation], metric: str = "mAP") -> str:
    """Whether the convention decides which of two sets is better; empty for one set."""
    if len(found) < 2:
        return ""
    numbers = {f"{place}": one.values(metric) for place, one in enumerate(found)}
    turns, pairs = swaps(numbers)
    if not turns:
        return f"The order of the {len(found)} sets by {metric} is the same under every convention."
    one = turns[0]
    first, second = found[int(one.first)].name, found[int(one.second)].name
    return (
        f"{len(turns)} of {pairs} pairs of sets change places between conventions: {first} leads {second} by "
        f"{one.lead:.1f} points of {metric} with {in_words(one.lead_at)}, and is {one.behind:.1f} behind with "
        f"{in_words(one.behind_at)}."
    )


def published_table() -> Table:
    """Who counts how, with the source of each."""
    source, note = Column("source", "Where that is read"), Column("note", "Note")
    columns = (Column("name", "Counted as"), Column("who", "Used by"), *_CHOICES, source, note)
    rows = tuple(
        Row((one.name, one.who, *_words(way_of(one.as_row())), one.source, one.note or None)) for one in PUBLISHED
    )
    return Table("published_conventions", "How published code counts", columns, rows)


def page(found: Sequence[Evaluation], command: str) -> str:
    """The evaluation as one self-contained page.

    Args:
        found: at least one set.
        command: that made it.
    """
    from reports import html

    sets = [
        {
            "name": one.name,
            "slug": f"set{place}",
            "words": sentences(one),
            "notes": (one.placing, *one.notes) if one.placing else one.notes,
            "named": named_table(one, _name("named", place, len(found))).visible(),
            "ways": joined_table(one, _name("conventions", place, len(found))).visible(),
        }
        for place, one in enumerate(found, 1)
    ]
    comparison = [comparison_table(found, metric) for metric in WITH_INTERVALS] if len(found) > 1 else []
    queries, people = len(found[0].people), len(np.unique(found[0].people))
    sections = [("compared", "Side by side")] if comparison else []
    sections += [(f"set{place}", one.name) for place, one in enumerate(found, 1)]
    return html.render(
        "evaluation.html.j2", title="Descriptors under every convention", kind="evaluation",
        heading="The same descriptors, counted in every way", origins={},
        facts=[("Sets", str(len(found))), ("Queries", f"{queries} of {people} people"), *_dataset(found[0])],
        sections=[*sections, ("published", "Who counts how"), ("again", "Make it again")],
        sets=sets, comparison=comparison, turned=turned(found), published=published_table(), command=command,
    )  # fmt: skip


def tables(found: Sequence[Evaluation]) -> list[Table]:
    """All tables of the page, named as files."""
    made = []
    for place, one in enumerate(found, 1):
        names = (_name(what, place, len(found)) for what in ("named", "conventions"))
        made += [table(one, name) for table, name in zip((named_table, ways_table), names, strict=True)]
    if len(found) > 1:
        made += [comparison_table(found, "mAP"), comparison_table(found, "rank1")]
    return [*made, published_table()]


def _name(what: str, place: int, total: int) -> str:
    return what if total == 1 else f"{what}_{place}"


def _dataset(found: Evaluation) -> list[tuple[str, str]]:
    known = found.about.get("dataset")
    return [("Data set", f"{known['name']} {known['version']}")] if known else []
