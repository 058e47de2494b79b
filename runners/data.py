"""`python -m runners.data`: which data sets there are, is mine complete, what is in it; pack it, render a stand-in."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from datasets.inspection import contact_sheet
from runners.cli.exit_codes import guarded
from runners.dataset_tools import list as data_list
from runners.dataset_tools import pack, render, stats, verify
from runners.dataset_tools.source import add_source, examine, positive, size_of

DESCRIPTION = """\
Data sets on disk: which can be read, is a copy complete, what is in it, pack it for speed, render a stand-in for it.

examples:
  # what is there, where it is from, and what must be respected
  python -m runners.data list

  # is my copy of MARS complete? every count, then every file (exit code 1 if not)
  python -m runners.data verify /data/mars
  python -m runners.data verify /data/mars --quick       # names and one listing, no file opened

  # tracklet lengths, people, cameras: on the terminal, or as a page with figures
  python -m runners.data stats /data/mars
  python -m runners.data stats /data/mars --out mars-stats

  # 1.19 million small files into a few large ones, which are read instead
  python -m runners.data pack /data/mars

  # my own recordings, in the layout of MARS, as folders, or as a table
  python -m runners.data verify /data/mine --counts any
  python -m runners.data stats /data/mine/tracklets.csv

  # nobody's pictures: SynthWalk, in the layout of any data set
  python -m runners.data render data/synthwalk
  python -m runners.data render /tmp/duke --layout duke --preset tiny

  # look at it
  python -m runners.data contact-sheet data/synthwalk sheet.png --part query --rows 8

`python -m runners.data ACTION --help` teaches an action. Exit codes: 0 done, 1 a check failed, 2 bad input.
"""


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    result: int = arguments.action(arguments)
    return result


def _contact_sheet(arguments: argparse.Namespace) -> int:
    split = examine(arguments).split
    chosen = contact_sheet.choose(split, arguments.part, arguments.rows, people=arguments.person)
    size = arguments.size or (128, 64)
    sheet = contact_sheet.contact_sheet(split.root, chosen, columns=arguments.columns, size=size)
    contact_sheet.save(sheet, arguments.output)
    print(f"{arguments.output}: {len(chosen)} {arguments.part} tracklets")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m runners.data",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for action in (data_list, verify, stats, pack, render):
        action.add_parser(actions)

    sheet = actions.add_parser("contact-sheet", help="draw tracklets as rows of frames")
    add_source(sheet)
    sheet.add_argument("output", type=Path, help="file to write, .png or .jpg")
    sheet.add_argument("--part", default="test", help="train, test (default), query or gallery")
    sheet.add_argument("--rows", type=positive, default=8, help="tracklets, spread over the part (default 8)")
    sheet.add_argument("--columns", type=positive, default=12, help="frames of each, spread (default 12)")
    sheet.add_argument("--person", type=int, action="append", default=[], help="only this person; repeatable")
    sheet.add_argument("--size", type=size_of, metavar="HxW", help="of a frame on the sheet (default 128x64)")
    sheet.set_defaults(action=_contact_sheet)
    return parser


if __name__ == "__main__":
    sys.exit(main())
