"""Files of a rendered set's truth that were damaged: one sentence with the file, whatever was done to them."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import synthwalk
from datasets.errors import DataError
from datasets.synthwalk import contact_sheet, truth
from datasets.synthwalk.presets import preset

KEY = "0002C1T0001"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthwalk.render(preset("tiny", height=16, width=8), tmp_path_factory.mktemp("walk") / "set")


@pytest.fixture
def root(rendered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(rendered, tmp_path / "set"))


def key_of(root: Path) -> str:
    return min((root / "truth" / "tracklets").rglob("*.npz")).stem


def rewritten(root: Path, **changes: np.ndarray | None) -> str:
    """The truth of a tracklet with other arrays; its key."""
    key = key_of(root)
    path = truth.truth_path(root, key)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files} | changes
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})
    return key


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": None},
        {"view": np.zeros(3, dtype=np.float32)},
        {"labels": np.zeros(3, dtype=np.uint8)},
        {"visible": np.zeros(1, dtype=np.float32)},
        {"occluders": np.array("text")},
        {"twin_sizes": np.array([-5], dtype=np.int32)},
        {"twin_bytes": np.zeros(7, dtype=np.uint8)},
    ],
)
def test_arrays_that_are_absent_or_do_not_fit(root: Path, changes: dict[str, np.ndarray | None]) -> None:
    key = rewritten(root, **changes)
    with pytest.raises(DataError, match=rf"{key}\.npz.*; render SynthWalk again into an empty folder$"):
        truth.load_truth(root, key)


def test_bytes_that_are_no_arrays(root: Path) -> None:
    key = key_of(root)
    path = truth.truth_path(root, key)
    whole = path.read_bytes()
    draw = np.random.default_rng(3)
    for place in draw.integers(0, len(whole), 60).tolist():
        data = bytearray(whole)
        data[place] ^= int(draw.integers(1, 256))
        path.write_bytes(bytes(data) if draw.random() < 0.7 else bytes(data[:place]))
        try:
            truth.load_truth(root, key)
        except DataError as error:
            assert path.name in str(error)
    path.unlink()
    with pytest.raises(DataError, match="is missing"):
        truth.load_truth(root, key)


@pytest.mark.parametrize("value", [[], {}, {"test": None}, {"test": {"motion": [1], "lookalike": []}}, {"test": []}, 5])
def test_groups_that_are_none(root: Path, value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "truth" / "groups.json").write_text(json.dumps(value))
    assert contact_sheet.main([str(root), str(root / "s.jpg")]) == 2
    assert "groups.json" in capsys.readouterr().err


@pytest.mark.parametrize("value", [{}, [], *({"tracklets": told} for told in ({KEY: 5}, {KEY: {}}, [KEY], 5, None))])
def test_a_gait_that_is_none(root: Path, value: Any) -> None:
    (root / "truth" / "gait.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match=r"gait\.json"):
        truth.joint_angles(root, KEY, 3)


def test_the_truth_is_read_back_as_it_was_written(root: Path) -> None:
    key = key_of(root)
    told = truth.load_truth(root, key)
    again = truth.pack(told)
    with np.load(io.BytesIO(again)) as one, np.load(truth.truth_path(root, key)) as other:
        assert all(one[name].tobytes() == other[name].tobytes() for name in other.files)
