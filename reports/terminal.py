"""What the main job prints at its end: the results table, then the verdicts."""

import shutil
import textwrap
from collections.abc import Mapping
from typing import Any

from reports.formats import Table
from reports.ledger import VERDICTS

COLUMNS = (
    "arm", "mAP", "rank1", "seeds", "published_mAP", "published_rank1", "delta_mAP", "delta_rank1", "gmacs_per_frame",
)  # fmt: skip
WIDEST = 118


def page(built: Mapping[str, Any], width: int | None = None) -> str:
    """The report in text.

    Args:
        built: what ``reports.build.build`` gave, or its JSON.
        width: of the lines in characters; ``None``: the terminal's, at most 118.
    """
    width = width or min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    table = Table.from_dict(built["tables"]["results"])
    lines = [table.only(COLUMNS).as_text(), ""]
    for note in table.notes:
        lines += textwrap.wrap(note, width)
    lines += ["", *verdicts(built["ledger"], width), "", f"Page: {built['folder']}/index.html"]
    if "tracking" in built:
        lines.append(f"Runs: {built['experiment']}, parent {built['parent_id']}, in {built['tracking']}")
    return "\n".join(lines)


def verdicts(ledger: Mapping[str, Any], width: int = WIDEST) -> list[str]:
    """Lines with each judged claim, and how many were not judged."""
    margin = max(len(verdict) for verdict in VERDICTS) + 2
    judged = [claim for claim in ledger["claims"] if claim["difference"] is not None]
    lines = []
    for claim in judged:
        text = f"{claim['text']} {claim['words']}"
        lines += textwrap.wrap(
            text, width, initial_indent=f"{claim['verdict'].upper():<{margin}}", subsequent_indent=" " * margin
        )
    rest = len(ledger["claims"]) - len(judged)
    if rest:
        lines.append(f"{'NOT JUDGED':<{margin}}{rest} more claims, whose arms were not run.")
    if ledger["note"]:
        lines += ["", *textwrap.wrap(ledger["note"], width)]
    return lines
