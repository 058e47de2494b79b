"""Pixels that change without changing a file's size: what the commands say, and which steps count as done."""

import json
from pathlib import Path

import pytest

import datasets
from datasets import pack
from runners.data import main
from tests.datasets.files.test_content_digest import changed, own


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return own(tmp_path / "data")


def verify(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    code = main(["verify", str(root), "--json", "--frame-size", "16x8", *words])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return code, found


def test_verify_names_the_images_that_differ_from_the_pack(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", str(root)]) == 0
    capsys.readouterr()
    assert verify(root, capsys)[0] == 0
    changed(root / "test/1/2/1/0001.bmp")
    (root / "test/2/1/1/0002.bmp").write_bytes((root / "test/2/1/1/0002.bmp").read_bytes() + b"\0\0")
    code, found = verify(root, capsys)
    assert code == 1
    told = {one["file"]: one["found"] for one in found["problems"] if one["kind"] == "pack"}
    assert list(told) == ["pack/pack.json", "test/1/2/1/0001.bmp", "test/2/1/1/0002.bmp"]
    assert told["test/1/2/1/0001.bmp"] == "holds other bytes than in the pack beside it"
    assert told["test/2/1/1/0002.bmp"].endswith("bytes, but 438 in the pack beside it")
    assert main(["pack", str(root)]) == 2
    assert "holds a pack of other data" in capsys.readouterr().err


def test_verify_reads_every_byte_whatever_is_remembered(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that rots changes no time."""
    monkeypatch.setattr("datasets.files.content_digest_cache.SETTLED", -10_000_000_000)
    monkeypatch.setattr("datasets.files.content_digest._stat", lambda path: (Path(path).stat().st_size, 0, 0))
    before = datasets.load("own", root)
    pack.write(before, root / "pack", progress=False)
    changed(root / "test/1/2/1/0001.bmp")
    assert datasets.load("own", root).fingerprint == before.fingerprint  # nothing shows
    code, found = verify(root, capsys)
    assert (code, found["fingerprint"] != before.fingerprint) == (1, True)


def test_a_quick_look_says_that_its_fingerprint_is_another(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = datasets.load("own", root).fingerprint
    assert main(["verify", str(root), "--quick"]) == 0
    told = capsys.readouterr().out
    assert wanted not in told and "of names and sizes; with the frames' content it is another" in told
    assert main(["stats", str(root)]) == 0
    assert wanted in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["shard", "index", "names"])
def test_a_damaged_pack_beside_sound_images_is_a_problem_and_no_end(
    damage: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pack", str(root)]) == 0
    file = {"shard": "shard-00000.bin", "index": "pack.json", "names": "names.npy"}[damage]
    path = root / "pack" / file
    path.write_bytes(path.read_bytes()[:-1] if damage == "shard" else path.read_bytes()[:-9] + b"x" * 9)
    capsys.readouterr()
    code, found = verify(root, capsys)
    assert code == 1
    assert [one["file"] for one in found["problems"]] == [f"pack/{file}"]
