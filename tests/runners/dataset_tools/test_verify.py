"""`runners.data verify`: what fails, what is said of it, and what the user may accept."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import datasets
from runners.data import main
from runners.plan.splits import dataset_record
from runners.tracking.mlflow_writer import Store
from tests.datasets import mars_folder, mars_index
from tests.reports import fake


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small folder in the layout of MARS, with frames large enough that two never agree by chance."""
    folder = mars_folder.write(tmp_path / "mars")
    for seed, path in enumerate(sorted(folder.rglob("*.jpg"))):
        path.write_bytes(mars_folder.picture(seed, 64, 32))
    return folder


def image(root: Path, name: str) -> Path:
    return next(root.rglob(name))


def verify(root: Path, *options: str) -> int:
    return main(["verify", str(root), "--counts", "any", *options])


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_wrong_counts_fail_and_any_counts_pass(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(root)]) == 1
    out = capsys.readouterr().out
    assert "FAILED train ids: 2, expected 625" in out
    assert "FAILED train tracklets of camera 2: 1, expected 1,957" in out
    assert verify(root) == 0
    assert verify(root, "--json") == 0
    out = capsys.readouterr().out
    facts = json.loads(out[out.index("{") :])
    assert facts["passed"] is True
    assert all(check["passed"] for check in facts["checks"])
    assert facts["opened"]["frames"] == 24
    assert facts["opened"]["sizes"] == [{"height": 64, "width": 32, "frames": 24}]


def test_official_frames_must_have_the_official_size(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(root), "--json"]) == 1
    assert as_json(capsys)["problems_found"] == {"size": 24}
    assert verify(root, "--frame-size", "64x32") == 0
    assert verify(root, "--frame-size", "128x64") == 1
    assert "is 64x32, expected 128x64" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("level", "kinds"),
    [
        (["--no-images"], {}),
        (["--quick"], {"missing": 1, "empty": 1}),
        ([], {"missing": 1, "empty": 1, "truncated": 1, "repeated": 1}),
        (["--pixels"], {"missing": 1, "empty": 1, "truncated": 1, "repeated": 1, "damaged": 1}),
    ],
)
def test_each_level_finds_what_it_says(
    root: Path, level: list[str], kinds: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    image(root, "0001C1T0001F001.jpg").unlink()
    image(root, "0001C1T0001F002.jpg").write_bytes(b"")
    cut = image(root, "0002C2T0002F001.jpg")
    cut.write_bytes(cut.read_bytes()[:-100])
    shutil.copy(image(root, "0003C1T0001F001.jpg"), image(root, "0003C1T0001F003.jpg"))
    spoilt = image(root, "0003C1T0001F004.jpg")
    data = bytearray(spoilt.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 12] = bytes([0xFF, 0x01] * 6)
    spoilt.write_bytes(data)
    assert verify(root, "--json", *level) == (1 if kinds else 0)
    found = as_json(capsys)
    assert found["problems_found"] == kinds
    assert len(found["problems"]) == sum(kinds.values())
    assert all(problem["remedy"] for problem in found["problems"])


def test_every_problem_is_a_line_with_file_and_remedy(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (root / "bbox_train").rglob("*F001.jpg"):
        path.write_bytes(path.read_bytes()[:-60])
    assert verify(root) == 1
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("truncated (3)")
    for line, name in zip(lines[start + 1 :], ("0001C1T0001", "0001C2T0002", "0003C1T0001"), strict=False):
        assert line.startswith(f"  bbox_train/{name[:4]}/{name}F001.jpg stops after ")
        assert line.endswith("; copy it again")
    assert lines[-2] == "FAILED frames cut short: 3, expected 0"
    assert lines[-1].endswith("passed, 1 failed")


def test_many_problems_are_shortened_and_all_can_be_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = mars_folder.write(tmp_path / "mars", train=[("0001", 1, 1, 40)])
    for path in (folder / "bbox_train").rglob("*.jpg"):
        path.unlink()
    report = tmp_path / "deep" / "problems.csv"
    assert verify(folder, "--quick", "--report", str(report)) == 1
    out = capsys.readouterr().out
    assert "missing (40)" in out
    assert "and 20 more" in out
    assert out.count("is listed but not there") == 20
    assert verify(folder, "--quick", "--all") == 1
    assert capsys.readouterr().out.count("is listed but not there") == 40
    with report.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"bbox_train/0001/0001C1T0001F{n:03d}.jpg" for n in range(1, 41)]
    assert {(row["kind"], row["found"], row["remedy"]) for row in rows} == {
        ("missing", "is listed but not there", "copy it again")
    }
    assert list(report.parent.iterdir()) == [report]


def test_equal_frames_of_one_person_and_camera_are_told_and_pass_others_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = mars_folder.write(tmp_path / "mars", train=[("0001", 1, 1, 3), ("0001", 1, 2, 4), ("0003", 1, 1, 4)])
    for seed, path in enumerate(sorted(root.rglob("*.jpg"))):
        path.write_bytes(mars_folder.picture(seed, 64, 32))
    shutil.copy(image(root, "0001C1T0001F003.jpg"), image(root, "0001C1T0002F001.jpg"))
    assert verify(root) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "note: 1 frame of a tracklet can be found in another of the same person under the same camera (1 pair" in out
    assert "the official release of MARS itself has tracklets of one person under one camera that overlap" in out
    assert verify(root, "--json") == 0
    told = as_json(capsys)
    assert told["problems_found"] == {}
    assert len(told["notes"]) == 1
    shutil.copy(image(root, "0001C1T0001F003.jpg"), image(root, "0003C1T0001F001.jpg"))
    assert verify(root) == 1
    assert "of another person" in capsys.readouterr().out


def test_a_path_behind_an_equals_sign_may_begin_with_the_home_folder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["verify", "~/mars", "--counts", "any", "--quick", "--report=~/problems.csv"]) == 0
    assert (tmp_path / "problems.csv").is_file()
    assert not (tmp_path / "~").exists()


def test_a_report_that_cannot_be_written_is_one_sentence(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = root / "file"
    file.touch()
    assert verify(root, "--report", str(file / "problems.csv")) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: --report {file / 'problems.csv'}")
    assert error.count("\n") == 1


def test_a_known_kind_may_be_accepted_and_no_other_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(image(root, "0003C1T0001F001.jpg"), image(root, "0003C1T0001F003.jpg"))
    image(root, "0001C1T0001F001.jpg").unlink()
    assert verify(root, "--accept", "repeated") == 1
    out = capsys.readouterr().out
    assert "FAILED train images missing: 1, expected 0" in out
    assert "FAILED frames repeated" not in out
    assert "accepted" in out
    assert verify(root, "--accept", "repeated", "--accept", "missing") == 0
    assert "2 accepted" in capsys.readouterr().out
    # Accepting a kind never accepts a wrong count.
    assert main(["verify", str(root), "--accept", "camera", "--accept", "person", "--no-images"]) == 1
    assert "FAILED cameras: 3, expected 6" in capsys.readouterr().out


def test_names_that_are_no_text_can_be_printed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from runners.dataset_tools.source import printable

    assert printable("a\udcff.jpg") == "a\\udcff.jpg"
    assert verify(root) == 0


def test_a_rendered_set_is_held_against_its_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "walk"
    small = ["--preset", "tiny", "--size", "64x32", "--set", "train_ids=3", "--set", "test_ids=3"]
    assert main(["render", str(root), *small]) == 0
    assert main(["verify", str(root)]) == 0
    capsys.readouterr()
    first, second = sorted((root / "bbox_train").rglob("*F001.jpg"))[:2]
    shutil.copy(first, second)
    assert main(["verify", str(root)]) == 1
    out = capsys.readouterr().out
    assert f"{second.name} has the same bytes as bbox_train/{first.parent.name}/{first.name}" in out


def test_the_whole_of_mars_by_its_metadata(
    official_metadata: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = mars_index.rebuild(official_metadata / "mars", tmp_path / "mars")
    assert main(["verify", str(root), "--no-images"]) == 0
    out = capsys.readouterr().out
    assert "compared with official MARS" in out
    assert "lengths and cameras: all 65 official figures met" in out
    assert out.rstrip().endswith("checks passed; the images were not looked at")
    assert main(["verify", str(root), "--quick"]) == 2
    assert "bbox_train is missing" in capsys.readouterr().err


def test_the_fingerprint_that_is_printed_is_the_digest_that_mlflow_gets(
    root: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    split = datasets.load("mars", root, counts="any")
    run = store.begin(fake.card(), dataset_record(split), fake.PROTOCOL, "embedded", fake.COMMAND, fake.ENVIRONMENT)
    (logged,) = store.client.get_run(run).inputs.dataset_inputs
    assert verify(root, "--json") == 0
    assert as_json(capsys)["fingerprint"] == logged.dataset.digest
    assert len(logged.dataset.digest) <= 36  # what MLflow allows
    assert main(["stats", str(root), "--counts", "any", "--json"]) == 0
    assert as_json(capsys)["fingerprint"] == logged.dataset.digest
    victim = image(root, "0002C2T0002F003.jpg")
    victim.write_bytes(victim.read_bytes() + b"\0")
    assert verify(root, "--json") == 0
    assert as_json(capsys)["fingerprint"] != logged.dataset.digest


def test_the_digest_does_not_depend_on_where_the_data_lie(root: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(root, tmp_path / "elsewhere" / "under another name"))
    first, second = (datasets.load("mars", place, counts="any") for place in (root, moved))
    assert first.fingerprint == second.fingerprint
