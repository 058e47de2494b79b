"""The attributes command: what it shows, how it counts a join, its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from datasets import synthwalk
from runners.attributes import main
from tests.datasets import mars_folder
from tests.datasets.attributes import rap_folder
from tests.places import HOUSE

OWN = (
    "tracklet,attachments/backpack,top color,weather",
    "0001C1T0001,1,1,dry",
    "0002C2T0002,0,0,wet",
    "0008C1T0001,,1,dry",
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(OWN) + "\n")
    return path


@pytest.fixture
def mars(tmp_path: Path) -> Path:
    return mars_folder.write(tmp_path / "mars")


def test_show_lists_groups_values_and_notices(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(table)]) == 0
    out = capsys.readouterr().out
    assert "mine, 3 rows (tracklets) of 3 people" in out
    assert "no: 1, yes: 1, unknown: 1" in out
    assert "dry: 2, wet: 1" in out
    assert "groups that can be learned, with their yes/no columns: upper body (1), attachments (1)" in out
    assert "groups without an attribute: gender and age, head and shoulders, lower body, shoes" in out
    assert "notice: 'weather' is in no group" in out


def test_json_has_the_join_of_every_part(table: Path, mars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(table), "--data-root", str(mars), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["rows_are"] == "tracklets"
    backpack = facts["attributes"][0]
    assert backpack["counts"] == {"no": 1, "yes": 1, "unknown": 1}
    assert (backpack["group"], backpack["polarity"], backpack["level"]) == ("attachments", "stated", "tracklet")
    # Three training tracklets and four of real test persons; the row of person 8 belongs to none of them.
    assert facts["join"]["all"] == {
        "tracklets": 7, "joined": 2, "unused": 1, "nobody": 2,
        "missing": ["0001C2T0002", "0003C1T0001", "0002C1T0001", "0004C1T0001", "0004C3T0002"],
    }  # fmt: skip
    assert (facts["join"]["query"]["tracklets"], facts["join"]["query"]["joined"]) == (3, 1)
    assert facts["dropped_groups"] == ["gender and age", "head and shoulders", "lower body", "shoes"]


def test_a_join_with_nothing_fails(tmp_path: Path, mars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.csv"
    path.write_text("person_id,shoes/boots\n700,1\n")
    assert main(["show", str(path), "--data-root", str(mars)]) == 1
    out = capsys.readouterr().out
    assert "0 of 7 tracklets of real persons have a row, 7 have none (0001C1T0001" in out
    assert "1 rows are of no tracklet; 2 tracklets of distractors and junk not counted" in out


def test_a_rap_folder_is_joined_with_its_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = rap_folder.write(tmp_path / "rap")
    assert main(["show", str(root)]) == 0
    out = capsys.readouterr().out
    assert "all:   7 of 7 tracklets of real persons have a row; 1 rows are of no tracklet" in out
    assert "train: 5 of 5" in out
    (root / "RAP_dataset" / rap_folder.IMAGES[0]).unlink()
    assert main(["show", str(root)]) == 2
    assert "1 of 8 images are missing" in capsys.readouterr().err


def test_a_rendered_world_is_joined_with_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = synthwalk.preset("tiny", seed=3, height=32, width=16, train_ids=2, test_ids=2, distractors=1, junk=1)
    synthwalk.render(world, tmp_path / "walk", workers=1)
    capsys.readouterr()
    assert main(["show", str(tmp_path / "walk"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["name"] == "SynthWalk truth"
    assert facts["dropped_groups"] == []
    joined = facts["join"]["all"]
    assert joined["joined"] == joined["tracklets"] == facts["rows"]
    assert (joined["unused"], joined["nobody"], facts["people"]) == (0, 2, 4)


def test_official_mars_codes_are_not_called_yes(official_metadata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(official_metadata / "mars_attributes" / "mars_attributes_v2_motion.csv")]) == 0
    out = capsys.readouterr().out
    assert "16,360 rows (tracklets) of 1,259 people" in out
    [backpack] = [line.split() for line in out.splitlines() if line.startswith("  attachments         backpack")]
    assert " ".join(backpack[2:]) == "tracklet undocumented code 0: 12,267, code 1: 4,093"
    assert "yes:" not in out
    assert "groups without an attribute: shoes" in out


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.csv").write_text("person_id,hat\n2,7\n")
    for command in (
        ["show", str(tmp_path / "none.csv")],
        ["show", str(tmp_path)],
        ["show", str(tmp_path / "bad.csv")],
        ["show", str(table), "--data-root", str(tmp_path / "none")],
        ["show", str(table), "--data-root", str(tmp_path), "--dataset", "marz"],
    ):
        assert main(command) == 2, command
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1


def test_help_teaches_without_loading_torch() -> None:
    here = HOUSE
    code = (
        "import sys, runners.attributes as a\ntry: a.main(['--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here)
    assert "person_id,upper body/red top" in done.stdout
    assert "gender and age, head and shoulders, upper body, lower body, shoes, attachments" in done.stdout
    assert done.stdout.rstrip().endswith("False")
