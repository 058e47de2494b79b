"""`python -m runners.data list`: the data sets that can be read, and what must be respected."""

import argparse
import json
import shutil
import textwrap
from typing import Any

from datasets import catalogue
from reports.render.table import Column, Row, Table

RESPECT = (
    f"All but synthwalk show real people, most of them never asked. {catalogue.PEOPLE} The suite downloads no data set."
)

_WIDEST = 110


def add_parser(actions: Any) -> None:
    """The action and its options."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "list",
        help="the data sets that can be read, where they are from, what must be respected",
        description="List the data sets that can be read: their size, their divisions, what their papers report, whom "
        "to ask for them and what must be respected. Nothing is downloaded.",
    )
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    parser.set_defaults(action=show)


def show(arguments: argparse.Namespace) -> int:
    """Print the list; returns the exit code."""
    found = catalogue.listed()
    if arguments.json:
        print(json.dumps({"respect": RESPECT, "data_sets": found}, indent=2))
    else:
        width = min(shutil.get_terminal_size().columns, _WIDEST)
        print(as_text(found, max(width, 60)))
    return 0


def as_text(found: list[dict[str, Any]], width: int) -> str:
    """A line for each data set, and below it where each is from."""
    columns = (
        Column("name", "name"),
        Column("title", "data set"),
        Column("people", "people", "number", thousands=True),
        Column("tracklets", "tracklets", "number", thousands=True),
        Column("cameras", "cameras", "number"),
        Column("divisions", "divisions", "number"),
        Column("metrics", "scored by"),
    )
    rows = tuple(Row(tuple(one[column.key] for column in columns)) for one in found)
    lines = [Table("data_sets", "", columns, rows).as_text(), ""]
    indent = max(len(one["name"]) for one in found) + 2
    for one in found:
        text = f"{one['source']}; {one['ask']}" + (f" ({one['note']})" if one["note"] else "")
        lines += textwrap.wrap(
            text, width, initial_indent=one["name"].ljust(indent), subsequent_indent=" " * indent,
            break_on_hyphens=False,
        )  # fmt: skip
    lines += ["", *textwrap.wrap(RESPECT, width)]
    lines += [
        "",
        "Is my copy complete?   python -m runners.data verify FOLDER",
        "What is in it?         python -m runners.data stats FOLDER",
        "Render a stand-in:     python -m runners.data render FOLDER --layout duke   (layouts: render --help)",
    ]
    return "\n".join(lines)
