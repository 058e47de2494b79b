"""`runners.data stats` and `pack`: what is counted and written, and of whom no picture is shown unasked."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import datasets
from runners.data import main
from tests.datasets import mars_folder, mars_index

SMALL = ["--preset", "tiny", "--size", "32x16", "--set", "train_ids=4", "--set", "test_ids=4"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return mars_folder.write(tmp_path / "mars")


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered set of ten divisions."""
    folder = tmp_path_factory.mktemp("walk") / "ilids"
    assert main(["render", str(folder), "--layout", "ilids", *SMALL]) == 0
    return folder


def stats(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["stats", *command, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_an_incomplete_set_is_counted_too(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = stats(capsys, str(root))
    assert found["counts"]["test_frames"] == 15
    assert (found["name"], found["synthetic"]) == ("mars", False)
    parts = {part["name"]: part for part in found["parts"]}
    assert parts["train"]["lengths"] == {"2": 1, "3": 1, "4": 1}
    assert parts["train"]["below"] == {"4": 2, "8": 3, "16": 3, "32": 3, "64": 3}
    assert main(["stats", str(root)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^train +3 +2 +9 +2 +3\.0 +3\.00 +4 +66\.7 +100\.0", out, re.MULTILINE)


def test_the_table_of_mars_is_printed_to_the_digit(
    official_metadata: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = mars_index.rebuild(official_metadata / "mars", tmp_path / "mars")
    assert main(["stats", str(folder), "--no-images"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for row in (
        "train 8,298 625 509,914 5 36.0 61.45 900 0.0 1.0 18.0 47.1 65.9",
        "junk 870 0 23,380 6 18.0 26.87 226 0.0 4.1 41.3 80.3 92.2",
        "query 1,980 626 114,493 2 35.0 57.82 880 0.1 1.6 19.7 47.4 66.7",
        "gallery without the queries 9,330 620 543,216 3 33.0 58.22 920 0.0 1.5 20.3 48.8 69.4",
        "without the queries 1,980 140 0 6.0 8.47 203",
    ):
        assert row in lines


def test_the_page_is_whole_and_its_tables_lie_beside_it(walk: Path, tmp_path: Path) -> None:
    out = tmp_path / "page"
    assert main(["stats", str(walk), "--split", "3", "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        "index.html", "data_set.json",
        *(f"{table}.{end}" for table in ("lengths", "people", "cameras", "answers") for end in ("csv", "tex")),
    }  # fmt: skip
    html = (out / "index.html").read_text(encoding="utf-8")
    assert "division 3 of 10" in html
    assert "data:image/jpeg;base64," in html
    assert not re.search(r'(?:src|href)="https?:', html)
    for name in re.findall(r'href="([^"#]+)"', html):
        assert (out / name).is_file(), name


def test_the_command_on_the_page_makes_the_same_page(walk: Path, tmp_path: Path) -> None:
    out = tmp_path / "page"
    assert main(["stats", str(walk), "--split", "2", "--no-pictures", "--out", str(out)]) == 0
    html = (out / "index.html").read_text(encoding="utf-8")
    match = re.search(r"<pre>python -m runners\.data ([^<]+)</pre>", html)
    assert match is not None
    assert main(match[1].split()) == 0
    assert (out / "index.html").read_text(encoding="utf-8") == html
    assert "base64" not in html


def test_real_people_are_shown_only_when_asked_for(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "page"
    assert main(["stats", str(root), "--out", str(out)]) == 0
    html = (out / "index.html").read_text(encoding="utf-8")
    assert "real people" in html
    assert "base64" not in html
    assert main(["stats", str(root), "--out", str(out), "--pictures"]) == 0
    html = (out / "index.html").read_text(encoding="utf-8")
    assert "base64" in html
    assert "before you pass the page on" in html


def test_a_folder_that_cannot_be_written_is_one_sentence(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = root / "file"
    file.touch()
    assert main(["stats", str(root), "--out", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_a_pack_of_all_divisions_stands_in_for_the_images(
    walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "packed"
    assert main(["pack", str(walk), "--out", str(folder)]) == 0
    assert "10 divisions" in capsys.readouterr().out
    assert main(["pack", str(walk), "--out", str(folder)]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert main(["verify", str(folder)]) == 0
    assert "9 further divisions: the same checks passed in each" in capsys.readouterr().out
    for number in (0, 7):
        direct, packed = (stats(capsys, str(place), "--split", str(number)) for place in (walk, folder))
        assert packed["parts"] == direct["parts"]
        assert packed["answers"] == direct["answers"]
        assert packed["fingerprint"] == direct["fingerprint"] == datasets.load("ilids", walk, split=number).fingerprint
    assert main(["contact-sheet", str(folder), str(tmp_path / "a.png")]) == 0
    assert main(["contact-sheet", str(walk), str(tmp_path / "b.png")]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_spoilt_and_a_stale_pack_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = mars_folder.write(tmp_path / "mars")
    command = [str(root), "--counts", "any"]
    assert main(["pack", *command]) == 0
    assert main(["verify", *command]) == 0
    shard = root / "pack" / "shard-00000.bin"
    content = shard.read_bytes()
    shard.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    capsys.readouterr()
    assert main(["verify", *command]) == 1
    out = capsys.readouterr().out
    assert "FAILED faults of the pack: 1, expected 0" in out
    assert "differs in shard-00000.bin" in out
    assert main(["verify", *command, "--quick"]) == 0
    shard.write_bytes(content)
    victim = next(root.rglob("*F002.jpg"))
    victim.write_bytes(victim.read_bytes() + b"\0")
    capsys.readouterr()
    assert main(["verify", *command]) == 1
    assert "pack/pack.json holds other data than the images beside it" in capsys.readouterr().out
    assert main(["verify", *command, "--accept", "pack"]) == 0


def test_frames_are_looked_at_inside_a_pack_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = mars_folder.write(tmp_path / "mars")
    cut, repeated = root / "bbox_test/0002/0002C2T0002F002.jpg", root / "bbox_test/0004/0004C1T0001F001.jpg"
    cut.write_bytes(cut.read_bytes()[:-30])
    repeated.write_bytes((root / "bbox_train/0001/0001C1T0001F001.jpg").read_bytes())
    packed = tmp_path / "packed"
    assert main(["pack", str(root), "--counts", "any", "--out", str(packed), "--accept", "truncated"]) == 0
    capsys.readouterr()
    assert main(["verify", str(packed), "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [(one["kind"], Path(one["file"]).name) for one in problems] == [
        ("truncated", cut.name),
        ("duplicate", repeated.name),
    ]


def test_an_incomplete_set_is_not_packed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", str(root)]) == 2
    assert "train ids is 2, expected 625" in capsys.readouterr().err
    assert not (root / "pack").exists()
