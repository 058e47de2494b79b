"""One run of the matrix, from rendering to timing; nothing is taken from other runs unless a folder is shared."""

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from files.cores import usable_cores
from protocols.test_time.inputs import snippet_length
from runners.errors import RunError
from runners.pipeline.job import Job
from runners.plan.environment import describe, runtime
from runners.plan.plan import with_attribute_groups
from runners.plan.plan_types import ArmRun
from runners.progress import Silent, note, shown_on
from runners.regression.baseline import ArmResult, Measured, Probe
from runners.regression.matrix import Matrix, MatrixEntry
from runners.regression.probes import probe_house, probe_job
from runners.regression.speed import ratios
from runners.regression.train import (
    DEVICE,
    Gathered,
    load_world,
    make_job,
    plan_tasks,
    runs_of,
    shared_steps,
    train_all,
)
from runners.training.stage import build_method

SPEED_SECONDS = 0.8


@dataclass
class _Clock:
    """How long each part took, and from an earlier run how long the others will."""

    expected: dict[str, float]
    ahead: list[str]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        known = name != "data" and all(self.expected.get(each) for each in self.ahead)
        left = sum(self.expected.get(each, 0.0) for each in self.ahead)
        note(f"regress: {name}" + (f" (about {left:.0f} s left in all)" if known else ""))
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun
        self.ahead.remove(name)


def run_matrix(
    matrix: Matrix,
    work: Path,
    seeds: Sequence[int],
    expected: Mapping[str, float],
    *,
    workers: int | None = None,
    strict: bool = False,
) -> Measured:
    """Render, train, score, probe and time.

    Args:
        matrix: what is run.
        work: folder for data and steps; what lies there and fits is not made again.
        seeds: of the trainings; those of the matrix for a baseline, its first one for a check.
        expected: seconds that the parts of an earlier run took, for the remaining time; may be empty.
        workers: processes that train side by side; by default as many as there are cores for.
        strict: whether an arm that does not finish is an error; otherwise it is absent from the result.

    Raises:
        RunError: an arm did not finish, where that is an error.
    """
    torch.set_num_threads(matrix.threads)
    clock = _Clock(dict(expected), ["data", "training", "probes", "time"])
    with clock.part("data"):
        split, annotation = load_world(matrix, work)
    jobs = [make_job(matrix, entry, split, annotation, work) for entry in matrix.jobs]
    tasks = plan_tasks(jobs, matrix.jobs, seeds)
    side = min(len(tasks), workers or max(1, usable_cores() // matrix.threads))
    papers = [expected.get(matrix.jobs[place].card().key, 0.0) for task in tasks for place in task.entries]
    clock.expected["training"] = sum(papers) / side
    with clock.part("training"):
        if side > 1 and len(seeds) > 1:
            shared_steps(jobs, matrix.jobs, seeds[0])
        trained = train_all(matrix, tasks, work, side, expected)
    if strict and trained.failures:
        raise RunError("; ".join(trained.failures.values()))
    probes: dict[str, Probe] = dict(trained.colours)
    arms = {}
    with clock.part("probes"), shown_on(Silent()):
        probes |= probe_house()
        for entry, job in zip(matrix.jobs, jobs, strict=True):
            probes |= probe_job(job, runs_of(entry), entry.card().key, seeds[0], work)
    with clock.part("time"):
        for entry, job in zip(matrix.jobs, jobs, strict=True):
            for run in runs_of(entry):
                key = entry.key(run.name)
                if key in trained.arms:
                    arms[key] = _timed(trained.arms[key], key, entry, job, run)
                    gc.collect()
    about = describe()
    precisions = sorted({found.precision for found in trained.arms.values()})
    return Measured(
        configuration={**runtime(DEVICE), "precision": " and ".join(precisions)},
        versions={"python": about["python"], **about["libraries"]},
        data=split.fingerprint,
        people=np.asarray(trained.people, dtype=np.int64),
        queries=trained.queries,
        arms=arms,
        probes=probes,
        seconds={**clock.seconds, **trained.seconds},
        failures=trained.failures,
    )


def _timed(found: Gathered, key: str, entry: MatrixEntry, job: Job, run: ArmRun) -> ArmResult:
    size = job.config.size
    assert size is not None  # the matrix pins it
    network = build_method(with_attribute_groups(run, job.config), job.config.num_ids, 0, size, DEVICE, "fp32")
    trunk = entry.card().constraints.backbone
    note(f"time {key} beside {trunk}")
    times = ratios(network, size, trunk, snippet=snippet_length(job.protocol.feed), seconds=SPEED_SECONDS)
    return ArmResult(found.protocol, found.metrics, found.values, found.weights, found.counts, times, trunk)
