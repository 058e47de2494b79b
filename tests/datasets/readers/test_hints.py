"""Data sets that somebody reorganised, renamed or unpacked one level too deep: the error says what to do."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import datasets
from datasets.detect_layout import recognise
from datasets.errors import DataError
from tests.datasets import mars_folder
from tests.datasets.readers import duke_folder, png_folders


def capitals(root: Path) -> Path:
    for path in [*root.rglob("*.jpg"), *root.rglob("*.png")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    return root


def deeper(root: Path) -> Path:
    for path in [*root.rglob("*.jpg"), *root.rglob("*.png")]:
        (path.parent / "frames").mkdir(exist_ok=True)
        path.rename(path.parent / "frames" / path.name)
    return root


def in_folders_of_their_own(root: Path) -> Path:
    for path in [*root.rglob("*.jpg"), *root.rglob("*.png")]:
        content = path.read_bytes()
        path.unlink()
        path.mkdir()
        (path / "frame").write_bytes(content)
    return root


def prid(root: Path) -> Path:
    return png_folders.prid(root, range(1, 7), range(1, 7))


def without_names(root: Path) -> Path:
    mars_folder.write(root)
    for part in ("train", "test"):
        (root / "info" / f"{part}_name.txt").unlink()
    return root


@pytest.mark.parametrize(
    ("name", "make"),
    [("mars", mars_folder.write), ("mars", without_names), ("duke", duke_folder.write), ("prid-200", prid)],
)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (capitals, r"files? there with the ending \.(JPG|PNG) .*rename"),
        (deeper, r"folders? there .*move them up"),
        (in_folders_of_their_own, r"folders? there .*move them up"),
    ],
)
def test_images_that_are_there_all_the_same(
    tmp_path: Path, name: str, make: Callable[[Path], Path], change: Callable[[Path], Path], words: str
) -> None:
    root = change(make(tmp_path / "set"))
    try:
        examined = datasets.examine(name, root, counts="any")
    except DataError as error:
        told = [str(error)]
    else:
        assert examined.failed
        told = [check.detail for check in examined.failed] + [str(problem) for problem in examined.problems]
    assert any(re.search(words, one) for one in told), told[:3]


def test_one_frame_with_another_ending_is_not_lost_in_silence(tmp_path: Path) -> None:
    root = prid(tmp_path / "set")
    victim = next(root.rglob("*.png"))
    extra = victim.with_name("0099.PNG")
    extra.write_bytes(victim.read_bytes())
    (check,) = datasets.examine("prid-200", root, counts="any").failed
    assert check.what == "images with an ending in capitals"
    assert "0099.PNG" in check.detail


def test_mars_reorganised_for_other_code(tmp_path: Path) -> None:
    for place in ("train_split", "query", "gallery"):
        png_folders.put(tmp_path / place / "0001" / "0001" / "0001C1T0001F001.jpg", b"x")
    with pytest.raises(DataError, match=r"holds train_split, query and gallery: MARS .*bbox_train, bbox_test and info"):
        recognise(tmp_path)
    with pytest.raises(DataError, match=r"as MARS reorganised for other code does: take the original folders"):
        datasets.load("mars", tmp_path)
    (tmp_path / "train_split").rename(tmp_path / "train")
    assert recognise(tmp_path) == "duke"
    with pytest.raises(DataError, match=r"this is a name of MARS: read the original folders .* as 'mars'"):
        datasets.load("duke", tmp_path)


def test_own_images_one_folder_too_deep(tmp_path: Path) -> None:
    for person, camera in ((1, 1), (1, 2), (2, 1), (2, 2)):
        png_folders.put(
            tmp_path / "test" / f"{person}" / f"{camera}" / "a" / "1.png", png_folders.png(10 * person + camera)
        )
    png_folders.put(tmp_path / "test" / "2" / "2" / "b" / "rgb" / "1.png", png_folders.png(5))
    (problem,) = datasets.examine("own", tmp_path).problems
    assert str(problem).startswith("test/2/2/b holds no image; 1 folder there (test/2/2/b/rgb)")
