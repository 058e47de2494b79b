"""Tables of comparison: the arms of several papers with the same test input and scoring, and their ranks.

One table for each stratum (see `reports.comparison.groups`); rows of different strata are never ranked together.
Ranks are those of `protocols.statistics.multiple_comparisons`: rows that cannot be separated share one.  The colour
row is the floor, arms that saw the truth of drawn data are a ceiling; neither is ranked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from protocols.statistics.multiple_comparisons import RankedRow, Standing, standing
from protocols.vocabulary import ACCURACIES, Verdict
from reports.comparison import constraints
from reports.comparison.groups import ComparedArm, Stratum
from reports.ledger.difference import Difference
from reports.render.estimate import estimate
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.schema import times
from reports.schema.metrics import METRIC_LABELS, headline_side
from reports.sections.results.tables import describe_protocol, over_splits


@dataclass(frozen=True)
class ComparisonTable:
    """A stratum with its table and the standing of its rows; ``standing`` is ``None`` where nothing is ranked."""

    stratum: Stratum
    standing: Standing | None
    table: Table
    pairs: Table
    best_baseline: ComparedArm | None
    gains: tuple[tuple[ComparedArm, Difference], ...]
    words: tuple[str, ...]

    def by_name(self, name: str) -> ComparedArm:
        """A ranked row by its name."""
        return next(entry for entry in self.stratum.entries if entry.name == name)


def compare(stratum: Stratum) -> ComparisonTable:
    """Everything that the comparison page shows of one stratum."""
    stood = _standing(stratum)
    baseline = best_baseline(stratum, stood)
    gains = tuple(_gains(stratum, stood, baseline)) if stood and baseline else ()
    return ComparisonTable(
        stratum=stratum,
        standing=stood,
        table=_table(stratum, stood),
        pairs=_pairs(stratum, stood),
        best_baseline=baseline,
        gains=gains,
        words=_words(stratum, stood),
    )


def best_baseline(stratum: Stratum, stood: Standing | None) -> ComparedArm | None:
    """The highest row whose card calls it a baseline; of raw data, where any was repaired."""
    if stood is None:
        return None
    by_name = {entry.name: entry for entry in stratum.entries}
    found = [by_name[name] for name in stood.order if by_name[name].role == "baseline"]
    return next((entry for entry in found if not entry.group.data.repaired), found[0] if found else None)


def _standing(stratum: Stratum) -> Standing | None:
    if not stratum.entries:
        return None
    rows = [
        RankedRow(entry.name, entry.group.values(stratum.metric), entry.group.seeds, entry.group.people())
        for entry in stratum.entries
    ]
    return standing(rows)


def _table(stratum: Stratum, stood: Standing | None) -> Table:
    side = headline_side(stratum.protocol)
    every = stratum.every
    repaired = any(entry.data_label for entry in every)
    timed = times_of(stratum)
    columns = (
        Column("method", "Method"),
        Column("rank", "Rank", "number"),
        Column("paper", "Paper"),
        Column("venue", "Venue", data_only=True),
        *([Column("data", "Trained on / tested on")] if repaired else []),
        Column("backbone", "Backbone"),
        Column("start", "Start"),
        Column("rgb_only", "RO"),
        Column("single_pass", "SP"),
        *_accuracies(stratum),
        Column("seeds", "Seeds", "number"),
        Column("params_m", "Params", "number", decimals=2, unit="M"),
        Column("gflops_per_frame", "GFLOPs a frame", "number", decimals=3),
        *times.columns(timed.values()),
        *([Column("precision", "Computed in")] if any(entry.group.precision for entry in every) else []),
        Column("arm", "Arm", data_only=True),
        Column("fed", "Fed", data_only=True),
        Column("command", "Command", data_only=True),
    )
    by_name = {entry.name: entry for entry in stratum.entries}
    ranked = [by_name[name] for name in stood.order] if stood else []

    def row(entry: ComparedArm, rank: int | None = None) -> Row:
        return _row(stratum.label(entry), entry, timed[entry.name], rank, columns)

    rows = [row(entry, stood.rank[entry.name]) for entry in ranked] if stood else []
    rows += [replace(row(one), kind="last truth") for one in stratum.truths]
    rows += [replace(row(one), kind="last colour") for one in stratum.colours]
    caption = stratum.title + (f", side {side}" if side else "")
    return Table(f"comparison_{stratum.slug}", caption, columns, tuple(rows), tuple(_notes(stratum, timed)))


def times_of(stratum: Stratum) -> dict[str, times.Time | None]:
    """Times of all rows by name; None for what was not timed."""
    found = times.of([entry.group.first["cost"] for entry in stratum.every])
    return {entry.name: one for entry, one in zip(stratum.every, found, strict=True)}


def _accuracies(stratum: Stratum) -> list[Column]:
    """A column for each metric; mAP in files alone where it tells nothing, and the spread where there are splits."""
    found = []
    for metric in ACCURACIES:
        hidden = metric == "mAP" and stratum.metric != "mAP"
        found.append(Column(metric, METRIC_LABELS[metric], "estimate", unit="%", data_only=hidden))
        if metric == stratum.metric and stratum.splits:
            found.append(Column("std_splits", "SD over splits", "number"))
    return found


def _row(label: str, entry: ComparedArm, time: times.Time | None, rank: int | None, columns: tuple[Column, ...]) -> Row:
    cost = entry.group.first["cost"]
    values: dict[str, Cell] = {
        "method": label,
        "rank": rank,
        "paper": None if entry.group.control == "colour" else entry.paper,
        "venue": None if entry.group.control == "colour" else entry.venue,
        "data": entry.data_label or "raw / raw",
        "backbone": constraints.backbone(entry).shown,
        "start": entry.group.start or None,
        "rgb_only": constraints.rgb_only(entry).shown,
        "single_pass": constraints.single_pass(entry).shown,
        "seeds": entry.group.seed_count,
        "precision": entry.group.precision or None,
        "params_m": cost.get("params_m"),
        "gflops_per_frame": cost.get("gflops_per_frame"),
        "arm": entry.name,
        "fed": entry.group.first.get("fed"),
        "command": str(entry.group.first["command"]),
    }
    values |= time.cells() if time else {}
    values |= {metric: estimate(entry.group, metric) for metric in ACCURACIES}
    values["std_splits"] = over_splits(entry.group, entry.job.headline_metric)
    cells = tuple(values.get(column.key) for column in columns)
    return Row(cells, entry.role, entry.run_ids, entry.group.findings)


def _notes(stratum: Stratum, timed: Mapping[str, times.Time | None]) -> list[str]:
    protocol = stratum.protocol
    notes = [f"{protocol['name']} v{protocol['version']}: {describe_protocol(protocol)}."]
    notes.append(
        "RO: RGB only, no optical flow. SP: single pass, no pairwise comparison. Both, and the backbone, are what the "
        "admission checks saw when they ran the network; (stated): said by its options or its card, not checked."
    )
    if stratum.splits:
        notes.append(
            f"Means over {len(stratum.splits)} splits of the data, each counting the same, with networks of its own; "
            "SD: sample standard deviation over splits."
        )
    if stratum.metric != "mAP":
        notes.append("Every query has one match, so mAP says nothing beside the ranks; rows are ranked by Rank-1.")
    fed: dict[str, list[str]] = {}
    labels = labels_of(stratum)
    for entry in stratum.entries:
        if entry.group.first.get("fed"):
            fed.setdefault(str(entry.group.first["fed"]).rstrip("."), []).append(labels[entry.name])
    if len(fed) > 1:
        listed = ". ".join(f"{', '.join(names)}: {what}" for what, names in fed.items())
        notes.append(f"The protocol is one, but not all networks take the same clips. {listed}.")
    if stratum.truths:
        notes.append(
            "Below the ranked rows: arms that were shown the true pixels behind occluders, which no method has. They "
            "are a ceiling and have no rank."
        )
    if stratum.colours:
        notes.append("Last: colours alone, without a network. It is the floor and has no rank.")
    every = stratum.every
    devices = {str(latency.get("name")) for entry in every if (latency := entry.group.first["cost"].get("latency"))}
    if devices:
        notes.append(f"Latency: median of one forward pass, on {', '.join(sorted(devices))}.")
        notes += times.notes([(labels.get(entry.name, entry.group.label), timed[entry.name]) for entry in every])
    return notes


def _pairs(stratum: Stratum, stood: Standing | None) -> Table:
    columns = (
        Column("first", "Higher"),
        Column("second", "Lower"),
        Column("difference", "Difference", "estimate", signed=True, unit=f"points of {METRIC_LABELS[stratum.metric]}"),
        Column("p", "p", "number", decimals=4),
        Column("p_holm", "p, corrected", "number", decimals=4),
        Column("separated", "Told apart"),
        Column("seeds", "Common seeds", "number"),
    )
    labels = labels_of(stratum)
    runs = {entry.name: entry.run_ids for entry in stratum.entries}
    rows = tuple(
        Row(
            (
                labels[pair.first],
                labels[pair.second],
                Estimate(pair.difference.mean, pair.difference.low, pair.difference.high),
                pair.difference.p,
                pair.p_holm,
                "yes" if pair.separated else "no",
                len(pair.seeds),
            ),
            "",
            runs[pair.first] + runs[pair.second],
        )
        for pair in (stood.pairs if stood else ())
    )
    return Table(f"pairs_{stratum.slug}", f"Every pair of rows, {stratum.title}", columns, rows)


def labels_of(stratum: Stratum) -> dict[str, str]:
    """Name of a row -> what a reader calls it; the paper stands beside it where two papers have the same label."""
    count: dict[str, int] = {}
    for entry in stratum.entries:
        count[stratum.label(entry)] = count.get(stratum.label(entry), 0) + 1
    return {
        entry.name: label if count[label := stratum.label(entry)] == 1 else f"{label} ({entry.paper})"
        for entry in stratum.entries
    }


def _gains(stratum: Stratum, stood: Standing, baseline: ComparedArm) -> list[tuple[ComparedArm, Difference]]:
    """Every other ranked row minus the best baseline, over the seeds that both have, the highest row first.

    ``verdict`` says whether the table as a whole tells the two apart, and ``p`` is corrected; the interval is not.
    """
    found = []
    by_name = {entry.name: entry for entry in stratum.entries}
    label = labels_of(stratum)[baseline.name]
    for name in stood.order:
        entry = by_name[name]
        pair = stood.pair(name, baseline.name)
        if entry is baseline or pair is None:
            continue
        sign = 1 if pair.first == name else -1
        low, high = sorted((sign * pair.difference.low, sign * pair.difference.high))
        people = entry.group.people()
        outcome: Verdict = ("holds" if sign > 0 else "does not hold") if pair.separated else "cannot tell"
        found.append((entry, Difference(
            against=baseline.name, label=label, control=None, mean=sign * pair.difference.mean, low=low, high=high,
            p=pair.p_holm, seeds=pair.seeds, queries=len(people), identities=len(set(people.tolist())),
            verdict=outcome, run_ids=(*entry.group.run_ids_of(pair.seeds), *baseline.group.run_ids_of(pair.seeds)),
        )))  # fmt: skip
    return found


def _words(stratum: Stratum, stood: Standing | None) -> tuple[str, ...]:
    """Which rows can be told apart, for how many comparisons this was corrected, and what has no pair."""
    if stood is None:
        return ("Nothing is ranked here: only rows that knew the truth or know colours alone were recorded.",)
    labels = labels_of(stratum)
    number = len(stood.order)
    if number == 1:
        return ("One arm stands here alone, so nothing is compared.",)
    apart = [pair for pair in stood.pairs if pair.separated]
    people = len(set(stratum.entries[0].group.people().tolist()))
    queries = len(stratum.entries[0].group.people())
    corrected = (
        f"{_comparisons(len(stood.pairs))} of two rows over the same {queries} queries of {people} people, seeds "
        "pooled; p-values are corrected for the number of comparisons (Holm): the chance of any false separation in "
        f"this table stays below {100 * stood.level:.0f} %."
    )
    first = [name for name in stood.order if stood.rank[name] == 1]
    if not apart:
        words = [f"None of the {number} rows can be told from another: all share rank 1."]
    elif len(first) == 1:
        beaten = sum(pair.first == first[0] for pair in apart)
        others = f"all {number - 1} other rows" if beaten == number - 1 > 1 else f"{beaten} of {number - 1} other rows"
        others = "the other row" if number == 2 else others
        words = [f"{labels[first[0]]} alone has rank 1; it is separably better than {others}."]
    else:
        words = [
            f"{len(first)} of {number} rows share rank 1: none of them is separably worse than any other row. "
            f"{len(apart)} of {len(stood.pairs)} pairs can be told apart."
        ]
    words.append(corrected)
    ranks = [stood.rank[name] for name in stood.order]
    if ranks != sorted(ranks):
        words.append(
            "A rank is one more than the number of rows that are separably better; a row with a lower mean can have a "
            "higher rank where less can be told of it."
        )
    if stood.uncompared:
        listed = "; ".join(f"{labels[one]} and {labels[other]}" for one, other in stood.uncompared[:4])
        more = f" and {len(stood.uncompared) - 4} more" if len(stood.uncompared) > 4 else ""
        words.append(f"Not compared, for they have no seed in common: {listed}{more}. They count as not told apart.")
    fewest = min(len(entry.group.seeds) for entry in stratum.entries)
    if fewest == 1:
        words.append(
            "Some rows have one seed: what is compared there are these trained networks, not the recipes behind them."
        )
    return tuple(words)


def _comparisons(number: int) -> str:
    return "1 comparison" if number == 1 else f"{number} comparisons"
