"""A job that is killed while it records, wherever, and started again, leaves what one that was left alone does."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.store.reader import open_reader
from reports.store.uri import artifact_folder
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_adfd
from tests.runners import recorded
from tests.runners.pipeline.killing import Killed, contents, job, killed_at, no_pictures


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with no_pictures():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any]]:
    """The writes of a job that was left alone, and what it left."""
    folder = tmp_path_factory.mktemp("whole")
    uri = fake.fresh(folder)
    with no_pictures(), pytest.MonkeyPatch.context() as patch, killed_at(-1, patch) as writes:
        job(uri, folder / "out")
    return writes, contents(uri, folder / "out")


def test_started_again_a_job_writes_no_number_and_no_file_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[list[str], dict[str, Any]]
) -> None:
    writes, found = whole
    assert {"create_run", "log_batch", "log_inputs", "set_terminated", "write_bytes", "replace"} <= set(writes)
    assert any(key.startswith("gltr") and one["metrics"] for key, one in found.items() if "metrics" in one)
    for one in found.values():
        points = [point[:2] for point in one["metrics"]] if "metrics" in one else []
        assert len(set(points)) == len(points)
    uri = fake.fresh(tmp_path)
    job(uri, tmp_path / "out")
    with killed_at(-1, monkeypatch) as again:
        job(uri, tmp_path / "out")
    assert contents(uri, tmp_path / "out") == found
    assert again.count("create_run") == 0
    assert (again.count("write_bytes"), again.count("replace")) == (2, 2)  # the page, which may have changed


def test_killed_anywhere_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[list[str], dict[str, Any]]
) -> None:
    """Some of the moments; all of them are tried in the slow test below."""
    some = range(5, len(whole[0]), len(whole[0]) // 3)
    _try(tmp_path, monkeypatch, whole, [place + 0.5 * (index % 2) for index, place in enumerate(some)])


@pytest.mark.slow
def test_killed_everywhere_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[list[str], dict[str, Any]]
) -> None:
    _try(tmp_path, monkeypatch, whole, [place / 2 for place in range(2 * len(whole[0]))])


def _try(
    folder: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[list[str], dict[str, Any]], moments: list[float]
) -> None:
    for moment in moments:
        place = folder / f"{moment:g}"
        uri = fake.fresh(place)
        with killed_at(moment, monkeypatch) as writes, pytest.raises(Killed):
            job(uri, place / "out")
        job(uri, place / "out")
        assert contents(uri, place / "out") == whole[1], f"killed at write {moment:g}, {writes[int(moment)]}"


def test_killed_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[list[str], dict[str, Any]]
) -> None:
    """Each start comes a little further than the one before."""
    uri = fake.fresh(tmp_path)
    kills = 0
    for moment in range(1, len(whole[0]), 12):
        with killed_at(moment + 0.5 * (kills % 2), monkeypatch):
            try:
                job(uri, tmp_path / "out")
                break
            except Killed:
                kills += 1
    assert kills > 3
    job(uri, tmp_path / "out")
    assert contents(uri, tmp_path / "out") == whole[1]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that shares what is imported is forked")
def test_processes_that_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[list[str], dict[str, Any]]
) -> None:
    for moment in range(0, len(whole[0]), 5):
        place = tmp_path / f"{moment}"
        uri = fake.fresh(place)
        child = os.fork()
        if not child:
            try:
                with killed_at(moment + 0.5, monkeypatch, really=True):
                    job(uri, place / "out")
            finally:
                os._exit(1)  # it was not killed, and must not go on with the tests
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        job(uri, place / "out")
        assert contents(uri, place / "out") == whole[1], f"killed at write {moment}, {whole[0][moment]}"


def test_what_a_killed_process_left_half_made_goes_when_the_job_ends(tmp_path: Path) -> None:
    store = open_store(fake.fresh(tmp_path))
    parent = recorded.begin(store)
    recorded.record(store, parent)
    experiment = store.client.get_run(parent).info.experiment_id
    tags = {"mlflow.parentRunId": parent, "kind": "child", "fingerprint": "of code that is no more"}
    store.client.create_run(experiment, run_name="left", tags=tags)
    assert open_reader(store.uri).not_counted(store.client.get_run(parent)) == {"unfinished runs": 1}
    store.finish(parent, {})
    assert {run.info.run_name for run in recorded.all_runs(store, parent)} == {"gltr embedded", "baseline s0"}
    assert open_reader(store.uri).not_counted(store.client.get_run(parent)) == {}


def test_half_of_another_result_is_not_gone_on_with(tmp_path: Path) -> None:
    store = open_store(fake.fresh(tmp_path))
    parent = recorded.begin(store)
    run = recorded.record(store, parent, cost={"params_m": 5.0})
    store.client.update_run(run, status="RUNNING")
    again = recorded.record(store, parent, cost={"params_m": 6.0})
    assert again != run
    assert store.client.get_run(run).info.lifecycle_stage == "deleted"
    assert [point.value for point in store.client.get_metric_history(again, "cost/params_m")] == [6.0]


def test_two_finished_runs_of_one_arm_and_seed_count_once(tmp_path: Path) -> None:
    """A job that is killed between the end of the new run and the mark on the old one leaves two."""
    store = open_store(fake.fresh(tmp_path))
    parent = recorded.begin(store)
    old = recorded.record(store, parent)
    new = recorded.record(store, parent, gain=0.3, fingerprint="other")
    store.client.set_tag(old, "superseded", "false")
    assert [run.info.run_id for run in store.children(parent)] == [new]
    reader = open_reader(store.uri)
    job = store.client.get_run(parent)
    assert [run.info.run_id for run in reader.children(job)] == [new]
    assert reader.not_counted(job) == {"superseded runs": 1}


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1", None])
def test_recording_again_brings_back_a_file_that_was_lost_or_damaged(tmp_path: Path, damage: bytes | None) -> None:
    store = open_store(fake.fresh(tmp_path))
    parent = recorded.begin(store)
    run = recorded.record(store, parent)
    folder = artifact_folder(store.client.get_run(run).info.artifact_uri, store.uri)
    assert folder is not None
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in ("result.json", "per_query.npz", "cmc.png"):
        path = folder / name
        path.unlink() if damage is None else path.write_bytes(damage)
    assert recorded.record(store, recorded.begin(store)) == run
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_labels_that_were_damaged_are_recorded_anew(tmp_path: Path) -> None:
    store = open_store(fake.fresh(tmp_path))
    parent = recorded.begin(store)
    told = fake_adfd.labels()
    store.attach(parent, "labels", told)
    folder = artifact_folder(store.client.get_run(parent).info.artifact_uri, store.uri)
    assert folder is not None
    before = (folder / "labels.json").read_bytes()
    (folder / "labels.json").write_bytes(before[:100])
    store.attach(parent, "labels", told)
    assert (folder / "labels.json").read_bytes() == before
