"""The reader of DukeMTMC-VideoReID on a small folder: what it reads, and what it refuses."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import datasets
from datasets.checks import Examination
from datasets.errors import DataError
from datasets.files.paths import names_array
from datasets.readers.duke import reader
from datasets.readers.duke.names import parse
from tests.datasets.readers import duke_folder
from tests.datasets.readers.duke_folder import name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return duke_folder.write(tmp_path / "DukeMTMC-VideoReID")


def load(root: Path, **options: object) -> datasets.Split:
    return datasets.load("duke", root, counts="any", **options)


def examine(root: Path, **options: object) -> Examination:
    return datasets.examine("duke", root, counts="any", **options)


def test_tracklets_are_as_written(root: Path) -> None:
    split = load(root)
    assert [(t.key, t.person_id, t.camera_id, len(t)) for t in split.train] == [
        ("0001C2T0001", 1, 2, 3),
        ("0001C5T0002", 1, 5, 4),
        ("0007C1T0003", 7, 1, 2),
    ]
    assert [t.key for t in split.test] == ["0002C1T0004", "0002C8T0005", "0009C3T0006", "0040C1T0007", "0040C6T0008"]
    assert split.query_index.tolist() == [1, 4]
    assert split.gallery_index.tolist() == [0, 1, 2, 3, 4]
    assert (split.number, split.divisions, split.synthetic, split.name) == (0, 1, False, "duke")
    counts = split.counts()
    assert (counts["test_ids"], counts["distractor_tracklets"], counts["junk_tracklets"]) == (3, 0, 0)
    assert counts["unmatched_queries"] == 0


def test_a_tracklet_that_starts_at_two_keeps_its_last_frame(root: Path) -> None:
    late = load(root).train[1]
    assert [frame.split("_")[2] for frame in late.frames] == ["F0002", "F0003", "F0004", "F0005"]
    assert all((root / frame).is_file() for frame in late.frames)


def test_both_forms_of_names_are_one_data_set(root: Path, tmp_path: Path) -> None:
    old = load(duke_folder.write(tmp_path / "old", form="old"))
    new = load(root)
    assert [(t.key, t.person_id, t.camera_id, len(t)) for t in old.test] == [
        (t.key, t.person_id, t.camera_id, len(t)) for t in new.test
    ]
    assert old.test[2].frames[0] == "gallery/0009/0006/0009C3F0001D99988.jpg"
    assert new.test[2].frames[0] == "gallery/0009/0006/0009_C3_F0001_D99988.jpg"
    assert old.query_index.tolist() == new.query_index.tolist()


def test_frames_follow_their_number_not_their_clock(root: Path) -> None:
    folder = root / "train" / "0007" / "0003"
    shutil.rmtree(folder)
    folder.mkdir()
    for frame, clock in ((1, 99_999), (2, 100_011), (3, 5)):
        (folder / name(7, 1, frame, "old" if frame == 2 else "new", clock)).write_bytes(b"x")
    found = [Path(frame).name for frame in load(root).train[2].frames]
    assert found == ["0007_C1_F0001_X99999.jpg", "0007C1F0002X100011.jpg", "0007_C1_F0003_X5.jpg"]


def test_each_frame_of_a_query_is_read_from_the_gallery(root: Path) -> None:
    assert {frame.split("/")[0] for tracklet in load(root).query for frame in tracklet.frames} == {"gallery"}


@pytest.mark.parametrize(
    "text",
    [
        "0001_C6_F0099_X30823.jpg",
        "0001C6F0099X30823.jpg",
        "0001_C6_F0099_D3.jpg",
        "0001C6F0099D1234567890123.jpg",
    ],
)
def test_names_of_both_forms_are_understood(text: str) -> None:
    told = parse(names_array(["short", text, "x" * 60]))
    assert told.valid.tolist() == [False, True, False]
    assert (told.person[1], told.camera[1], told.frame[1]) == (1, 6, 99)


@pytest.mark.parametrize(
    "text",
    [
        "0001_C6_F0099_X.jpg",
        "0001_C6_F0099_X30823.jpeg",
        "0001_C6_F0099_X308 23.jpg",
        "0001_C6_F0099_Y30823.jpg",
        "0001_C0_F0099_X30823.jpg",
        "001_C6_F0099_X30823.jpg",
        "0001_C6_F099_X30823.jpg",
        "0001C6_F0099_X30823.jpg",
        "0001_C6_F0099X30823.jpg",
        "._0001_C6_F0099_X30823.jpg",
        "0001_C6_F0099_X30823.jpg.jpg",
        "",
    ],
)
def test_other_names_are_not(text: str) -> None:
    assert not parse(names_array([text])).valid.any()


REFERENCE = re.compile(rb"(\d{4})(_?)C([1-9])\2F(\d{4})\2[XD]\d+\.jpg")
"""The two forms, as one expression: all fields with underscores between them, or none."""


@given(
    st.lists(
        st.builds(
            lambda name, at, letter: name[:at] + letter + name[at + len(letter) :],
            st.from_regex(REFERENCE, fullmatch=True),
            st.integers(0, 28),
            st.sampled_from([b"", b"", b"_", b"X", b"7", b"jpg", b".jpg", b" "]),
        ),
        max_size=8,
    )
)
def test_names_are_parsed_as_an_expression_would(names: list[bytes]) -> None:
    told = parse(names_array(names))
    for place, one in enumerate(names):
        match = REFERENCE.fullmatch(one)
        assert told.valid[place] == (match is not None)
        found = (told.person[place], told.camera[place], told.frame[place])
        assert found == (tuple(int(match[group]) for group in (1, 3, 4)) if match else (0, 0, 0))


def _rename(folder: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda root: (root / folder / old).rename(root / folder / new) and None


def _remove_frame(root: Path) -> None:
    for part in ("query", "gallery"):
        (root / part / "0002" / "0005" / name(2, 8, 2)).unlink()
    (root / "gallery" / "0009" / "0006" / name(9, 3, 3)).unlink()


def _empty(root: Path) -> None:
    (root / "train" / "0001" / "0001" / name(1, 2, 2)).write_bytes(b"")


def _second_of_a_number(root: Path) -> None:
    (root / "train" / "0001" / "0001" / name(1, 2, 2, clock=7)).write_bytes(b"x")


def _other_copy(root: Path) -> None:
    (root / "query" / "0040" / "0008" / name(40, 6, 1)).write_bytes(b"other")


def _shorter_copy(root: Path) -> None:
    (root / "query" / "0002" / "0005" / name(2, 8, 3)).unlink()


def _renamed_copy(root: Path) -> None:
    _rename("query/0040/0008", name(40, 6, 1), name(40, 6, 1, clock=1))(root)


def _no_copy(root: Path) -> None:
    shutil.rmtree(root / "gallery" / "0040" / "0008")


def _no_images(root: Path) -> None:
    (root / "gallery" / "0040" / "0009").mkdir()


def _named_folder(root: Path) -> None:
    (root / "train" / "0007").rename(root / "train" / "seven")


def _far_too_large(root: Path) -> None:
    (root / "train" / "0007").rename(root / "train" / ("7" * 30))


def _dead_link(root: Path) -> None:
    path = root / "train" / "0007" / "0003" / name(7, 1, 2)
    path.unlink()
    path.symlink_to(root / "nowhere.jpg")


def _misplaced(root: Path) -> None:
    (root / "train" / "0007" / name(7, 1, 9)).write_bytes(b"x")


@pytest.mark.parametrize(
    ("inject", "check", "kind", "file", "words"),
    [
        (
            _rename("train/0001/0001", name(1, 2, 3), name(1, 4, 3)),
            "train tracklets with images of several cameras",
            "camera",
            "train/0001/0001",
            "0001_C4_F0003_X100012.jpg, but its camera is 2",
        ),
        (
            _rename("train/0001/0001", name(1, 2, 2), name(7, 2, 2)),
            "train tracklets with an image of another person",
            "person",
            "train/0001/0001",
            "0007_C2_F0002_X100000.jpg, but its person is 1",
        ),
        (
            _second_of_a_number,
            "train tracklets with two images of one number",
            "order",
            "train/0001/0001",
            "0001_C2_F0002_X100000.jpg and 0001_C2_F0002_X7.jpg",
        ),
        (
            _rename("train/0001/0001", name(1, 2, 3), "IMG_0003.jpg"),
            "train files that are not named like an image of this data set",
            "name",
            "train/0001/0001/IMG_0003.jpg",
            "not named like",
        ),
        (_empty, "train images empty", "empty", f"train/0001/0001/{name(1, 2, 2)}", "0 bytes"),
        (_dead_link, "train images missing", "missing", f"train/0007/0003/{name(7, 1, 2)}", "leads nowhere"),
        (_other_copy, "queries unlike their copy in the gallery", "copy", "query/0040/0008", "5 bytes, but in gallery"),
        (_shorter_copy, "queries unlike their copy in the gallery", "copy", "query/0002/0005", "holds 1 images"),
        (_renamed_copy, "queries unlike their copy in the gallery", "copy", "query/0040/0008", "in its place"),
        (_no_copy, "queries without a copy in the gallery", "copy", "query/0040/0008", "must hold the queries"),
        (
            _no_images,
            "gallery folders that are not a tracklet of at least one image",
            "folder",
            "gallery/0040/0009",
            "holds no image",
        ),
        (
            _named_folder,
            "train folders that are not a tracklet of at least one image",
            "folder",
            "train/seven/0003",
            "not named <person>/<tracklet>",
        ),
        (
            _far_too_large,
            "train folders that are not a tracklet of at least one image",
            "folder",
            f"train/{'7' * 30}/0003",
            "not named <person>/<tracklet>",
        ),
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
    with pytest.raises(DataError) as caught:
        load(root)
    assert check in str(caught.value)
    assert "\n" not in str(caught.value)


def test_gaps_are_problems_and_a_fault_where_something_is_expected(root: Path) -> None:
    _remove_frame(root)
    found = examine(root)
    assert not found.failed  # counts="any": a copy of every other frame is the reader's own business
    assert {(one.file, one.kind) for one in found.problems} == {
        ("gallery/0009/0006", "order"),
        ("gallery/0002/0005", "order"),
        ("query/0002/0005", "order"),
    }
    told = {one.file: str(one) for one in found.problems}
    assert "jumps from frame F0002 to F0004" in told["gallery/0009/0006"]
    assert "starts at frame F0003, expected F0001 or F0002" in told["query/0002/0005"]
    official = datasets.examine("duke", root, counts="official")
    gaps = [one for one in official.failed if "gaps" in one.what]
    assert [(one.what.split()[0], one.found) for one in gaps] == [("query", 1), ("gallery", 2)]


def test_images_outside_the_tracklets_and_other_files_are_counted(root: Path) -> None:
    (root / "train" / "0007" / "0003" / "Thumbs.db").write_bytes(b"x")
    (root / "train" / ".DS_Store").write_bytes(b"x")
    (root / "train" / ".thumbnails").mkdir()
    assert not examine(root).failed
    _misplaced(root)
    assert [(one.what, one.found) for one in examine(root).failed] == [("images outside the folder of a tracklet", 1)]


def test_without_sizes_a_fault_of_names_is_found_and_nothing_is_said_of_sizes(root: Path) -> None:
    _other_copy(root)
    found = examine(root, check_images=False)
    assert not found.failed
    assert not any("empty" in one.what for one in found.checks)
    _renamed_copy(root)
    assert [one.kind for one in examine(root, check_images=False).problems] == ["copy"]


def test_people_of_both_halves_and_numbers_used_twice_are_told(root: Path) -> None:
    (root / "train" / "0002").mkdir()
    shutil.copytree(root / "gallery" / "0002" / "0004", root / "train" / "0002" / "0004")
    assert [one.what for one in examine(root).failed] == ["people in train and test"]
    official = {one.what: one.found for one in datasets.examine("duke", root).failed}
    assert official["tracklet numbers used twice"] == 1


@pytest.mark.parametrize("absent", reader.PARTS)
def test_a_missing_part_is_named(root: Path, absent: str) -> None:
    shutil.rmtree(root / absent)
    with pytest.raises(DataError, match=f"{absent} cannot be found"):
        load(root)


@pytest.mark.parametrize("empty", reader.PARTS)
def test_an_empty_part_is_named(root: Path, empty: str) -> None:
    shutil.rmtree(root / empty)
    (root / empty / "0001").mkdir(parents=True)
    with pytest.raises(DataError, match=f"{empty} holds no folder of a tracklet"):
        load(root)


def test_another_data_set_is_refused(tmp_path: Path) -> None:
    for part in reader.PARTS:
        folder = tmp_path / part / "0001" / "0001"
        folder.mkdir(parents=True)
        (folder / "cam1_person001_00317.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match=r"cam1_person001_00317\.jpg.*expected names like 0001_C6_F0099_X30823\.jpg"):
        load(tmp_path)


def test_where_to_look(root: Path, tmp_path: Path) -> None:
    assert load(root.parent).root == root
    shutil.copytree(root, tmp_path / "second")
    with pytest.raises(DataError, match="several such folders"):
        load(root.parent)
    with pytest.raises(DataError, match="is not a folder"):
        load(root / "absent")
    with pytest.raises(DataError, match="give the folder that holds them"):
        load(root / "train" / "0001")
    with pytest.raises(DataError, match="1 split"):
        datasets.load("duke", root, split=1)


def test_a_folder_that_may_not_be_listed_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str | bytes) -> object:
        if os.fsdecode(path).endswith("0003"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"0003 cannot be listed \(Permission denied\)"):
        load(root)


def test_the_fingerprint_follows_names_sizes_and_roles_but_not_the_place(root: Path, tmp_path: Path) -> None:
    before = load(root).fingerprint
    moved = tmp_path / "elsewhere" / "data"
    shutil.copytree(root, moved)
    assert load(moved).fingerprint == before
    assert load(root, check_images=False).fingerprint != before
    (moved / "train" / "0001" / "0001" / name(1, 2, 2)).write_bytes(b"other")
    assert load(moved).fingerprint != before
    assert load(moved, check_images=False).fingerprint == load(root, check_images=False).fingerprint
    shutil.rmtree(moved / "query" / "0040")
    assert load(moved, check_images=False).fingerprint != load(root, check_images=False).fingerprint


def test_an_incomplete_copy_is_told_by_its_counts(root: Path) -> None:
    with pytest.raises(DataError, match=r"train ids is 2, expected 702.*not a complete official DukeMTMC-VideoReID"):
        datasets.load("duke", root)
    frames = next(check for check in datasets.examine("duke", root).failed if check.what == "train_frames")
    assert (frames.expected, "no released file confirms" in frames.detail) == (369_656, True)
    assert datasets.examine("duke", root).expectation == "official DukeMTMC-VideoReID"
    with pytest.raises(DataError, match="render it again"):
        datasets.load("duke", root, counts="manifest")


def test_labels_and_lengths_are_those_of_tracklets(root: Path) -> None:
    split = load(root)
    assert split.train_labels.tolist() == [0, 0, 1]
    assert np.array_equal([len(t.frames) for t in split.query], [2, 1])
