"""Persons, cameras and tracklets of a user's own data as programs and people write them."""

import os
from pathlib import Path

import pytest

import datasets
from datasets.errors import DataError
from datasets.files.natural_sort import natural_key
from tests.datasets.readers.png_folders import png, put

HEAD = "person,camera,tracklet,path"


def table(folder: Path, rows: list[str], head: str = HEAD) -> Path:
    for place, row in enumerate(rows):
        put(folder / row.split(",")[3], png(place))
    return put(folder / "tracklets.csv", "\n".join([head, *rows]).encode() + b"\n")


def rows_of(form: str) -> list[str]:
    """People 1, 2, a distractor and junk under two cameras, with ids in a form."""
    people = [(person, camera) for person in (1, 2, 0, -1) for camera in (1, 2)]
    ids = [(form.format(person), form.format(camera)) for person, camera in people]
    return [f"{person},{camera},{form.format(1)},v/{row}.png" for row, (person, camera) in enumerate(ids)]


@pytest.mark.parametrize("form", ["{}.0", "{}.00", " {} ", '"{}"'])
def test_floats_are_the_numbers_that_they_were(tmp_path: Path, form: str) -> None:
    plain = datasets.load("own", table(tmp_path / "plain", rows_of("{}")))
    found = datasets.load("own", table(tmp_path / "other", rows_of(form)))
    assert found.counts() == plain.counts()
    assert found.counts()["distractor_tracklets"] == found.counts()["junk_tracklets"] == 2
    assert [(one.key, one.person_id, one.camera_id) for one in found.test] == [
        (one.key, one.person_id, one.camera_id) for one in plain.test
    ]
    assert found.fingerprint == plain.fingerprint


def test_rows_of_one_tracklet_may_be_written_in_both_ways(tmp_path: Path) -> None:
    rows = ["1,1,1,v/1.png", "1.0,1.0,1.0,v/2.png", "1,2,1,v/3.png"]
    assert [len(one.frames) for one in datasets.load("own", table(tmp_path, rows)).test] == [2, 1]


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize(
    "text", ["1e3", "1.5", "nan", "None", "１", "²", "−1", "1\u200b", "9" * 19, "9" * 5000, "1.000"]
)
def test_what_is_in_doubt_is_refused_by_its_line(tmp_path: Path, column: int, text: str) -> None:
    rows = rows_of("{}")
    cells = rows[2].split(",")
    cells[column] = text
    rows[2] = ",".join(cells)
    with pytest.raises(DataError, match=rf"tracklets\.csv, line 4: {('person', 'camera')[column]} ") as caught:
        datasets.load("own", table(tmp_path, rows))
    assert "\n" not in str(caught.value)


def test_a_camera_with_a_letter_beside_plain_numbers_is_told_with_both_places(tmp_path: Path) -> None:
    path = table(tmp_path, ["1,1,a,v/1.png", "1,c1,a,v/2.png", "2,1,a,v/3.png"])
    with pytest.raises(DataError, match=r"c1 and 1 are both a camera \(see .*line 3, and .*line 2\)"):
        datasets.load("own", path)


@pytest.mark.parametrize("text", ["nan", "NULL", "<NA>"])
def test_a_tracklet_without_a_label_is_refused_by_its_line(tmp_path: Path, text: str) -> None:
    path = table(tmp_path, ["1,1,a,v/1.png", f"1,2,{text},v/2.png"])
    with pytest.raises(DataError, match=r"line 3: tracklet .* stands for an empty cell"):
        datasets.load("own", path)


def test_a_tracklet_may_be_called_anything_else(tmp_path: Path) -> None:
    names = ["12.5", "1e3", "9" * 5000, "²"]
    rows = [f"1,{camera},{name},v/{camera}-{row}.png" for camera in (1, 2) for row, name in enumerate(names)]
    assert len(datasets.load("own", table(tmp_path, rows)).test) == 8


@pytest.mark.parametrize("path", ["v/\0.png", "v\0/1.png", "\0"])
def test_a_path_with_a_nul_is_refused_by_its_line(tmp_path: Path, path: str) -> None:
    whole = table(tmp_path, rows_of("{}"))
    put(whole, whole.read_bytes() + f"1,1,b,{path}\n".encode())
    with pytest.raises(DataError, match=r"line 10: path .* holds a NUL"):
        datasets.load("own", whole)


@pytest.mark.parametrize("path", ["v/" + "n" * 300 + ".png", "v/" + "n" * 300, "v/" * 3000 + "x"])
def test_a_path_longer_than_any_on_disk_is_missing(tmp_path: Path, path: str) -> None:
    whole = table(tmp_path, rows_of("{}"))
    put(whole, whole.read_bytes() + f"1,1,b,{path}\n".encode())
    assert {one.kind for one in datasets.examine("own", whole).problems} == {"missing"}


def folders(root: Path, *places: str) -> Path:
    for row, place in enumerate(places):
        put(root / place / "1.png", png(row))
    return root


def test_folders_are_read_by_the_same_rule(tmp_path: Path) -> None:
    root = folders(tmp_path / "a", *(f"test/{person}.0/{camera}.0/1" for person in (1, 0, -1) for camera in (1, 2)))
    counts = datasets.load("own", root).counts()
    assert (counts["test_ids"], counts["distractor_tracklets"], counts["junk_tracklets"]) == (1, 2, 2)
    root = folders(tmp_path / "b", "test/1/1/1", "test/1/2/1", "test/1.0/2/1")
    with pytest.raises(DataError, match=r"test/1/2/1 and test/1\.0/2/1 are of one tracklet, written in two ways"):
        datasets.load("own", root)
    root = folders(tmp_path / "c", "test/1/1/1", "test/1e3/2/1")
    with pytest.raises(DataError, match=r"c/test/1e3/2/1: person '1e3' is a number, but not a whole one"):
        datasets.load("own", root)


def test_a_person_0_who_looks_like_everybody_else_is_noted(tmp_path: Path) -> None:
    places = [f"test/{person}/{camera}/1" for person in (0, 1, 2) for camera in (1, 2)]
    (note,) = datasets.examine("own", folders(tmp_path / "a", *places)).notes
    assert note.startswith("person 0 has 2 test tracklets under 2 cameras")
    assert note.endswith("number the people from 1.")
    one_camera = [place for place in places if not place.startswith("test/0/2")]
    many = [*places, *(f"test/0/{camera}/{number}" for camera in (1, 2) for number in range(2, 6))]
    for number, chosen in enumerate((one_camera, many, places[2:])):
        assert datasets.examine("own", folders(tmp_path / f"b{number}", *chosen)).notes == ()


def test_names_that_are_no_utf8_are_read_and_their_keys_can_be_written_anywhere(tmp_path: Path) -> None:
    for camera in (1, 2):
        put(tmp_path / os.fsdecode(b"test/b\xf6b") / str(camera) / os.fsdecode(b"t\xff") / "1.png", png(camera))
        put(tmp_path / "test" / "ann" / str(camera) / "1" / os.fsdecode(b"\xe9.png"), png(camera + 2))
    split = datasets.load("own", tmp_path)
    assert [one.person_id for one in split.test] == [1, 1, 2, 2]
    for one in split.test:
        assert (tmp_path / one.frames[0]).is_file()
        assert one.key.encode("utf-8")
    assert split.test[2].key == r"test/b\udcf6b/1/t\udcff"


@pytest.mark.parametrize("digits", [4_301, 50_000])
def test_natural_order_knows_numbers_of_any_length(digits: int) -> None:
    long, longer = "a" + "9" * digits, "a1" + "0" * digits
    assert sorted([longer, long, "a10", "a9", "a²"], key=natural_key) == ["a9", "a10", long, longer, "a²"]
    assert natural_key("a007") == natural_key("a7") != natural_key("a70")
