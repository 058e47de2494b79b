"""SynthWalk in every layout, spoilt in every way: the data command finds each file, whichever reader reads the set."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import datasets
from runners.data import main

LAYOUTS = ("mars", "duke", "ilids", "prid", "ls-vid")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A small world in a layout, rendered once."""
    made: dict[str, Path] = {}

    def render(layout: str) -> Path:
        if layout not in made:
            made[layout] = tmp_path_factory.mktemp("layouts") / layout
            changes = ["--set", "train_ids=4", "--set", "test_ids=6", "--set", "distractors=2", "--set", "junk=1"]
            command = ["render", str(made[layout]), "--layout", layout, "--preset", "tiny", "--size", "64x32", *changes]
            assert main(command) == 0
        return made[layout]

    return render


@pytest.fixture
def spoilable(rendered: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of it."""
    return lambda layout: Path(shutil.copytree(rendered(layout), tmp_path / layout))


def frames_of(root: Path, layout: str) -> list[list[Path]]:
    """The files of each training tracklet with three frames or more."""
    split = datasets.load("synthwalk" if layout == "mars" else layout, root)
    return [[split.root / name for name in one.frames] for one in split.train if len(one) > 3]


def verify(capsys: pytest.CaptureFixture[str], root: Path, *options: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main(["verify", str(root), "--json", *options])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_rendered_set_is_recognised_and_passes(
    layout: str, rendered: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = rendered(layout)
    code, found = verify(capsys, root, "--pixels")
    assert code == 0
    assert found["problems"] == []
    assert found["name"] == ("synthwalk" if layout == "mars" else f"synthwalk-{layout}")
    assert found["compared_with"] == "its manifest"
    assert found["opened"]["sizes"] == [{"height": 64, "width": 32, "frames": found["opened"]["frames"]}]
    assert len(found.get("fingerprints", [found["fingerprint"]])) == datasets.num_splits(layout)
    assert main(["stats", str(root)]) == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_fault_of_a_file_is_told_with_its_name(
    layout: str, spoilable: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = spoilable(layout)
    first, second, third = frames_of(root, layout)[:3]
    for file in (first[1], second[1], second[2], third[0], third[1]):
        file.chmod(0o644)
        file.rename(file.with_suffix(".kept"))  # hard links of other parts keep their content
        shutil.copy(file.with_suffix(".kept"), file)
        file.with_suffix(".kept").unlink()
    first[1].write_bytes(b"")
    second[1].write_bytes(second[1].read_bytes()[:-40])
    second[2].write_bytes(b"no image at all")
    shutil.copy(first[2], third[0])
    shutil.copy(third[2], third[1])
    code, found = verify(capsys, root)
    assert code == 1
    told = {(problem["kind"], Path(problem["file"]).name) for problem in found["problems"]}
    expected = {
        ("empty", first[1].name),
        ("truncated", second[1].name),
        ("damaged", second[2].name),
        # Of two frames with the same bytes the later one is told, whichever half comes first.
        ("duplicate", third[0].name),
        ("repeated", third[2].name),
    }
    if layout == "mars":  # the only one whose manifest tells what the set holds
        expected.add(("content", "manifest.json"))
    assert told == expected
    accepted = [
        word
        for kind in ("empty", "truncated", "damaged", "duplicate", "repeated", "content")
        for word in ("--accept", kind)
    ]
    assert verify(capsys, root, *accepted)[0] == 0
    assert verify(capsys, root, *accepted[2:])[0] == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_missing_frame_is_told_or_changes_a_count(
    layout: str, spoilable: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Only MARS lists every file; elsewhere frames are what lies there, and the number of frames tells."""
    root = spoilable(layout)
    victim = frames_of(root, layout)[0][-1]
    victim.unlink()
    code, found = verify(capsys, root, "--quick")
    assert code == 1
    failed = [check["what"] for check in found["checks"] if not check["passed"]]
    if layout == "mars":
        assert [Path(problem["file"]).name for problem in found["problems"]] == [victim.name]
    else:
        assert any("frames" in what for what in failed)


@pytest.mark.parametrize(
    ("layout", "old", "new", "kind"),
    [
        ("duke", "_C", "_C9", "name"),
        ("duke", "_F00", "_F01", "order"),
        ("ilids", "cam1_", "cam2_", "camera"),
        ("prid", ".png", "_again.png", "order"),
    ],
)
def test_names_that_do_not_fit_are_told_in_the_readers_words(
    layout: str, old: str, new: str, kind: str, spoilable: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = spoilable(layout)
    victim = frames_of(root, layout)[0][1]
    victim.rename(victim.with_name(victim.name.replace(old, new, 1)))
    code, found = verify(capsys, root, "--quick")
    assert code == 1
    assert kind in found["problems_found"]
    assert all(problem["remedy"] for problem in found["problems"])
