"""What the main job prints at its end: the results table, the sides of images and videos, then the claims."""

import shutil
import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Any

from protocols.vocabulary import GAINS
from reports.ledger import sanity
from reports.ledger.columns.gain import gain_in
from reports.ledger.mask_measures import slug_of
from reports.render.table import Column, Estimate, Row, Table, shown

COLUMNS = (
    "arm", "start", "mAP", "rank1", "seeds", "published_mAP", "published_rank1", "delta_mAP", "delta_rank1",
    "gmacs_per_frame", "cpu_ms_p50", "cpu_ratio", "gpu_ms_p50", "gpu_ratio",
)  # fmt: skip
REPAIRED_COLUMNS = ("arm", "start", "trained_on", "tested_on", "mAP", "rank1", "published_mAP", "delta_mAP")
SPLIT_COLUMNS = (
    "arm", "start", "mAP", "std_splits_mAP", "rank1", "std_splits_rank1", "rank20", "seeds", "published_mAP",
    "published_rank1", "delta_rank1",
)  # fmt: skip
LONGEST_CELL = 14
WIDEST = 118


def page(built: Mapping[str, Any], width: int | None = None) -> str:
    """The report in text.

    Args:
        built: what ``reports.build.build`` gave, or its JSON.
        width: of the lines in characters; ``None``: the terminal's, at most 118.
    """
    width = width or min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    table = Table.from_dict(built["tables"]["results"])
    repaired = any(column.key == "trained_on" for column in table.columns)
    columns = REPAIRED_COLUMNS if repaired else SPLIT_COLUMNS if built.get("splits") else COLUMNS
    lines = [table.only(columns).as_text(), ""]
    for note in (*(f"{row.cells[0]}: {row.note}" for row in table.rows if row.note), *table.notes):
        lines += textwrap.wrap(note, width)
    if "oracles" in built["tables"]:
        lines += ["", *oracles(Table.from_dict(built["tables"]["oracles"]), width)]
    for sentence in built.get("splits_told") or ():
        lines += ["", *textwrap.wrap(sentence, width)]
    if "sides" in built["tables"] and len(Table.from_dict(built["tables"]["sides"]).heads()) > 2:
        lines += ["", *matrix(Table.from_dict(built["tables"]["sides"]), width)]
    if built.get("repair"):
        lines += ["", *repair(built, width)]
    for name in built.get("slices") or ():
        lines += ["", *by_attribute(Table.from_dict(built["tables"][f"slices_{slug_of(name)}"]), width)]
    controls = built.get("controls_left_out") or {}
    for name, why in controls.items():
        lines += ["", *textwrap.wrap(f"{name} is left out: {why}.", width)]
    lines += ["", *claims(built["ledger"], width), "", f"Page: {built['folder']}/index.html"]
    if "tracking" in built:
        lines.append(f"Runs: {built['experiment']}, parent {built['parent_id']}, in {built['tracking']}")
    return "\n".join(lines)


def oracles(table: Table, width: int = WIDEST) -> list[str]:
    """Lines with what perfect knowledge would gain."""
    keys = ("control", "of", "mAP", "gain_mAP", "rank1", "gain_rank1")
    return [*textwrap.wrap(table.caption, width), *table.only(keys).as_text().splitlines()]


def repair(built: Mapping[str, Any], width: int = WIDEST) -> list[str]:
    """Lines with what repaired data can show at all, as on the page; none where nothing was repaired."""
    return [line for sentence in built.get("repair", ()) for line in textwrap.wrap(sentence, width)]


def by_attribute(table: Table, width: int = WIDEST) -> list[str]:
    """Lines with mAP of every arm for each value of an attribute, and its difference to the arm's baseline."""
    rows = [dict(zip((column.key for column in table.columns), row.cells, strict=True)) for row in table.rows]
    reasons = {str(row["value"]): row["told"] for row in rows}
    arms = list(dict.fromkeys(str(row["arm"]) for row in rows if row["arm"] is not None))
    cells = {(str(row["value"]), str(row["arm"])): _short(row) for row in rows}
    lines = [table.caption, "mAP in percent, and points against the arm's baseline"]
    start = Column("arm", "Arm")
    block: list[str] = []
    values = [value for value, reason in reasons.items() if not reason]
    for place, value in enumerate(values):
        block.append(value)
        made = Table(
            "", "", (start, *(Column(one, one) for one in block)),
            tuple(Row((arm, *(cells.get((one, arm), "") for one in block))) for arm in arms),
        ).as_text().splitlines()  # fmt: skip
        last = place == len(values) - 1
        if max(map(len, made)) > width - LONGEST_CELL or last:  # the next one might not fit
            lines += ["", *made] if len(lines) > 2 else made
            block = []
    counts = {str(row["value"]): (row["queries"], row["people"]) for row in rows}
    known = [
        f"{value} {number} ({'1 person' if people == 1 else f'{people} people'})"
        for value, (number, people) in counts.items()
        if people is not None
    ]
    lines += textwrap.wrap(f"Queries: {', '.join(known)}.", width)
    for value, reason in reasons.items():
        if reason:
            number = f" ({counts[value][0]} queries)" if counts[value][1] is None else ""
            lines += textwrap.wrap(f"{value}{number}: {reason}.", width)
    return lines


def _short(row: Mapping[str, Any]) -> str:
    """``43.8 +0.2``, or the accuracy alone."""
    columns = Column("", ""), Column("", "", signed=True)
    means = [one.mean if isinstance(one, Estimate) else one for one in (row["mAP"], row["delta_mAP"])]
    return " ".join(shown(column, mean) for column, mean in zip(columns, means, strict=True) if isinstance(mean, float))


def matrix(table: Table, width: int = WIDEST) -> list[str]:
    """Lines with every arm on every side, mAP and rank-1 without intervals."""
    keys = [column.key for column in table.columns if column.key.endswith(("_mAP", "_rank1"))]
    lines = [table.caption, *table.only(["arm", *keys]).means().as_text().splitlines()]
    for note in table.notes[:1]:
        lines += textwrap.wrap(note, width)
    return lines


def claims(ledger: Mapping[str, Any], width: int = WIDEST) -> list[str]:
    """Lines with each claim, its gain first and its four columns in words, and how many claims were not judged.

    Args:
        ledger: as in ``ledger.json``, also one from before there were gains.
        width: of the lines in characters.
    """
    margin = max(len(gain) for gain in GAINS) + 2
    measured = [claim for claim in ledger["claims"] if claim["difference"] is not None]
    lines = []
    for claim in measured:
        text = f"{claim['text']} {claim['words']}"
        lines += textwrap.wrap(
            text, width, initial_indent=f"{gain_in(claim).upper():<{margin}}", subsequent_indent=" " * margin
        )
    reasons = Counter(_reason(claim["words"]) for claim in ledger["claims"] if claim["difference"] is None)
    lines += [line for text, count in reasons.items() for line in _apart("NOT JUDGED", margin, width, count, text)]
    under = Counter(f"made under {claim['protocol']}." for claim in ledger["elsewhere"])
    lines += [line for text, count in under.items() for line in _apart("ELSEWHERE", margin, width, count, text)]
    if ledger.get("checks"):
        lines += ["", *textwrap.wrap(f"Can this run tell? {sanity.in_words(_checks(ledger))}", width)]
    if ledger["note"]:
        lines += ["", *textwrap.wrap(ledger["note"], width)]
    return lines


def _checks(ledger: Mapping[str, Any]) -> tuple[sanity.SanityCheck, ...]:
    return tuple(sanity.SanityCheck(**{**one, "run_ids": tuple(one["run_ids"])}) for one in ledger["checks"])


def _reason(words: str) -> str:
    """Why a claim was not judged; one reason for all whose arms were not run, for a card may have dozens."""
    reason = words.removeprefix("Not judged: ")
    return "whose arms were not run." if reason.endswith("not run.") else f"because {reason}"


def _apart(what: str, margin: int, width: int, count: int, reason: str) -> list[str]:
    """Claims without a verdict here, those of one reason together."""
    claims = "1 more claim" if count == 1 else f"{count} more claims"
    return textwrap.wrap(f"{what:<{margin}}{claims}, {reason}", width, subsequent_indent=" " * margin)
