"""Build the report of a recorded job from the tracking store alone: ``python -m reports.build --experiment ...``."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from files import exit_codes
from files.arguments import words
from protocols.errors import ProtocolError
from reports.errors import NothingToReport, ReportError
from reports.render.write import write_files
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import open_reader

EXAMPLE = """\
examples:
  python -m reports.build --experiment reid/synthwalk/res50-rgb-single-pass
  python -m reports.build --experiment reid/mars/res50-rgb-single-pass --paper gltr --out reports/gltr-mars
  python -m reports.build --experiment reid/synthwalk/rgb-single-pass --paper adfd --slice backpack "top color"
  python -m reports.build --all                              every job, the comparison, all claims: out/index.html
  python -m reports.build --all --paper gltr cosam --out out/two
  MLFLOW_TRACKING_URI=http://host:5000 python -m reports.build --experiment reid/synthwalk/res50-rgb-single-pass

exit codes: 0 built, 2 bad input, 3 nothing recorded there yet or no server answers
"""


def build(
    experiment: str,
    *,
    paper: str | None = None,
    parent: str | None = None,
    tracking_uri: str | None = None,
    out: Path | None = None,
    slices: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the report folder: the page, every table as CSV and LaTeX, the ledger as JSON and CSV.

    Args:
        experiment: e.g. ``reid/synthwalk/res50-rgb-single-pass``.
        paper: report this paper's latest finished job that is no variant; ``None``: the latest such of all.
        parent: report this parent run (an id or its start).
        tracking_uri: ``None`` reads ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.
        out: the folder; default ``report/<paper>-<dataset>-<protocol>``.
        slices: attributes of the queries to show accuracy by, such as ``backpack``.

    Returns:
        Plain data: folder, files, parent run id, gains and tables.

    Raises:
        ReportError: bad input, an attribute that was not recorded, missing artifacts, or a folder that cannot be
            written.
        NothingToReport: nothing recorded, or no server.
    """
    job = load_job(open_reader(tracking_uri), experiment, paper, parent)
    return write(job, out, slices)


def write(job: Job, out: Path | None = None, slices: Sequence[str] = ()) -> dict[str, Any]:
    """Write the report folder of a job that is already loaded; see :func:`build`."""
    from reports.compose import compose

    made = compose(job, slices)
    folder = out or Path("report") / made.name
    write_files(folder, made.files)
    return {"folder": str(folder), "files": sorted(made.files), **made.facts}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit code."""

    def run() -> int:
        options = parser().parse_args(words(arguments))
        os.environ.setdefault("MPLBACKEND", "Agg")
        return _all(options) if options.all else _one(options)

    named = "reports.build: "
    return exit_codes.ended(run, {NothingToReport: (named, 3), ReportError: (named, 2), ProtocolError: (named, 2)})


def parser() -> argparse.ArgumentParser:
    """All options, with help that teaches."""
    found = argparse.ArgumentParser(
        prog="python -m reports.build",
        description="Build reports from what is recorded: the page, tables and ledger of one job; or, with --all, of "
        "every job, with the comparison, the claims of all papers and an index. Reads nothing but the tracking store.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--all", action="store_true", help="every job that counts, and the pages across papers")
    found.add_argument(
        "--experiment",
        nargs="+",
        default=[],
        metavar="NAME",
        help="name in the store: reid/<dataset>/<protocol>; needed without --all, with it: only these",
    )
    found.add_argument(
        "--paper", nargs="+", default=[], metavar="KEY", help="key of the paper; default: the latest finished job (all)"
    )
    found.add_argument(
        "--parent",
        nargs="+",
        default=[],
        metavar="ID",
        help="run id of a job's parent run, or its first letters; so a variant (--pretrained, --size ...) is shown "
        "where there is a plain job too",
    )
    found.add_argument("--tracking-uri", help="default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db here")
    found.add_argument(
        "--slice",
        nargs="+",
        default=[],
        metavar="NAME",
        help="accuracy for each value of an attribute of the queries, such as backpack; the page lists what there is",
    )
    found.add_argument(
        "--out", type=Path, help="folder to write; default: report/<paper>-<dataset>-<protocol>, with --all: out"
    )
    found.add_argument("--json", action="store_true", help="print gains, tables and files as JSON")
    return found


def _one(options: argparse.Namespace) -> int:
    for name in ("experiment", "paper", "parent"):
        if len(getattr(options, name)) > 1:
            raise ReportError(f"--{name} names {len(getattr(options, name))}; name one, or add --all.")
    if not options.experiment:
        raise ReportError("--experiment is missing; name one such as reid/synthwalk/rgb-snippets, or add --all.")
    done = build(
        options.experiment[0],
        paper=next(iter(options.paper), None),
        parent=next(iter(options.parent), None),
        tracking_uri=options.tracking_uri,
        out=options.out,
        slices=options.slice,
    )
    if options.json:
        print(json.dumps(done, indent=1))
        return 0
    for claim, gain in done["gains"].items():
        print(f"{gain:<16} {claim}")
    print(f"\nwrote {done['folder']}/index.html and {len(done['files']) - 1} files beside it")
    return 0


def _all(options: argparse.Namespace) -> int:
    from reports.suite import build_suite
    from reports.terminal_comparison import page

    if options.slice:
        raise ReportError("--slice is about one job; leave it out, or leave out --all.")
    done = build_suite(
        options.out or Path("out"),
        options.tracking_uri,
        options.parent,
        papers=options.paper,
        experiments=options.experiment,
        progress=_Progress(),
    )
    if options.json:
        print(json.dumps(done, indent=1))
        return 0
    print(page(done))
    if done["left_out"]:
        counts = ", ".join(f"{count} {kind}" for kind, count in done["left_out"].items())
        print(f"Recorded, but left out: {counts}; the reasons are on the page.")
    return 0


class _Progress:
    """Lines on stderr with what remains, once it takes longer than two seconds."""

    def __init__(self) -> None:
        self.began = self.said = time.monotonic()

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if not what or now - self.began < 2 or now - self.said < 2:
            return
        left = (now - self.began) / done * (total - done) if done else 0.0
        print(f"{done} of {total}, about {left:.0f} s left: {what}", file=sys.stderr)
        self.said = now


if __name__ == "__main__":
    sys.exit(main())
