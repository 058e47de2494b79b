"""`python -m runners.data render`: SynthWalk at any scale, in the layout of any data set."""

import argparse
import json
from pathlib import Path
from typing import Any

import datasets
from runners.dataset_tools.source import facts, size_of

DESCRIPTION = """\
Render SynthWalk: procedurally drawn people who walk past cameras, written in the layout of a data set, so that readers,
protocols and your own code can be tried end to end without anybody's pictures. The same parameters give the same bytes.
A folder that holds the same set already is left as it is; a run that was cut off leaves nothing half-written.

examples:
  # the default world (SynthWalk 2) at 64x32, in the layout of MARS; the one that was the default before (SynthWalk 1)
  python -m runners.data render data/synthwalk
  python -m runners.data render data/synthwalk-1 --preset embedded-1

  # another seed and size, fewer people
  python -m runners.data render /tmp/walk --preset tiny --seed 7 --size 128x64 --set test_ids=20

  # in the layout of another data set, so that its reader, its divisions and its protocol are exercised
  python -m runners.data render /tmp/duke --layout duke --preset tiny
  python -m runners.data render /tmp/ilids --layout ilids --preset tiny --set train_ids=10

  # the counts, lengths and cameras of MARS, with tiny pixels: 20,478 tracklets, 1.19 million frames
  python -m runners.data render /tmp/big --preset mars-size --size 16x8

  # the same people in a shopping hall; and the world that attributes are learned from before they are transferred
  python -m runners.data render data/hall --set style=hall
  python -m runners.data render data/source --preset attribute-source

exit codes: 0 done, 2 a world that cannot be rendered, or a folder that holds something else
"""


def add_parser(actions: Any) -> None:
    """The action and its options."""
    from datasets.synthwalk.layouts import LAYOUTS
    from datasets.synthwalk.presets import PRESETS

    parser: argparse.ArgumentParser = actions.add_parser(
        "render",
        help="render a SynthWalk world into a folder, in the layout of any data set",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("root", type=Path, help="folder to render into: absent, empty, or holding the same set")
    parser.add_argument("--layout", default="mars", help=f"{', '.join(LAYOUTS)} (default %(default)s)")
    parser.add_argument("--preset", default="embedded", help=f"{', '.join(PRESETS)} (default %(default)s)")
    parser.add_argument("--seed", type=int, help="seed of everything random in the world")
    parser.add_argument("--size", type=size_of, metavar="HxW", help="frame size, from 16x8 up to 256x128")
    parser.add_argument(
        "--set",
        type=_change,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other parameter of datasets/synthwalk/presets.py; may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="print name, counts and fingerprint as JSON")
    parser.set_defaults(action=render)


def render(arguments: argparse.Namespace) -> int:
    """Render, read it back, and say what it is; returns the exit code."""
    from datasets.synthwalk import layouts, presets

    changes: dict[str, Any] = dict(arguments.set)
    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    if arguments.size is not None:
        changes["height"], changes["width"] = arguments.size
    asked = presets.preset(arguments.preset, **changes)
    root, world = layouts.render_as(arguments.layout, asked, arguments.root)
    split = datasets.load("synthwalk" if arguments.layout == "mars" else arguments.layout, root)
    if arguments.json:
        print(json.dumps(facts(split), indent=2))
        return 0
    counts = split.counts()
    where = "" if arguments.layout == "mars" else f" in the layout of {arguments.layout}"
    which = f" in each of {split.divisions} divisions" if split.divisions > 1 else ""
    print(
        f"{root}: SynthWalk {world.name}{where}, seed {world.seed}, {world.height}x{world.width}: "
        f"{counts['train_tracklets']:,} training and {counts['test_tracklets']:,} test tracklets{which}, "
        f"{counts['train_frames'] + counts['test_frames']:,} frames, fingerprint {split.fingerprint}"
    )
    if arguments.layout != "mars":
        print(f"read it with: --dataset {arguments.layout} --data-root {root}")
    return 0


def _change(text: str) -> tuple[str, Any]:
    from datasets.synthwalk.presets import World

    name, separator, value = text.partition("=")
    if separator and value and isinstance(getattr(World(), name, None), str):
        return name, value
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = None
    if not (separator and name) or not isinstance(parsed, int | float | list):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER, e.g. test_ids=20, nor style=WORD")
    if isinstance(parsed, list):
        parsed = tuple(tuple(item) if isinstance(item, list) else item for item in parsed)
    return name, parsed
