"""Leftovers of processes that are gone are removed, and nobody else's."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from files import leftovers


def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_what_dead_processes_left_is_removed(tmp_path: Path) -> None:
    dead = gone()
    left = [f".page.html.{dead}.partial", f".a.json.{dead}"]
    kept = [f".page.html.{os.getpid()}.partial", f".b.json.{os.getppid()}", "page.html", ".hidden", f"a.{dead}"]
    for name in (*left, *kept):
        (tmp_path / name).write_text("x")
    assert sorted(path.name for path in leftovers.remove(tmp_path)) == sorted(left)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_what_another_process_removed_meanwhile_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = gone()
    first, second = (tmp_path / f".{name}.{dead}" for name in "ab")
    second.touch()
    monkeypatch.setattr(Path, "iterdir", lambda _: iter([first, second]))
    assert leftovers.remove(tmp_path) == [second]


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert leftovers.remove(tmp_path / "none") == []


def test_scratch_folders_of_dead_processes_go_when_the_next_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"reproid-{gone()}-abc"
    left.mkdir()
    (left / "file").touch()
    (tmp_path / f"reproid-{os.getppid()}-abc").mkdir()
    with leftovers.scratch() as own:
        names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"reproid-{os.getppid()}-abc", Path(own).name}
    assert not Path(own).exists()


def test_processes_are_told_apart() -> None:
    assert leftovers.is_running(os.getpid())
    assert leftovers.is_running(1)
    assert not leftovers.is_running(gone())
    assert not leftovers.is_running(0)
    assert not leftovers.is_running(10**20)


def test_on_windows_no_process_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = gone()
    with monkeypatch.context() as there:
        there.setattr(leftovers.os, "name", "nt")
        there.setattr(leftovers.os, "kill", None)
        assert leftovers.is_running(dead)
