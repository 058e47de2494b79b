"""Every frame opened: injected faults are found, each once and by name, and nothing else is."""

import io
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import datasets
from datasets.inspection.frames import Inspection, inspect
from datasets.readers.mars import reader
from tests.datasets import mars_folder

FRAMES = 24  # of the small folder


def look(root: Path, **options: object) -> Inspection:
    return inspect(reader.examine(root, counts="any").split, progress=False, **options)


def kinds(found: Inspection) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for problem in found.problems:
        result.setdefault(problem.kind, []).append(problem.file.rpartition("/")[2])
    return result


def jpeg(seed: int, height: int = 64, width: int = 32) -> bytes:
    return mars_folder.picture(seed, height, width)


@pytest.fixture
def root(mars_root: Path) -> Path:
    """The small folder with frames of 64x32, large enough that two never agree by chance."""
    for seed, path in enumerate(sorted(mars_root.rglob("*.jpg"))):
        path.write_bytes(jpeg(seed))
    return mars_root


def image(root: Path, name: str) -> Path:
    return next(root.rglob(name))


def test_a_good_folder_has_no_problem_and_every_frame_is_read_once(root: Path) -> None:
    found = look(root, size=(64, 32), pixels=True)
    assert found.problems == ()
    assert all(check.passed for check in found.checks())
    assert found.frames == FRAMES == sum(1 for _ in root.rglob("*.jpg"))
    assert found.size_on_disk == sum(path.stat().st_size for path in root.rglob("*.jpg"))
    assert found.sizes == {(64, 32): FRAMES}


def test_each_fault_is_found_under_its_name(root: Path) -> None:
    image(root, "0001C1T0001F001.jpg").unlink()
    image(root, "0001C1T0001F002.jpg").write_bytes(b"")
    cut = image(root, "0001C2T0002F001.jpg")
    cut.write_bytes(cut.read_bytes()[:-200])
    image(root, "0003C1T0001F001.jpg").write_text("<html>404</html>")
    image(root, "0003C1T0001F002.jpg").write_bytes(jpeg(99, 32, 64))
    png = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 32, 3), dtype=np.uint8)).save(png, "PNG")
    broken = bytearray(png.getvalue())
    broken[len(broken) // 2] ^= 1
    image(root, "0003C1T0001F003.jpg").write_bytes(broken)
    found = look(root, size=(64, 32))
    assert kinds(found) == {
        "missing": ["0001C1T0001F001.jpg"],
        "empty": ["0001C1T0001F002.jpg"],
        "truncated": ["0001C2T0002F001.jpg"],
        "damaged": ["0003C1T0001F001.jpg", "0003C1T0001F003.jpg"],
        "size": ["0003C1T0001F002.jpg"],
    }
    wrong = next(problem for problem in found.problems if problem.kind == "size")
    assert str(wrong).startswith("bbox_train/0003/0003C1T0001F002.jpg is 32x64, expected 64x32; ")
    assert {check.what: check.found for check in found.checks() if not check.passed} == {
        "frames missing": 1,
        "frames of zero bytes": 1,
        "frames cut short": 1,
        "frames damaged": 2,
        "frames of a wrong size": 1,
    }


def test_what_a_listing_has_told_is_not_told_again(root: Path) -> None:
    image(root, "0001C1T0001F001.jpg").unlink()
    examined = reader.examine(root, counts="any")
    known = [problem.file for problem in examined.problems]
    assert known == ["bbox_train/0001/0001C1T0001F001.jpg"]
    assert inspect(examined.split, skip=known, progress=False).problems == ()


def test_any_size_will_do_where_none_is_asked_for(root: Path) -> None:
    image(root, "0003C1T0001F002.jpg").write_bytes(jpeg(99, 32, 64))
    found = look(root)
    assert found.problems == ()
    assert list(found.sizes.items()) == [((64, 32), FRAMES - 1), ((32, 64), 1)]


def test_changed_bytes_within_a_jpeg_are_found_by_decoding_alone(root: Path) -> None:
    victim = image(root, "0002C2T0002F003.jpg")
    data = bytearray(victim.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 12] = bytes([0xFF, 0x01] * 6)  # a marker that no scan may hold
    victim.write_bytes(data)
    assert look(root).problems == ()
    assert kinds(look(root, pixels=True)) == {"damaged": [victim.name]}


@pytest.mark.parametrize(
    ("first", "second", "kind", "words"),
    [
        ("0001C1T0001F001.jpg", "0001C1T0001F003.jpg", "repeated", "of the same tracklet"),
        (
            "0001C1T0001F001.jpg",
            "0001C2T0002F001.jpg",
            "duplicate",
            "of the same person under another camera",
        ),
        ("0002C1T0001F001.jpg", "0004C3T0002F002.jpg", "duplicate", "0002C1T0001, of another person"),
        ("0001C1T0001F002.jpg", "0002C2T0002F003.jpg", "duplicate", "one is trained on and the other tested on"),
    ],
)
def test_the_same_bytes_under_two_names(root: Path, first: str, second: str, kind: str, words: str) -> None:
    shutil.copy(image(root, first), image(root, second))
    (problem,) = look(root).problems
    assert (problem.kind, Path(problem.file).name) == (kind, second)
    assert first in problem.found
    assert words in problem.found


OVERLAPPING = (("0001", 1, 1, 3), ("0001", 1, 2, 4), ("0003", 1, 1, 4))


def overlapping(folder: Path, **options: object) -> Path:
    """A folder in the layout of MARS with two tracklets of person 1 under camera 1."""
    root = mars_folder.write(folder, train=OVERLAPPING, **options)
    for seed, path in enumerate(sorted(root.rglob("*.jpg"))):
        path.write_bytes(jpeg(seed))
    return root


@pytest.mark.parametrize("person", ["0001", "0002", "0000", "00-1"])
def test_tracklets_of_one_person_and_camera_that_overlap_are_counted_and_no_fault(tmp_path: Path, person: str) -> None:
    """As in the official release of MARS; of the test tracklets of person 2 the second asks too."""
    others = [(other, 1, number, 5) for other in ("0000", "00-1") for number in (1, 2)]
    test = (("0002", 1, 1, 3), ("0002", 1, 2, 5), ("0002", 2, 3, 2), *others)
    root = overlapping(tmp_path / "mars", test=test, query=(2, 3))
    for frame in (1, 2):
        shutil.copy(image(root, f"{person}C1T0001F00{frame + 1}.jpg"), image(root, f"{person}C1T0002F00{frame}.jpg"))
    found = look(root)
    assert (found.problems, found.overlaps, found.overlapping) == ((), 2, 1)
    (told,) = [check for check in found.checks() if "another of its person" in check.what]
    assert (told.expected, told.found, told.passed) == (None, 2, True)


def test_a_frame_repeated_in_a_tracklet_is_told_beside_an_overlap(tmp_path: Path) -> None:
    root = overlapping(tmp_path / "mars")
    for name in ("0001C1T0002F001.jpg", "0001C1T0002F003.jpg"):
        shutil.copy(image(root, "0001C1T0001F002.jpg"), image(root, name))
    found = look(root)
    assert kinds(found) == {"repeated": ["0001C1T0002F003.jpg"]}
    assert found.overlaps == 1


@pytest.mark.parametrize("both", [False, True])
def test_a_query_that_does_not_stand_in_the_gallery_must_share_no_frame_with_it(tmp_path: Path, both: bool) -> None:
    """Where it does stand there, the two are gallery tracklets of one person and camera, as on MARS."""
    rows = [f"1,1,a,v/a{n}.jpg,query" for n in (1, 2)] + [f"1,1,b,v/b{n}.jpg,gallery" for n in (1, 2)]
    rows += ["1,2,c,v/c.jpg,gallery"] + [f"1,1,a,v/a{n}.jpg,gallery" for n in (1, 2) if both]
    (tmp_path / "v").mkdir()
    for seed, name in enumerate(("a1", "a2", "b1", "b2", "c")):
        (tmp_path / "v" / f"{name}.jpg").write_bytes(jpeg(seed))
    shutil.copy(tmp_path / "v" / "a2.jpg", tmp_path / "v" / "b1.jpg")
    (tmp_path / "tracklets.csv").write_text("\n".join(["person,camera,tracklet,path,part", *rows]) + "\n")
    found = inspect(datasets.load("own", tmp_path), progress=False)
    if both:
        assert (found.problems, found.overlaps) == ((), 1)
    else:
        (problem,) = found.problems
        assert problem.file == "v/b1.jpg"
        assert "of the same person and camera, and one asks where the other answers" in problem.found
        assert found.overlaps == 0


def test_three_of_a_kind_all_point_to_the_first(root: Path) -> None:
    original = image(root, "0002C2T0002F001.jpg")
    for name in ("0002C2T0002F004.jpg", "0002C2T0002F005.jpg"):
        shutil.copy(original, image(root, name))
    found = look(root)
    assert kinds(found) == {"repeated": ["0002C2T0002F004.jpg", "0002C2T0002F005.jpg"]}
    assert all(original.name in problem.found for problem in found.problems)


def test_tiny_frames_may_repeat_in_their_tracklet_but_not_elsewhere(mars_root: Path) -> None:
    shutil.copy(image(mars_root, "0002C2T0002F001.jpg"), image(mars_root, "0002C2T0002F002.jpg"))
    found = look(mars_root)
    assert (found.problems, found.alike) == ((), 1)
    assert ("tiny frames like an earlier one", None, 1) in [(c.what, c.expected, c.found) for c in found.checks()]
    shutil.copy(image(mars_root, "0002C2T0002F001.jpg"), image(mars_root, "0004C1T0001F001.jpg"))
    assert kinds(look(mars_root)) == {"duplicate": ["0004C1T0001F001.jpg"]}


def test_duplicates_are_those_that_a_plain_search_finds(tmp_path: Path) -> None:
    """Against a dictionary of all bytes, over several blocks of frames and many copies."""
    rows = [(f"{2 * person + 1:04d}", 1, 1, 60) for person in range(12)]
    folder = mars_folder.write(tmp_path / "mars", train=rows)
    draw = np.random.default_rng(8)
    for path in folder.rglob("*.jpg"):
        path.write_bytes(jpeg(int(draw.integers(0, 500))))
    split = datasets.load("mars", folder, counts="any")
    seen: dict[bytes, str] = {}
    expected = set()
    for tracklet in (*split.train, *split.test):
        for name in tracklet.frames:
            first = seen.setdefault((folder / name).read_bytes(), name)
            if first != name:
                expected.add((name, first))
    found = look(folder)
    told = {(p.file, next(w for w in p.found.split() if w.endswith(".jpg"))) for p in found.problems}
    assert told == expected
    assert len(expected) > 100
    assert set(Counter(problem.kind for problem in found.problems)) == {"repeated", "duplicate"}


def test_a_file_that_may_not_be_read_does_not_end_the_search(root: Path) -> None:
    victim = image(root, "0001C1T0001F001.jpg")
    victim.unlink()
    victim.mkdir()
    (problem,) = look(root).problems
    assert problem.kind == "unreadable"
    assert victim.name in str(problem)
