"""What macOS, Windows and network disks leave beside images: no reader takes it for data, every one counts it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import datasets
from datasets import attributes
from datasets.detect_layout import recognise
from datasets.errors import DataError
from datasets.files.system_files import is_companion
from tests.datasets import mars_folder
from tests.datasets.readers import duke_folder, ls_vid_folder, png_folders

WHAT = "companion files of systems (Thumbs.db ...), passed over"


@pytest.mark.parametrize(
    "name",
    ["._0001.jpg", ".DS_Store", "Thumbs.db", "thumbs.db", "desktop.ini", "@eaDir", "__MACOSX", ".nfs01", "Icon\r"],
)
def test_names_that_systems_give(name: str) -> None:
    assert is_companion(name)
    assert is_companion(name.encode())


@pytest.mark.parametrize("name", ["0001.jpg", "thumbs", "_0001.jpg", "eaDir", "desktop", "a.DS_Store"])
def test_names_that_people_give(name: str) -> None:
    assert not is_companion(name)
    assert not is_companion(name.encode())


def litter(root: Path, suffixes: tuple[str, ...] = (".jpg", ".png")) -> int:
    """A companion beside every image, and folders of systems in every folder of images; how many there are."""
    count = 0
    for folder, _, files in list(os.walk(root)):
        images = [name for name in files if name.endswith(suffixes)]
        for name in images:
            png_folders.put(Path(folder) / f"._{name}", b"\0\5\x16\7")
        if images:
            for name in (".DS_Store", "Thumbs.db"):
                png_folders.put(Path(folder) / name, b"x")
            png_folders.put(Path(folder) / "@eaDir" / images[0], b"x")
            count += len(images) + 3
    return count


def own(folder: Path) -> Path:
    for place in ("train/1/1/a", "train/1/2/a", "test/2/1/a", "test/2/2/a"):
        for frame in (1, 2):
            png_folders.put(folder / place / f"{frame}.png", png_folders.png(frame))
    return folder


def own_table(folder: Path) -> Path:
    """A CSV made by a program that lists every file."""
    own(folder)
    litter(folder)
    rows = ["person,camera,tracklet,path,part"]
    for path in sorted(folder.rglob("*.png")):
        if "@eaDir" not in path.parts:
            part, person, camera, tracklet = path.relative_to(folder).parts[:-1]
            rows.append(f"{person},{camera},{tracklet},{path.relative_to(folder)},{part}")
    (folder / "tracklets.csv").write_text("\n".join(rows) + "\n")
    return folder


def prid(folder: Path) -> Path:
    return png_folders.prid(folder, range(1, 7), range(1, 7), frames=2)


def ls_vid(folder: Path) -> Path:
    root = ls_vid_folder.write(folder)
    ls_vid_folder.write_matlab(root, [1])
    return root


MAKERS: dict[str, Callable[[Path], Path]] = {
    "mars": mars_folder.write,
    "duke": duke_folder.write,
    "ls-vid": ls_vid,
    "prid-200": prid,
    "own": own,
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_littered_folder_is_the_same_data_set(tmp_path: Path, name: str) -> None:
    root = MAKERS[name](tmp_path / "set")
    before = datasets.load(name, root, counts="any")
    left = litter(root)
    examined = datasets.examine(name, root, counts="any")
    assert examined.require().fingerprint == before.fingerprint
    assert sum(check.found for check in examined.checks if WHAT in check.what) == left
    assert not examined.problems


def test_mars_without_name_files(tmp_path: Path) -> None:
    root = mars_folder.write(tmp_path / "mars")
    for part in ("train", "test"):
        (root / "info" / f"{part}_name.txt").unlink()
    before = datasets.load("mars", root, counts="any").fingerprint
    litter(root)
    (root / "bbox_test" / "@eaDir").mkdir()
    assert datasets.load("mars", root, counts="any").fingerprint == before


def test_rows_of_a_table_that_name_companions_are_passed_over_and_counted(tmp_path: Path) -> None:
    examined = datasets.examine("own", own_table(tmp_path / "set"))
    split = examined.require()
    assert all(len(one.frames) == 2 for one in (*split.train, *split.test))
    assert {check.what: check.found for check in examined.checks}[WHAT] == 8


def test_the_twin_tree_of_an_archive_of_macos_is_no_second_data_set(tmp_path: Path) -> None:
    mars_folder.write(tmp_path / "here" / "mars")
    twin = tmp_path / "here" / "__MACOSX"
    shutil.copytree(tmp_path / "here" / "mars", twin)
    assert recognise(tmp_path / "here") == "mars"
    assert datasets.load("mars", tmp_path / "here", counts="any").root == tmp_path / "here" / "mars"


def test_companions_of_tables_are_not_offered(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a,b\n")
    (tmp_path / "._mine.csv").write_bytes(b"\0\5\x16\7")
    with pytest.raises(DataError, match=r"give one of its files: mine\.csv$"):
        attributes.load(tmp_path)
