"""One run of the matrix, from rendering to timing; nothing is taken from other runs unless a folder is shared."""

import gc
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import datasets
import methods
from datasets import synthwalk
from datasets.attributes import Annotation
from datasets.tracklet import Split
from reports.record import counted, query_values, split_metric
from runners.annotating import AnnotatedSplit, find_annotation
from runners.environment import describe, runtime
from runners.job import Job, Outcome
from runners.plan import fitted
from runners.planned import ArmRun, Setting
from runners.progress import Bar, note, shown_on
from runners.regression_baseline import ArmResult, Measured, Probe, rounded
from runners.regression_matrix import Entry, Matrix
from runners.regression_probes import probe_house, probe_job
from runners.regression_speed import ratios
from runners.stages import WEIGHTS, build_method
from runners.steps import StepStore

DEVICE = "cpu"
SPEED_SECONDS = 0.8
COLOUR_TOLERANCE = 1e-4  # of 100 points: a hundredth of a point


@dataclass
class _Clock:
    """How long each part took, and from an earlier run how long the others will."""

    parts: Sequence[str]
    expected: Mapping[str, float]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        note(f"[{len(self.seconds) + 1} of {len(self.parts)}] {name}{self._left()}")
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun

    def _left(self) -> str:
        ahead = [name for name in self.parts if name not in self.seconds]
        if not all(_plain(name) in self.expected for name in ahead):
            return ""
        behind = sum(self.expected[_plain(name)] for name in self.seconds)
        pace = sum(self.seconds.values()) / behind if behind > 0 else 1.0
        return f" (about {pace * sum(self.expected[_plain(name)] for name in ahead):.0f} s left)"


@dataclass
class _Gathered:
    """What outcomes gave, seed by seed."""

    protocol: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    values: dict[str, dict[int, NDArray[np.float64]]] = field(default_factory=dict)
    weights: dict[int, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    precision: str = ""


class _Silent:
    """A screen for a hundred passes of a few frames each."""

    @contextmanager
    def bar(self, title: str, total: int, unit: str, done: int) -> Iterator[Bar]:
        yield _Still()

    def note(self, text: str) -> None:
        pass


class _Still:
    def update(self, n: int) -> None:
        pass

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        pass


def run_matrix(matrix: Matrix, work: Path, seeds: Sequence[int], expected: Mapping[str, float]) -> Measured:
    """Render, train, judge, probe and time.

    Args:
        matrix: what is run.
        work: folder for data and steps; what lies there and fits is not made again.
        seeds: of the trainings; those of the matrix for a baseline, its first one for a check.
        expected: seconds that the parts of an earlier run took, for the remaining time; may be empty.
    """
    torch.set_num_threads(matrix.threads)
    jobs = [f"{entry.card().key}, seed {seed}" for seed in seeds for entry in matrix.jobs]
    clock = _Clock(["data", *jobs, "probes", "speed"], expected)
    with clock.part("data"):
        split, annotation = _data(matrix, work)
    steps = StepStore(work)
    gathered: dict[str, _Gathered] = {}
    probes: dict[str, Probe] = {}
    people, queries = np.empty(0, dtype=np.int64), ""
    made: list[tuple[Entry, Job]] = []
    for seed in seeds:
        for entry in matrix.jobs:
            job = Job(_setting(matrix, entry, split, annotation), split, entry.rules(), steps, work, "", annotation)
            with clock.part(f"{entry.card().key}, seed {seed}"):
                for outcome in job.outcomes(_runs(entry), [seed]):
                    people, queries = outcome.per_query["person"], _digest_of_names(outcome.per_query["key"])
                    if outcome.result["control"] == "colour":
                        probes[f"colour row, {entry.protocol}"] = _colour(outcome)
                        continue
                    key = entry.key(outcome.result["arm"])
                    _gather(gathered.setdefault(key, _Gathered()), outcome, entry, seed, steps)
            if seed == seeds[0]:
                made.append((entry, job))
    with clock.part("probes"), shown_on(_Silent()):
        probes |= probe_house()
        for entry, job in made:
            probes |= probe_job(job, _runs(entry), entry.card().key, seeds[0], work)
    arms = {}
    with clock.part("speed"):
        for entry, job in made:
            for run in _runs(entry):
                key = entry.key(run.name)
                arms[key] = _arm(gathered[key], entry, job, run)
                gc.collect()
    precisions = sorted({found.precision for found in gathered.values()})
    about = describe()
    return Measured(
        configuration={**runtime(DEVICE), "precision": " and ".join(precisions)},
        versions={"python": about["python"], **about["libraries"]},
        data=split.fingerprint,
        people=np.asarray(people, dtype=np.int64),
        queries=queries,
        arms=arms,
        probes=probes,
        seconds={_plain(name): value for name, value in clock.seconds.items()},
    )


def _plain(part: str) -> str:
    """A part's name without the seed: every seed takes as long."""
    return part.partition(", seed")[0]


def _data(matrix: Matrix, work: Path) -> tuple[Split, Annotation | None]:
    folder = synthwalk.render(matrix.rendered(), work / "world", progress=False)
    split = datasets.load("synthwalk", folder)
    return split, find_annotation(split, None)


def _setting(matrix: Matrix, entry: Entry, split: Split, annotation: Annotation | None) -> Setting:
    world = matrix.rendered()
    return Setting(
        card=entry.card(),
        profile=matrix.profile,
        budget=matrix.budget,
        pretrained="card",
        size=(world.height, world.width),
        num_ids=split.num_train_ids,
        data=split.fingerprint,
        device=DEVICE,
        runtime=runtime(DEVICE),
        annotation=AnnotatedSplit(split, annotation).planned() if annotation else None,
        lengths=matrix.lengths,
        precision=matrix.precision or None,
    )


def _runs(entry: Entry) -> list[ArmRun]:
    card = entry.card()
    return [ArmRun(methods.arm(arm, card)) for arm in entry.arms]


def _gather(found: _Gathered, outcome: Outcome, entry: Entry, seed: int, steps: StepStore) -> None:
    result = outcome.result
    for metric in entry.metrics:
        if metric in result["metrics"]:
            found.values.setdefault(metric, {})[seed] = _per_query(outcome, metric)
    weights = steps.root / "stage" / result["stages"][-1]["fingerprint"] / WEIGHTS
    found.weights[seed] = hashlib.sha256(weights.read_bytes()).hexdigest()[:16]
    if found.protocol:
        return
    found.protocol = plain_protocol(result["protocol"])
    found.metrics = {name: float(value) for name, value in result["metrics"].items()}
    found.counts = _counts(result["cost"])
    found.precision = str(result["precision"])


def plain_protocol(record: Mapping[str, Any]) -> dict[str, Any]:
    """A protocol's record as JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(record))
    return plain


def _per_query(outcome: Outcome, metric: str) -> NDArray[np.float64]:
    """``[Q]`` in percent, NaN where a query does not count."""
    empty = outcome.result["protocol"]["empty"]
    keep = counted(outcome.per_query, empty, split_metric(metric)[0])
    values = np.full(len(keep), np.nan)
    values[keep] = query_values(outcome.per_query, metric, empty)
    return rounded(values)


def _counts(cost: Mapping[str, Any]) -> dict[str, int]:
    """Whole numbers again, out of the record's billions and millions."""
    counts = {f"FLOPs of {n} frames": round(2e9 * value) for n, value in cost["gmacs_per_tracklet"].items()}
    counts["parameters of the descriptor"] = round(1e6 * cost["params_m"])
    counts["parameters, trainable"] = round(1e6 * cost["params_trainable_m"])
    counts["parameters in all"] = round(1e6 * cost["params_total_m"])
    if "image" in cost:
        counts["FLOPs of an image"] = round(2e9 * cost["image"]["gmacs"])
    return counts


def _colour(outcome: Outcome) -> Probe:
    """What the colour of clothes gets, query by query: no weights are involved, so nothing may move."""
    precision = _per_query(outcome, "mAP")
    names = [str(key) for key in outcome.per_query["key"]]
    return Probe("", dict(zip(names, precision.tolist(), strict=True)), COLOUR_TOLERANCE)


def _arm(found: _Gathered, entry: Entry, job: Job, run: ArmRun) -> ArmResult:
    size = job.setting.size
    assert size is not None  # the matrix pins it
    network = build_method(fitted(run, job.setting), job.setting.num_ids, 0, size, DEVICE, "fp32")
    trunk = job.setting.card.constraints.backbone
    cut = job.protocol.snippets
    note(f"time {entry.key(run.name)} beside {trunk}")
    timed = ratios(network, size, trunk, snippet=cut.length if cut else None, seconds=SPEED_SECONDS)
    return ArmResult(found.protocol, found.metrics, found.values, found.weights, found.counts, timed, trunk)


def _digest_of_names(names: NDArray[Any]) -> str:
    return hashlib.sha256("\n".join(map(str, names)).encode()).hexdigest()[:16]
