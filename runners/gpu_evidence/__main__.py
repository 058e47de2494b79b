"""Evidence from a GPU: what all arms cost there, and what the embedded matrix reaches, in under nine minutes.

Needs torch, torchvision, NumPy, SciPy, Pillow, safetensors and this project, and no network. Every part runs in a
process of its own and is ended when its time is up; it writes what it finds after each result, so a crash costs one
part at most. Networks are measured at 256x128 in float32, TF32 and bfloat16, channels first and last, and the main ones
against frames and batch and under torch.compile; then the embedded matrix is trained at 128x64 and scored under each
paper's own protocol.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from files import atomic
from runners.cli.exit_codes import guarded
from runners.errors import NotPossible, RunError
from runners.plan.environment import command_line, git_state
from runners.plan.import_closure import HOUSE
from runners.progress import note

PARTS = {"costs": 150.0, "training": 195.0, "curves": 70.0, "compiled": 95.0}
"""Part -> seconds that are kept for it, in order; what one leaves goes to those after it."""
TOTAL_SECONDS, QUICK_SECONDS = 530.0, 120.0
CLOSING_SECONDS = 8.0  # of them, for writing
SHORTEST = 5.0  # seconds; a process that would get less is not started
NEEDED = ("torch", "torchvision", "numpy", "scipy", "PIL", "safetensors")
SCHEMA = 1
LISTS = {part: ("arms" if part == "training" else "networks", "left_out") for part in PARTS}
_PATH = re.compile(r"(?<![\w.:/])(?:/[\w.+@\-]+){2,}")
_NUMBERS = re.compile(r"\[[-+\d.eE,\s]+\]")  # a list of numbers goes on one line: a line a sample would be thousands

EXAMPLES = """examples:
  make gpu-evidence                                     on a machine with a CUDA GPU; leaves a file in reports/evidence
  python3 -m runners.gpu_evidence --parts costs curves      only what networks cost
  python3 -m runners.gpu_evidence --device cpu --quick      a dry run of the same script, in miniature, on a CPU

exit codes: 0 done (what was left out stands in the file, with the reason), 2 bad input, 3 no CUDA GPU here"""


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = argparse.ArgumentParser(
        prog="python -m runners.gpu_evidence",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cuda, or cpu for a dry run with --quick")
    p.add_argument("--quick", action="store_true", help="a dry run in miniature, marked as such in the file")
    p.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="which parts (default: all)")
    p.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help=f"for everything (default and most: {TOTAL_SECONDS:.0f}; a dry run: {QUICK_SECONDS:.0f}, or more)",
    )
    p.add_argument(
        "--out", metavar="FILE", help="default reports/evidence/DEVICE-DATE.json; dry runs go to out/evidence"
    )
    p.add_argument("--json", action="store_true", help="print the whole record in place of a summary")
    p.add_argument("--into", help=argparse.SUPPRESS)  # the folder of the part files: this is one of the processes
    return p


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``.

    Raises:
        NotPossible: no CUDA GPU, no POSIX, something that is not installed, or a CPU without ``--quick``.
    """
    began = time.monotonic()
    options = parser().parse_args(argv)
    if options.into:
        return _work(options, began)
    if options.device == "cpu" and not options.quick:
        raise NotPossible("this evidence is about CUDA GPUs; on a CPU only the dry run is possible: add --quick.")
    if os.name != "posix":
        raise NotPossible("parts are run in processes of their own as Linux and macOS have them; run this there.")
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise NotPossible(f"{' and '.join(absent)} must be installed for this, with {sys.executable}.")
    if options.device == "cuda" and not _has_gpu():
        raise NotPossible(
            "no CUDA GPU was found, so there is nothing to give evidence of; run it where there is one, or try the "
            "script with --device cpu --quick."
        )
    # loading torch for the first time can take long, and counts
    record, path = measure(options, allowed(options.quick, options.seconds) - (time.monotonic() - began))
    print(json.dumps(record, indent=1) if options.json else summary(record, path))
    return 0


def allowed(quick: bool, wanted: float | None) -> float:
    """Seconds for everything: never more than a machine is lent for, but in a dry run, which nobody waits for.

    Raises:
        RunError: what is wanted is no number of seconds.
    """
    if wanted is not None and not 0 < wanted < float("inf"):
        raise RunError(f"--seconds {wanted:g}: expected a number of seconds above 0.")
    if quick:
        return wanted or QUICK_SECONDS
    return min(wanted or TOTAL_SECONDS, TOTAL_SECONDS)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def measure(
    options: argparse.Namespace, seconds: float, clock: Callable[[], float] = time.monotonic
) -> tuple[dict[str, Any], Path]:
    """All parts, one process after the other; gives the record and its file, which is written after each process.

    Args:
        options: of the command line.
        seconds: to the very end.
        clock: seconds that only grow.
    """
    began = clock()
    end, scale = began + seconds - CLOSING_SECONDS, (seconds - CLOSING_SECONDS) / sum(PARTS.values())
    record = blank(options.quick, command_line()) | {"code": git_state(HOUSE)}
    parts = [part for part in PARTS if part in options.parts]
    groups = [parts] if options.quick else [[part] for part in parts]  # most of a miniature is starting
    place = Path(tempfile.mkdtemp(prefix="reproid-evidence-"))
    # processes that are ended cannot tidy up, and compiled kernels must not be found from another run
    environment = os.environ | dict.fromkeys(("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"), str(place))
    try:
        for number, group in enumerate(groups):
            name = "all parts" if options.quick else group[0]
            begun = clock()
            given = end - begun - scale * sum(PARTS[part] for later in groups[number + 1 :] for part in later)
            note(f"evidence: {name}, at most {max(given, 0):.0f} s ...")
            command = [sys.executable, "-m", "runners.gpu_evidence", "--device", options.device, "--parts", *group]
            command += ["--into", str(place), "--seconds", f"{max(given - 2, 1):.1f}", *["--quick"] * options.quick]
            reason = f"left out: {max(given, 0):.0f} s were left for it"
            if given >= SHORTEST:
                reason = run_process(command, given, environment)
            record["plan"].append(
                {"part": name, "given_s": round(given, 1), "used_s": round(clock() - begun, 1),
                 "ended": reason or "by itself"}
            )  # fmt: skip
            for part in group:
                take(record, part, place / f"{part}.json", reason)
            _write(record, options, clock() - began)
        record["state"] = "complete"
        return record, _write(record, options, clock() - began)
    finally:  # tens of thousands of small files can take half a minute: nobody waits for that
        subprocess.Popen(["rm", "-rf", str(place)], start_new_session=True, stdin=subprocess.DEVNULL)


def run_process(command: Sequence[str], seconds: float, environment: Mapping[str, str]) -> str:
    """Run a command for so long at most, and end all that it started; gives why it did not end well, or nothing."""
    child = subprocess.Popen(command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL, cwd=HOUSE)
    try:
        code = child.wait(seconds)
        return f"its process ended with exit code {code}" if code else ""
    except subprocess.TimeoutExpired:
        return f"stopped: its {seconds:.0f} s were used up"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # one that hangs in a driver is left to the system
            child.wait(3)


def _work(options: argparse.Namespace, began: float) -> int:
    """What one process does: its parts, each with its own file."""
    from runners.gpu_evidence import costs, training

    works = {
        "costs": costs.measure_costs, "curves": costs.measure_curves, "compiled": costs.measure_compiled,
        "training": training.train_and_score,
    }  # fmt: skip
    extent = costs.Extent(options.device, options.quick)
    for number, part in enumerate(options.parts):
        now = time.monotonic()
        given = (began + options.seconds - now) / (len(options.parts) - number)
        works[part](costs.TimedPart(Path(options.into) / f"{part}.json", now + given, extent))
    sys.stderr.flush()
    os._exit(0)  # a driver may hang on the way out


def take(record: dict[str, Any], part: str, file: Path, reason: str) -> None:
    """Put what a part's process has written into the record.

    Args:
        record: of the evidence.
        part: its name.
        file: of the process; not there where it was ended before it found anything.
        reason: why the process did not end by itself, or nothing.
    """
    found = json.loads(file.read_text()) if file.is_file() else {}
    record |= found.pop("machine", {})
    if "ceilings" in found:
        record["ceilings"][part] = found.pop("ceilings")
    todo = found.pop("todo", [])
    here = record[part]
    here |= found
    named = {row["arm"] for name in LISTS[part] for row in here[name] if "arm" in row}
    named |= {arm for network in here.get("networks", ()) for arm in network["arms"]}
    late = f"there was no time for it ({reason or 'the part ended'})"
    here["left_out"] += [{"arm": arm, "reason": late} for arm in todo if arm not in named]


def blank(dry_run: bool, command: str, now: datetime | None = None) -> dict[str, Any]:
    """A record in which nothing stands yet."""
    return {
        "schema": SCHEMA,
        "kind": "evidence",
        "dry_run": dry_run,
        "state": "partial",
        "started": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "seconds": 0.0,
        "command": command,
        **{name: {} for name in ("device", "software", "settings", "code", "ceilings")},
        "plan": [],
        **{part: {name: [] for name in lists} for part, lists in LISTS.items()},
    }


def file_of(record: Mapping[str, Any], options: argparse.Namespace) -> Path:
    """Where the record goes: ``--out``, or a name such as ``nvidia-h100-80gb-hbm3-2026-11-30.json``."""
    if options.out:
        return Path(options.out)
    slug = re.sub(r"[^a-z0-9]+", "-", record["device"].get("name", "").lower()).strip("-") or "unknown-device"
    folder = Path("out/evidence") if options.quick else HOUSE / "reports" / "evidence"
    return folder / f"{slug}-{record['started'][:10]}.json"


def _write(record: dict[str, Any], options: argparse.Namespace, seconds: float) -> Path:
    record["seconds"] = round(seconds, 1)
    path = file_of(record, options)
    write(path, record)
    return path


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a record whole, without paths of this machine."""
    text = json.dumps(without_paths(record), indent=1, sort_keys=True, allow_nan=False)
    text = _NUMBERS.sub(lambda found: re.sub(r"\s+", " ", found.group()).replace("[ ", "[").replace(" ]", "]"), text)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, f"{text}\n")


def without_paths(value: Any) -> Any:
    """The same with every absolute path cut down to its last name."""
    if isinstance(value, str):
        return _PATH.sub(lambda found: found.group().rpartition("/")[2], value)
    if isinstance(value, Mapping):
        return {key: without_paths(one) for key, one in value.items()}
    return [without_paths(one) for one in value] if isinstance(value, (list, tuple)) else value


def summary(record: dict[str, Any], path: Path) -> str:
    """What is in the file, in a few lines."""
    lines = [f"{record['device'].get('name', 'no device answered')}, {record['seconds']:.0f} s -> {path}"]
    for row in record["plan"]:
        lines.append(f"  {row['part']}: {row['used_s']:.0f} of {row['given_s']:.0f} s, ended {row['ended']}")
    for part in ("costs", "curves", "compiled"):
        networks = record[part]["networks"]
        cells = [c for n in networks for g in n["grids"] for c in g["cells"]]
        left = sum(bool(c["left_out"]) for c in cells)
        lines.append(f"  {part}: {len(networks)} networks, {len(cells) - left} cells measured, {left} left out")
    for arm in record["training"]["arms"]:
        metrics = arm["metrics"]
        lines.append(
            f"  {arm['arm']}: mAP {metrics['mAP']:.1f}, rank-1 {metrics['rank1']:.1f} ({arm['seconds']:.0f} s)"
        )
    left_out = [(part, row) for part in PARTS for row in record[part]["left_out"]]
    lines += [f"  left out of {part}: {row['arm']}: {row['reason']}" for part, row in left_out[:12]]
    lines += [f"  and {len(left_out) - 12} more left out" for _ in (1,) if len(left_out) > 12]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
