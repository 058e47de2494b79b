"""The data command: what it lists, renders and draws, and how it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import datasets
from runners.data import main
from tests.datasets import mars_folder
from tests.places import HOUSE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return mars_folder.write(tmp_path / "mars")


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        ["verify", str(tmp_path / "none")],
        ["stats", str(tmp_path)],
        ["stats", str(tmp_path), "--dataset", "mars", "--split", "1"],
        ["pack", str(tmp_path), "--dataset", "duk"],
        ["verify", str(tmp_path), "--accept", "ugly"],
        ["verify", str(tmp_path), "--no-images", "--quick"],
        ["verify", str(tmp_path), "--report", "problems.txt"],
        ["verify", str(tmp_path), "--dataset", "marz"],
        ["contact-sheet", str(tmp_path), "x.png"],
        ["render", str(tmp_path / "walk"), "--preset", "tinny"],
        ["render", str(tmp_path / "walk"), "--preset", "tiny", "--layout", "marz"],
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


def test_output_that_nobody_reads_ends_without_a_word() -> None:
    here = HOUSE
    command = [sys.executable, "-m", "runners.data", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=here) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


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


@pytest.mark.parametrize(
    ("action", "examples"), [([], 8), (["verify"], 4), (["stats"], 4), (["pack"], 3), (["render"], 5)]
)
def test_help_teaches_by_example(action: list[str], examples: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*action, "--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert out.count(" -m runners.data ") >= examples
    assert "exit codes" in out.lower()


def test_the_list_says_what_there_is_and_what_to_respect(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{name} " in out for name in datasets.names())
    for words in ("withdrawn by its owners", "20,478", "downloads no data set"):
        assert words in " ".join(out.split())
    assert main(["list", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["data_sets"]}
    assert set(found) == set(datasets.names())
    assert (found["mars"]["people"], found["mars"]["divisions"], found["mars"]["metrics"]) == (1_259, 1, "mAP, CMC")


def test_the_list_needs_no_torch(tmp_path: Path) -> None:
    code = "import sys\nfrom runners.data import main\nmain(['list'])\nprint('torch' in sys.modules)"
    here = HOUSE
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here)
    assert done.stdout.splitlines()[-1] == "False"


def test_a_rendered_world_is_verified_shown_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(tmp_path / "walk")
    small = ["--preset", "tiny", "--size", "32x16", "--set", "train_ids=2", "--set", "test_ids=2", "--seed", "5"]
    assert main(["render", root, *small, "--json"]) == 0
    rendered = json.loads(capsys.readouterr().out)
    assert rendered["synthetic"] is True
    assert rendered["counts"]["train_ids"] == 2
    assert main(["verify", root, "--pixels"]) == 0
    assert "compared with its manifest" in capsys.readouterr().out
    assert main(["stats", root]) == 0
    assert rendered["fingerprint"] in capsys.readouterr().out
    assert main(["contact-sheet", root, str(tmp_path / "walk.png")]) == 0
    victim = next((tmp_path / "walk" / "bbox_test").rglob("*.jpg"))
    victim.unlink()
    assert main(["verify", root]) == 1
    assert victim.name in capsys.readouterr().out
