"""`python -m runners.data pack`: a data set's image files in a few large files, which are read instead of them."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from datasets import pack
from datasets.images.header import FAULTS
from runners.dataset_tools.source import add_source, divisions_of, examine, name_of

DESCRIPTION = """\
Put the image files of a data set, their bytes untouched, into a few large files with an index. A pack is checked by
checksums, copied as fast as the disk goes, and read without a million single files; runs are the same to the last bit.

It lies as `pack` in the data set's folder unless --out names another place. There it is used without being asked for,
as long as it holds that very data; elsewhere name it as the data set's folder. Cut off, the same command goes on.
All divisions of a data set go into one pack, and each frame once, unless --split names one.

The header of each image is looked at while its bytes are in hand: one that is cut short, damaged or of a kind that is
not read ends the packing, as it would end every run that meets it, unless --accept says that you know of such ones.

examples:
  python -m runners.data pack /data/mars
  python -m runners.data pack /data/mars --out /fast/mars-pack
  python -m runners.data verify /fast/mars-pack                 # checksums
  python -m runners.reproduce --paper gltr --dataset mars --data-root /fast/mars-pack

exit codes: 0 done, 2 the data set is not complete, an image cannot be used, or the disk is full
"""


def add_parser(actions: Any) -> None:
    """The action and its options."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "pack",
        help="put a data set's images into a few large files, which are read instead",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source(parser, images=False)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where it goes (default: ROOT/pack)")
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        choices=FAULTS,
        help="pack images with this fault too, their bytes as they are, and count them; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    parser.set_defaults(action=pack_up)


def pack_up(arguments: argparse.Namespace) -> int:
    """Write a pack of every division; returns the exit code."""
    name = name_of(arguments)
    splits = [examine(arguments, name, number).require() for number in divisions_of(arguments, name)]
    folder = arguments.out or splits[0].root / "pack"
    report = pack.write(splits, folder, accept=arguments.accept)
    if arguments.json:
        fingerprints = [split.fingerprint for split in splits]
        print(json.dumps({"folder": str(folder), "fingerprints": fingerprints, **dataclasses.asdict(report)}, indent=2))
        return 0
    which = f", {len(splits)} divisions" if len(splits) > 1 else ""
    print(
        f"{folder}: {report.frames:,} frames of {splits[0].name}{which}, {report.bytes / 1e6:,.1f} MB in "
        f"{report.shards:,} shard{'' if report.shards == 1 else 's'}, {_effort(report)}"
    )
    if report.accepted:
        print(f"{report.accepted:,} image{'' if report.accepted == 1 else 's'} with a fault packed, as accepted")
    return 0


def _effort(report: pack.PackReport) -> str:
    """How long it took; of a pack that an earlier call had begun the rate would tell nothing."""
    if report.resumed_shards == report.shards:
        return "finished before: nothing was written"
    if report.resumed_shards:
        return f"{report.resumed_shards:,} of them written before, the others in {report.seconds:.1f} s"
    rate = report.frames / max(report.seconds, 1e-9)
    return f"in {report.seconds:.1f} s ({rate:,.0f} frames a second)"
