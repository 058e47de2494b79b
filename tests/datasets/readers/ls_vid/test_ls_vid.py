"""The reader of LS-VID on a small folder in both releases: what it reads, and what it refuses."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

import datasets
from datasets.checks import Examination
from datasets.errors import DataError
from datasets.readers.ls_vid.queries import MATLAB, NUMPY, TABLE
from tests.datasets.readers import ls_vid_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return ls_vid_folder.write(tmp_path / "LS-VID")


def load(root: Path, **options: object) -> datasets.Split:
    return datasets.load("ls-vid", root, counts="any", **options)


def examine(root: Path, **options: object) -> Examination:
    return datasets.examine("ls-vid", root, counts="any", **options)


def refused(root: Path, *words: str) -> None:
    with pytest.raises(DataError) as caught:
        load(root)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def edit(root: Path, part: str, change: Callable[[list[str]], list[str]]) -> None:
    path = root / "list_sequence" / f"list_seq_{part}.txt"
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))


@pytest.mark.parametrize(("release", "from_zero"), [("a", False), ("b", False), ("b", True)])
def test_tracklets_are_as_written_in_either_release(tmp_path: Path, release: str, from_zero: bool) -> None:
    split = load(ls_vid_folder.write(tmp_path / "set", release=release, from_zero=from_zero))
    assert [(t.key, t.person_id, t.camera_id, len(t)) for t in split.train] == [
        ("tracklet_train/0001/0001_01_01", 1, 1, 3),
        ("tracklet_train/0001/0001_02_15", 1, 15, 2),
        ("tracklet_train/0007/0007_01_04", 7, 4, 2),
    ]
    assert [(t.person_id, t.camera_id, len(t)) for t in split.test] == [
        (2, 1, 3),
        (2, 12, 2),
        (9, 3, 4),
        (9, 5, 1),
        (9, 5, 2),
    ]
    assert split.query_index.tolist() == [0, 1, 2, 3]
    assert split.gallery_index.tolist() == [0, 1, 2, 3, 4]  # the queries stay
    assert all((split.root / frame).is_file() for t in (*split.train, *split.test) for frame in t.frames)
    assert split.counts()["unmatched_queries"] == 0


def test_validation_people_join_the_training_half_only_where_asked(root: Path) -> None:
    without, with_val = load(root), load(root, val=True)
    assert {t.person_id for t in without.train} == {1, 7}
    assert {t.person_id for t in with_val.train} == {1, 7, 8}
    assert [t.key for t in with_val.test] == [t.key for t in without.test]
    assert with_val.fingerprint != without.fingerprint
    counted = {check.what: check.found for check in examine(root).checks}
    assert (counted["val_ids"], counted["val_tracklets"], counted["val_frames"]) == (1, 2, 3)


def test_a_copy_without_validation_people_is_read_unless_they_are_asked_for(tmp_path: Path) -> None:
    root = ls_vid_folder.write(tmp_path / "without_images")
    shutil.rmtree(root / "tracklet_val")
    assert len(load(root).train) == 3
    assert {check.what: check.found for check in examine(root).checks}["validation people that are there"] == 0
    with pytest.raises(DataError, match="tracklet_val is missing"):
        load(root, val=True)
    root = ls_vid_folder.write(tmp_path / "without_list", val=None)
    assert len(load(root).train) == 3
    with pytest.raises(DataError, match=r"list_seq_val\.txt is missing"):
        load(root, val=True)


def test_people_counted_from_zero_are_raised_because_zero_is_a_distractor_here(root: Path) -> None:
    for part in ("train", "val", "test"):
        edit(root, part, lambda lines: [f"{line.split()[0]} {int(line.split()[1]) - 1}" for line in lines])
    split = load(root)
    assert [t.person_id for t in split.test] == [2, 2, 9, 9, 9]
    assert split.counts()["distractor_tracklets"] == 0
    assert {t.person_id for t in split.train} == {1, 7}


def test_an_image_belongs_to_the_longest_line_that_fits(root: Path) -> None:
    """A line `..._05` and a line `..._05_2`: every file that begins so would give the images of both to the first."""
    folder = root / "tracklet_test" / "0009"
    for image in folder.glob("0009_03_05_*.jpg"):
        image.rename(folder / image.name.replace("0009_03_05", "0009_02_05_2"))
    edit(root, "test", lambda lines: [line.replace("0009_03_05", "0009_02_05_2") for line in lines])
    found = examine(root)
    assert not found.failed
    assert [len(t) for t in found.split.test] == [3, 2, 4, 1, 2]
    assert {check.what: check.found for check in found.checks}["test images that two lines fit"] == 2


def test_frames_are_in_the_order_of_their_numbers(root: Path) -> None:
    folder = root / "tracklet_test" / "0002"
    for image in folder.glob("0002_01_01_*.jpg"):
        image.unlink()
    for number in (10, 9, 100, 2):
        (folder / f"0002_01_01_{number}.jpg").write_bytes(b"x")
    assert [Path(f).stem.split("_")[3] for f in load(root).test[0].frames] == ["2", "9", "10", "100"]
    (folder / "0002_01_01_009.jpg").write_bytes(b"x")
    found = examine(root)
    assert [(one.kind, one.file) for one in found.problems] == [("order", "tracklet_test/0002/0002_01_01")]
    assert [check.what for check in found.failed] == ["test tracklets with two images of one number"]


def test_images_that_no_line_fits_are_counted(root: Path) -> None:
    (root / "tracklet_train" / "0001" / "0001_03_04_000001.jpg").write_bytes(b"x")
    (root / "tracklet_train" / "0001" / "notes.txt").write_bytes(b"x")
    counted = {check.what: check.found for check in examine(root).checks}
    assert counted["train images not listed"] == 1
    assert counted["test images not listed"] == 0


def _no_images(root: Path) -> None:
    (root / "tracklet_test" / "0009" / "0009_02_05_001000.jpg").unlink()


def _no_folder(root: Path) -> None:
    shutil.rmtree(root / "tracklet_train" / "0007")


def _two_cameras(root: Path) -> None:
    """The line ends before the camera, and one image is of another."""
    folder = root / "tracklet_test" / "0002"
    (folder / "0002_01_01_001008.jpg").rename(folder / "0002_01_02_001008.jpg")
    edit(root, "test", lambda lines: [line.replace("0002_01_01", "0002_01") for line in lines])


def _no_camera(root: Path) -> None:
    folder = root / "tracklet_train" / "0007"
    for image in folder.iterdir():
        image.rename(folder / image.name.replace("_04_", "_c4_"))
    edit(root, "train", lambda lines: [line.replace("0007_01_04", "0007_01_c4") for line in lines])


def _empty(root: Path) -> None:
    (root / "tracklet_val" / "0008" / "0008_01_02_001000.jpg").write_bytes(b"")


def _clock_for_camera(root: Path) -> None:
    for image in (root / "tracklet_train" / "0007").iterdir():
        image.rename(image.with_name(image.name.replace("_04_", "_20260101120000123456789_")))
    edit(root, "train", lambda lines: [line.replace("0007_01_04", "0007_01_2026") for line in lines])


@pytest.mark.parametrize(
    ("inject", "check", "kind", "file", "words"),
    [
        (
            _no_images,
            "test tracklets without an image",
            "missing",
            "tracklet_test/0009/0009_02_05",
            "no file begins so",
        ),
        (_no_folder, "train tracklets without an image", "missing", "tracklet_train/0007/0007_01_04", "list_seq_train"),
        (
            _two_cameras,
            "test tracklets of several cameras or none",
            "camera",
            "tracklet_test/0002/0002_01",
            "0002_01_01_001000.jpg and 0002_01_02_001008.jpg",
        ),
        (
            _no_camera,
            "train tracklets of several cameras or none",
            "camera",
            "tracklet_train/0007/0007_01_c4",
            "third of four words",
        ),
        (
            _clock_for_camera,
            "train tracklets of several cameras or none",
            "camera",
            "tracklet_train/0007/0007_01_2026",
            "third of four words",
        ),
        (_empty, "val images empty", "empty", "tracklet_val/0008/0008_01_02_001000.jpg", "0 bytes"),
    ],
)
def test_a_fault_is_a_failed_check_and_a_problem_with_its_file(
    root: Path, inject: Callable[[Path], None], check: str, kind: str, file: str, words: str
) -> None:
    assert not examine(root).failed
    inject(root)
    found = examine(root)
    assert [(one.what, one.found, one.kind) for one in found.failed] == [(check, 1, kind)]
    assert [(one.kind, one.file) for one in found.problems] == [(kind, file)]
    assert words in str(found.problems[0])
    with pytest.raises(DataError, match=check):
        load(root)


def test_a_table_with_another_camera_is_a_problem(tmp_path: Path) -> None:
    root = ls_vid_folder.write(tmp_path / "set", release="b")
    table = np.load(root / TABLE)
    table[2, 3] = 4
    np.save(root / TABLE, table)
    found = examine(root)
    assert [(one.what, one.found) for one in found.failed] == [("test tracklets of another camera in info_test.npy", 1)]
    assert "camera 3 by its names and 4 by info_test.npy" in str(found.problems[0])
    np.save(root / TABLE, table[:-1])
    refused(root, "info_test.npy has the shape [4, 4], expected 5 rows")
    named = np.array([["a.jpg", "b.jpg", str(person), str(camera)] for _, _, person, camera in table.tolist()])
    np.save(root / TABLE, named)
    assert [one.what for one in examine(root).failed] == ["test tracklets of another camera in info_test.npy"]
    named[0, 3] = "first"
    np.save(root / TABLE, named)
    refused(root, "info_test.npy: the cameras in column 4 must be whole numbers")


def test_a_list_of_cameras_in_place_of_people_is_noticed(root: Path) -> None:
    """The authors' own list of MARS has the camera there."""
    edit(root, "test", lambda lines: [f"{line.split()[0]} {line.split()[0].rpartition('_')[2]}" for line in lines])
    found = datasets.examine("ls-vid", root, counts="official")
    mixed = next(check for check in found.failed if check.what == "test folders of several people")
    assert mixed.found == 2
    assert "is it the camera?" in mixed.detail
    assert "test people of several folders" not in [check.what for check in found.failed]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tracklet_train/0001/0001_01_01", "expected the beginning of image paths and a person"),
        ("tracklet_train/0001/0001_01_01 x", "expected the beginning of image paths and a person"),
        ("tracklet_train/0001/0001_09_01 12345678901234567890", "expected the beginning of image paths and a person"),
        ("tracklet_train/0001/0001_01_01 -1", "expected the beginning of image paths and a person"),
        ("/data/0001/0001_01_01 1", "expected a path inside the data set's folder"),
        ("../0001/0001_01_01 1", "expected a path inside the data set's folder"),
        ("0001_01_01 1", "expected a path inside the data set's folder"),
        ("tracklet_train/0001/0001_02_15 1", "names 'tracklet_train/0001/0001_02_15', as line 2 does"),
        ("absent/0001/0001_02_15 1", "absent is missing"),
    ],
)
def test_a_bad_line_is_named(root: Path, line: str, words: str) -> None:
    edit(root, "train", lambda lines: [*lines, line])
    refused(root, words, "list_seq_train.txt")


def test_line_ends_empty_lines_and_backslashes_do_not_matter(root: Path) -> None:
    before = load(root).fingerprint
    path = root / "list_sequence" / "list_seq_test.txt"
    path.write_bytes(path.read_bytes().replace(b"/", b"\\").replace(b"\n", b"\r\n") + b"\r\n")
    assert load(root).fingerprint == before


def test_missing_files_are_named(root: Path) -> None:
    (root / MATLAB).unlink()
    refused(root, "info_test.mat", "query.npy", "both missing", "which tracklets ask")
    ls_vid_folder.write_numpy(root, ls_vid_folder.QUERY)
    load(root)
    (root / "list_sequence" / "list_seq_train.txt").unlink()
    refused(root, "list_seq_train.txt is missing")


def test_both_releases_in_one_folder_must_agree(root: Path) -> None:
    ls_vid_folder.write_numpy(root, ls_vid_folder.QUERY[::-1])
    assert load(root).query_index.tolist() == [0, 1, 2, 3]  # in the order of the first release
    ls_vid_folder.write_numpy(root, (1, 2, 3, 5))
    refused(root, "info_test.mat", "query.npy", "name different queries")


@pytest.mark.parametrize(
    ("numbers", "rows"),
    [
        ((1, 2, 3, 5), [0, 1, 2, 4]),  # the last line: from 1
        ((0, 1, 2, 4), [0, 1, 2, 4]),  # a 0: from 0
        ((1, 2, 3), [0, 1, 2]),  # from 0 they would be queries as well: from 1, like the other release
        ((3, 4), [2, 3]),  # from 0 it would ask for person 9 under camera 5 twice
        ((2, 3), [1, 2]),
    ],
)
def test_where_query_npy_counts_from(tmp_path: Path, numbers: tuple[int, ...], rows: list[int]) -> None:
    root = ls_vid_folder.write(tmp_path / "set", release="b")
    np.save(root / NUMPY, np.array(numbers))
    assert load(root).query_index.tolist() == rows


def test_counting_from_zero_is_found_by_what_makes_a_query(tmp_path: Path) -> None:
    """From 1 the first would be a person whom one camera saw, whom nobody can find."""
    test = ((5, 1, 1, 1), (2, 1, 1, 1), (2, 2, 2, 1), (9, 1, 3, 1), (9, 2, 5, 1), (11, 1, 1, 1))
    root = ls_vid_folder.write(tmp_path / "set", test=test, query=(2, 3, 4), release="b", from_zero=True)
    assert load(root).query_index.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (np.array([0, 5]), "neither from 0 nor from 1"),
        (np.array([1, 7]), "expected 1 to 5"),
        (np.array([1, 1]), "no line twice"),
        (np.array([1.5]), "whole numbers"),
        (np.array([np.nan]), "whole numbers"),
        (np.array([], dtype=np.int64), "at least one query"),
        (np.array([True, False, True, True, True]), "whole numbers, not bool"),
        (np.ones((2, 2)), "one line number a query"),
        (np.array([{}], dtype=object), "holds Python objects"),
    ],
)
def test_bad_numbers_of_queries_are_told(tmp_path: Path, numbers: np.ndarray, words: str) -> None:
    root = ls_vid_folder.write(tmp_path / "set", release="b")
    np.save(root / NUMPY, numbers)
    refused(root, "query.npy", words)


def test_a_damaged_file_of_queries_is_told(root: Path) -> None:
    path = root / MATLAB
    path.write_bytes(path.read_bytes()[:700])
    refused(root, "info_test.mat cannot be read as a MATLAB file")
    ls_vid_folder.write_matlab(root, [1, 2], name="other")
    refused(root, "must hold the variable 'query' but holds other")
    ls_vid_folder.write_matlab(root, [0, 1])
    refused(root, "info_test.mat: entry 1 is 0, expected 1 to 5")
    ls_vid_folder.write_matlab(root, [1.25])
    refused(root, "whole numbers")


def test_a_matlab_5_file_will_do(root: Path) -> None:
    savemat(root / MATLAB, {"query": np.array([[1], [3]])})
    assert load(root).query_index.tolist() == [0, 2]
    savemat(root / MATLAB, {"other": np.array([[1]])})
    refused(root, "must hold the variable 'query' but holds other")


def test_official_counts_are_those_of_the_paper(root: Path) -> None:
    found = {check.what: check.expected for check in datasets.examine("ls-vid", root).checks}
    assert (found["train_ids"], found["val_ids"], found["test_ids"]) == (842, 200, 2_730)
    assert sum(found[f"{part}_ids"] or 0 for part in ("train", "val", "test")) == 3_772
    assert sum(found[f"{part}_tracklets"] or 0 for part in ("train", "val", "test")) == 14_943
    assert sum(found[f"{part}_frames"] or 0 for part in ("train", "val", "test")) == 2_982_685
    assert (found["query_tracklets"], found["cameras"]) == (3_504, 15)
    assert (found["gallery_tracklets"] or 0) - (found["query_tracklets"] or 0) == 7_829
    merged = {check.what: check.expected for check in datasets.examine("ls-vid", root, val=True).checks}
    assert merged["train_ids"] == 1_042
    with pytest.raises(DataError, match="no real copy could be seen"):
        datasets.load("ls-vid", root)


def test_the_fingerprint_follows_names_sizes_people_and_roles(root: Path, tmp_path: Path) -> None:
    before = load(root).fingerprint
    moved = tmp_path / "elsewhere"
    shutil.copytree(root, moved)
    assert load(moved).fingerprint == before
    assert load(root, check_images=False).fingerprint != before
    ls_vid_folder.write_matlab(moved, [1, 2, 3])
    assert load(moved).fingerprint != before
    ls_vid_folder.write_matlab(moved, ls_vid_folder.QUERY)
    assert load(moved).fingerprint == before
    (moved / "tracklet_test" / "0009" / "0009_02_05_001000.jpg").write_bytes(b"other")
    assert load(moved).fingerprint != before
    assert load(moved, check_images=False).fingerprint == load(root, check_images=False).fingerprint


def test_where_to_look(root: Path, tmp_path: Path) -> None:
    assert load(root.parent).root == root
    shutil.copytree(root, tmp_path / "second")
    refused(root.parent, "it holds several")
    refused(root / "absent", "is not a folder")
    refused(root / "tracklet_train", "expected the folder list_sequence")
