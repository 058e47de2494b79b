"""Tables of the user's own: what they mean, what is refused, and the round trip of what is written."""

import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import attributes
from datasets.errors import DataError
from datasets.tracklet import Tracklet


def load(folder: Path, *lines: str, name: str = "mine.csv") -> attributes.Annotation:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return attributes.load(folder / name)


def test_a_table_by_person(tmp_path: Path) -> None:
    read = load(
        tmp_path, "person_id,upper body/red top,backpack,mood,/gait", "2,1,no,cheerful,0", "4,,Yes,grumpy,", "12,0,,,1"
    )
    assert read.name == "mine"
    assert [(a.name, a.kind, a.values, a.group, a.level) for a in read.attributes] == [
        ("red top", "binary", ("no", "yes"), "upper body", "identity"),
        ("backpack", "binary", ("no", "yes"), "attachments", "identity"),
        ("mood", "choice", ("cheerful", "grumpy"), "", "identity"),
        ("gait", "binary", ("no", "yes"), "", "identity"),
    ]
    assert read.codes.tolist() == [[1, 0, 0, 0], [-1, 1, 1, -1], [0, -1, -1, 1]]
    assert [group.name for group in read.groups] == ["upper body", "attachments"]
    told = " | ".join(read.notices)
    assert "'backpack' names no group: it is taken into 'attachments'" in told
    assert "'mood' is in no group, so it can be sliced by but not learned" in told
    assert "'gait'" not in told, "the slash says that it is on purpose"
    tracklets = [Tracklet("a", 4, 1, ("x",)), Tracklet("b", 4, 2, ("x",)), Tracklet("c", 6, 2, ("x",))]
    assert read.codes_of(tracklets).tolist() == [[-1, 1, 1, -1], [-1, 1, 1, -1], [-1] * 4]


def test_a_table_by_tracklet_knows_the_person_from_the_key(tmp_path: Path) -> None:
    read = load(tmp_path, "tracklet,head and shoulders/hat", "0002C1T0001,1", "0002C2T0002,0", "0004C1T0001,0")
    assert read.people.tolist() == [2, 2, 4]
    assert read.attributes[0].level == "tracklet"
    assert read.people_targets(np.array([2, 4])).tolist() == [[1.0], [0.0]]
    named = load(tmp_path, "tracklet,person_id,shoes/boots", "a-b,7,1", "c-d,7,")
    assert (named.keys, named.people.tolist()) == (("a-b", "c-d"), [7, 7])


def test_a_renamed_file_keeps_its_fingerprint(tmp_path: Path) -> None:
    lines = ("person_id,shoes/boots", "2,1", "4,0")
    one, other = (load(tmp_path, *lines, name=f"{name}.csv") for name in ("one", "other"))
    assert (one.name, other.name) == ("one", "other")
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    ("header", "group", "said"),
    [
        ("Upper_Body/x", "upper body", False),
        ("shoe/x", "shoe", True),
        ("uper body/x", "uper body", True),
        ("feet/x", "feet", False),
    ],
)
def test_groups_of_ones_own_and_near_misses(tmp_path: Path, header: str, group: str, said: bool) -> None:
    read = load(tmp_path, f"person_id,{header}", "2,1")
    assert read.attributes[0].group == group
    assert any("did you mean" in told for told in read.notices) is said


def test_a_spreadsheets_byte_order_mark_and_line_ends_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("﻿person_id, shoes/boots\r\n2, 1\r\n\r\n4, 0\r\n".encode())
    assert attributes.load(tmp_path / "t.csv").codes.tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["person_id,hat", "2,1", "4,2"], r"line 3, column 'hat': found '2', expected 0 or 1 in all rows"),
        (["person_id,hat", "2,1", "4,0.7"], r"line 3, column 'hat': found '0.7'"),
        (["person_id,hat", "2,red", "4,1"], r"line 3, column 'hat': found '1'"),
        (["person_id,hat", "2,red", "4,nan"], r"line 3, column 'hat': found 'nan'"),
        (["person_id,hat", "2,red", "4,Red"], r"column 'hat' spells 'Red' in two ways"),
        (["person_id,hat", "2,1", "2,0"], r"lines 2 and 3 are both of person 2"),
        (["tracklet,hat", "0002C1T0001,1", "0002C1T0001,0"], r"lines 2 and 3 are both of tracklet 0002C1T0001"),
        (["tracklet,hat", "somebody,1"], r"line 2, column 'tracklet': 'somebody' does not say whose tracklet it is"),
        (["tracklet,hat", ",1"], r"line 2, column 'tracklet': the cell is empty"),
        (["person_id,hat", "x,1"], r"line 2, column 'person_id': found 'x', expected a whole number from 1"),
        (["person_id,hat", "2.5,1"], r"line 2, column 'person_id': found '2.5'"),
        (["person_id,hat", "-1,1"], r"line 2, column 'person_id': found '-1'"),
        (["person,hat", "2,1"], r"neither a column 'person_id' nor 'tracklet'"),
        (["person_id,hat,hat", "2,1,1"], r"'hat' twice"),
        (["person_id,hat,", "2,1,1"], r"an empty name"),
        (["person_id,hat,shoes/hat", "2,1,1"], r"two attributes called 'hat'"),
        (["person_id,shoes/", "2,1"], r"column 'shoes/' has no name"),
        (["person_id,tracklet", "2,0002C1T0001"], r"has no column but person_id, tracklet"),
        (["person_id;hat", "2;1"], r"one column 'person_id;hat', expected several, separated by commas"),
        (["person_id,hat"], r"1 lines with content, expected a header and at least one row"),
        (["person_id,hat", "2,1,0"], r"line 2 has 3 cells, expected 2"),
        (
            ["person_id,name", *(f"{i},n-{i}" for i in range(1, 70))],
            r"'name' has 69 different words, expected at most 64",
        ),
    ],
)
def test_what_is_wrong_is_said_with_line_and_column(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        load(tmp_path, *lines)
    assert "\n" not in str(raised.value)


def test_what_is_no_annotation_at_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_bytes(b"\xff\xfe\x00person")
    for source, message in (
        (tmp_path / "none.csv", "does not exist"),
        (tmp_path / "some.csv", "no text in UTF-8"),
        (tmp_path, r"holds no annotation, expected truth.attributes.csv .*give one of its files: some.csv"),
    ):
        with pytest.raises(DataError, match=message):
            attributes.load(source)


NAMES = ("hat", "top color: red", 'say "hi", twice', "a/b", "über", "0")
GROUP_OF = ("head and shoulders", "upper body", "upper body", "shoes", "my own", "")


@given(st.data())
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    people = data.draw(st.lists(st.integers(1, 9999), min_size=1, max_size=5, unique=True))
    cell = st.sampled_from((0.0, 1.0, float("nan")))
    values = np.array(data.draw(st.lists(st.tuples(*[cell] * len(NAMES)), min_size=len(people), max_size=len(people))))
    path = tmp_path_factory.getbasetemp() / "round" / "trip.csv"
    assert attributes.write_table(path, np.array(people), NAMES, GROUP_OF, values) == path
    read = attributes.load(path)
    assert read.people.tolist() == people
    assert [(a.name, a.group, a.kind) for a in read.attributes] == [
        (name, group, "binary") for name, group in zip(NAMES, GROUP_OF, strict=True)
    ]
    np.testing.assert_array_equal(read.codes, np.where(np.isnan(values), -1, values))
    learned = [NAMES.index(column.name) for column in read.columns]
    assert learned == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(read.people_targets(np.array(people)), values[:, learned].astype(np.float32))


def test_columns_keep_names_and_groups_of_the_annotation_they_came_from(tmp_path: Path) -> None:
    source = load(tmp_path, "person_id,lower body/bottom,shoes/boots", "2,skirt,1", "4,jeans,0")
    targets = source.people_targets(source.people)
    path = attributes.write_table(
        tmp_path / "deep" / "er" / "t.csv",
        source.people,
        [column.name for column in source.columns],
        [column.group for column in source.columns],
        targets,
    )
    assert (
        path.read_text()
        == "person_id,lower body/bottom: jeans,lower body/bottom: skirt,shoes/boots\n2,0,1,1\n4,1,0,0\n"
    )
    assert attributes.load(path).groups == source.groups
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRGRP, "others may read it"


@pytest.mark.parametrize(
    ("people", "columns", "groups", "values", "message"),
    [
        ([1, 2], ["a"], ["shoes"], [[1.0]], r"values of shape \(1, 1\), expected \(2, 1\)"),
        ([1], ["a"], [], [[1.0]], "0 groups"),
        ([1], [], [], [[]], "at least one"),
        ([1, 1], ["a"], ["shoes"], [[1.0], [0.0]], "each once"),
        ([0], ["a"], ["shoes"], [[1.0]], "above 0"),
        ([3], ["a"], ["shoes"], [[0.7]], "person 3 has 0.7 for 'a', expected 0, 1 or NaN"),
        ([3], ["a", "a"], ["shoes", "x"], [[1.0, 0.0]], "share a name"),
        ([3], ["a"], ["s/t"], [[1.0]], "a group without a slash"),
        ([3], ["a\nb"], ["s"], [[1.0]], "printable"),
        ([3], [" a"], ["s"], [[1.0]], "without spaces"),
        ([3], [""], ["s"], [[1.0]], "cannot stand in a header"),
    ],
)
def test_a_table_that_could_not_be_read_back_is_not_written(
    tmp_path: Path, people: list[int], columns: list[str], groups: list[str], values: list[list[float]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        attributes.write_table(tmp_path / "t.csv", np.array(people), columns, groups, np.array(values))
    assert not any(tmp_path.iterdir())


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault: the disk refuses the last step. What stood there stays, and nothing lies beside it."""
    path = tmp_path / "t.csv"
    attributes.write_table(path, np.array([1]), ["a"], ["shoes"], np.array([[1.0]]))
    before = path.read_bytes()

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="no space"):
            attributes.write_table(path, np.array([2]), ["a"], ["shoes"], np.array([[0.0]]))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]
