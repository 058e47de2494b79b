"""Processes that do tasks: results, errors as they were raised, and no process that outlives the command."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import pytest

from datasets.errors import DataError
from files.errors import FileError
from methods.errors import MethodError
from protocols.errors import ProtocolError
from reports.errors import ReportError
from runners.errors import ArmRejected, NotPossible, RunError, TrainingFailed
from runners.workers.number import choose_workers, threads_of_each
from runners.workers.pool import Pool
from runners.workers.schedule import Task
from tests.places import HOUSE
from tests.runners.workers import tasks
from tests.runners.workers.tasks import task

PATIENCE = 120.0  # seconds; a busy machine is no fault


@contextmanager
def _pool(*given: Task) -> Iterator[Pool]:
    pool = Pool(2, 1, tasks.work, 10)
    try:
        pool.begin(given)
        yield pool
    finally:
        pool.close()
    assert not multiprocessing.active_children()


def test_results_are_found_by_key_and_bars_and_lines_reach_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    with _pool(task(0, "times", 3), task(1, "bar", "of two"), task(2, "bar", "of three"), task(3, "times", 4)) as pool:
        assert [pool.result(number) for number in (3, 0, 1, 2)] == [40, 30, None, None]
    said = capfd.readouterr().err.splitlines()
    for title in ("bar of two", "bar of three"):
        assert f"{title} ..." in said and f"{title}: 3 frames in 0 s" in said
    assert said.count("the same note") == said.count("a line on stderr") == 1  # what both say is said once
    assert sum("UserWarning: a warning" in line for line in said) == 1
    assert [line for line in said if " of 4 results" in line][-1] == "4 of 4 results"


def test_an_error_is_raised_as_it_was_and_what_was_found_before_it_stays() -> None:
    after = Task(1, frozenset({"0", "1"}), given=("rejected", None))  # it begins when the first is done
    with _pool(task(0, "times", 1), after) as pool:
        with pytest.raises(ArmRejected, match="not admitted") as caught:
            pool.result(1)
        assert caught.value.reason == "a reason"
        assert pool.result(0) == 10


def test_after_an_error_nothing_more_is_begun(tmp_path: Path) -> None:
    slow = [task(number, "sleep", tmp_path) for number in (2, 3, 4)]
    with _pool(task(0, "failed"), task(1, "failed"), *slow) as pool, pytest.raises(TrainingFailed):
        pool.result(4)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_worker_ends_in_one_sentence() -> None:
    with (
        _pool(task(0, "killed"), task(1, "times", 1)) as pool,
        pytest.raises(RunError, match=r"ended from outside.*finished steps are kept.*--workers 1, which needs less"),
    ):
        pool.result(0)


def test_a_fault_that_cannot_be_sent_is_no_lack_of_memory() -> None:
    with _pool(task(0, "unpicklable")) as pool, pytest.raises(BrokenProcessPool) as caught:
        pool.result(0)
    assert "TypeError" in str(caught.value.__cause__)


ERRORS = (DataError, FileError, MethodError, ProtocolError, ReportError, RunError, NotPossible, TrainingFailed)


@pytest.mark.parametrize("error", [*(kind("a sentence.") for kind in ERRORS), ArmRejected("a sentence.", "a reason")])
def test_errors_of_the_suite_survive_being_sent(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def _until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_command_however_it_ends(number: signal.Signals, tmp_path: Path) -> None:
    where = tmp_path / "workers"
    where.mkdir()
    command = [sys.executable, "-m", "tests.runners.workers.tasks", str(where)]
    environment = {**os.environ, "PYTHONPATH": str(HOUSE)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True) as begun:
        assert _until(lambda: len(list(where.iterdir())) == 2)
        workers = [int(file.name) for file in where.iterdir()]
        assert all(map(_runs, workers))
        if number == signal.SIGINT:
            os.killpg(begun.pid, number)  # as a terminal does
        else:
            begun.send_signal(number)
        try:
            _, said = begun.communicate(timeout=PATIENCE)
        finally:
            begun.kill()  # or the block would wait for it for ever
    assert _until(lambda: not any(map(_runs, workers)))
    if number == signal.SIGINT:
        assert begun.returncode == 130
        assert said.strip() == "interrupted: finished steps are kept; the same command goes on from there."
    else:
        assert begun.returncode == -number
        assert "Traceback" not in said


@pytest.mark.usefixtures("as_shipped")
def test_threads_follow_from_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runners.workers.number.usable_cores", lambda: 8)
    assert [choose_workers(None, device) for device in ("cpu", "cuda", "cuda:1")] == [4, 1, 1]
    assert [threads_of_each(workers, 8) for workers in (1, 2, 3, 4, 8, 20)] == [8, 4, 2, 2, 1, 1]
    assert threads_of_each(2, 1) == 1  # who asked for one thread gets no more
    assert threads_of_each(2, threads_of_each(2, 8)) == 4  # asked twice, it is the same
    monkeypatch.setattr("runners.workers.number.usable_cores", lambda: 1)
    assert choose_workers(None, "cpu") == 1
    for wrong in (0, -1, 65):
        with pytest.raises(RunError, match=f"--workers {wrong}: expected how many"):
            choose_workers(wrong, "cpu")
