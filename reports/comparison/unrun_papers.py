"""The cards of papers that may never have been run: so that a claim nobody tested is listed and not forgotten.

A card is data, a TOML file in a folder of its own; it is read as such, and nothing of a method is imported.
"""

from pathlib import Path
from typing import Any

from files.formats import toml
from reports.errors import ReportError
from reports.schema.json_form import readable
from reports.store import cards

METHODS = Path(__file__).resolve().parents[2] / "methods"
CARD_FILE = "paper.toml"
_REMEDY = "correct it, or name another folder."


def unrun_cards(folder: Path | None = METHODS) -> dict[str, dict[str, Any]]:
    """Paper key -> normalised card of every ``<folder>/<paper>/paper.toml``; empty where there is no such folder.

    Raises:
        ReportError: a card that is no TOML, or has no key.
    """
    found = {}
    for file in sorted(folder.glob(f"*/{CARD_FILE}")) if folder else ():
        with readable(f"the card {file.parent.name}/{file.name}", _REMEDY):
            card = cards.normalise(toml.read(file, error=ReportError, remedy=_REMEDY))
            found[str(card["key"])] = card
    return found
