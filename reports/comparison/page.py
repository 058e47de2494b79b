"""The comparison page: one section for each table, what can be told apart in it, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports import html
from reports.comparison import published
from reports.comparison.groups import ComparedArm
from reports.comparison.tables import ComparisonTable, labels_of, times_of
from reports.ledger.forest_plot import Bar
from reports.render.pareto import pareto
from reports.render.table import Column, Estimate, Table, number
from reports.schema import times
from reports.schema.metrics import METRIC_LABELS
from reports.sections.cost.plots import OPERATIONS, cost_point
from reports.store.jobs import Across

COSTS = {
    OPERATIONS: "GFLOPs a frame",
    "cpu_ratio": f"latency on the CPU over a bare {times.REFERENCE}'s",
    "gpu_ratio": f"latency on the GPU over a bare {times.REFERENCE}'s",
    "cpu_ms_p50": "latency on the CPU, ms",
    "gpu_ms_p50": "latency on the GPU, ms",
}
APART = (
    "Each table below holds rows with the same test input and scoring: the same data, protocol, distance, profile, "
    "budget and frame size. Each arm was trained by its own paper's recipe in that profile, so lengths of training "
    "differ. Rows of different tables are never ranked together, and must not be compared."
)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Who can be told from whom: ``heads`` are place and name, ``rows`` one mark for each pair."""

    heads: tuple[tuple[int, str], ...]
    rows: tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure with the kind of cost that it shows."""

    label: str
    svg: Any


def comparison_page(
    across: Across,
    compared: Sequence[ComparisonTable],
    refused: Sequence[str],
    origins: Mapping[str, html.Origin],
    pages: Sequence[tuple[str, str]],
) -> str:
    """The page as HTML text.

    Args:
        across: what was read.
        compared: its tables.
        refused: sentences on arms that stand in no table.
        origins: run id -> where it is recorded.
        pages: the other pages beside this one.
    """
    sections = [(one.stratum.slug, _short_title(one, compared)) for one in compared]
    from_papers = published_tables(across)
    return html.render(
        "comparison.html.j2",
        title="Comparison",
        kind="comparison of recorded runs",
        heading="Methods side by side",
        subtitle=headline(compared),
        origins=origins,
        facts=[
            ("Tables", str(len(compared))),
            ("Papers", str(len(across.papers))),
            ("Rows", str(sum(len(one.stratum.entries) for one in compared))),
            ("Runs read", str(across.runs)),
        ],
        sections=[*sections, *([("published", "Published")] if from_papers else []), ("unverified", "Not verified")],
        pages=pages,
        skip="Skip to the tables",
        apart=APART,
        synthetic=[one.stratum.dataset_label for one in compared if one.stratum.synthetic],
        tables=[_section(one) for one in compared],
        published=[(table.visible(), index == 0) for index, table in enumerate(from_papers)],
        warning=published.WARNING,
        refused=refused,
        counts=across.counts(),
        left_out=across.left_out,
        unverified=unverified(compared),
    )


def headline(compared: Sequence[ComparisonTable]) -> str:
    """What the tables say, in one sentence."""
    several = [one for one in compared if one.standing and len(one.standing.order) > 1]
    if not several:
        return "No table has two rows to compare yet."
    alone = 0
    for one in several:
        assert one.standing is not None
        alone += sum(rank == 1 for rank in one.standing.rank.values()) == 1
    tables = "1 table" if len(several) == 1 else f"{len(several)} tables"
    if not alone:
        return f"In none of {tables} does one row have rank 1 alone: the best cannot be told apart."
    rest = "" if alone == len(several) else "; elsewhere the best cannot be told apart"
    return f"In {alone} of {tables} one row has rank 1 alone{rest}."


def published_tables(across: Across) -> list[Table]:
    """Published numbers of the recorded papers, a table for each data set; none where the cards print none."""
    cards = across.cards or {str(job.card.get("key")): job.card for job in across.jobs}
    found = [published.published(cards, name) for name in published.datasets(cards.values())]
    return [table for table in found if table.rows]


def unverified(compared: Sequence[ComparisonTable]) -> list[str]:
    """What the tables do not show."""
    found = []
    if any(one.stratum.synthetic for one in compared):
        found.append("Whether the order holds on filmed people: tables on SynthWalk are about drawn people.")
    if any(one.stratum.any_result["profile"] != "paper" for one in compared):
        found.append("The published recipes at full size: the embedded profile trains small frames, briefly.")
    if any(one.stratum.any_result["budget"] == "quick" for one in compared):
        found.append("The full budget, in tables that say quick: these are first looks.")
    found.append("Whether another choice of recipe would change the order: each paper was run with its own recipe.")
    if any(len(entry.group.seeds) < 3 for one in compared for entry in one.stratum.entries):
        found.append("The spread of training in rows with fewer than three seeds.")
    if any(
        entry.role != "baseline" and not entry.group.first["cost"] for one in compared for entry in one.stratum.entries
    ):
        found.append("The cost of rows without a number in the cost columns: it was not recorded.")
    return found


def _short_title(one: ComparisonTable, compared: Sequence[ComparisonTable]) -> str:
    """Protocol alone where that says which table it is."""
    name = str(one.stratum.protocol["name"])
    same = [other for other in compared if other.stratum.protocol["name"] == name]
    if len(same) == 1:
        return name
    first = one.stratum.any_result
    differing = {
        "dataset": one.stratum.dataset_label, "profile": first["profile"], "budget": first["budget"],
        "size": "×".join(map(str, first["size"])),
    }  # fmt: skip
    firsts = [other.stratum.any_result for other in same]
    words = [text for key, text in differing.items() if any(str(f[key]) != str(first[key]) for f in firsts)]
    return f"{name}, {', '.join(words)}" if words else f"{name}, {one.stratum.key}"


def _section(one: ComparisonTable) -> dict[str, Any]:
    from markupsafe import Markup

    stratum = one.stratum
    return {
        "slug": stratum.slug,
        "title": stratum.title,
        "metric": METRIC_LABELS[stratum.metric],
        "words": one.words,
        "table": one.table.visible(),
        "notes": one.table.notes,
        "plots": [Plot(plot.label, Markup(plot.svg)) for plot in plots(one)],
        "bars": bars(one),
        "baseline": labels_of(stratum)[one.best_baseline.name] if one.best_baseline else "",
        "matrix": matrix(one),
        "pairs": one.pairs,
    }


def plots(one: ComparisonTable) -> list[Plot]:
    """Accuracy against each cost of at least two ranked rows; ratios stand for times where all rows have them."""
    metric, labels, timed = one.stratum.metric, labels_of(one.stratum), times_of(one.stratum)
    ranked = [entry for entry, _ in _ranked(one)]
    accuracies = one.table.column(metric)
    found = []
    for key in (OPERATIONS, *times.axes([timed[entry.name] for entry in ranked])):
        points = []
        for entry, accuracy in zip(ranked, accuracies, strict=False):  # the rows that are not ranked come last
            assert isinstance(accuracy, Estimate)
            time, baseline = timed[entry.name], entry.role == "baseline"
            points += cost_point(labels[entry.name], entry.group, time, key, accuracy, reference=baseline)
        if len(points) > 1:
            svg = pareto(points, COSTS[key], f"{METRIC_LABELS[metric]}, %", f"p-{key}-{one.stratum.key}")
            found.append(Plot(COSTS[key], svg))
    return found


def _ranked(one: ComparisonTable) -> list[tuple[ComparedArm, Any]]:
    order = one.standing.order if one.standing else ()
    return [(one.by_name(name), row) for name, row in zip(order, one.table.rows, strict=False)]


def bars(one: ComparisonTable) -> list[Bar]:
    """Each row's difference to the best baseline, on one scale."""
    column = Column("", "", "number", signed=True)
    ends = [0.0, *(end for _, gain in one.gains for end in (gain.low, gain.high))]
    pad = 0.06 * ((max(ends) - min(ends)) or 1.0)
    low, high = min(ends) - pad, max(ends) + pad

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    labels, metric = labels_of(one.stratum), METRIC_LABELS[one.stratum.metric]
    verdicts = {"holds": "told apart, better", "does not hold": "told apart, worse", "cannot tell": "not told apart"}
    found = []
    for entry, gain in one.gains:
        mean, between = number(gain.mean, column), f"{number(gain.low, column)} to {number(gain.high, column)}"
        label = labels[entry.name]
        points = f"{mean} points of {metric}"
        found.append(Bar(
            label=label, verdict=gain.verdict, mean=mean, range=between,
            spoken=f"{label} minus {gain.label}: {points}, 95 % interval {between}, {verdicts[gain.verdict]}",
            zero=at(0.0), left=at(gain.low), width=round(at(gain.high) - at(gain.low), 2), dot=at(gain.mean),
            claimed=(),
        ))  # fmt: skip
    return found


def matrix(one: ComparisonTable) -> Matrix | None:
    """Row against column: ``better``, ``worse``, ``same`` (not told apart), ``none`` (not compared), ``self``."""
    if one.standing is None or len(one.standing.order) < 3:
        return None
    labels, stood = labels_of(one.stratum), one.standing
    marks = {"better": ">", "worse": "<", "same": "·", "none": "–", "self": ""}
    rows = []
    for name in stood.order:
        cells = []
        for other in stood.order:
            pair = stood.pair(name, other) if name != other else None
            kind = "self" if name == other else "none" if pair is None else "same"
            if pair is not None and pair.separated:
                kind = "better" if pair.first == name else "worse"
            cells.append((kind, marks[kind]))
        rows.append(tuple(cells))
    heads = tuple((place, labels[name]) for place, name in enumerate(stood.order, 1))
    return Matrix(heads, tuple(rows))
