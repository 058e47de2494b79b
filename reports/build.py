"""Build the report of a recorded job from the tracking store alone: ``python -m reports.build --experiment ...``."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.errors import NothingToReport, ReportError
from reports.formats import Table
from reports.ledger import build_ledger
from reports.runs import Job, load_job
from reports.store import open_reader

EXAMPLE = """\
examples:
  python -m reports.build --experiment reid/synthwalk/res50-rgb-single-pass
  python -m reports.build --experiment reid/mars/res50-rgb-single-pass --paper gltr --out reports/gltr-mars
  python -m reports.build --experiment reid/synthwalk/rgb-single-pass --paper adfd --slice backpack "top color"
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
        paper: report this paper's latest finished job; ``None``: the latest of all.
        parent: report this parent run (an id or its start).
        tracking_uri: ``None`` reads ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.
        out: the folder; default ``report/<paper>-<dataset>-<protocol>``.
        slices: attributes of the queries to show accuracy by, such as ``backpack``.

    Returns:
        Plain data: folder, files, parent run id, verdicts and tables.

    Raises:
        ReportError: bad input, an attribute that was not recorded, missing artifacts, or a folder that cannot be
            written.
        NothingToReport: nothing recorded, or no server.
    """
    job = load_job(open_reader(tracking_uri), experiment, paper, parent)
    return write(job, out, slices)


def write(job: Job, out: Path | None = None, slices: Sequence[str] = ()) -> dict[str, Any]:
    """Write the report folder of a job that is already loaded; see :func:`build`."""
    from reports import attribute_page, masks, repair_page, sides, tables
    from reports.page import paper_page
    from reports.slices import find

    wanted = find(job, slices)
    ledger = build_ledger(job)
    first = job.any_result
    name = f"{first['paper']}-{first['dataset']['name']}-{first['protocol']['name']}"
    folder = out or Path("report") / name
    made: list[Table] = [tables.results(job), tables.stages(job), tables.runs(job)]
    some = [tables.conventions(job, "mAP"), tables.conventions(job, "rank1"), sides.matrix(job), sides.variants(job)]
    for group in job.arms():
        if group.explained():
            some += [masks.accuracy(group), masks.differences(group)]
    some += [*repair_page.tables(job), *attribute_page.tables(job, wanted)]
    made += [table for table in some if table.rows]
    files: dict[str, str] = {"index.html": paper_page(job, ledger, wanted)}
    for table in made:
        files[f"{table.name}.csv"] = table.as_csv()
        files[f"{table.name}.tex"] = table.as_latex()
    files |= {
        "ledger.json": json.dumps(ledger.as_dict(), indent=1, sort_keys=True, ensure_ascii=False) + "\n",
        "ledger.csv": ledger.as_csv(),
        "tables.json": json.dumps([table.as_dict() for table in made], indent=1, ensure_ascii=False) + "\n",
    }
    _write_files(folder, files)
    return {
        "folder": str(folder),
        "files": sorted(files),
        "experiment": job.experiment,
        "parent_id": job.parent_id,
        "verdicts": {claim.id: claim.verdict for claim in ledger.claims},
        "ledger": ledger.as_dict(),
        "tables": {table.name: table.as_dict() for table in made},
        "repair": list(repair_page.what_can_be_shown(job)),
        "slices": [one.attribute["name"] for one in wanted],
    }


def _write_files(folder: Path, files: dict[str, str]) -> None:
    """Each file appears whole: written under another name in the same folder and moved."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with tempfile.NamedTemporaryFile("w", dir=folder, encoding="utf-8", delete=False, newline="\n") as file:
                temporary = Path(file.name)
                try:
                    file.write(text)
                    file.close()
                    temporary.chmod(0o644)
                    temporary.replace(folder / name)
                except OSError:
                    temporary.unlink(missing_ok=True)
                    raise
    except OSError as error:
        raise ReportError(
            f"the report folder {folder} cannot be written ({error.strerror or error}); name another with --out."
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m reports.build",
        description="Build page, tables and ledger of a recorded job; reads the tracking store, nothing else.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--experiment", required=True, help="name in the store: reid/<dataset>/<protocol>")
    parser.add_argument("--paper", help="the paper's key; default: the latest finished job")
    parser.add_argument("--parent", help="run id of the job's parent run, or its first letters")
    parser.add_argument("--tracking-uri", help="default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db here")
    parser.add_argument(
        "--slice",
        nargs="+",
        default=[],
        metavar="NAME",
        help="accuracy for each value of an attribute of the queries, such as backpack; the page lists what there is",
    )
    parser.add_argument("--out", type=Path, help="folder to write; default: report/<paper>-<dataset>-<protocol>")
    parser.add_argument("--json", action="store_true", help="print verdicts, tables and files as JSON")
    options = parser.parse_args(arguments)
    os.environ.setdefault("MPLBACKEND", "Agg")
    try:
        done = build(
            options.experiment,
            paper=options.paper,
            parent=options.parent,
            tracking_uri=options.tracking_uri,
            out=options.out,
            slices=options.slice,
        )
    except NothingToReport as error:
        print(f"reports.build: {error}", file=sys.stderr)
        return 3
    except ReportError as error:
        print(f"reports.build: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(done, indent=1, ensure_ascii=False))
        return 0
    for claim, verdict in done["verdicts"].items():
        print(f"{verdict:<14} {claim}")
    print(f"\nwrote {done['folder']}/index.html and {len(done['files']) - 1} files beside it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
