"""JSON, TOML, CSV, weights and checkpoints: sound files come back, everything else ends in one sentence."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from files import atomic
from files.errors import FileError
from files.formats import checkpoint, csv, json, safetensors, toml


class OwnError(ValueError):
    """Stands for the error of a floor."""


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[" * 200_000, b"NaN", b'{"a": -Infinity}', b"9" * 5000, b'{"a": 1} b', b"\xef\xbb\xbf"],
)
def test_bad_json_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(OwnError, match=r"^\S*a\.json .*JSON.*; run again$") as caught:
        json.read(path, error=OwnError, remedy="run again")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(path))


def test_json_of_another_kind_and_size(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('\ufeff{"a": [1, 2.5, null]}', encoding="utf-8")
    assert json.read_object(path) == {"a": [1, 2.5, None]}
    with pytest.raises(FileError, match="of at most 10"):
        json.read(path, largest=10)
    path.write_text("[1]", encoding="utf-8")
    with pytest.raises(FileError, match="holds a list, expected a JSON object"):
        json.read_object(path)
    with pytest.raises(FileError, match="is missing"):
        json.read(tmp_path / "b.json")
    with pytest.raises(FileError, match="cannot be read"):
        json.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "a" + ".a" * 20_000 + " = 1",  # five seconds in the library, and four times as long for twice the names
        "x = {" + ", ".join("a" + ".a" * 100 + f".k{i} = 1" for i in range(50)) + "}",
        "x = " + "[" * 5_000,
        "x = " + "{a = " * 2_000,
        "x = " + "9" * 5_000,
        "#" * (2**20 + 1),
        "a = 1\na = 2",
    ],
    ids=range(7),
)
def test_bad_toml_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "paper.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(OwnError, match=r"paper\.toml"):
        toml.read(path, error=OwnError)


def test_long_texts_are_no_long_keys(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("x = '" + "a" * 10**6 + "'", encoding="utf-8")
    assert len(toml.read(path)["x"]) == 10**6
    path.write_text("x = '" + "a.a " * 250_000 + "'", encoding="utf-8")
    assert toml.read(path)["x"].startswith("a.a a.a")


def test_rows_of_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffa;b\n\n"1"2;x\n', encoding="utf-8")
    with pytest.raises(FileError, match="behind line"):
        list(csv.rows(path))
    path.write_text('\ufeffa;b\n\n1;"x\ny"\n', encoding="utf-8")
    assert list(csv.rows(path)) == [(1, ["a", "b"]), (4, ["1", "x\ny"])]
    path.write_bytes(b"a,b\n\xff,1\n")
    with pytest.raises(OwnError, match="no text in UTF-8"):
        list(csv.rows(path, error=OwnError))
    path.write_text("a,b\n" + "x" * 200_000, encoding="utf-8")
    with pytest.raises(FileError, match="field larger than"):
        list(csv.rows(path))
    with pytest.raises(FileError, match="missing"):
        list(csv.rows(tmp_path / "b.csv"))


def test_weights_come_back_and_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    state = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.tensor(3), "c": torch.ones(2, dtype=torch.bfloat16)}
    safetensors.save(state, path)
    back = safetensors.load(path)
    assert all(torch.equal(back[name], value) and back[name].dtype == value.dtype for name, value in state.items())
    whole = path.read_bytes()
    for content in (b"", whole[:20], whole[:-1], b"\xff" * 8 + whole[8:], whole.replace(b"F32", b"F99")):
        path.write_bytes(content)
        with pytest.raises(OwnError, match=r"w\.safetensors cannot be read as weights"):
            safetensors.load(path, error=OwnError)


def test_checkpoints_with_numbers_of_numpy_are_read_and_code_is_not(tmp_path: Path) -> None:
    path = tmp_path / "c.pth.tar"
    stored = {"state": {"w": torch.ones(2)}, "rank1": np.array([0.75], np.float32)[0], "epoch": np.int64(3)}
    stored["cmc"] = np.array([0.5, 0.75])  # type: ignore[assignment]
    torch.save(stored, path)
    back = checkpoint.load(path)
    assert back["rank1"] == np.float32(0.75)
    assert back["epoch"] == 3
    np.testing.assert_array_equal(back["cmc"], [0.5, 0.75])
    torch.save({"w": Path("x")}, path)
    with pytest.raises(OwnError, match="weights only"):
        checkpoint.load(path, error=OwnError)
    for content in (b"", b"PK\3\4", b"x" * 100):
        path.write_bytes(content)
        with pytest.raises(OwnError, match=r"c\.pth\.tar cannot be read as a checkpoint"):
            checkpoint.load(path, error=OwnError)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(path, {"a": float("nan")})
    assert json.read(path) == {"a": 1}
    atomic.write_text(path, "caf\udce9")
    assert path.read_bytes() == b"caf?"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.json"]


def test_files_import_no_floor() -> None:
    import subprocess

    code = (
        "import sys, files.formats.json, files.formats.toml, files.formats.csv, files.atomic; "
        "print([n for n in sys.modules if n.split('.')[0] in "
        "('methods', 'datasets', 'protocols', 'reports', 'runners', 'torch', 'numpy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
