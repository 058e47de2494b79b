"""Trainings side by side: who goes with whom, and that the number of processes decides nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets import synthwalk
from runners.errors import NotPossible, TrainingFailed
from runners.pipeline import job as jobs_module
from runners.pipeline.job import Job
from runners.regression.compare import compare
from runners.regression.matrix import Matrix, MatrixEntry
from runners.regression.train import Task, load_world, make_job, plan_tasks, shared_steps, train_all
from tests.runners.regression.cases import World, baseline

BRIEF = "tests/papers/brief"
MATRIX = Matrix(
    preset="tiny",
    world={},
    seeds=(0, 1),
    budget="quick",
    jobs=(MatrixEntry(BRIEF, "rgb-single-pass", ("baseline",)), MatrixEntry(BRIEF, "rgb-snippets", ("baseline",))),
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    synthwalk.render(synthwalk.preset("tiny"), folder / "world", progress=False)
    return folder


def _jobs(matrix: Matrix, work: Path) -> list[Job]:
    split, annotation = load_world(matrix, work)
    return [make_job(matrix, entry, split, annotation, work) for entry in matrix.jobs]


def test_papers_that_share_a_stage_are_one_task_and_the_others_go_side_by_side(work: Path) -> None:
    entries = (
        MatrixEntry("gltr", "res50-rgb-single-pass", ("baseline", "gltr")),
        MatrixEntry("cosam", "rgb-snippets", ("cosam",)),
        MatrixEntry("adfd", "rgb-single-pass", ("a",)),
        MatrixEntry("tkp", "image-to-video", ("tkp",)),  # starts from the very network that COSAM starts from
    )
    matrix = Matrix(preset="tiny", world={}, jobs=entries)
    tasks = plan_tasks(_jobs(matrix, work), entries, (0, 7))
    assert tasks == [Task(seed, places) for seed in (0, 7) for places in ((0,), (2,), (1, 3))]


@pytest.mark.slow
@pytest.mark.usefixtures("as_shipped")
def test_two_processes_give_bit_for_bit_what_one_gives(work: Path, tmp_path: Path) -> None:
    found = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        (folder / "world").symlink_to(work / "world")
        jobs = _jobs(MATRIX, folder)
        tasks = plan_tasks(jobs, MATRIX.jobs, MATRIX.seeds)
        assert [task.entries for task in tasks] == [(0, 1), (0, 1)]
        shared_steps(jobs, MATRIX.jobs, 0)
        found.append(train_all(MATRIX, tasks, folder, workers, {}))
    one, two = found
    assert sorted(one.arms) == sorted(two.arms) == ["brief/baseline", "brief/baseline (rgb-snippets)"]
    for name, arm in one.arms.items():
        assert arm.weights == two.arms[name].weights
        assert sorted(arm.weights) == [0, 1]
        assert arm.metrics == two.arms[name].metrics
        assert arm.metrics["mAP"] == pytest.approx(arm.values["mAP"][0].mean(), abs=0.01)  # of the first seed
        assert arm.counts == two.arms[name].counts
        for metric, seeds in arm.values.items():
            for seed, row in seeds.items():
                assert np.array_equal(row, two.arms[name].values[metric][seed])
    assert one.colours == two.colours


@pytest.mark.parametrize("error", [NotPossible("no such device"), TrainingFailed("the loss is not finite")])
def test_an_arm_that_cannot_be_run_fails_the_check_by_name_and_the_others_go_on(
    error: Exception, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Job, run: object, size: object) -> None:
        raise error

    matrix = Matrix(preset="tiny", world={}, jobs=MATRIX.jobs[:1], budget="quick")
    monkeypatch.setattr(jobs_module.Job, "_examine", refuse)
    found = train_all(matrix, [Task(9, (0,))], work, 1, {})
    assert found.arms == {}
    assert str(error) in found.failures["brief/baseline"]
    old = World(1).measured((0, 1))
    without = {name: arm for name, arm in old.arms.items() if name != "tkp/tkp"}
    rows = compare(baseline(old), replace(old, arms=without, failures={"tkp/tkp": "tkp/tkp did not finish: why"}))
    failed = [row for row in rows if row.failed]
    assert [(row.name, row.verdict, row.against) for row in failed] == [
        ("tkp/tkp", "vanished", "tkp/tkp did not finish: why")
    ]
