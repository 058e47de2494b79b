"""What the papers print, in a table of its own: no two of these rows need share a protocol, so none is ranked."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from protocols.vocabulary import ACCURACIES
from reports.render.table import Cell, Column, Row, Table
from reports.schema.metrics import split_metric
from reports.sections.results.tables import dataset_label
from reports.store.cards import describe_convention

SHOWN = ACCURACIES
SHOWN_ROLES = ("proposed", "baseline")
WARNING = (
    "These numbers are copied from the papers. They were obtained under different protocols, on other galleries, with "
    "other distances and formulas for average precision, and with other training; they are not comparable with each "
    "other, nor with anything measured here, and nothing is ranked."
)


def published(cards: Mapping[str, Mapping[str, Any]], dataset: str | None = None, every: bool = False) -> Table:
    """Published accuracies of the recorded papers' cards, by source, and what those papers print beside them.

    Args:
        cards: paper key -> normalised card.
        dataset: only numbers of this one; ``None``: of all.
        every: with ablations; else the proposed arms, the baselines and the papers' quotations.
    """
    columns: tuple[Column, ...] = (
        Column("method", "Method"),
        Column("paper", "Printed by"),
        *([] if dataset else [Column("dataset", "Data set")]),
        Column("source", "Where"),
        Column("mAP", "mAP", "number", decimals=2, unit="%"),
        *(Column(f"rank{rank}", f"Rank-{rank}", "number", decimals=2, unit="%") for rank in (1, 5, 10, 20)),
        Column("convention", "Protocol, as far as stated"),
        Column("note", "Note", data_only=True),
    )
    rows = []
    for key, card in cards.items():
        found: dict[tuple[str, ...], dict[str, Cell]] = {}
        for one in _rows(card, every):
            side, metric = split_metric(str(one["metric"]))
            if dataset not in (None, one["dataset"]) or metric not in SHOWN:
                continue
            method = f"{one['method']}, {side}" if side else str(one["method"])
            source = str(one["source"])
            place = found.setdefault((method, source, str(one["dataset"])), _place(key, method, one))
            place[metric] = float(one["value"])
        rows += [
            Row(tuple(values.get(column.key) for column in columns), note=str(values["note"] or ""))
            for values in found.values()
        ]
    kept = [place for place, column in enumerate(columns) if column.data_only or any(row.cells[place] for row in rows)]
    columns = tuple(columns[place] for place in kept)
    rows = [replace(row, cells=tuple(row.cells[place] for place in kept)) for row in rows]
    name = f"published_{dataset or 'all'}"
    on = f" on {dataset_label(dataset)}" if dataset else ""
    return Table(name, f"Published{on}: not comparable, not ranked", columns, tuple(rows), (WARNING,))


def _place(key: str, method: str, one: Mapping[str, Any]) -> dict[str, Cell]:
    return {
        "method": method,
        "paper": key,
        "dataset": dataset_label(str(one["dataset"])),
        "source": str(one["source"]),
        "convention": describe_convention(one.get("convention") or {}),
        "note": str(one.get("note") or "") or None,
    }


def datasets(cards: Iterable[Mapping[str, Any]]) -> list[str]:
    """Data sets that any card prints numbers of, the one with most of them first."""
    count: dict[str, int] = {}
    for card in cards:
        for one in _rows(card, every=False):
            count[str(one["dataset"])] = count.get(str(one["dataset"]), 0) + 1
    return sorted(count, key=lambda name: (-count[name], name))


def _rows(card: Mapping[str, Any], every: bool) -> list[dict[str, Any]]:
    arms = card["arms"]
    own = [
        {**row, "method": str(arms.get(row["arm"], {}).get("label", row["arm"]))}
        for row in card["published"]
        if every or arms.get(row["arm"], {}).get("role") in SHOWN_ROLES
    ]
    return own + [dict(row) for row in card.get("context") or ()]
