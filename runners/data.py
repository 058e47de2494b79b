"""`python -m runners.data`: render SynthWalk, check a data set, show its counts, look at it."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
from datasets import contact_sheet
from datasets.checks import Check, Examination
from datasets.tracklet import Split
from runners.cli import guarded

DESCRIPTION = """\
Render the SynthWalk data set, verify a data set on disk, show what is in it, draw a contact sheet.

examples:
  # the default world at 64x32
  python -m runners.data render data/synthwalk

  # another seed and size, fewer people
  python -m runners.data render /tmp/walk --preset tiny --seed 7 --size 128x64 --set test_ids=20

  # the same people in a shopping hall; and the world that attributes are learned from before they are transferred
  python -m runners.data render data/hall --set style=hall
  python -m runners.data render data/source --preset attribute-source

  # is my copy of MARS complete? (exit code 1 if not)
  python -m runners.data verify /data/mars
  python -m runners.data verify /data/mars --pixels      # decode every image as well: minutes

  # my own recordings, written in the MARS layout
  python -m runners.data verify /data/mine --counts any
  python -m runners.data show /data/mine --json

  # look at it
  python -m runners.data contact-sheet data/synthwalk sheet.png --part query --rows 8

exit codes: 0 done, 1 a check failed, 2 bad input
"""


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    result: int = arguments.action(arguments)
    return result


def _render(arguments: argparse.Namespace) -> int:
    from datasets import synthwalk
    from datasets.synthwalk import presets

    changes: dict[str, Any] = dict(arguments.set)
    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    if arguments.size is not None:
        changes["height"], changes["width"] = arguments.size
    world = presets.preset(arguments.preset, **changes)
    synthwalk.render(world, arguments.root)
    split = datasets.load("synthwalk", arguments.root)
    if arguments.json:
        print(json.dumps(_facts(split), indent=2))
    else:
        counts = split.counts()
        print(
            f"{arguments.root}: SynthWalk {world.name}, seed {world.seed}, {world.height}x{world.width}: "
            f"{counts['train_tracklets']:,} training and {counts['test_tracklets']:,} test tracklets, "
            f"{counts['train_frames'] + counts['test_frames']:,} frames, fingerprint {split.fingerprint}"
        )
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    examined = _examine(arguments)
    checks = list(examined.checks)
    if arguments.pixels:
        checks.append(_check_pixels(examined.split))
    failed = [check for check in checks if not check.passed]
    if arguments.json:
        facts = {**_facts(examined.split), "compared_with": examined.expectation, "passed": not failed}
        print(json.dumps({**facts, "checks": [check.as_dict() for check in checks]}, indent=2))
    else:
        print(f"{examined.split.root}: {examined.split.name}, compared with {examined.expectation}")
        print(_check_table(checks))
        for check in failed:
            print(f"FAILED {_spoken(check.what)}: {check.detail}")
        passed = len(checks) - len(failed)
        unseen = "; the images were not looked at" if arguments.no_images and not arguments.pixels else ""
        print(f"{passed} of {len(checks)} checks passed{unseen}")
    return 1 if failed else 0


def _show(arguments: argparse.Namespace) -> int:
    split = _examine(arguments).split
    if arguments.json:
        print(json.dumps(_facts(split), indent=2))
        return 0
    kind = "rendered" if split.synthetic else "recorded"
    print(f"{split.root}: {split.name} {split.version} ({kind}), fingerprint {split.fingerprint}")
    counts = split.counts()
    width = max(map(len, counts))
    for what, value in counts.items():
        print(f"  {_spoken(what):<{width}}  {value:>9,}")
    return 0


def _contact_sheet(arguments: argparse.Namespace) -> int:
    split = _examine(arguments).split
    chosen = contact_sheet.choose(split, arguments.part, arguments.rows, people=arguments.person)
    size = arguments.size or (128, 64)
    sheet = contact_sheet.contact_sheet(split.root, chosen, columns=arguments.columns, size=size)
    contact_sheet.save(sheet, arguments.output)
    print(f"{arguments.output}: {len(chosen)} {arguments.part} tracklets")
    return 0


def _examine(arguments: argparse.Namespace) -> Examination:
    options = {"counts": arguments.counts} if arguments.counts else {}
    return datasets.examine(
        arguments.dataset,
        arguments.root,
        split=arguments.split,
        check_images=not arguments.no_images,
        **options,
    )


def _check_pixels(split: Split) -> Check:
    from datasets.store_building import find_damaged

    damaged = find_damaged((*split.train, *split.test), split.root)
    return Check("images damaged", 0, len(damaged), "; ".join(damaged[:5]))


def _facts(split: Split) -> dict[str, Any]:
    return {
        "name": split.name,
        "root": str(split.root),
        "version": split.version,
        "synthetic": split.synthetic,
        "fingerprint": split.fingerprint,
        "counts": split.counts(),
    }


def _check_table(checks: Sequence[Check]) -> str:
    rows = [("", "found", "expected", "")]
    for check in checks:
        expected = "-" if check.expected is None else f"{check.expected:,}"
        verdict = "" if check.expected is None else "ok" if check.passed else "FAILED"
        rows.append((_spoken(check.what), f"{check.found:,}", expected, verdict))
    first, second, third = (max(len(row[i]) for row in rows) for i in range(3))
    return "\n".join(f"  {a:<{first}}  {b:>{second}}  {c:>{third}}  {d}".rstrip() for a, b, c, d in rows)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write HEIGHTxWIDTH, e.g. 128x64")
    return int(height), int(width)


def _change(text: str) -> tuple[str, Any]:
    from datasets.synthwalk.presets import World

    name, separator, value = text.partition("=")
    if separator and value and isinstance(getattr(World(), name, None), str):
        return name, value
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    if not (separator and name) or not isinstance(parsed, int | float | list):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER, e.g. test_ids=20, nor style=WORD")
    if isinstance(parsed, list):
        parsed = tuple(tuple(item) if isinstance(item, list) else item for item in parsed)
    return name, parsed


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m runners.data",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    render = actions.add_parser("render", help="render a SynthWalk world into a folder")
    render.add_argument("root", type=Path, help="folder to render into")
    render.add_argument("--preset", default="embedded", help="embedded (default), tiny, mars-size or attribute-source")
    render.add_argument("--seed", type=int, help="seed of everything random in the world")
    render.add_argument("--size", type=_size, metavar="HxW", help="frame size, e.g. 64x32 up to 256x128")
    render.add_argument(
        "--set",
        type=_change,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other parameter of datasets/synthwalk/presets.py; may be given several times",
    )
    render.add_argument("--json", action="store_true", help="print name, counts and fingerprint as JSON")
    render.set_defaults(action=_render)

    verify = actions.add_parser("verify", help="check a data set; exit code 1 if a check fails")
    _add_source(verify)
    verify.add_argument("--pixels", action="store_true", help="decode every image too")
    verify.add_argument("--json", action="store_true", help="print all checks as JSON")
    verify.set_defaults(action=_verify)

    show = actions.add_parser("show", help="print the counts of a data set, complete or not")
    _add_source(show)
    show.add_argument("--json", action="store_true", help="print them as JSON")
    show.set_defaults(action=_show)

    sheet = actions.add_parser("contact-sheet", help="draw tracklets as rows of frames")
    _add_source(sheet)
    sheet.add_argument("output", type=Path, help="file to write, .png or .jpg")
    sheet.add_argument("--part", default="test", help="train, test (default), query or gallery")
    sheet.add_argument("--rows", type=_positive, default=8, help="tracklets, spread over the part (default 8)")
    sheet.add_argument("--columns", type=_positive, default=12, help="frames of each, spread (default 12)")
    sheet.add_argument("--person", type=int, action="append", default=[], help="only this person; repeatable")
    sheet.add_argument("--size", type=_size, metavar="HxW", help="of a frame on the sheet (default 128x64)")
    sheet.set_defaults(action=_contact_sheet)
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=Path, help="the data set's folder")
    parser.add_argument(
        "--dataset",
        default="mars",
        help=f"one of {', '.join(datasets.names())} (default mars, which recognises a SynthWalk folder)",
    )
    parser.add_argument("--split", type=int, default=0, help="which of several train/test divisions, from 0")
    parser.add_argument("--counts", choices=("official", "manifest", "any"), help="what to compare the counts with")
    parser.add_argument("--no-images", action="store_true", help="do not list the image folders")


if __name__ == "__main__":
    sys.exit(main())
