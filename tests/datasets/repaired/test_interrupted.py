"""Writing a repaired set: killed, continued, done twice at once, and refused by the disk."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.errors import DataError
from datasets.repaired import Repaired, staging
from datasets.repaired import write as writing
from datasets.repaired.baselines import Drop, TemporalMedian
from datasets.repaired.interface import Footage
from datasets.tracklet import Split, Tracklet
from tests.datasets import mars_folder
from tests.datasets.racing import race

CALLS = {"by": "test"}


def hidden(tracklet: Tracklet, height: int, width: int) -> np.ndarray:
    """Something in every second frame."""
    result = np.zeros((len(tracklet), height, width), dtype=bool)
    result[::2, :5] = True
    return result


def write(source: Split, root: Path, repairer: object = None, **options: object) -> Path:
    made = repairer or TemporalMedian()
    return writing.write(source, made, hidden, root, **{"calls": CALLS, "progress": False, **options})


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def beside(root: Path) -> list[str]:
    """What lies beside a set, but for the lock, which stays."""
    return sorted(path.name for path in root.parent.glob(f".{root.name}*") if path.suffix != ".lock")


@pytest.fixture
def source(mars_root: Path) -> Split:
    return datasets.load("mars", mars_root, counts="any")


PROGRAM = """
import sys, time
import datasets
from tests.datasets.repaired.test_interrupted import write, Slow
source = datasets.load("mars", sys.argv[1], counts="any")
print("ready", flush=True)
write(source, sys.argv[2], Slow(), workers=2)
print("done", flush=True)
"""


class Slow(TemporalMedian):
    """A median that takes its time, so that a signal comes in the middle of something."""

    def repair(self, footage: Footage) -> Repaired:
        time.sleep(0.05)
        return super().repair(footage)


def start(source: Path, root: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, str(source), str(root)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    return running


def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    people = [(f"{person:04d}", camera, 1, 6) for person in range(1, 60, 2) for camera in (1, 2)]
    folder = mars_folder.write(tmp_path / "mars", train=people)
    source, root = datasets.load("mars", folder, counts="any"), tmp_path / "killed"
    whole = tree(write(source, tmp_path / "whole"))
    moments, killed, grown = random.Random(5), 0, 0

    def written() -> Iterator[tuple[Path, int]]:
        for path in tmp_path.glob(".killed.repairing-*/set/changes/*/*.npz"):
            with suppress(FileNotFoundError):  # moved away this very moment
                yield path, path.stat().st_mtime_ns

    for _ in range(5):
        running = start(folder, root)
        before = set(written())
        while set(written()) <= before and running.poll() is None:  # in the middle of something, however slow that is
            time.sleep(0.005)
        time.sleep(moments.uniform(0.0, 0.03))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        killed += running.returncode == -signal.SIGKILL
        if root.exists():
            assert tree(root) == whole
            break
        for path in (tmp_path, *tmp_path.glob(".killed.repairing-*"), *tmp_path.glob(".killed.repairing-*/set")):
            if path != tmp_path:
                with pytest.raises(DataError, match=r"being written or was cut off"):
                    datasets.load("mars", path, counts="any")
        grown = max(grown, len(list(tmp_path.glob(".killed.repairing-*/set/changes/*/*.npz"))))
    assert killed >= 3
    assert 0 < grown <= len(source.train) + len(source.test)
    write(source, root)
    assert tree(root) == whole
    assert beside(root) == []


class Crash(BaseException):
    """Stands for the end of the process: nobody catches it."""


@pytest.fixture
def crash_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int | None], list[int]]]:
    """Let the n-th write, copy or move end everything; the file is half there by then."""
    put, copy, replace = staging.put, shutil.copyfile, Path.replace
    state: dict[str, int | None] = {"at": None}
    count = [0]

    def counted(half: Callable[[], object] | None, whole: Callable[[], object]) -> object:
        count[0] += 1
        if count[0] == state["at"]:
            if half is not None:
                half()
            raise Crash
        return whole()

    def half_put(path: str, data: bytes) -> object:
        return counted(lambda: put(path, data[: len(data) // 2]), lambda: put(path, data))

    def half_copy(old: Path, new: Path) -> object:
        return counted(lambda: Path(new).write_bytes(Path(old).read_bytes()[:50]), lambda: copy(old, new))

    monkeypatch.setattr(staging, "put", half_put)
    monkeypatch.setattr("datasets.repaired.mars_metadata.put", half_put)
    monkeypatch.setattr(shutil, "copyfile", half_copy)
    monkeypatch.setattr(Path, "replace", lambda self, to: counted(None, lambda: replace(self, to)))

    def arm(at: int | None) -> list[int]:
        state["at"], count[0] = at, 0
        return count

    yield arm
    arm(None)


@pytest.mark.parametrize("repairer", [TemporalMedian(), Drop()])
def test_cut_off_at_every_single_step_it_ends_with_the_same_bytes(
    tmp_path: Path, crash_at: Callable[[int | None], list[int]], repairer: object
) -> None:
    test = [("00-1", 1, 1, 1), ("0002", 1, 1, 3), ("0002", 2, 2, 2)]
    folder = mars_folder.write(tmp_path / "mars", train=[("0001", 1, 1, 2)], test=test, query=[2])
    source = datasets.load("mars", folder, counts="any")
    count = crash_at(None)
    whole = tree(write(source, tmp_path / "whole", repairer))
    steps = count[0]
    assert steps > 20
    for step in range(1, steps + 1):
        root = tmp_path / f"cut-{step}"
        crash_at(step)
        with pytest.raises(Crash):
            write(source, root, repairer)
        crash_at(None)
        assert not root.exists()
        (partial,) = tmp_path.glob(f".cut-{step}.repairing-*")
        if (partial / "repairing.json").exists():
            for path in (partial, partial / "set"):
                if path.exists():
                    with pytest.raises(DataError, match="was cut off half-way"):
                        datasets.load("mars", path, counts="any")
        write(source, root, repairer)
        assert tree(root) == whole
        assert beside(root) == []


def test_what_was_finished_is_not_repaired_again(
    source: Split, tmp_path: Path, crash_at: Callable[[int | None], list[int]]
) -> None:
    seen: list[str] = []

    class Noting(TemporalMedian):
        def repair(self, footage: Footage) -> Repaired:
            seen.append(footage.key)
            return super().repair(footage)

    count = crash_at(None)
    write(source, tmp_path / "whole", Noting())
    every = [t.key for t in (*source.train, *source.test)]
    assert seen == every
    seen.clear()
    crash_at(count[0] // 2)
    with pytest.raises(Crash):
        write(source, tmp_path / "cut", Noting())
    crash_at(None)
    write(source, tmp_path / "cut", Noting())
    twice = [key for key in every if seen.count(key) == 2]
    assert [key for key in every if key not in seen] == []
    assert len(twice) <= 1  # the one that was under way


def test_a_finished_tracklet_that_the_disk_lost_is_made_again(
    source: Split, tmp_path: Path, crash_at: Callable[[int | None], list[int]]
) -> None:
    """After a power failure files may be empty or gone that were written in good order."""
    whole = tree(write(source, tmp_path / "whole"))
    count = crash_at(None)
    write(source, tmp_path / "counted")
    crash_at(count[0])  # the last step moves the set
    with pytest.raises(Crash):
        write(source, tmp_path / "cut")
    crash_at(None)
    (folder,) = tmp_path.glob(".cut.repairing-*/set")
    (folder / "bbox_train" / "0001" / "0001C1T0001F002.jpg").write_bytes(b"")
    (folder / "bbox_test" / "0000" / "0000C2T0001F001.jpg").unlink()
    (folder / "changes" / "0004" / "0004C3T0002.npz").write_bytes(b"")
    write(source, tmp_path / "cut")
    assert tree(tmp_path / "cut") == whole


def test_a_second_writer_is_told(source: Split, tmp_path: Path) -> None:
    root = tmp_path / "set"
    inside, go = threading.Event(), threading.Event()

    class Waiting(TemporalMedian):
        def repair(self, footage: Footage) -> Repaired:
            inside.set()
            assert go.wait(600)
            return super().repair(footage)

    first = threading.Thread(target=write, args=(source, root, Waiting()))
    first.start()
    try:
        assert inside.wait(600)
        for repairer in (TemporalMedian(), Drop()):  # the same set, and another one for the same place
            with pytest.raises(DataError, match=rf"another process \({os.getpid()} on .*\) is writing .*set right now"):
                write(source, root, repairer)
    finally:
        go.set()
        first.join()
    assert write(source, root) == root
    assert beside(root) == []
    with pytest.raises(DataError, match=r"holds another repaired set \(by temporal-median"):
        write(source, root, Drop())


def test_many_writers_at_once_leave_one_whole_set(source: Split, tmp_path: Path) -> None:
    whole = tree(write(source, tmp_path / "whole"))
    ends = race(lambda: write(source, tmp_path / "set"))
    assert tree(tmp_path / "set") == whole
    assert "written" in ends
    assert all(end == "written" or "right now" in end for end in ends)
    assert beside(tmp_path / "set") == []


def test_the_lock_is_one_file_that_stays(tmp_path: Path) -> None:
    """Who removed the file would let two writers in: one that holds the removed file, one that makes a new one."""
    root, name = tmp_path / "set", tmp_path / ".set.repairing.lock"
    with staging.locked(root):
        one = name.stat().st_ino
        with pytest.raises(DataError, match="right now"), staging.locked(root):
            pass
    with staging.locked(root):
        assert name.stat().st_ino == one


def test_what_is_left_of_other_sets_for_the_place_goes(
    source: Split, tmp_path: Path, crash_at: Callable[[int | None], list[int]]
) -> None:
    crash_at(20)
    with pytest.raises(Crash):
        write(source, tmp_path / "set", Drop())
    crash_at(None)
    other = tmp_path / ".setting.repairing-0"
    other.mkdir()
    assert len(beside(tmp_path / "set")) == 2
    write(source, tmp_path / "set")
    assert beside(tmp_path / "set") == [other.name]  # it belongs to a root called "setting"


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "the disk is full .*it continues"), (errno.EACCES, r"cannot be written .*\(Permission denied\)")],
)
def test_a_disk_that_refuses_is_one_sentence(
    source: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    whole = tree(write(source, tmp_path / "whole"))
    put, calls = staging.put, [0]

    def refusing(path: str, data: bytes) -> None:
        calls[0] += 1
        if calls[0] > 7:
            put(path, data[:3])
            raise OSError(number, os.strerror(number), path)
        put(path, data)

    monkeypatch.setattr(staging, "put", refusing)
    with pytest.raises(DataError, match=words) as caught:
        write(source, tmp_path / "set")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "set").exists()
    monkeypatch.undo()
    assert tree(write(source, tmp_path / "set")) == whole


def test_places_that_cannot_hold_a_set(source: Split, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "repaired.json").write_text("{")
    for name, words in (
        ("file", "is a file, but a repaired set is a folder"),
        ("file/below", "cannot be written"),
        ("full", "is not empty and holds no repaired set"),
        ("damaged", r"repaired\.json cannot be read as JSON .*remove the folder"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            write(source, tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="is not empty"):
        write(source, source.root)
    assert (tmp_path / "full" / "thesis.tex").read_text() == "x"
    (tmp_path / "empty").mkdir()
    write(source, tmp_path / "empty")
    assert datasets.load("mars", tmp_path / "empty").version.endswith("temporal-median")


def test_something_that_came_to_lie_there_meanwhile_stays(source: Split, tmp_path: Path) -> None:
    class Meddling(TemporalMedian):
        def repair(self, footage: Footage) -> Repaired:
            (tmp_path / "set").mkdir(exist_ok=True)
            (tmp_path / "set" / "note").write_text("mine")
            return super().repair(footage)

    with pytest.raises(DataError, match=r"something else came to lie at .*set"):
        write(source, tmp_path / "set", Meddling())
    assert tree(tmp_path / "set") == {"note": b"mine"}
    shutil.rmtree(tmp_path / "set")
    write(source, tmp_path / "set")


def test_a_marked_folder_is_not_read(mars_root: Path) -> None:
    (mars_root / "repairing.json").write_text(json.dumps({}))
    for path in (mars_root, mars_root / "bbox_train"):
        with pytest.raises(DataError, match="start the same job again to finish it"):
            datasets.load("mars", path, counts="any")


def test_a_relative_place_and_a_place_behind_a_link(
    source: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write(source, Path("here")) == Path("here")
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "set")
    write(source, tmp_path / "link")
    assert tree(tmp_path / "disk" / "set") == tree(tmp_path / "here")
    assert (tmp_path / "link").is_symlink()
