"""The one lock, held by real processes; on a system without flock too."""

import subprocess
import sys
from pathlib import Path

import pytest

from files import lock
from tests.places import HOUSE

WITHOUT = "import sys; sys.modules['fcntl'] = None\n"
HOLD = (
    "import sys; from pathlib import Path; from files import lock\n"
    "with lock.held(Path(sys.argv[1]), busy=lambda owner: SystemExit(f'busy: {owner}')):\n"
    "    print('in', flush=True); sys.stdin.readline()\n"
)


def holder(path: Path, before: str = "") -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", before + HOLD, str(path)]
    return subprocess.Popen(
        command, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def is_in(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "in\n"


@pytest.mark.parametrize("before", ["", WITHOUT])
def test_one_holds_it_and_a_killed_owner_has_let_go(tmp_path: Path, before: str) -> None:
    path = tmp_path / "a.lock"
    first = holder(path, before)
    assert is_in(first)
    second = holder(path, before)
    told = second.communicate()[1]
    assert second.returncode == 1 and told.startswith(f"busy: {first.pid} on ")
    first.kill()
    first.communicate()
    third = holder(path, before)
    assert is_in(third)
    assert third.communicate("go\n")[1] == "" and third.returncode == 0


def test_its_file_stays_and_its_note_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with lock.held(path):
        before = path.stat().st_ino
        assert lock.owner_of(path)
    assert path.stat().st_ino == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.lock"]
    assert lock.owner_of(path) == ""


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock.held(tmp_path / "a.lock"):
        raise KeyError("a")
    with lock.held(tmp_path / "a.lock", busy=AssertionError):
        pass


def test_who_waits_gets_it_and_is_told_for_whom(tmp_path: Path) -> None:
    path, told = tmp_path / "a.lock", []
    first = holder(path)
    assert is_in(first)

    def end(owner: str) -> None:
        told.append(owner)
        first.communicate("go\n")

    with lock.held(path, waiting=end):
        assert told == [f"{first.pid} on {told[0].rpartition(' ')[2]}"]
        assert first.returncode == 0


def test_a_place_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError), lock.held(tmp_path / "file" / "a.lock"):
        pass


def test_every_command_starts_where_there_is_no_fcntl(tmp_path: Path) -> None:
    """As on Windows; a step is run and found there, too."""
    commands = sorted(
        f"{path.parent.name}.{path.stem}"
        for folder in ("runners", "reports")
        for path in (HOUSE / folder).glob("*.py")
        if "__main__" in path.read_text(encoding="utf-8")
    )
    assert "runners.reproduce" in commands and "reports.build" in commands
    code = (
        WITHOUT + "import importlib\n"
        f"for name in {commands!r}: importlib.import_module(name)\n"
        "from pathlib import Path; from runners.plan.step_store import Step, StepStore\n"
        "from runners.tracking.connect import connect\n"
        "store, step = StepStore(Path(sys.argv[1])), Step('stage', 'a', {})\n"
        "with store.running(step) as folder: (folder / 'a').write_text('b')\n"
        "with store.running(step) as folder: assert folder is None\n"
        "assert store.done(step)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=HOUSE, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
