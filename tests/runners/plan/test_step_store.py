"""Steps are whole or resumable, never half."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from files import inventory
from runners.errors import RunError
from runners.plan.step_store import Step, StepStore, read_json, write_bytes, write_json


def test_the_fingerprint_follows_the_inputs_and_nothing_else() -> None:
    one = Step("stage", "a", {"lr": 0.1, "seed": 0})
    assert one.fingerprint == Step("stage", "another name", {"seed": 0, "lr": 0.1}).fingerprint
    assert one.fingerprint != Step("stage", "a", {"lr": 0.1, "seed": 1}).fingerprint
    assert one.fingerprint != Step("judge", "a", {"lr": 0.1, "seed": 0}).fingerprint
    assert len(one.fingerprint) == 32


def test_a_finished_step_stands_whole_under_its_name(tmp_path: Path) -> None:
    store, step = StepStore(tmp_path), Step("stage", "a", {"x": 1})
    assert not store.done(step)
    with store.running(step) as folder:
        assert folder is not None
        (folder / "result").write_text("7")
        assert not store.done(step)
    assert store.done(step)
    assert (store.folder(step) / "result").read_text() == "7"
    assert read_json(store.folder(step) / "step.json")["inputs"] == {"x": 1}
    assert [p.name for p in (tmp_path / "steps" / "stage").iterdir()] == [step.fingerprint]


def test_what_a_failed_step_left_is_there_for_the_next_try(tmp_path: Path) -> None:
    store, step = StepStore(tmp_path), Step("stage", "a", {"x": 1})
    with pytest.raises(RuntimeError, match="power cut"), store.running(step) as folder:
        assert folder is not None
        (folder / "checkpoint").write_text("half")
        raise RuntimeError("power cut")
    assert not store.done(step)
    with store.running(step) as folder:
        assert folder is not None
        assert (folder / "checkpoint").read_text() == "half"
    assert store.done(step)


def finished(store: StepStore) -> Step:
    """A step with a file, and one in a folder of its own."""
    step = Step("stage", "baseline frames", {"x": [1, 0.1], "y": {"b": None}})
    with store.running(step) as folder:
        assert folder is not None
        (folder / "weights").write_bytes(bytes(range(200)))
        (folder / "set.descriptors").mkdir()
        (folder / "set.descriptors" / "features").write_bytes(b"abc")
        (folder / ".record.json.4711").write_text("cut off")
    return step


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def _without(key: str) -> Callable[[Path], object]:
    return lambda file: write_json(file, {k: v for k, v in read_json(file).items() if k != key})


def _with(**changes: object) -> Callable[[Path], object]:
    return lambda file: write_json(file, read_json(file) | changes)


@pytest.mark.parametrize(
    ("name", "harm", "told"),
    [
        ("weights", _flip, "weights holds other bytes"),
        ("weights", lambda file: file.write_bytes(b""), "weights has 0 bytes, and 200 were written"),
        ("weights", lambda file: file.write_bytes(bytes(300)), "weights has 300 bytes, and 200 were written"),
        ("weights", Path.unlink, "weights is not there"),
        ("set.descriptors/features", _flip, "set.descriptors/features holds other bytes"),
        ("set.descriptors", shutil.rmtree, "set.descriptors/features is not there"),
        ("step.json", lambda file: file.write_bytes(b""), "step.json cannot be read"),
        ("step.json", lambda file: file.write_text("[]"), "step.json is not of this step"),
        ("step.json", lambda file: file.write_text("{}"), "step.json is not of this step"),
        ("step.json", Path.unlink, "step.json is not there"),
        ("step.json", _without("files"), "its record lists no files"),
        ("step.json", _with(files={"weights": 7}), "its record does not say what weights holds"),
        ("step.json", _with(inputs={"x": 2}), "step.json is not of this step"),
        ("step.json", _with(kind="judge"), "step.json is not of this step"),
    ],
)
def test_a_damaged_step_is_named_set_aside_and_made_again(
    tmp_path: Path, name: str, harm: Callable[[Path], object], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    step = finished(StepStore(tmp_path))
    place = StepStore(tmp_path).folder(step)
    assert sorted(path.name for path in place.iterdir()) == ["set.descriptors", "step.json", "weights"]
    whole = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    for number in (1, 2):
        store = StepStore(tmp_path)
        assert store.done(step) and store.done(step)
        assert capsys.readouterr().err == ""
        harm(place / name)
        fresh = StepStore(tmp_path)  # as in the next process
        assert not fresh.done(step) and not fresh.done(step)
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "stage 'baseline frames' is damaged" in said and told in said and f".damaged-{number} " in said
        assert place.with_name(f"{step.fingerprint}.damaged-{number}").is_dir() and not place.exists()
        assert finished(fresh) == step
        assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == whole


def test_a_step_that_is_damaged_when_its_turn_comes_is_not_taken_for_finished(tmp_path: Path) -> None:
    """Nobody asked before whether it is done."""
    step = finished(StepStore(tmp_path))
    _flip(StepStore(tmp_path).folder(step) / "weights")
    with StepStore(tmp_path).running(step) as folder:
        assert folder is not None


def test_a_damaged_step_that_another_process_has_just_set_aside_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between the look at it and the lock."""
    step, store = finished(StepStore(tmp_path)), StepStore(tmp_path)
    _flip(store.folder(step) / "weights")
    held = StepStore._held

    def late(self: StepStore, one: Step, waits: bool) -> AbstractContextManager[None]:
        with held(store, one, waits):
            inventory.set_aside(store.folder(one))
        return held(self, one, waits)

    monkeypatch.setattr(StepStore, "_held", late)
    assert not store.done(step)
    assert capsys.readouterr().err == ""


def test_the_files_of_a_step_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, store = finished(StepStore(tmp_path)), StepStore(tmp_path)
    read: list[str] = []
    real = inventory.digest.sha256
    monkeypatch.setattr(inventory.digest, "sha256", lambda file: read.append(file.name) or real(file))
    assert all(store.done(step) for _ in range(3))
    assert sorted(read) == ["features", "weights"]
    _flip(store.folder(step) / "weights")
    read.clear()
    with StepStore(tmp_path).running(step):
        assert read.count("weights") == 1  # of one that is damaged too


WORK = """
import os, sys, time
from pathlib import Path
from runners.errors import RunError
from runners.plan.step_store import Step, StepStore
root, seconds, asked = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:] == ["asked"]
store, step = StepStore(root), Step("stage", "a", {"x": 1})
if asked:
    assert not store.done(step)
    print("asked", flush=True)
    sys.stdin.readline()
try:
    with store.running(step) as folder:
        print("in" if folder else "nothing to do", flush=True)
        if folder:
            time.sleep(seconds)
            (folder / "by").write_text(str(os.getpid()))
    print("done", flush=True)
except RunError as error:
    print(error, flush=True)
"""


def worker(root: Path, seconds: float, *more: str) -> "subprocess.Popen[str]":
    """Another process at work on the step."""
    command = [sys.executable, "-c", WORK, str(root), str(seconds), *more]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line(of: "subprocess.Popen[str]") -> str:
    assert of.stdout is not None
    return of.stdout.readline().strip()


def test_who_comes_while_another_works_is_told_who_it_is(tmp_path: Path) -> None:
    step, first = Step("stage", "a", {"x": 1}), worker(tmp_path, 60)
    try:
        assert line(first) == "in"
        told = rf"another process \({first.pid} on .*\) is at work on stage 'a' in .*wait until"
        with pytest.raises(RunError, match=told), StepStore(tmp_path).running(step):
            pass
    finally:
        first.kill()
        first.communicate()


def test_the_lock_of_a_killed_owner_is_free(tmp_path: Path) -> None:
    first = worker(tmp_path, 60)
    assert line(first) == "in"
    first.kill()
    first.communicate()
    second = worker(tmp_path, 0)
    assert second.communicate()[0].split() == ["in", "done"]
    step = Step("stage", "a", {"x": 1})
    assert (StepStore(tmp_path).folder(step) / "by").read_text() == str(second.pid)


def test_who_comes_after_uses_the_finished_step(tmp_path: Path) -> None:
    """It had asked before the first one was done, which is what two jobs started together do."""
    second = worker(tmp_path, 0, "asked")
    assert line(second) == "asked"
    first = worker(tmp_path, 0)
    assert first.communicate()[0].split() == ["in", "done"]
    store, step = StepStore(tmp_path), Step("stage", "a", {"x": 1})
    before = {path: path.stat().st_ino for path in store.folder(step).rglob("*")}
    assert second.communicate("go\n")[0].splitlines() == ["nothing to do", "done"]
    assert {path: path.stat().st_ino for path in store.folder(step).rglob("*")} == before
    assert (store.folder(step) / "by").read_text() == str(first.pid)
    assert store.done(step)


def test_of_three_at_once_one_works(tmp_path: Path) -> None:
    """Again and again on other steps would be the same: a lock file that was removed let the third one in."""
    several = [worker(tmp_path, 0.3, "asked") for _ in range(3)]
    assert [line(one) for one in several] == ["asked"] * 3
    for one in several:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    ends = [one.communicate()[0] for one in several]
    assert sum(end.startswith("in\n") for end in ends) == 1
    assert all(end.split() == ["in", "done"] or "nothing to do" in end or "is at work" in end for end in ends)
    assert [path.suffix for path in (tmp_path / "steps" / "stage").iterdir()] == [""]
    assert len(list((tmp_path / "steps" / "locks").iterdir())) == 1


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def full(self: Path, content: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert read_json(path) == {"old": 1}


def test_numbers_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})


def test_a_damaged_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(RunError, match=r"a\.json.*remove the folder"):
        read_json(tmp_path / "a.json")
