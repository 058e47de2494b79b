"""The data command: what it prints, its exit codes, and what it leaves."""

import json
from pathlib import Path

import pytest
from PIL import Image

from runners.data import main
from tests.datasets import mars_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return mars_folder.write(tmp_path / "mars")


def test_show_counts_an_incomplete_set_too(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(root)]) == 0
    assert "train tracklets" in capsys.readouterr().out
    assert main(["show", str(root), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["counts"]["test_frames"] == 15
    assert facts["synthetic"] is False


def test_verify_fails_on_wrong_counts_and_passes_on_any(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(root)]) == 1
    assert "FAILED train ids" in capsys.readouterr().out
    assert main(["verify", str(root), "--counts", "any"]) == 0
    assert main(["verify", str(root), "--counts", "any", "--json"]) == 0
    out = capsys.readouterr().out
    facts = json.loads(out[out.index("{") :])
    assert facts["passed"] is True
    assert all(check["passed"] for check in facts["checks"])


def test_verify_finds_damaged_pixels_only_when_asked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = root / "bbox_test" / "0002" / "0002C2T0002F003.jpg"
    image.write_bytes(image.read_bytes()[:200])
    assert main(["verify", str(root), "--counts", "any"]) == 0
    assert main(["verify", str(root), "--counts", "any", "--pixels"]) == 1
    assert image.name in capsys.readouterr().out


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        ["verify", str(tmp_path / "none")],
        ["show", str(tmp_path)],
        ["verify", str(tmp_path), "--dataset", "marz"],
        ["contact-sheet", str(tmp_path), "x.png"],
        ["render", str(tmp_path / "walk"), "--preset", "tinny"],
        ["render", str(tmp_path / "walk"), "--preset", "tiny", "--seed", "-1"],
        ["render", str(tmp_path / "walk"), "--preset", "tiny", "--set", "nose=3"],
        ["render", str(tmp_path / "walk"), "--preset", "tiny", "--size", "512x256"],
    ):
        assert main(command) == 2, command
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
    assert not (tmp_path / "walk").exists()


@pytest.mark.parametrize(
    "command",
    [["render", "x", "--size", "64"], ["render", "x", "--set", "a"], ["contact-sheet", "x", "y.png", "--rows", "0"]],
)
def test_malformed_options_are_refused_by_the_parser(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["sheet.png", "deep/er/sheet.jpg"])
def test_contact_sheet_has_a_row_a_tracklet(root: Path, tmp_path: Path, name: str) -> None:
    options = ["--rows", "3", "--columns", "4", "--size", "64x32", "--part", "query"]
    assert main(["contact-sheet", str(root), str(tmp_path / name), *options]) == 0
    with Image.open(tmp_path / name) as sheet:
        assert sheet.size == (108 + 4 * 34 + 2, 3 * 66 + 2)
        assert len(sheet.convert("RGB").getcolors(1 << 20)) > 100


def test_contact_sheet_of_one_person(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contact-sheet", str(root), str(tmp_path / "s.png"), "--person", "4"]) == 0
    assert "2 test tracklets" in capsys.readouterr().out
    assert main(["contact-sheet", str(root), str(tmp_path / "t.png"), "--person", "99"]) == 2
    assert main(["contact-sheet", str(root), str(tmp_path / "t.gif")]) == 2
    assert main(["contact-sheet", str(root), str(tmp_path / "t.png"), "--part", "validation"]) == 2
    assert [path.name for path in tmp_path.glob("*.*")] == ["s.png"]


def test_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert out.count("python -m runners.data") >= 6
    assert "exit codes" in out


def test_a_rendered_world_is_verified_shown_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(tmp_path / "walk")
    small = ["--preset", "tiny", "--size", "32x16", "--set", "train_ids=2", "--set", "test_ids=2", "--seed", "5"]
    assert main(["render", root, *small, "--json"]) == 0
    rendered = json.loads(capsys.readouterr().out)
    assert rendered["synthetic"] is True
    assert rendered["counts"]["train_ids"] == 2
    assert main(["verify", root, "--pixels"]) == 0
    assert "compared with its manifest" in capsys.readouterr().out
    assert main(["contact-sheet", root, str(tmp_path / "walk.png")]) == 0
    victim = next((tmp_path / "walk" / "bbox_test").rglob("*.jpg"))
    victim.unlink()
    assert main(["verify", root]) == 1
    assert victim.name in capsys.readouterr().out
