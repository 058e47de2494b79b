"""The measuring parts of the evidence: all arms in every way of running them; main arms by frames, and compiled."""

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import methods
from files import atomic
from methods.arms import Arm
from methods.cards.card import SERVING, ArmCard, Card
from protocols.cost import device as hardware
from protocols.cost.cell import Bench, Way, in_words
from protocols.cost.grid import LENGTHS, Grid, measure_grid
from protocols.cost.op_signature import signature
from protocols.cost.roofline import Ceilings, measure_ceilings

NUM_IDS = 625  # of MARS; classifiers are not part of what is measured
_CEILING_SECONDS = 3.0
_QUICK_ARMS = ("adfd/adfd", "adfd/e")
_LIBRARIES = (
    "torch", "torchvision", "numpy", "pillow", "triton", "numba", "scipy", "simplejpeg", "safetensors", "tqdm", 
    "fvcore", "mlflow",
)  # fmt: skip


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        device: ``cuda`` or ``cpu``.
        quick: the dry run: few arms, small frames.
    """

    device: str
    quick: bool

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame."""
        return (64, 32) if self.quick else (256, 128)

    @property
    def frames(self) -> int:
        """Of a tracklet, where frames are not what is varied."""
        return 2 if self.quick else 8

    @property
    def batches(self) -> tuple[int, ...]:
        """Tracklets in a call."""
        return (1, 2) if self.quick else (1, 16)

    @property
    def cell_seconds(self) -> float:
        """That a cell may take at most, where there would be more."""
        return 0.02 if self.quick else 0.6

    @property
    def ways(self) -> tuple[Way, ...]:
        """In the order in which a network is run; the layout changes once."""
        return tuple(Way(kind, order) for order in (False, True) for kind in ("fp32", "tf32", "bf16"))


@dataclass
class TimedPart:
    """One part of the evidence in its process.

    Attributes:
        file: where all that was found stands, written anew after each result: a process that is ended loses nothing.
        end: of ``time.monotonic``, by which the part should be done.
        extent: how much is measured.
        found: ``networks`` (or ``arms``), ``left_out``, and what else belongs to the part.
    """

    file: Path
    end: float
    extent: Extent
    found: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = {"machine": machine(self.extent.device), "left_out": []}
        self.write()

    def left(self) -> float:
        """Seconds to the end."""
        return self.end - time.monotonic()

    def add(self, kind: str, row: dict[str, Any]) -> None:
        """One more of the ``networks``, ``arms`` or what is ``left_out``."""
        self.found.setdefault(kind, []).append(row)
        self.write()

    def write(self) -> None:
        """The file, whole."""
        atomic.write_text(self.file, json.dumps(self.found, allow_nan=False))


def machine(device: str) -> dict[str, Any]:
    """What it was measured on, and under which settings of torch."""
    import numpy as np

    where = torch.device(device)
    return {
        "device": {**hardware.describe(where), "driver": _driver(), "processor": _processor(where)},
        "software": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            **{name: _version(name) for name in _LIBRARIES},
            "numpy_built_with": np.__version__,
        },
        "settings": {
            "threads": torch.get_num_threads(),
            "interop_threads": torch.get_num_interop_threads(),
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "default_matmul_tf32": torch.backends.cuda.matmul.allow_tf32,
            "default_convolution_tf32": torch.backends.cudnn.allow_tf32,
        },
    }


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"


def _driver() -> str:
    """Of the GPU; empty where nothing tells it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    command = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return ""


def _processor(where: torch.device) -> dict[str, Any]:
    """The CPU beside a GPU: it launches the kernels."""
    return hardware.describe(torch.device("cpu")) if where.type == "cuda" else {"cores": os.cpu_count()}


def arms_to_measure(quick: bool) -> list[tuple[Arm, list[str]]]:
    """One arm for each choice of network, with the names of all that have it; main arms come first.

    Arms that repair or label for others encode no tracklets and are not among them.
    """
    found: dict[str, tuple[Arm, list[str]]] = {}
    entries = [(card, name) for card in _cards().values() for name in card.arms]
    for card, name in sorted(entries, key=lambda entry: _rank(entry[0].arms[entry[1]])):
        full = f"{card.key}/{name}"
        if card.arms[name].role in SERVING or (quick and full not in _QUICK_ARMS):
            continue
        arm = methods.arm(name, card)
        key = f"{arm.method} {sorted(arm.settings().items())}"
        found.setdefault(key, (arm, []))[1].append(full)
    return list(found.values())


@cache
def _cards() -> dict[str, Card]:
    return methods.papers()


def _rank(entry: ArmCard) -> int:
    """Main arms, then the others that are trained by default, then the rest."""
    return 2 if not entry.default else 0 if entry.role != "ablation" else 1


def main_arms(quick: bool) -> list[tuple[Arm, list[str]]]:
    """Those that a paper proposes, and what it measures them against."""
    chosen = [(arm, names) for arm, names in arms_to_measure(quick) if _rank(_cards()[arm.paper].arms[arm.name]) == 0]
    return chosen[:1] if quick else chosen


def measure_costs(part: TimedPart) -> None:
    """All networks in every way, at one number of frames; the same work is measured once."""
    extent = part.extent
    ceilings = _ceilings(part)
    known: dict[str, dict[str, Any]] = {}
    todo = _todo(part, arms_to_measure(extent.quick))
    for place, (arm, names) in enumerate(todo):
        given = part.left() / (len(todo) - place)
        if given < 0.1:
            return  # whoever reads the file knows what is missing
        bench = _bench(part, arm, names)
        if bench is None:
            continue
        work = signature(bench.method, bench.feed.clips(extent.frames))
        if work in known:
            known[work]["arms"] += names
            part.write()
            continue
        grids = [grid.as_dict() for grid in _in_all_ways(bench, extent, given, ceilings)]
        known[work] = {"work": work, "arms": list(names), "grids": grids}
        part.add("networks", known[work])


def _in_all_ways(bench: Bench, extent: Extent, seconds: float, ceilings: Ceilings) -> Iterator[Grid]:
    end = time.monotonic() + seconds
    for place, way in enumerate(extent.ways):
        left = max(end - time.monotonic(), 0.1) / (len(extent.ways) - place)
        yield _grid(bench, extent, (extent.frames,), extent.batches, way, left, ceilings)


def _grid(
    bench: Bench, extent: Extent, lengths: Sequence[int], batches: Sequence[int], way: Way, seconds: float,
    ceilings: Ceilings,
) -> Grid:  # fmt: skip
    cell = extent.cell_seconds
    return measure_grid(
        bench, lengths=lengths, batches=batches, way=way, budget_s=seconds, cell_s=cell, ceilings=ceilings
    )


def measure_curves(part: TimedPart) -> None:
    """Main arms against the number of frames and of tracklets, the fastest and the plainest way."""
    extent = part.extent
    ceilings = _ceilings(part)
    ways = (Way("bf16", channels_last=True), Way("fp32"))
    lengths, batches = ((1, 2, 4), (1, 2)) if extent.quick else (LENGTHS, (1, 4, 16))
    todo = _todo(part, main_arms(extent.quick))
    for place, (arm, names) in enumerate(todo):
        given = part.left() / (len(todo) - place)
        if given < 0.5:
            return
        bench = _bench(part, arm, names)
        if bench is None:
            continue
        began = time.monotonic()
        grids = []
        for rest, way in zip((2, 1), ways, strict=True):
            left = max((given - (time.monotonic() - began)) / rest, 0.1)
            grids.append(_grid(bench, extent, lengths, batches, way, left, ceilings).as_dict())
        part.add("networks", {"arms": names, "grids": grids})


def compilations(extent: Extent) -> list[tuple[Arm, list[str], Way, int]]:
    """Arm, its names, way and batch of everything that is compiled, the most telling first."""
    rounds = [(Way("bf16", True, True), extent.batches[0]), (Way("bf16", True, True), extent.batches[-1])]
    rounds += [(Way("tf32", False, True), extent.batches[-1])]
    return [(arm, names, way, batch) for way, batch in rounds for arm, names in main_arms(extent.quick)]


def measure_compiled(part: TimedPart) -> None:
    """Main arms under torch.compile; one that never comes back costs those after it, but no other part."""
    extent = part.extent
    ceilings = _ceilings(part)
    _todo(part, main_arms(extent.quick))
    for arm, names, way, batch in compilations(extent):
        bench = _bench(part, arm, names)
        if bench is None:
            continue
        torch.compiler.reset()
        grid = _grid(bench, extent, (extent.frames,), (batch,), way, max(part.left(), 1.0), ceilings)
        part.add("networks", {"arms": names, "grids": [grid.as_dict()]})


def _todo(part: TimedPart, arms: list[tuple[Arm, list[str]]]) -> list[tuple[Arm, list[str]]]:
    """Arms, noted as those that are to be measured."""
    part.found["todo"] = [name for _, names in arms for name in names]
    part.write()
    return arms


def _ceilings(part: TimedPart) -> Ceilings:
    found = measure_ceilings(part.extent.device, budget_s=0.5 if part.extent.quick else _CEILING_SECONDS)
    part.found["ceilings"] = found.as_dict()
    return found


def _bench(part: TimedPart, arm: Arm, names: Sequence[str]) -> Bench | None:
    """The arm's network on the device; None, noted, where it cannot be put there."""
    try:
        return Bench(arm.build(NUM_IDS, part.extent.size), part.extent.size, part.extent.device)
    except Exception as error:  # whatever ails one network must not cost the others
        for name in names:
            part.add("left_out", {"arm": name, "reason": in_words(error)})
        return None
