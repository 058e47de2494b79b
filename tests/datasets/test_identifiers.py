"""Whole numbers, names, and what is neither: nothing that a program wrote as a number becomes a name."""

import numpy as np
import pytest

from datasets.errors import DataError
from datasets.identifiers import label, number_of, whole_numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("-1", -1),
        ("+3", 3),
        ("007", 7),
        ("0", 0),
        ("0.0", 0),
        ("-1.0", -1),
        ("1.0", 1),
        ("12.00", 12),
        ("-0.0", 0),
        ("9" * 18, 10**18 - 1),
        ("1200.000", 1200),
    ],
)
def test_whole_numbers_as_programs_write_them(text: str, number: int) -> None:
    assert number_of(text) == number
    assert int(label("x", "person", text)) == number


@pytest.mark.parametrize(
    "text", ["ann", "c1", "cam 2", "a1b2", "1_2", "1-2", "person 1.0", "2nd", "人１", "10.0.0.7", "é", "Nancy", "½a"]
)
def test_names_stay_as_they_are(text: str) -> None:
    assert number_of(text) is None
    assert label("x", "person", text) == text


DOUBTFUL = [
    *("1e3", "1E3", "1.5e2", "nan", "NaN", "-nan", "<NA>", "None", "inf", "1.5", "-0.5", ".5", "5.", "1,5", "1,000"),
    *(
        "12.345.678",
        "1.000",
        "1'000",
        "1 000",
        "１２",
        "²",
        "٣",
        "−1",
        "1\u200b",
        "1\x00",
        "9" * 19,
        "9" * 5000,
        "１.0",
    ),
]


@pytest.mark.parametrize("text", DOUBTFUL)
def test_what_is_in_doubt_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        number_of(text)
    with pytest.raises(DataError, match=r"^t\.csv, line 3: person .*; write whole numbers") as caught:
        label("t.csv, line 3", "person", text)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("kind", ["i1", "u2", "i8", "u8", "f4", "f8", "U9", "S9"])
def test_arrays_of_every_kind_become_the_same_numbers(kind: str) -> None:
    told = whole_numbers(np.array([[1, 2], [3, 0]]).astype(kind), "f", "r")
    assert told.dtype == np.int64
    assert told.tolist() == [[1, 2], [3, 0]]


@pytest.mark.parametrize(
    "values",
    [
        [1.0, np.nan],
        [1.0, np.inf],
        [1.0, 1e30],
        [1.0, 1.5],
        ["1", "²"],
        ["1", "9" * 30],
        ["1", ""],
        [b"1", b"\xff"],
        [True, False],
        [1 + 2j, 1],
    ],
)
def test_arrays_that_hold_other_things_are_refused(values: list[object]) -> None:
    with pytest.raises(DataError, match=r"^f\.mat: 'x'.*; copy it again$"):
        whole_numbers(np.array(values), "f.mat: 'x'", "copy it again")


def test_an_entry_of_a_table_is_told_by_row_and_column() -> None:
    with pytest.raises(DataError, match="row 2, column 1 is nan"):
        whole_numbers(np.array([[1.0, 2.0], [np.nan, 4.0]]), "f", "r")


def test_numbers_beyond_int64_do_not_turn_negative() -> None:
    with pytest.raises(DataError, match="entry 2 is 18446744073709551615"):
        whole_numbers(np.array([1, 2**64 - 1], dtype=np.uint64), "f", "r")
