"""Jobs whose results are made by two processes: the same bytes as by one, errors as of one, nothing is lost."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import datasets
import methods
import protocols
from runners import reproduce
from runners.derived_data.annotations import find_annotation
from runners.errors import ArmRejected, RunError, TrainingFailed
from runners.pipeline import side_by_side
from runners.pipeline.configuration import config_of
from runners.pipeline.job import Job
from runners.pipeline.result_files import Outcome, Wanted
from runners.pipeline.side_by_side import SideBySide, task_of
from runners.plan.plan_types import ArmRun
from runners.plan.step_store import Step, StepStore, read_json
from runners.workers.schedule import Schedule
from tests.places import HOUSE, PAPERS
from tests.reports import fake
from tests.runners.pipeline import brief_worker


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """In every process; a command that begins workers plans with their threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(side_by_side, "make", brief_worker.make)
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The brief paper, its head stage marked as one."""
    folder = tmp_path_factory.mktemp("paper") / "brief"
    shutil.copytree(PAPERS / "brief", folder)
    card = (folder / "paper.toml").read_text()
    (folder / "paper.toml").write_text(
        card.replace('start = "arm:baseline"\n', 'start = "arm:baseline"\nhead = true\n', 1)
    )
    return folder


def _job(world: Path, paper: Path, where: Path) -> Job:
    card, split = methods.paper(paper), datasets.load("synthwalk", world)
    config = config_of(card, split, "cpu", budget="quick", annotation=find_annotation(split, None))
    protocol = protocols.load("rgb-single-pass")
    return Job(config, split, protocol, StepStore(where), where, "test", find_annotation(split, None))


def _runs(job: Job) -> list[ArmRun]:
    baseline, gltr = (methods.arm(name, job.config.card) for name in ("baseline", "gltr"))
    return [ArmRun(baseline), ArmRun(baseline, "true-gait"), ArmRun(gltr), ArmRun(gltr, "shuffled")]


def _outcomes(job: Job, workers: int) -> list[Outcome]:
    """Of two seeds, with two heads each."""
    with SideBySide([job], workers) as side:
        return list(job.outcomes(_runs(job), [0, 1], (0, 1), side.of(0)))


def _results(where: Path) -> dict[str, Path]:
    """Fingerprint -> folder of every result."""
    found = (file.parent for file in (where / "steps/judge").glob("*/result.json"))
    return {folder.name: folder for folder in found if not folder.suffix}


def _assert_equal(one: Path, other: Path) -> None:
    """All results are the same, all weights too."""
    first, second = _results(one), _results(other)
    assert set(first) == set(second) and first
    for name, folder in first.items():
        results = [read_json(each / "result.json") for each in (folder, second[name])]
        for part in ("metrics", "intervals", "ledger", "fingerprint", "environment"):
            assert results[0][part] == results[1][part], (name, part)
        assert (folder / "per_query.npz").read_bytes() == (second[name] / "per_query.npz").read_bytes()
    weights = sorted((one / "steps/stage").glob("*/weights.safetensors"))
    assert weights
    for file in weights:
        assert file.read_bytes() == (other / file.relative_to(one)).read_bytes()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, tiny_world: Path, paper: Path) -> tuple[Path, list[Outcome]]:
    """Where one process made all, and what came of it."""
    where = tmp_path_factory.mktemp("alone")
    return where, _outcomes(_job(tiny_world, paper, where), 1)


def _examined(alone: tuple[Path, list[Outcome]], where: Path) -> Path:
    """A working folder with what takes longest of so brief a job, and is made before any worker begins."""
    shutil.copytree(alone[0] / "steps/examine", where / "steps/examine")
    return where


def test_two_processes_leave_the_same_bytes_as_one(
    alone: tuple[Path, list[Outcome]], tiny_world: Path, paper: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = _job(tiny_world, paper, _examined(alone, tmp_path))
    made = _outcomes(job, 2)
    said = capfd.readouterr().err
    _assert_equal(alone[0], tmp_path)
    assert [one.result["fingerprint"] for one in made] == [one.result["fingerprint"] for one in alone[1]]
    assert [sorted(one.records) for one in made] == [sorted(one.records) for one in alone[1]]
    assert [len(one.train_log) for one in made] == [len(one.train_log) for one in alone[1]]
    assert len(made) == 13 and all(one.fresh for one in made)
    assert "13 of 13 results" in said
    assert "waiting for it" not in said  # the schedule gave nobody what another was making
    again = _outcomes(_job(tiny_world, paper, tmp_path), 2)
    assert len(again) == 13 and not any(one.fresh for one in again)
    assert capfd.readouterr().err == ""  # no worker was begun


def test_a_job_that_a_killed_worker_ends_goes_on_to_the_same_numbers(
    alone: tuple[Path, list[Outcome]],
    tiny_world: Path,
    paper: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command ends with its exit code and a sentence; one process then finds what was finished."""
    fake.prepared(tmp_path)
    work = _examined(alone, tmp_path / "runs")
    line = [
        *("--paper", str(paper), "--data-root", str(tiny_world), "--work", str(work), "--out", str(tmp_path / "out")),
        *("--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}", "--device", "cpu", "--budget", "quick"),
        *("--seeds", "2", "--head-seeds", "2", "--controls", "shuffled", "true-gait", "--workers", "2"),
    ]
    with monkeypatch.context() as patch:
        patch.setenv(brief_worker.FAULT, "killed:gltr seed 1")
        assert reproduce.main(line) == 2
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: a worker was ended from outside") and "finished steps are kept" in last
    before = set(_results(work))
    assert before < set(_results(alone[0]))
    again = _outcomes(_job(tiny_world, paper, work), 1)
    assert sum(one.fresh for one in again) == 13 - len(before)
    _assert_equal(alone[0], work)


@pytest.mark.parametrize("fault", ["rejected:gltr seed 0", "slow:gltr seed 1"])
def test_errors_of_a_worker_are_those_of_the_job(
    fault: str,
    alone: tuple[Path, list[Outcome]],
    tiny_world: Path,
    paper: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rejected by a protocol; broken down in training, as without workers, while another worker is busy for long."""
    where = _examined(alone, tmp_path)
    monkeypatch.setenv(brief_worker.FAULT, fault)
    if fault.startswith("rejected"):
        with pytest.raises(ArmRejected, match="gltr seed 0 is not admitted by a test") as caught:
            _outcomes(_job(tiny_world, paper, where), 2)
        assert caught.value.reason == "a test"
        return
    folder = tmp_path / "broken" / "brief"
    shutil.copytree(paper, folder)
    card = (folder / "paper.toml").read_text()
    (folder / "paper.toml").write_text(card.replace("lr = 1e-3", "lr = 1e30"))
    said = []
    for workers in (1, 2):
        with pytest.raises(TrainingFailed, match="is not finite at step") as failed:
            _outcomes(_job(tiny_world, folder, where), workers)
        said.append(re.sub("seed [01]", "seed N", str(failed.value)))
    assert said[0] == said[1]


def _asked(job: Job, runs: list[ArmRun]) -> dict[str, frozenset[str]]:
    """Name of a result -> what it shares with others."""
    asked = [Wanted(run, seed, head) for seed in (0, 1) for run in runs for head in job.heads_of(run, (0, 1))]
    return {each.name: task_of(job, each).needs for each in (Wanted(None, 0), *asked)}


def test_what_results_share_is_known_from_the_plan(tiny_world: Path, paper: Path, tmp_path: Path) -> None:
    job = _job(tiny_world, paper, tmp_path)
    runs = job.prepared(_runs(job), 0)
    needs = _asked(job, runs)
    assert len(needs) == 1 + 2 * (1 + 1 + 2 + 2)
    of = {name: {other for other in needs if other != name and needs[name] & needs[other]} for name in needs}
    assert of["colour seed 0"] == set()
    for seed in (0, 1):
        same = {name for name in needs if f" seed {seed}" in name and "colour" not in name}
        for name in same:
            assert of[name] == same - {name}  # one trunk, and no other seed's
        result = job.step_of(Wanted(runs[0], seed)).fingerprint
        assert {name for name in needs if result in needs[name]} == {
            f"baseline seed {seed}", f"baseline+true-gait seed {seed}",
        }  # fmt: skip
    schedule = Schedule([task_of(job, Wanted(run, seed)) for seed in (0, 1) for run in runs])
    began = [schedule.start(), schedule.start(), schedule.start()]
    assert [task and task.key for task in began] == ["baseline seed 0", "baseline seed 1", None]


def test_a_step_that_another_process_makes_is_waited_for_where_a_store_waits(tmp_path: Path) -> None:
    step = Step("stage", "a step", {"a": 1})
    holding = [sys.executable, "-c", _HOLDS, str(tmp_path)]
    with subprocess.Popen(holding, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdin and other.stdout.readline() == "held\n"
        store = StepStore(tmp_path)
        with pytest.raises(RunError, match="is at work on stage 'a step'"), store.running(step):
            pass
        store.waits = True
        other.stdin.close()  # it goes on
        with store.running(step) as folder:
            assert folder is None
    assert (store.folder(step) / "made").read_text() == "by the other"


_HOLDS = """
import sys
from pathlib import Path
from runners.plan.step_store import Step, StepStore
with StepStore(Path(sys.argv[1])).running(Step("stage", "a step", {"a": 1})) as folder:
    print("held", flush=True)
    sys.stdin.read()
    (folder / "made").write_text("by the other")
"""


@pytest.mark.slow
def test_stopped_by_the_system_and_started_again_it_ends_with_the_same_numbers(
    tiny_world: Path, paper: Path, tmp_path: Path
) -> None:
    """SIGTERM and SIGKILL at moments each later than the one before, then to the end; once more without."""
    environment = {**os.environ, "PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1"}
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    _outcomes(_job(tiny_world, paper, whole), 1)
    line = [
        *(sys.executable, "-m", "tests.narrow", "--workers", "2", "--seeds", "2", "--head-seeds", "2"),
        *("--paper", str(paper), "--data-root", str(tiny_world), "--work", str(stopped)),
        *("--out", str(tmp_path / "out")),
        *("--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}", "--device", "cpu", "--budget", "quick"),
        *("--controls", "shuffled", "true-gait"),
    ]
    for number, seconds in ((signal.SIGTERM, 12), (signal.SIGKILL, 16), (signal.SIGTERM, 20), (signal.SIGINT, 24)):
        with subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL) as begun:
            time.sleep(seconds)
            begun.send_signal(number)
            begun.wait()
    assert subprocess.run(line, env=environment, check=False).returncode == 0
    _assert_equal(whole, stopped)
