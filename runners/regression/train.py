"""The trainings of a matrix, side by side: each in a process with the threads that the matrix pins.

Bits depend on the number of threads and not on the number of processes, so a machine with more cores is quicker and
gives the same results. Two processes of one thread also lose little on a busy machine, where one process of two threads
would wait for itself at every operation.
"""

import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
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
from reports.records.per_query import counted, query_values
from reports.schema.metrics import split_metric
from runners.derived_data.annotations import find_annotation
from runners.errors import NotPossible, RunError, TrainingFailed
from runners.pipeline.configuration import config_of
from runners.pipeline.job import Job
from runners.pipeline.result_files import Outcome
from runners.plan.plan import plan_stages
from runners.plan.plan_types import ArmRun
from runners.plan.step_store import StepStore
from runners.progress import Bar, Silent, note, shown_on
from runners.regression.baseline import Probe, rounded
from runners.regression.matrix import Matrix, MatrixEntry
from runners.training.stage import WEIGHTS

DEVICE = "cpu"
COLOUR_TOLERANCE = 1e-4  # of 100 points: a hundredth of a point


@dataclass(frozen=True)
class Task:
    """Trainings that one process does, one after the other.

    Attributes:
        seed: of all of them.
        entries: places in the matrix; those that share a stage of training are in one task.
    """

    seed: int
    entries: tuple[int, ...]


@dataclass
class Gathered:
    """What the trainings of one arm gave, seed by seed; fields as in `ArmResult`, plain ones of the first seed."""

    protocol: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    values: dict[str, dict[int, NDArray[np.float64]]] = field(default_factory=dict)
    weights: dict[int, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    precision: str = ""


@dataclass
class Trained:
    """What came out of some tasks.

    Attributes:
        arms: by name.
        colours: the colour row of each protocol.
        failures: arm -> why it did not finish.
        people, queries: of the queries.
        seconds: by paper, for one seed.
    """

    arms: dict[str, Gathered] = field(default_factory=dict)
    colours: dict[str, Probe] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    people: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    queries: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, other: "Trained") -> None:
        """Take in what another task gave."""
        for name, found in other.arms.items():
            mine = self.arms.setdefault(name, found)
            mine.weights |= found.weights
            for metric, seeds in found.values.items():
                mine.values.setdefault(metric, {}).update(seeds)
        self.colours |= other.colours
        self.failures |= other.failures
        self.seconds |= other.seconds
        if other.queries:
            self.people, self.queries = other.people, other.queries


def load_world(matrix: Matrix, work: Path) -> tuple[Split, Annotation | None]:
    """The data, rendered where they are not there yet."""
    folder = synthwalk.render(matrix.rendered(), work / "world", progress=False)
    split = datasets.load("synthwalk", folder)
    return split, find_annotation(split, None)


def make_job(matrix: Matrix, entry: MatrixEntry, split: Split, annotation: Annotation | None, work: Path) -> Job:
    """A paper's job under the matrix's pinned lengths, size and threads.

    Args:
        matrix: what is run.
        entry: the paper and its arms.
        split: the data.
        annotation: of its people.
        work: folder of the steps.
    """
    world = matrix.rendered()
    config = config_of(
        entry.card(),
        split,
        DEVICE,
        profile=matrix.profile,
        budget=matrix.budget,
        size=(world.height, world.width),
        annotation=annotation,
        lengths=matrix.lengths,
        precision=matrix.precision or None,
    )
    return Job(config, split, entry.rules(), StepStore(work), work, "", annotation)


def runs_of(entry: MatrixEntry) -> list[ArmRun]:
    """Its arms."""
    card = entry.card()
    return [ArmRun(methods.arm(arm, card)) for arm in entry.arms]


def plan_tasks(jobs: Sequence[Job], entries: Sequence[MatrixEntry], seeds: Sequence[int]) -> list[Task]:
    """Entries that share a stage go together, so that no process waits for another's."""
    groups: list[tuple[set[str], list[int]]] = []
    for place, (job, entry) in enumerate(zip(jobs, entries, strict=True)):
        stages = {p.step.fingerprint for run in runs_of(entry) for p in plan_stages(run, seeds[0], job.config)}
        mine = [group for group in groups if group[0] & stages]
        places = sorted([place, *(each for group in mine for each in group[1])])
        merged = stages.union(*(group[0] for group in mine))
        groups = [group for group in groups if group not in mine] + [(merged, places)]
    return [Task(seed, tuple(places)) for seed in seeds for _, places in groups]


def shared_steps(jobs: Sequence[Job], entries: Sequence[MatrixEntry], seed: int) -> None:
    """What all seeds of an arm share (examination, the colour row), so that no two processes are at it at once."""
    for job, entry in zip(jobs, entries, strict=True):
        for run in runs_of(entry):
            with suppress(NotPossible):  # told when its turn comes
                next(job.outcomes([run], [seed]))


def train_all(
    matrix: Matrix, tasks: Sequence[Task], work: Path, workers: int, expected: Mapping[str, float]
) -> Trained:
    """Do all tasks, several at a time.

    Args:
        matrix: what is run.
        tasks: of `plan_tasks`.
        work: folder of the steps, shared by all.
        workers: processes; with one, everything happens in this one.
        expected: seconds that each paper took before, for the remaining time and to begin with the longest.

    Raises:
        RunError: a process was ended from outside.
    """

    def cost(task: Task) -> float:
        return sum(expected.get(matrix.jobs[place].card().key, 0.0) for place in task.entries)

    ahead = sorted(tasks, key=cost, reverse=True)
    made: dict[Task, Trained] = {}
    if workers == 1:
        for done, task in enumerate(ahead):
            _tell(matrix, task, done, len(ahead), sum(map(cost, ahead[done:])))
            made[task] = train(matrix, task, work)
        return _together(made[task] for task in tasks)
    left = sum(map(cost, ahead))
    note(f"training: {len(ahead)} tasks in {workers} processes" + (f" (about {left / workers:.0f} s)" if left else ""))
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        waiting = {pool.submit(_in_process, matrix, task, work): task for task in ahead}
        for done, future in enumerate(as_completed(waiting)):
            made[waiting[future]] = future.result()
            left -= cost(waiting[future])
            _tell(matrix, waiting[future], done + 1, len(ahead), left / workers, "finished ")
    except BrokenProcessPool:
        raise RunError(
            "a process that trains was ended from outside, most likely for want of memory; take fewer at a time with "
            "--workers 1."
        ) from None
    except BaseException:
        for child in multiprocessing.active_children():  # whoever stops the command does not wait for a training
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return _together(made[task] for task in tasks)


def _together(parts: Iterable[Trained]) -> Trained:
    """In the order of the seeds, whichever was done first."""
    found = Trained()
    for part in parts:
        found.add(part)
    return found


def _tell(matrix: Matrix, task: Task, done: int, of: int, left: float, verb: str = "") -> None:
    papers = " and ".join(matrix.jobs[place].card().key for place in task.entries)
    more = f"; about {left:.0f} s of training left" if left > 0 else ""
    note(f"training: {verb}{papers}, seed {task.seed} ({done} of {of} tasks done{more})")


def _in_process(matrix: Matrix, task: Task, work: Path) -> Trained:
    with shown_on(_Lines()):
        return train(matrix, task, work)


def train(matrix: Matrix, task: Task, work: Path) -> Trained:
    """Train, extract and score the arms of a task; an arm that cannot is noted, and the others go on."""
    torch.set_num_threads(matrix.threads)
    split, annotation = load_world(matrix, work)
    found = Trained()
    for place in task.entries:
        entry = matrix.jobs[place]
        job = make_job(matrix, entry, split, annotation, work)
        begun = time.monotonic()
        recorded: dict[str, float] = {}  # of stages that may have been trained before
        for run in runs_of(entry):
            key = entry.key(run.name)
            try:
                outcomes = list(job.outcomes([run], [task.seed]))
            except (NotPossible, TrainingFailed) as error:
                found.failures[key] = f"{key} did not finish: {error}"
                note(found.failures[key])
                continue
            for outcome in outcomes:
                recorded |= {stage["fingerprint"]: stage["seconds"] for stage in outcome.result["stages"]}
                found.people, found.queries = outcome.per_query["person"], _digest(outcome.per_query["key"])
                if outcome.result["control"] == "colour":
                    found.colours[f"colour row, {entry.protocol}"] = _colour(outcome)
                else:
                    found.arms[key] = _gather(outcome, entry, task.seed, job.steps)
        found.seconds[entry.card().key] = max(time.monotonic() - begun, sum(recorded.values()))
    return found


def _gather(outcome: Outcome, entry: MatrixEntry, seed: int, steps: StepStore) -> Gathered:
    result = outcome.result
    weights = steps.root / "stage" / result["stages"][-1]["fingerprint"] / WEIGHTS
    return Gathered(
        protocol=json.loads(json.dumps(result["protocol"])),
        metrics={name: float(value) for name, value in result["metrics"].items()},
        values={m: {seed: _per_query(outcome, m)} for m in entry.metrics if m in result["metrics"]},
        weights={seed: hashlib.sha256(weights.read_bytes()).hexdigest()[:16]},
        counts=_counts(result["cost"]),
        precision=str(result["precision"]),
    )


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


def _digest(names: NDArray[Any]) -> str:
    return hashlib.sha256("\n".join(map(str, names)).encode()).hexdigest()[:16]


class _Lines:
    """A screen for processes that share one: whole lines only, and few of them."""

    @contextmanager
    def bar(self, title: str, total: int, unit: str, done: int) -> Iterator[Bar]:
        """A line at the end."""
        begun = time.monotonic()
        yield Silent()
        self.note(f"{title}: {total - done} {unit} in {time.monotonic() - begun:.0f} s")

    def note(self, text: str) -> None:
        """A line."""
        os.write(2, f"  {text}\n".encode())  # in one go, so that lines of two processes do not mix
