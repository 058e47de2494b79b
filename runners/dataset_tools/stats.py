"""`python -m runners.data stats`: lengths, people, cameras and matches of a data set, as tables and as a page."""

import argparse
import dataclasses
import io
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from datasets.catalogue import PEOPLE, entry
from datasets.errors import DataError
from datasets.identifiers import printable
from datasets.inspection import contact_sheet
from datasets.inspection.statistics import census
from datasets.tracklet import Split
from files.data_uri import jpeg_uri
from reports.dataset import record as data_set
from reports.render.write import write_files
from runners.dataset_tools.source import add_source, examine, facts, name_of, of_names

DESCRIPTION = """\
Count a data set, complete or not: tracklets, frames and people of every part, how long tracklets are and which share of
them is shorter than a clip, tracklets of each person and camera, right gallery tracklets of a query.

examples:
  python -m runners.data stats /data/mars
  python -m runners.data stats /data/mars --no-images            # from names and tables alone
  python -m runners.data stats /data/mars --out mars-stats       # a page with figures, tables as CSV and LaTeX
  python -m runners.data stats data/synthwalk --json
  python -m runners.data stats /data/prid2011 --split 3          # the fourth of its ten divisions

The page of a rendered set shows some of its tracklets. Frames of real people stay out of it unless --pictures asks for
them: a page is passed on quickly.

exit codes: 0 done, 2 it cannot be read
"""

_ROWS, _COLUMNS, _SIZE = 8, 14, (128, 64)


def add_parser(actions: Any) -> None:
    """The action and its options."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "stats",
        help="lengths, people and cameras, as tables and as a page",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write a page, its tables and the record there")
    pictures = parser.add_mutually_exclusive_group()
    pictures.add_argument(
        "--pictures", action="store_true", default=None, help="show frames on the page, of real people too"
    )
    pictures.add_argument("--no-pictures", dest="pictures", action="store_false", help="show no frame at all")
    parser.add_argument("--json", action="store_true", help="print the record as JSON")
    parser.set_defaults(action=stats)


def stats(arguments: argparse.Namespace) -> int:
    """Count, print, write; returns the exit code."""
    name = name_of(arguments)
    split = examine(arguments, name).split
    record = make_record(split, name)
    found = data_set.read(record, printable(str(split.root)))
    if arguments.out:
        from reports.dataset.page import files

        record |= {"command": printable(shlex.join(["python", "-m", "runners.data", *_words(arguments)]))}
        record |= _pictures(split, arguments)
        write_files(arguments.out, files(data_set.read(record), record))
    if arguments.json:
        print(json.dumps({key: value for key, value in record.items() if key != "sheet"}, indent=2))
    else:
        print(printable(as_text(found, of_names(split, arguments))))
    if arguments.out:
        print(f"page: {arguments.out / 'index.html'}", file=sys.stderr if arguments.json else sys.stdout)
    return 0


def make_record(split: Split, name: str) -> dict[str, Any]:
    """A division as the record that `reports.dataset.record` reads.

    Args:
        split: the division.
        name: that it was read by.
    """
    known = entry(name)
    title = known.title if known else split.name
    if split.synthetic:
        title = "SynthWalk" if split.name == "synthwalk" else f"SynthWalk in the layout of {title}"
    words: list[str] = []
    if name == "own" and not split.synthetic:
        words = ["It shows real people: ask them before you show them to others."]
    elif not split.synthetic:
        words = [f"It shows real people, most of them never asked. {PEOPLE}"]
        words += [f"{known.title}: {known.ask}."] if known else []
    return {"schema": data_set.SCHEMA, "title": title, "words": words, **facts(split), **census(split).as_dict()}


def as_text(found: data_set.DataSet, of_what: str = "") -> str:
    """All tables, for a terminal; ``of_what`` stands after the fingerprint."""
    lines = [data_set.subtitle(found), f"fingerprint {found.fingerprint}{of_what}"]
    for table in data_set.tables(found):
        # A terminal has no room for heads of several columns; the notes say what they would.
        flat = dataclasses.replace(table, columns=tuple(dataclasses.replace(c, group="") for c in table.columns))
        lines += ["", table.caption, flat.as_text(), *(f"  {note}" for note in table.notes)]
    return "\n".join(lines)


def _pictures(split: Split, arguments: argparse.Namespace) -> dict[str, str]:
    """A contact sheet as a data URI, where it is wanted and its frames can be read."""
    wanted = split.synthetic if arguments.pictures is None else arguments.pictures
    part = "query" if len(split.query_index) else "train"
    if not wanted or arguments.no_images:
        return {}
    try:
        chosen = contact_sheet.choose(split, part, _ROWS)
        sheet = contact_sheet.contact_sheet(split.root, chosen, columns=_COLUMNS, size=_SIZE)
    except DataError as error:
        if arguments.pictures:
            raise
        print(f"no contact sheet: {error}", file=sys.stderr)
        return {}
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=88)
    there = len(getattr(split, part))
    words = f"{len(chosen)} of {there:,} {part} tracklets, spread over the part, by evenly spread frames."
    if not split.synthetic:
        words += " These are recordings of real people: see above before you pass the page on."
    return {"sheet": jpeg_uri(data.getvalue()), "sheet_words": words}


def _words(arguments: argparse.Namespace) -> list[str]:
    words = ["stats", str(arguments.root)]
    for option in ("dataset", "split", "counts"):
        value = getattr(arguments, option)
        words += [] if value is None else [f"--{option}", str(value)]
    words += ["--no-images"] if arguments.no_images else []
    words += [] if arguments.pictures is None else ["--pictures" if arguments.pictures else "--no-pictures"]
    return [*words, "--out", str(arguments.out)]
