"""The cards of papers that may never have been run: so that a claim nobody tested is listed and not forgotten.

A card is data, a TOML file in a folder of its own; it is read as such, and nothing of a method is imported.
"""

import tomllib
from pathlib import Path
from typing import Any

from reports import cards
from reports.errors import ReportError

SHELF = Path(__file__).resolve().parent.parent / "methods"
CARD_FILE = "paper.toml"


def on_shelf(folder: Path | None = SHELF) -> dict[str, dict[str, Any]]:
    """Paper key -> normalised card of every ``<folder>/<paper>/paper.toml``; empty where there is no such folder.

    Raises:
        ReportError: a card that is no TOML, or has no key.
    """
    found = {}
    for file in sorted(folder.glob(f"*/{CARD_FILE}")) if folder else ():
        try:
            card = cards.normalise(tomllib.loads(file.read_text(encoding="utf-8")))
            found[str(card["key"])] = card
        except (OSError, ValueError, KeyError) as error:
            name = f"{file.parent.name}/{file.name}"
            raise ReportError(
                f"{name} cannot be read as a card ({error}); correct it, or name another folder."
            ) from None
    return found
