"""The MARS reader on a small folder: what it reads, and what it refuses."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

import datasets
from datasets.errors import DataError
from tests.datasets import mars_folder


def load(root: Path, **options: object) -> datasets.Split:
    return datasets.load("mars", root, counts="any", **options)


def table(root: Path, part: str) -> np.ndarray:
    return loadmat(root / "info" / f"tracks_{part}_info.mat")[f"track_{part}_info"]


def refused(root: Path, *words: str, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        load(root, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


def test_tracklets_are_as_written(mars_root: Path) -> None:
    split = load(mars_root)
    assert [(t.key, t.person_id, t.camera_id, len(t.frames)) for t in split.train] == [
        ("0001C1T0001", 1, 1, 3),
        ("0001C2T0002", 1, 2, 2),
        ("0003C1T0001", 3, 1, 4),
    ]
    assert [t.person_id for t in split.test] == [-1, 0, 2, 2, 4, 4]
    assert split.test[0].key == "00-1C1T0001"
    assert split.query_index.tolist() == [2, 3, 5]
    assert split.gallery_index.tolist() == [0, 1, 2, 3, 4, 5]  # junk and queries included
    assert split.train_labels.tolist() == [0, 0, 1]
    assert not split.synthetic
    every_frame = [f for t in (*split.train, *split.test) for f in t.frames]
    assert len(set(every_frame)) == len(every_frame)
    assert all((split.root / frame).is_file() for frame in every_frame)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_line_ends_do_not_matter(tmp_path: Path, line_end: bytes) -> None:
    root = mars_folder.write(tmp_path / "mars", line_end=line_end)
    crlf = mars_folder.write(tmp_path / "other")
    assert load(root).fingerprint == load(crlf).fingerprint


def test_mixed_and_missing_line_ends_are_read(mars_root: Path) -> None:
    before = load(mars_root).fingerprint
    path = mars_root / "info" / "test_name.txt"
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n", 4).rstrip())
    assert load(mars_root).fingerprint == before


def test_absent_name_files_are_rebuilt_from_the_folders(mars_root: Path) -> None:
    before = load(mars_root)
    for part in ("train", "test"):
        (mars_root / "info" / f"{part}_name.txt").unlink()
    after = load(mars_root)
    assert after.fingerprint == before.fingerprint
    assert after.test[0].key == "00-1C1T0001"  # "00-1" sorts before "0000"


def test_the_parent_folder_will_do(mars_root: Path) -> None:
    assert load(mars_root.parent).root == mars_root


def test_two_data_sets_in_a_folder_are_not_guessed_between(mars_root: Path) -> None:
    shutil.copytree(mars_root, mars_root.parent / "second")
    refused(mars_root.parent, "second", "name one of")


def test_the_official_counts_are_the_default(mars_root: Path) -> None:
    with pytest.raises(DataError, match=r"train ids is 2, expected 625.*counts='any'"):
        datasets.load("mars", mars_root)


def test_a_file_may_be_examined_without_being_refused(mars_root: Path) -> None:
    examined = datasets.examine("mars", mars_root)
    wrong = {check.what for check in examined.failed}
    assert {"train_ids", "train_frames", "junk_tracklets"} <= wrong
    assert "unmatched_queries" not in wrong


def write_manifest(root: Path, **changes: object) -> None:
    manifest = {"version": "3", "fingerprint": "ab" * 16, "counts": load(root).counts(), **changes}
    (root / "truth").mkdir()
    (root / "truth" / "manifest.json").write_text(json.dumps(manifest))


def test_a_manifest_replaces_the_official_counts(mars_root: Path) -> None:
    write_manifest(mars_root)
    for name in ("mars", "synthwalk"):
        split = datasets.load(name, mars_root, check_images=False)
        assert (split.name, split.version, split.fingerprint) == ("synthwalk", "3", "ab" * 16)
        assert split.synthetic


def test_a_rendered_set_that_was_changed_is_refused(mars_root: Path) -> None:
    write_manifest(mars_root, counts={"train_tracklets": 4})
    with pytest.raises(DataError, match=r"train tracklets is 3, expected 4.*render"):
        datasets.load("synthwalk", mars_root)


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 1}', '{"version": 1, "fingerprint": "x", "counts": {}}'])
def test_a_damaged_manifest_is_named(mars_root: Path, content: str) -> None:
    (mars_root / "truth").mkdir()
    (mars_root / "truth" / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"manifest.json (is damaged|cannot be read as JSON|holds a list)"):
        datasets.load("mars", mars_root)


def test_synthwalk_without_a_manifest_was_not_rendered_to_the_end(mars_root: Path) -> None:
    with pytest.raises(DataError, match="render it again"):
        datasets.load("synthwalk", mars_root)


def shorten_frame(root: Path) -> None:
    (root / "bbox_test" / "0002" / "0002C2T0002F004.jpg").write_bytes(b"x")


def relabel_camera(root: Path) -> None:
    rows = table(root, "test")
    rows[5, 3] = 2
    mars_folder.save_table(root, "test", rows)
    path = root / "info" / "test_name.txt"
    path.write_bytes(path.read_bytes().replace(b"0004C3", b"0004C2"))
    for old in (root / "bbox_test" / "0004").glob("0004C3*"):
        old.rename(old.with_name(old.name.replace("C3", "C2")))


def other_query(root: Path) -> None:
    savemat(root / "info" / "query_IDX.mat", {"query_IDX": np.array([[3, 4, 5]], dtype=np.uint16)})


@pytest.mark.parametrize("change", [shorten_frame, relabel_camera, other_query])
def test_the_fingerprint_changes_with(mars_root: Path, change: Callable[[Path], None]) -> None:
    before = load(mars_root).fingerprint
    assert load(mars_root).fingerprint == before
    change(mars_root)
    assert load(mars_root).fingerprint != before


def test_the_fingerprint_does_not_depend_on_the_place(mars_root: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(mars_root, moved)
    assert load(moved).fingerprint == load(mars_root).fingerprint


def test_missing_and_empty_images_are_counted_and_named(mars_root: Path) -> None:
    (mars_root / "bbox_train" / "0003" / "0003C1T0001F002.jpg").unlink()
    (mars_root / "bbox_train" / "0003" / "0003C1T0001F004.jpg").unlink()
    (mars_root / "bbox_test" / "0000" / "0000C2T0001F001.jpg").write_bytes(b"")
    refused(
        mars_root,
        "train images missing is 2, expected 0",
        "bbox_train/0003/0003C1T0001F002.jpg",
        "test images empty",
    )
    assert len(load(mars_root, check_images=False).train) == 3


def test_an_image_that_no_row_lists_is_reported_not_refused(mars_root: Path) -> None:
    (mars_root / "bbox_train" / "0001" / "0001C1T0009F001.jpg").write_bytes(b"x")
    (mars_root / "bbox_train" / "0001" / "Thumbs.db").write_bytes(b"x")
    found = {check.what: check for check in datasets.examine("mars", mars_root, counts="any").checks}
    assert found["train images not listed"].found == 1
    assert found["train images not listed"].passed


def test_many_missing_images_do_not_fill_the_screen(tmp_path: Path) -> None:
    root = mars_folder.write(tmp_path / "mars", train=[("0001", 1, 1, 40)])
    shutil.rmtree(root / "bbox_train" / "0001")
    message = refused(root, "train images missing is 40", "and 35 more")
    assert len(message) < 500


def test_missing_things_are_named(mars_root: Path, tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere", "not a folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "bbox_train, bbox_test and info")
    for name in ("query_IDX.mat", "tracks_train_info.mat"):
        path = mars_root / "info" / name
        kept = path.read_bytes()
        path.unlink()
        refused(mars_root, name, "missing")
        path.write_bytes(kept)
    shutil.rmtree(mars_root / "bbox_test")
    refused(mars_root, "bbox_test", "missing")


@pytest.mark.parametrize("content", [b"", b"not a matlab file at all", b"\x89HDF\r\n\x1a\n" + bytes(600)])
def test_an_unreadable_mat_file_is_one_sentence(mars_root: Path, content: bytes) -> None:
    (mars_root / "info" / "tracks_test_info.mat").write_bytes(content)
    refused(mars_root, "tracks_test_info.mat", "copy it again")


def test_a_mat_file_cut_short_is_one_sentence(mars_root: Path) -> None:
    path = mars_root / "info" / "tracks_test_info.mat"
    whole = path.read_bytes()
    for length in range(1, len(whole), 37):
        path.write_bytes(whole[:length])
        refused(mars_root, "tracks_test_info.mat")


def test_a_mat_file_of_another_content_is_named(mars_root: Path) -> None:
    path = mars_root / "info" / "query_IDX.mat"
    savemat(path, {"something": np.zeros((1, 3))})
    refused(mars_root, "query_IDX.mat", "'query_IDX'", "something")
    savemat(path, {"query_IDX": np.array([["a", "b"]], dtype=object)})
    refused(mars_root, "query_IDX.mat", "whole numbers")
    savemat(path, {"query_IDX": np.array([[3.5]])})
    refused(mars_root, "query_IDX.mat", "whole numbers")
    mars_folder.save_table(mars_root, "train", np.zeros((3, 5), dtype=np.int32))
    refused(mars_root, "tracks_train_info.mat", "(3, 5)")


@pytest.mark.parametrize(
    ("row", "column", "value", "words"),
    [
        (1, 0, 5, ("row 2", "start at line 4")),
        (1, 1, 3, ("row 2", "hold at least one")),
        (2, 1, 10, ("row (3)", "ends at line 10", "9 image names")),
        (2, 1, 8, ("row (3)", "ends at line 8", "9 image names")),
        (1, 2, 3, ("line 4", "'0001C2T0002F001.jpg'", "row 2", "person 3")),
        (2, 3, 6, ("line 6", "row 3", "camera 6")),
    ],
)
def test_a_wrong_row_is_named(mars_root: Path, row: int, column: int, value: int, words: tuple[str, ...]) -> None:
    rows = table(mars_root, "train")
    rows[row, column] = value
    mars_folder.save_table(mars_root, "train", rows)
    refused(mars_root, *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"0001C1T0001F002", b"0003C1T0001F002", ("line 2", "person 1")),
        (b"0001C1T0001F002", b"0001C2T0001F002", ("line 2", "camera 1")),
        (b"0001C1T0001F002", b"0001C1T0007F002", ("line 2", "tracklet 0001C1T0001")),
        (b"0001C1T0001F002", b"0001C1T0001F003", ("line 2", "frame F002")),
        (b"0001C1T0001F001", b"0001C1T0001F000", ("line 1", "frame F001")),
        (b"0001C1T0001F002", b"0001C1T0001X002", ("line 2", "expected a name like")),
        (b"0001C1T0001F002", b"0001C1T001F002", ("entry 2", "expected a name like")),
        (b"0001C1T0001F002", b"00x1C1T0001F002", ("line 2", "expected a name like")),
    ],
)
def test_a_wrong_name_is_named(mars_root: Path, old: bytes, new: bytes, words: tuple[str, ...]) -> None:
    path = mars_root / "info" / "train_name.txt"
    path.write_bytes(path.read_bytes().replace(old, new))
    refused(mars_root, *words)


def test_every_tracklet_whose_names_contradict_the_table_is_listed(mars_root: Path) -> None:
    path = mars_root / "info" / "train_name.txt"
    wrong = {b"0001C1T0001F002": b"0001C2T0001F002", b"0003C1T0001F002": b"0003C1T0001F007"}
    content = path.read_bytes()
    for old, new in wrong.items():
        content = content.replace(old, new)
    path.write_bytes(content)
    rows = table(mars_root, "train")
    rows[1, 3] = 5  # the camera of both frames of 0001C2T0002
    mars_folder.save_table(mars_root, "train", rows)
    examined = datasets.examine("mars", mars_root, counts="any", check_images=False)
    found = {check.what: check.found for check in examined.failed}
    assert found == {
        "train tracklets with names of another camera": 2,
        "train tracklets with names of another tracklet": 1,
        "train tracklets with names of another frame": 1,
    }
    assert [(one.kind, one.file) for one in examined.problems] == [
        ("camera", "bbox_train/0001/0001C2T0001F002.jpg"),
        ("camera", "bbox_train/0001/0001C2T0002F001.jpg"),
        ("name", "bbox_train/0001/0001C2T0001F002.jpg"),
        ("order", "bbox_train/0003/0003C1T0001F007.jpg"),
    ]
    assert "row 2 of tracks_train_info.mat expects camera 5 there (2 names of that row)" in str(examined.problems[1])


def test_an_empty_name_file_is_refused(mars_root: Path) -> None:
    (mars_root / "info" / "train_name.txt").write_bytes(b"")
    refused(mars_root, "train_name.txt", "no image name")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ([0, 3], ("entry 1", "row 0")),
        ([3, 7], ("entry 2", "row 7", "1 to 6")),
        ([3, 1], ("entry 2", "person -1")),
        ([2], ("entry 1", "person 0")),
        ([3, 3], ("no row twice",)),
    ],
)
def test_a_wrong_query_is_named(mars_root: Path, query: list[int], words: tuple[str, ...]) -> None:
    savemat(mars_root / "info" / "query_IDX.mat", {"query_IDX": np.array([query], dtype=np.int32)})
    refused(mars_root, "query_IDX.mat", *words)


def test_a_person_in_both_halves_is_refused(tmp_path: Path) -> None:
    root = mars_folder.write(tmp_path / "mars", train=[("0002", 1, 1, 2)])
    refused(root, "people in train and test", "2 stand in both halves")


def test_options_and_names_that_do_not_exist(mars_root: Path) -> None:
    with pytest.raises(DataError, match="counts='some'"):
        datasets.load("mars", mars_root, counts="some")
    with pytest.raises(DataError, match="chek_images"):
        datasets.load("mars", mars_root, chek_images=True)
    with pytest.raises(DataError, match="split 1 does not exist"):
        datasets.load("mars", mars_root, split=1)
    with pytest.raises(DataError, match="did you mean mars"):
        datasets.load("Mars1", mars_root)
    with pytest.raises(DataError, match=r"known are duke, ilids, .*, synthwalk\."):
        datasets.num_splits("imagenet")
    several = {name: datasets.num_splits(name) for name in datasets.names()}
    assert {name for name, number in several.items() if number == 10} == {"ilids", "ilids-csa", "prid", "prid-200"}
    assert {name for name, number in several.items() if number == 1} == {"duke", "ls-vid", "mars", "own", "synthwalk"}
