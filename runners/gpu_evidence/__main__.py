"""Evidence from a GPU: what all arms cost there, and what the embedded matrix reaches, in under nine minutes.

Needs torch, torchvision, NumPy, SciPy, Pillow, safetensors and this project, and no network. Every part runs in a
process of its own and is ended when its time is up; the file is written anew after each result, so nothing is lost.
Networks are measured at 256x128 in float32, TF32 and bfloat16, channels first and last, and the main ones against
frames and batch and under torch.compile; then the embedded matrix is trained at 128x64 and judged under each paper's
own protocol.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runners.cli.exit_codes import guarded
from runners.errors import NotPossible, RunError
from runners.gpu_evidence import file
from runners.gpu_evidence.children import remove_behind, run_child
from runners.gpu_evidence.time_plan import SHORTEST, Clock, Part, TimePlan
from runners.gpu_evidence.worker import PARTS
from runners.plan.environment import command_line, git_state
from runners.plan.import_closure import HOUSE
from runners.progress import note

TOTAL_SECONDS = 530.0
CLOSING_SECONDS = 8.0
_PLAN = (Part("costs", 150), Part("training", 195), Part("curves", 70), Part("compiled", 95))
NEEDED = ("torch", "torchvision", "numpy", "scipy", "PIL", "safetensors")
_QUICK_SECONDS = 120.0
_TOGETHER = "all parts"

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
        help=f"for everything (default and most: {TOTAL_SECONDS:.0f}; a dry run: {_QUICK_SECONDS:.0f}, or more)",
    )
    p.add_argument(
        "--out", metavar="FILE", help="default reports/evidence/DEVICE-DATE.json; dry runs go to out/evidence"
    )
    p.add_argument("--json", action="store_true", help="print the whole record in place of a summary")
    return p


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``."""
    began = time.monotonic()
    options = parser().parse_args(argv)
    if options.device == "cpu" and not options.quick:
        raise NotPossible("this evidence is about CUDA GPUs; on a CPU only the dry run is possible: add --quick.")
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise NotPossible(f"{' and '.join(absent)} must be installed for this, with {sys.executable}.")
    if options.device == "cuda" and not _has_gpu():
        raise NotPossible(
            "no CUDA GPU was found, so there is nothing to give evidence of; run it where there is one, or try the "
            "script with --device cpu --quick."
        )
    # loading torch for the first time can take long, and counts
    evidence = Evidence(options, allowed(options.quick, options.seconds) - (time.monotonic() - began))
    path = evidence.run()
    print(json.dumps(evidence.record, indent=1) if options.json else summary(evidence.record, path))
    return 0


def allowed(quick: bool, wanted: float | None) -> float:
    """Seconds for everything: never more than a machine is lent for, but in a dry run, which nobody waits for.

    Raises:
        RunError: what is wanted is no number of seconds.
    """
    if wanted is not None and not 0 < wanted < float("inf"):
        raise RunError(f"--seconds {wanted:g}: expected a number of seconds above 0.")
    if quick:
        return wanted or _QUICK_SECONDS
    return min(wanted or TOTAL_SECONDS, TOTAL_SECONDS)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@dataclass
class Evidence:
    """One run of the command.

    Attributes:
        options: of the command line.
        seconds: to the very end.
        clock: seconds that only grow.
        record: what is written.
    """

    options: argparse.Namespace
    seconds: float
    clock: Clock = time.monotonic
    record: dict[str, Any] = field(init=False)
    plan: TimePlan = field(init=False)
    _todo: dict[str, list[str]] = field(default_factory=dict)
    _item: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.record = file.blank(self.options.quick, command_line())
        self.record["code"] = git_state(HOUSE)
        parts = [part for part in _PLAN if part.name in self.options.parts]
        if self.options.quick:  # one process, because most of a miniature is starting
            parts = [Part(_TOGETHER, sum(part.seconds for part in parts))]
        share = (self.seconds - CLOSING_SECONDS) / sum(part.seconds for part in _PLAN)
        self.plan = TimePlan(
            self.seconds, CLOSING_SECONDS, [Part(part.name, share * part.seconds) for part in parts], self.clock
        )
        self.record["plan"] = self.plan.rows

    def run(self) -> Path:
        """All parts; returns the file."""
        place = tempfile.mkdtemp(prefix="reproid-evidence-")
        # processes that are ended cannot tidy up, and compiled kernels must not be found from another run
        caches = dict.fromkeys(("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"), place)
        environment = {**os.environ, **caches}
        try:
            for part in self.plan.parts:
                note(f"evidence: {part.name}, at most {self.plan.seconds_for(part.name):.0f} s ...")
                self.plan.run(part.name, partial(self._part, part.name, environment))
                for name in self._parts_of(part.name):
                    self._missing(name, self.plan.rows[-1]["ended"])
                self._write()
            self.record["state"] = "complete"
            return self._write()
        finally:
            remove_behind(place)

    def _parts_of(self, name: str) -> list[str]:
        return list(self.options.parts) if name == _TOGETHER else [name]

    def _part(self, name: str, environment: dict[str, str], seconds: float) -> str:
        """One part; where its process was ended in the middle of something, another one goes on behind that."""
        end, skip = self.clock() + seconds, 0
        while True:
            self._item = None
            reason = self._child(self._parts_of(name), end - self.clock(), environment, skip)
            if self._item is None:
                return reason
            for arm in self._item["arms"]:
                self._leave_out(self._item["part"], arm, f"{self._item['way']}: {reason or 'its process ended'}")
            skip = int(self._item["item"]) + 1
            if name == _TOGETHER or end - self.clock() < SHORTEST:
                return reason

    def _child(self, parts: list[str], seconds: float, environment: dict[str, str], skip: int = 0) -> str:
        command = [
            sys.executable,
            "-m",
            "runners.gpu_evidence.worker",
            "--parts",
            *parts,
            "--device",
            self.options.device,
        ]
        command += ["--seconds", f"{max(seconds - 2, 1):.1f}", "--skip", str(skip)]
        command += ["--quick"] if self.options.quick else []
        return run_child(command, seconds, self._take, environment=environment)

    def _take(self, record: dict[str, Any]) -> float | None:
        """Put one record into its place; returns the limit for the next one."""
        kind = record.pop("kind")
        part = record.pop("part", "")
        if kind == "machine":
            self.record |= record
        elif kind == "ceilings":
            self.record["ceilings"][part] = record["ceilings"]
        elif kind == "todo":
            self._todo[part] = record["arms"]
        elif kind == "dataset":
            self.record[part]["dataset"] = record["dataset"]
        elif kind == "left_out":
            self._leave_out(part, record["arm"], record["reason"])
        elif kind == "begin":
            self._item = {**record, "part": part}
            return float(record["limit"])
        elif kind == "network":
            self._item = None
            self._add_network(part, record)
        else:
            self.record[part]["arms"].append(record)
        self._write()
        return None

    def _add_network(self, part: str, record: dict[str, Any]) -> None:
        networks = self.record[part]["networks"]
        record.pop("item", None)
        if not record["grids"] and "work" not in record:
            return  # why there is nothing was told before
        for other in networks:
            if "work" in record and other.get("work") == record["work"]:  # the same work is measured once
                other["arms"] += record["arms"]
                return
        networks.append(record)

    def _leave_out(self, part: str, arm: str, reason: str) -> None:
        self.record[part]["left_out"].append({"arm": arm, "reason": reason})

    def _missing(self, part: str, ended: str) -> None:
        """Arms that were to be done and are neither there nor left out are left out by the clock."""
        here = self.record[part]
        told = {row["arm"] for row in here["left_out"]} | {row["arm"] for row in here.get("arms", ())}
        told |= {arm for network in here.get("networks", ()) for arm in network["arms"]}
        for arm in self._todo.get(part, ()):
            if arm not in told:
                self._leave_out(part, arm, f"there was no time for it ({ended or 'the part ended'})")

    def _write(self) -> Path:
        self.record["seconds"] = round(self.seconds - CLOSING_SECONDS - self.plan.left(), 1)
        path = self._path()
        file.write(path, self.record)
        return path

    def _path(self) -> Path:
        if self.options.out:
            return Path(self.options.out)
        folder = file.DRY_FOLDER if self.options.quick else HOUSE / file.FOLDER
        return folder / file.file_name(self.record["device"].get("name", ""), self.record["started"])


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
