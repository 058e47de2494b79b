"""Steps are whole or resumable, never half."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from runners.errors import RunError
from runners.steps import Step, StepStore, read_json, write_bytes, write_json


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
        (folder / "result").write_text("7")
        assert not store.done(step)
    assert store.done(step)
    assert (store.folder(step) / "result").read_text() == "7"
    assert read_json(store.folder(step) / "step.json")["inputs"] == {"x": 1}
    assert [p.name for p in (tmp_path / "steps" / "stage").iterdir()] == [step.fingerprint]


def test_what_a_failed_step_left_is_there_for_the_next_try(tmp_path: Path) -> None:
    store, step = StepStore(tmp_path), Step("stage", "a", {"x": 1})
    with pytest.raises(RuntimeError, match="power cut"), store.running(step) as folder:
        (folder / "checkpoint").write_text("half")
        raise RuntimeError("power cut")
    assert not store.done(step)
    with store.running(step) as folder:
        assert (folder / "checkpoint").read_text() == "half"
    assert store.done(step)


def test_two_processes_do_not_run_the_same_step(tmp_path: Path) -> None:
    step = Step("stage", "a", {"x": 1})
    code = (
        "import sys, time; from pathlib import Path; from runners.steps import Step, StepStore\n"
        "with StepStore(Path(sys.argv[1])).running(Step('stage', 'a', {'x': 1})):\n"
        "    print('in', flush=True); time.sleep(60)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "in\n"
        with pytest.raises(RunError, match="another process is at work"), StepStore(tmp_path).running(step):
            pass
    finally:
        other.kill()
        other.wait()
    time.sleep(0.05)
    with StepStore(tmp_path).running(step):  # the lock of a killed process does not stay
        pass
    assert StepStore(tmp_path).done(step)


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
