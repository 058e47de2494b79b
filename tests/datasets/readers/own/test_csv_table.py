"""The reader of a user's own data in a CSV: what it makes of the rows, what it tells and what it refuses."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.errors import DataError
from datasets.files.natural_sort import natural_key
from tests.datasets.readers.png_folders import png, put
from tests.places import HOUSE

ROWS = (
    "1,1,a,v/1_1.png",
    "1,1,a,v/1_2.png",
    "1,2,a,v/1_3.png",
    "2,1,a,v/2_1.png",
    "2,2,a,v/2_2.png",
    "0,2,z,v/0_1.png",
)


def write(folder: Path, *rows: str, head: str = "person,camera,tracklet,path", images: bool = True) -> Path:
    """A CSV and the images it names."""
    path = put(folder / "tracklets.csv", "\n".join([head, *rows]).encode() + b"\n")
    column = re.split("[,;\t]", head).index("path") if "path" in head else 0
    for number, row in enumerate(rows if images else ()):
        name = next(csv.reader([row]))[column]
        if name.endswith((".png", ".jpg")):
            put(folder / name, png(number))
    return path


def refused(path: Path, *words: str, **options: object) -> None:
    with pytest.raises(DataError) as caught:
        datasets.load("own", path, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def names(one: datasets.Tracklet) -> list[str]:
    return [Path(frame).name for frame in one.frames]


def test_without_a_part_all_is_test(tmp_path: Path) -> None:
    path = write(tmp_path / "mine", *ROWS)
    for root in (path, path.parent, path.parent.parent):
        split = datasets.load("own", root)
        assert not split.train
        assert [(t.person_id, t.camera_id) for t in split.query] == [(1, 1), (1, 2), (2, 1), (2, 2)]
        assert len(split.gallery) == 5
        assert split.root == path.parent
        assert names(split.query[0]) == ["1_1.png", "1_2.png"]


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    first = datasets.load("own", write(tmp_path / "a", *ROWS))
    images = {path.name: path.read_bytes() for path in (tmp_path / "a" / "v").iterdir()}
    again = write(tmp_path / "b", *ROWS[::-1])
    for name, content in images.items():
        put(again.parent / "v" / name, content)
    assert datasets.load("own", again).fingerprint == first.fingerprint


def test_frames_stand_by_their_number_else_in_natural_order(tmp_path: Path) -> None:
    rows = ("1,1,a,v/9.png", "1,1,a,v/10.png", "1,1,a,u/11.png", "1,2,a,v/1.png")
    split = datasets.load("own", write(tmp_path / "names", *rows))
    assert list(split.test[0].frames) == ["u/11.png", "v/9.png", "v/10.png"]  # folders in their order too
    times = ("1760000000000000002", "1760000000000000001", "0.5", "7")  # two nanoseconds apart: no float tells them
    numbered = [f"{row},{time}" for row, time in zip(rows, times, strict=True)]
    split = datasets.load("own", write(tmp_path / "times", *numbered, head="person,camera,tracklet,path,frame"))
    assert list(split.test[0].frames) == ["u/11.png", "v/10.png", "v/9.png"]


def test_a_query_that_is_in_the_gallery_too_is_one_tracklet(tmp_path: Path) -> None:
    rows = ("1,1,a,v/1.png,query", "1,1,a,v/1.png,gallery", "1,2,b,v/2.png,gallery", "3,2,b,v/3.png,train")
    path = write(tmp_path, *rows, head="person,camera,tracklet,path,part")
    examined = datasets.examine("own", path)
    split = examined.require()
    assert len(split.test) == 2
    assert (split.query_index.tolist(), split.gallery_index.tolist()) == ([0], [0, 1])
    assert split.counts()["unmatched_queries"] == 0


def test_a_frame_of_two_tracklets_is_told(tmp_path: Path) -> None:
    rows = ("1,1,a,v/1.png,query", "1,2,b,v/1.png,gallery", "1,2,c,v/2.png,gallery", "9,2,c,v/2.png,train")
    path = write(tmp_path, *rows, head="person,camera,tracklet,path,part")
    examined = datasets.examine("own", path)
    assert [(one.kind, one.file) for one in examined.problems] == [("duplicate", "v/1.png"), ("duplicate", "v/2.png")]
    refused(path, "images listed twice is 2, expected 0", "is a frame of two tracklets")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_quotes_blank_lines_and_marks_of_spreadsheets(tmp_path: Path, separator: str) -> None:
    expected = datasets.load("own", write(tmp_path / "a", *ROWS)).counts()
    path = write(tmp_path / "b", *ROWS)
    text = path.read_text().replace(",", separator).replace("v/1_1.png", '"v/1_1.png"').replace("\n", "\r\n \r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert datasets.load("own", path).counts() == expected


def test_a_folder_a_row(tmp_path: Path) -> None:
    rows = ("ann,1,a,v/ann 1.0", "ann,2,a,v/ann2", "bob,1,a,v/bob")
    path = write(tmp_path, *rows)
    for folder in ("ann 1.0", "ann2", "bob"):
        for name in ("2.jpg", "10.jpg", "notes.txt"):
            put(tmp_path / "v" / folder / name, png())
    examined = datasets.examine("own", path)
    split = examined.require()
    assert [(t.person_id, names(t)) for t in split.test] == [(n, ["2.jpg", "10.jpg"]) for n in (1, 1, 2)]
    assert {check.what: check.found for check in examined.checks}["files that are no images"] == 3
    assert len(split.query) == 2


def test_folders_and_frames_that_are_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS, "3,1,a,v/gone", "3,2,a,v/empty", "3,2,b,v/3.png")
    (tmp_path / "v" / "empty").mkdir()
    (tmp_path / "v" / "1_2.png").unlink()
    (tmp_path / "v" / "2_1.png").write_bytes(b"")
    examined = datasets.examine("own", path)
    assert sorted((one.kind, one.file) for one in examined.problems) == [
        ("empty", "v/2_1.png"),
        ("missing", "v/1_2.png"),
        ("missing", "v/empty"),
        ("missing", "v/gone"),
    ]
    refused(path, "images or folders missing is 3, expected 0", "v/gone")


def test_without_images_only_the_rows_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS, images=False)
    split = datasets.load("own", path, check_images=False)
    assert split.counts()["test_frames"] == 6
    refused(path, "images or folders missing is 6")


def test_sizes_are_those_of_the_frames_they_belong_to(tmp_path: Path) -> None:
    rows = ("1,1,a,x/1.png", "1,1,a,w/2.png", "1,2,a,x/3.png", "2,2,a,w/4.png")
    path = write(tmp_path, *rows)
    before = datasets.load("own", path).fingerprint
    for name in ("x/1.png", "w/2.png", "x/3.png", "w/4.png"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content + b"\0")
        changed = datasets.load("own", path).fingerprint
        (tmp_path / name).write_bytes(content)
        assert changed != before
        assert datasets.load("own", path).fingerprint == before


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("person_id,camera,tracklet,path", ("no column 'person'", "rename 'person_id'")),
        ("person,Cam,tracklet,path", ("no column 'camera'", "rename 'Cam'")),
        ("person,camera,trackelt,path", ("no column 'tracklet'", "rename 'trackelt'")),
        ("person,camera,tracklet,filename", ("no column 'path'", "rename 'filename'")),
        ("17,3,a,v/1.png", ("no column 'person'", "name the columns in the first line")),
        ("person,camera,tracklet,path,split", ("'split' looks like 'part'",)),
        ("person,camera,tracklet,path,frames", ("'frames' looks like 'frame'",)),
        ("person,camera,tracklet,path,path", ("column 'path' twice",)),
        ("", ("no column 'person'",)),
    ],
)
def test_columns_that_are_not_what_they_should_be(tmp_path: Path, head: str, words: tuple[str, ...]) -> None:
    path = put(tmp_path / "tracklets.csv", f"{head}\n1,1,a,v/1.png,x\n".encode())
    refused(path, str(path), *words)


def test_columns_of_other_names_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [f"{row},rainy,7" for row in ROWS]
    examined = datasets.examine("own", write(tmp_path, *rows, head="person,camera,tracklet,path,weather,age"))
    examined.require()
    assert {check.what: check.found for check in examined.checks}["columns that are not read"] == 2


FULL = "person,camera,tracklet,path,part,frame"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1,1,a,v/1.png,test", ("line 3", "5 cells, expected 6")),
        ("1,,a,v/1.png,test,1", ("line 3", "the cell of 'camera' is empty")),
        ("1,1,a,v/1.png,,1", ("line 3", "the cell of 'part' is empty")),
        ("1,1,a,v/1.png,Test,1", ("line 3", "no part 'Test'", "did you mean 'test'")),
        ("1,1,a,v/1.png,probe,1", ("line 3", "no part 'probe'", "train, query, gallery, test")),
        ("1,1,a,v/1.png,test,first", ("line 3", "frame 'first' is no number")),
        ("1,1,a,v/1.png,test,nan", ("line 3", "frame 'nan' is no number")),
        ("1,1,a,v/1.png,test,", ("line 3", "frame '' is no number")),
        ("1,1,a,/data/1.png,test,1", ("line 3", "/data/1.png", "below the CSV's folder")),
        ("1,1,a,v/../../1.png,test,1", ("line 3", "below the CSV's folder")),
        (r"1,1,a,v\1.png,test,1", ("line 3", "backslash")),
        ("1/2,1,a,v/1.png,test,1", ("line 3", "slash")),
        ('1,1,a,"v/1.png,test,1', ("behind line 2", "correct it")),
        ("1,1,a,v,test,1", ("line 3", "no frame number")),
        ("9,9,z,v,test,", ("line 3", "the tracklet of line 2 goes on")),
        ("1,1,a,README,test,", ("line 3", "'README' is a file without the ending of an image")),
        ("-3,1,a,v/1.png,test,1", ("person -3",)),
        ("1.5,1,a,v/1.png,test,1", ("line 3", "'1.5' is a number, but not a whole one")),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, row: str, words: tuple[str, ...]) -> None:
    path = write(tmp_path, "9,9,z,v/9.png,test,1", row, head=FULL, images=False)
    put(tmp_path / "README", b"x")
    refused(path, *words, check_images=False)


def test_frames_listed_twice_or_at_one_place(tmp_path: Path) -> None:
    rows = ("1,1,a,v/1.png,1", "1,1,a,v/1.png,2", "1,1,a,v/2.png,2.0", "1,1,a,v/3.png,2", "1,2,a,v/4.png,1")
    examined = datasets.examine("own", write(tmp_path, *rows, head="person,camera,tracklet,path,frame"))
    assert [(one.kind, one.file) for one in examined.problems] == [("duplicate", "v/1.png"), ("order", "v/3.png")]
    assert names(examined.split.test[0]) == ["1.png", "2.png"]


@pytest.mark.parametrize(
    ("content", "words"), [(b"person,camera\xff", ("UTF-8",)), (b"person,camera,tracklet,path\n\n", ("no tracklet",))]
)
def test_files_that_are_no_such_csv(tmp_path: Path, content: bytes, words: tuple[str, ...]) -> None:
    refused(put(tmp_path / "tracklets.csv", content), *words)


def test_the_example_of_the_page_about_own_data_is_read_as_the_page_says(tmp_path: Path) -> None:
    page = HOUSE / "docs" / "own-data.md"
    example = page.read_text().partition("```text\n")[2].partition("```")[0]
    for name in ("17/first.jpg", "17/second.jpg", "17-at-the-door/1.jpg", "23/2.jpg", "23/10.jpg"):
        put(tmp_path / "videos" / name, name.encode())
    split = datasets.load("own", put(tmp_path / "tracklets.csv", example.encode()))
    assert [(t.person_id, t.camera_id, names(t)) for t in split.query] == [
        (17, 1, ["first.jpg", "second.jpg"]),
        (17, 3, ["1.jpg"]),
    ]
    assert [(t.person_id, names(t)) for t in split.train] == [(23, ["2.jpg", "10.jpg"])]


def test_natural_order_is_that_of_numbers_and_otherwise_that_of_text() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        a, b = rng.integers(0, 2_000, 2).tolist()
        assert (natural_key(f"cam{a}_x") < natural_key(f"cam{b}_x")) == (a < b)
        assert (natural_key(f"s1-{a}") < natural_key(f"s1-{b}")) == (a < b)
    assert natural_key("frame007") == natural_key("frame7")
    assert sorted(["b1", "a10", "a9b", "a9"], key=natural_key) == ["a9", "a9b", "a10", "b1"]
