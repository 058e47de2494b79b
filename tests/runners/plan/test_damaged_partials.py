"""What an interrupted run left, and the disk spoilt meanwhile: it is told, and work goes on from what is sound."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from files.formats import arrays
from runners.errors import RunError
from runners.evaluation.descriptor_set import Writer, partial_of
from runners.plan.row_spans import Spans
from runners.training import checkpoints, frame_features
from tests.runners.dying import cut_off_at_call
from tests.runners.small import random_frames, seeded

Harm = Callable[[Path], object]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flipped(place: int) -> Harm:
    def harm(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[place] ^= 1
        file.write_bytes(bytes(content))

    return harm


def saying(text: str) -> Harm:
    return lambda file: file.write_text(text)


ROWS = np.arange(48, dtype=np.float32).reshape(12, 4)


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """Rows 0 to 9 of 12, noted in two spans."""
    spans = Spans(tmp_path / "done.json", tmp_path / "rows.npy", (12, 4))
    assert (spans.done, spans.trunk_frames) == (0, 0)
    out = np.lib.format.open_memmap(tmp_path / "rows.npy", mode="w+", dtype=np.float32, shape=(12, 4))
    for end in (4, 10):
        out[:end] = ROWS[:end]
        out.flush()
        spans.add(out, end, end)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "harm", "done", "told"),
    [
        ("rows.npy", lambda file: None, 10, ""),
        ("rows.npy", flipped(-1), 10, ""),  # of a row that was never done
        ("rows.npy", flipped(128 + 4 * 16 + 1), 4, "rows from 4 on are not what"),
        ("rows.npy", flipped(130), 0, "rows from 0 on are not what"),
        ("rows.npy", cut, 0, "rows.npy cannot be read"),
        ("rows.npy", empty, 0, "rows.npy cannot be read"),
        ("rows.npy", lambda file: np.save(file, ROWS[:, :2]), 0, "expected float32 [12, 4]"),
        ("rows.npy", lambda file: np.save(file, ROWS.astype(np.float64)), 0, "holds float64"),
        ("rows.npy", Path.unlink, 0, ""),
        ("done.json", empty, 0, "done.json cannot be read"),
        ("done.json", cut, 0, "done.json cannot be read"),
        ("done.json", saying("7"), 0, "no notes of a pass"),
        ("done.json", saying("[[]]"), 0, "no notes of a pass"),
        ("done.json", saying("{}"), 0, "no notes of a pass"),
        ("done.json", saying('[{"end": 13, "sha256": "", "trunk_frames": 0}]'), 0, "over so many rows"),
        ("done.json", saying('[{"end": 0, "sha256": "", "trunk_frames": 0}]'), 0, "over so many rows"),
        ("done.json", saying('[{"end": 4, "sha256": "", "trunk_frames": "4"}]'), 0, "no number"),
        ("done.json", saying('[{"end": 4, "sha256": "", "trunk_frames": 4}]'), 0, "rows from 0 on are not what"),
    ],
)
def test_a_pass_goes_on_behind_the_last_sound_row(
    half: Path, name: str, harm: Harm, done: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    harm(half / name)
    spans = Spans(half / "done.json", half / "rows.npy", (12, 4))
    assert (spans.done, spans.trunk_frames) == (done, done)
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == bool(told)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("features.npy", lambda file: None), ("features.npy", cut), ("features.npy", empty),
        ("features.npy", flipped(140)), ("features.npy", flipped(600)), ("done.json", empty), ("done.json", cut),
    ],
)  # fmt: skip
def test_features_of_a_pass_that_was_killed_end_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, harm: Harm
) -> None:
    """A file that was cut while its notes say otherwise would be filled up with zeros by NumPy."""
    store = random_frames(np.array([9, 7, 12]))
    about = {"device": "cpu", "precision": "fp32", "title": "features"}
    monkeypatch.setattr(frame_features, "frames_per_batch", lambda size: 4)
    monkeypatch.setattr(frame_features, "_BATCHES_A_NOTE", 2)
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    frame_features.extract_frame_features(seeded(), store, "imagenet", folder=tmp_path / "whole", **about)
    with cut_off_at_call(6, frame_features, "_encode"):
        frame_features.extract_frame_features(seeded(), store, "imagenet", folder=tmp_path / "killed", **about)
    assert [span["end"] for span in json.loads((tmp_path / "killed/done.json").read_text())] == [8, 16]
    harm(tmp_path / "killed" / name)
    frame_features.extract_frame_features(seeded(), store, "imagenet", folder=tmp_path / "killed", **about)
    for file in ("features.npy", "trunk_frames.json"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes()


STATE = {
    "method": {"a": torch.arange(6.0)},
    "optimizers": [{"state": {}}],
    "log": [{"loss": 1.5}],
    "sums": {},
    "step": 3,
}


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    checkpoints.save(tmp_path / "checkpoint.pt", STATE)
    found = checkpoints.load(tmp_path / "checkpoint.pt", "cpu")
    assert torch.equal(found["method"]["a"], STATE["method"]["a"])
    assert {name: found[name] for name in ("optimizers", "log", "sums", "step")} == {
        name: STATE[name] for name in ("optimizers", "log", "sums", "step")
    }
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("harm", [cut, empty, flipped(100), flipped(-1), flipped(-40), saying("x" * 20)])
def test_no_byte_of_a_checkpoint_may_change(tmp_path: Path, harm: Harm) -> None:
    file = tmp_path / "checkpoint.pt"
    checkpoints.save(file, STATE)
    harm(file)
    with pytest.raises(RunError, match=r"checkpoint.pt holds other bytes than were written"):
        checkpoints.load(file, "cpu")


def test_a_row_of_descriptors_that_changed_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a.descriptors"
    first = Writer(folder, 6, 4, "f0")
    first.put(np.array([5, 1, 2]), np.ones((3, 4), dtype=np.float32))
    first.note()
    del first
    flipped(128 + 4 * 4 * 2 + 1)(partial_of(folder) / "features.npy")
    assert Writer(folder, 6, 4, "f0").done.tolist() == [False, True, False, False, False, True]
    assert "1 of 3 descriptors are not what was written" in capsys.readouterr().err
    sums = arrays.load_npy(partial_of(folder) / "done.npy")
    np.save(partial_of(folder) / "done.npy", sums.astype(bool))  # formerly
    assert not Writer(folder, 6, 4, "f0").done.any()
