"""Whether anything got worse: re-run a short pinned matrix and hold it against the stored results."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runners.cli.exit_codes import guarded
from runners.errors import RunError

if TYPE_CHECKING:
    from runners.regression.baseline import Baseline, Measured
    from runners.regression.table import Found

DEFAULT = "reports/baselines/embedded.json"
UPDATE_WORK = "runs/regress-update"

EXAMPLES = """examples:
  python -m runners.regress                                     the check of CI; exit code 1 if anything is worse
  python -m runners.regress --baseline reports/baselines/embedded.json --markdown regress.md
  python -m runners.regress --work runs/regress                 keep what is made, and go on from what is there
  python -m runners.regress --update --reason "AP of queries with one answer was wrong"       measure a new baseline

What is run stands in the baseline's file under "matrix": papers, arms, protocols, seeds, the world that is rendered,
lengths of training, threads. What is compared:
  accuracy   mAP and rank-1 of every arm, query by query: paired bootstrap with people resampled, one-sided for worse,
             Holm-corrected. On the baseline's own configuration training repeats bit by bit, so a clean run differs by
             exactly 0; elsewhere the spread between the baseline's seeds is added to the tolerance.
  cost       operations and parameters, exactly
  time       over that of a bare trunk, measured in turns in the same process; never in seconds
  probes     which frames are drawn and fed, what pixels reach a network, what seeded networks answer; exactly
Whatever vanished fails as well; improvements and news are told. After a change that is meant to move a number, measure
a new baseline and say why: the reason stays in the file.

exit codes: 0 nothing is worse, 1 something is (or the data or a protocol are not the baseline's), 2 bad input"""


def parser() -> argparse.ArgumentParser:
    """All options, with help that teaches."""
    p = argparse.ArgumentParser(
        prog="python -m runners.regress",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--baseline", default=DEFAULT, metavar="FILE", help="what is run and what came out (%(default)s)")
    p.add_argument("--update", action="store_true", help="measure a new baseline, with every seed of the matrix")
    p.add_argument("--reason", default="", metavar="WORDS", help="why a new baseline is measured; kept in the file")
    p.add_argument(
        "--work",
        metavar="FOLDER",
        help="where steps are made and found again (default: a temporary folder, so that nothing is taken from other "
        f"runs; with --update {UPDATE_WORK}, from which an interrupted measurement goes on and which is removed at "
        "its end)",
    )
    p.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="trainings side by side (default: as many as there are cores for); results do not depend on it",
    )
    p.add_argument("--json", action="store_true", help="print what was found as JSON in place of tables")
    p.add_argument("--markdown", metavar="FILE", help="also write the tables as Markdown, for a pull request")
    return p


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``.

    Raises:
        RunError: options that do not go together, or a number out of range.
    """
    options = parser().parse_args(argv)
    if options.reason and not options.update:
        raise RunError("--reason belongs to --update; a check changes nothing that would need one.")
    if options.update and not options.reason.strip():
        raise RunError('--update needs --reason "why the numbers may change"; it stays in the baseline\'s history.')
    if options.workers is not None and options.workers < 1:
        raise RunError(f"--workers {options.workers}: expected the number of processes, 1 or more.")
    from runners.regression.baseline import read_baseline

    path = Path(options.baseline)
    baseline = read_baseline(path)
    with _ended_cleanly():
        return update(path, baseline, options) if options.update else check(baseline, options)


@contextmanager
def _ended_cleanly() -> Iterator[None]:
    """A command that is told to end (SIGTERM: a CI job that is cancelled) tidies up as after Ctrl-C."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut the tidying short
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may listen to signals
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def check(baseline: "Baseline", options: argparse.Namespace) -> int:
    """Run the matrix with its first seed and compare."""
    from runners.regression.compare import Incomparable, compare, require_comparable
    from runners.regression.run import run_matrix
    from runners.regression.table import Found

    began = time.monotonic()
    try:
        stored = require_comparable(baseline, _data(baseline), _protocols(baseline))
    except Incomparable as error:
        return _incomparable(str(error), options)
    with _work(options.work, update=False) as work:
        new = run_matrix(baseline.matrix, work, baseline.matrix.seeds[:1], stored.seconds, workers=options.workers)
    rows = compare(baseline, new)
    found = Found(rows, stored, new, baseline.history, time.monotonic() - began, baseline.matrix.level)
    show(found, options)
    return 0 if found.passed else 1


def update(path: Path, baseline: "Baseline", options: argparse.Namespace) -> int:
    """Run the matrix with all its seeds and write what came out, whole or not at all."""
    from runners.regression.baseline import entry_of, write_baseline
    from runners.regression.run import run_matrix

    expected = baseline.measured.seconds if baseline.measured else {}
    with _work(options.work, update=True) as work:
        measured = run_matrix(
            baseline.matrix, work, baseline.matrix.seeds, expected, workers=options.workers, strict=True
        )
        entry = entry_of(measured, options.reason)
        size = write_baseline(path, baseline.matrix, measured, (*baseline.history, entry))
    _tell_update(path, baseline, measured, size, options)
    return 0


def show(found: "Found", options: argparse.Namespace) -> None:
    """Print what was found, and write the Markdown where it is wanted."""
    from runners.regression.table import as_data, as_markdown, as_text

    if options.markdown:
        _write(options.markdown, as_markdown(found))
    print(json.dumps(as_data(found), indent=1) if options.json else as_text(found))


def _tell_update(path: Path, old: "Baseline", measured: "Measured", size: int, options: argparse.Namespace) -> None:
    """What the new baseline holds, beside the one before it."""
    before = dict(old.history[-1].get("results", {})) if old.history else {}
    from runners.regression.baseline import entry_of

    entry = entry_of(measured, options.reason)
    if options.json:
        print(json.dumps({"baseline": str(path), "bytes": size, "entry": entry, "before": before}, indent=1))
        return
    print(
        f"{path}: {size:,} bytes, {len(measured.arms)} arms, {len(measured.probes)} probes. Reason: {entry['reason']}"
    )
    for name, metrics in entry["results"].items():
        for metric, value in metrics.items():
            was = before.get(name, {}).get(metric)
            print(f"  {name} {metric}: {value:.2f}" + (f" (before {was:.2f})" if was is not None else ""))


def _incomparable(sentence: str, options: argparse.Namespace) -> int:
    """A check that could not be made has failed."""
    from runners.regression.table import MARKER

    if options.markdown:
        _write(options.markdown, f"{MARKER}\n### Not comparable\n\n{sentence}\n")
    if options.json:
        print(json.dumps({"passed": False, "failures": [sentence], "rows": []}, indent=1))
    print(f"failed: {sentence}", file=sys.stderr)
    return 1


def _write(name: str, text: str) -> None:
    from runners.plan.step_store import write_bytes

    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode())


def _data(baseline: "Baseline") -> str:
    """Fingerprint of the data that would be rendered now."""
    from datasets.synthwalk.presets import fingerprint

    return fingerprint(baseline.matrix.rendered())


def _protocols(baseline: "Baseline") -> dict[str, dict[str, object]]:
    """Records of the matrix's protocols as they are now."""
    rules = [entry.rules() for entry in baseline.matrix.jobs]
    return {each.name: json.loads(json.dumps(each.as_dict())) for each in rules}


@contextmanager
def _work(wanted: str | None, *, update: bool) -> Iterator[Path]:
    """The folder of steps: the user's own, or one that is gone afterwards."""
    from runners.plan.plan import folder_of_work

    if wanted:
        yield folder_of_work(wanted)
    elif update:
        folder = folder_of_work(UPDATE_WORK)
        yield folder
        shutil.rmtree(folder)  # only here, when the new baseline is written: an interrupted one goes on
    else:
        with tempfile.TemporaryDirectory(prefix="reproid-regress-") as folder_name:
            yield Path(folder_name)


if __name__ == "__main__":
    sys.exit(main())
