"""A data set is recognised by its layout, and named where it cannot be."""

import json
from pathlib import Path

import pytest

import datasets
from datasets import catalogue
from datasets.catalogue import ENTRIES
from datasets.detect_layout import recognise
from datasets.errors import DataError
from datasets.readers.mars import reader


def make(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


LAYOUTS = {
    "mars": ("bbox_train/0001/0001C1T0001F001.jpg", "bbox_test/0002/0002C1T0001F001.jpg", "info/query_IDX.mat"),
    "duke": (
        "train/0001/0001/0001_C6_F0001_X30823.jpg",
        "query/0005/2197/0005_C2_F0001_X1.jpg",
        "gallery/0005/2197/0005_C2_F0001_X1.jpg",
    ),
    "ilids": ("i-LIDS-VID/sequences/cam1/person001/cam1_person001_00317.png",),
    "prid": ("multi_shot/cam_a/person_0001/0001.png",),
    "ls-vid": ("list_sequence/list_seq_train.txt", "tracklet_train/0001/x.jpg"),
    "own": ("query/anna/hall/1/0001.jpg", "gallery/anna/door/1/0001.jpg", "train/ben/hall/1/0001.jpg"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_by_itself_and_in_a_folder_around_it(tmp_path: Path, name: str) -> None:
    root = make(tmp_path / "data" / "set", *LAYOUTS[name])
    assert recognise(root) == name
    if name != "own":  # its folders have names that many others have
        assert recognise(tmp_path / "data") == name


def test_a_folder_of_several_data_sets_names_them(tmp_path: Path) -> None:
    for name in ("mars", "prid"):
        make(tmp_path / name, *LAYOUTS[name])
    with pytest.raises(DataError, match=r"several data sets; name one of .*mars, .*prid"):
        recognise(tmp_path)


def test_people_with_numbers_are_not_taken_for_duke(tmp_path: Path) -> None:
    """The user's own folders have one level more, whatever they are called."""
    parts = [f"{part}/0001/0001/0001/0001.jpg" for part in ("train", "query", "gallery")]
    assert recognise(make(tmp_path, *parts)) == "own"


def test_a_table_of_the_users_own(tmp_path: Path) -> None:
    assert recognise(make(tmp_path, "tracklets.csv")) == "own"
    assert recognise(make(tmp_path, "any.csv") / "any.csv") == "own"


def test_a_rendered_set_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "synthwalk.json").write_text(json.dumps({"layout": "duke"}))
    assert recognise(tmp_path) == "duke"
    (tmp_path / "synthwalk.json").write_text("{")
    with pytest.raises(DataError, match=r"synthwalk\.json cannot be read as JSON.*--dataset"):
        recognise(tmp_path)


@pytest.mark.parametrize(
    ("inside", "name"), [("synthwalk", "mars"), ("synthwalk-prid", "prid"), ("duke", "duke"), ("mars-oracle", "mars")]
)
def test_a_pack_says_what_it_is(tmp_path: Path, inside: str, name: str) -> None:
    (tmp_path / "pack.json").write_text(json.dumps({"divisions": [{"name": inside}]}))
    assert recognise(tmp_path) == name


def test_what_is_none_of_them_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no layout that is known.*--dataset"):
        recognise(make(tmp_path, "notes.txt"))
    with pytest.raises(DataError, match="is not a folder"):
        recognise(tmp_path / "none")


def test_the_catalogue_knows_every_data_set_that_can_be_read() -> None:
    assert set(datasets.names()) <= set(ENTRIES)
    assert [one["name"] for one in catalogue.listed()] == [name for name in ENTRIES if name in datasets.names()]


def test_the_catalogue_agrees_with_the_official_counts() -> None:
    listed, counts = ENTRIES["mars"], reader.OFFICIAL_COUNTS
    assert listed.people == counts["train_ids"] + counts["test_ids"]
    assert listed.tracklets == counts["train_tracklets"] + counts["test_tracklets"]
    assert listed.frames == counts["train_frames"] + counts["test_frames"]
    assert listed.cameras == counts["cameras"]


def test_who_withdrew_and_who_signs_is_said() -> None:
    assert "withdrawn" in ENTRIES["duke"].ask
    assert "signed" in ENTRIES["ls-vid"].ask
