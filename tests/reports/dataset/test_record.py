"""The record of a data set as tables, figures and a page."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from reports.dataset import figures
from reports.dataset.page import facts, files, page
from reports.dataset.record import lengths_table, people_table, read, tables
from reports.errors import ReportError


def part(name: str, lengths: dict[int, int], **changes: Any) -> dict[str, Any]:
    tracklets = sum(lengths.values())
    frames = sum(length * count for length, count in lengths.items())
    return {
        "name": name,
        "tracklets": tracklets,
        "frames": frames,
        "people": 2,
        "shortest": min(lengths),
        "median": 5.0,
        "mean": frames / tracklets,
        "longest": max(lengths),
        "below": {n: sum(c for length, c in lengths.items() if length < n) for n in (4, 8, 16)},
        "lengths": lengths,
        "cameras": {1: 1, 3: tracklets - 1},
        "camera_frames": {1: 10, 3: frames - 10},
        "tracklets_per_person": {1: 1, tracklets - 1: 1},
        "cameras_per_person": {1: 1, 2: 1},
        **changes,
    }


COUNTS = {
    "train_tracklets": 4, "test_tracklets": 6, "train_frames": 40, "test_frames": 1_300, "train_ids": 2, "test_ids": 2,
    "query_tracklets": 2, "gallery_tracklets": 6, "cameras": 2,
}  # fmt: skip
RECORD: dict[str, Any] = {
    "schema": 1,
    "name": "mine",
    "title": "Mine <&>",
    "version": "2",
    "root": "/data/mine",
    "synthetic": False,
    "fingerprint": "0123456789abcdef0123456789abcdef",
    "counts": COUNTS,
    "parts": [
        part("train", {3: 1, 7: 1, 12: 1, 18: 1}),
        part("test", {2: 1, 98: 1, 200: 2, 300: 1, 500: 1}),
        part("query", {2: 1, 98: 1}, tracklets_per_person={1: 2}),
        part("gallery", {2: 1, 98: 1, 200: 2, 500: 1}),
    ],
    "answers": {1: 1, 3: 1},
    "answers_without_queries": {0: 1, 2: 1},
    "words": ["Ask before you show it."],
    "command": "python -m runners.data stats /data/mine --out x",
}


def spoilt(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(RECORD) | changes


def test_numbers_of_the_tables_are_those_of_the_record() -> None:
    found = read(RECORD)
    lengths = lengths_table(found)
    assert lengths.column("part") == ("train", "test, all of it", "query", "gallery")
    assert lengths.column("share_below_8") == (50.0, 100 / 6, 50.0, 20.0)
    assert lengths.column("below_8") == (2, 1, 1, 1)
    people = people_table(found)
    assert people.column("part") == ("train", "test, all of it", "query")
    assert people.column("mean") == (2.0, 3.0, 1.0)
    assert people.column("below_4") == (2, 1, 2)
    answers = next(table for table in tables(found) if table.name == "answers")
    assert answers.column("without") == (0, 1)
    assert answers.column("median") == (2.0, 1.0)
    cameras = next(table for table in tables(found) if table.name == "cameras")
    assert cameras.column("camera") == ("1", "3")
    assert cameras.column("test") == (1, 5)


def test_a_record_that_went_through_json_is_the_same() -> None:
    import json

    assert read(json.loads(json.dumps(RECORD))) == read(RECORD)


def test_more_cameras_than_columns_share_the_last_one() -> None:
    seen = {number: number for number in range(1, 15)}
    table = people_table(read(spoilt(parts=[part("train", {5: 3}, cameras_per_person=seen)])))
    assert [column.title for column in table.columns][-2:] == ["7 cameras", "8+ cameras"]
    assert table.rows[0].cells[-1] == sum(range(8, 15))
    assert sum(cell for cell in table.rows[0].cells[-8:] if isinstance(cell, int)) == sum(range(1, 15))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "its schema is 2"),
        ({"parts": []}, "holds no tracklet"),
    ],
)
def test_another_record_is_refused_in_one_sentence(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ReportError, match=words):
        read(spoilt(**change))
    bare = copy.deepcopy(RECORD)
    del bare["parts"]
    with pytest.raises(ReportError, match="parts is missing"):
        read(bare, "x.json")


def test_the_page_says_what_it_is_and_quotes_what_it_was_told() -> None:
    html = page(read(RECORD))
    assert "Mine &lt;&amp;&gt;" in html
    assert "Ask before you show it." in html
    assert RECORD["command"] in html
    assert RECORD["fingerprint"] in html
    assert dict(facts(read(RECORD)))["Queries, gallery"] == "2, 5"
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for anchor in re.findall(r'href="#([^"]+)"', html):
        assert anchor in ids


def test_every_file_is_the_same_when_written_again() -> None:
    assert files(read(RECORD), RECORD) == files(read(RECORD), RECORD)


def test_a_figure_of_one_value_is_left_to_the_table() -> None:
    same = part("train", {5: 3}, tracklets_per_person={2: 3}, cameras_per_person={2: 3}, cameras={1: 3})
    html = page(read(spoilt(parts=[same], answers={}, answers_without_queries={})))
    assert 'id="answers"' not in html
    assert html.count("<figure>") == 3  # two of lengths, one of the frames of cameras 1 and 3


@pytest.mark.parametrize("histogram", [{1: 1}, {1: 5, 2: 3}, {3: 4}, {2: 1, 920: 1}, {9_324: 2}])
def test_every_length_lies_in_a_bin(histogram: dict[int, int]) -> None:
    import numpy as np

    bins = figures._bins(min(histogram), max(histogram))
    assert (np.diff(bins) >= 1).all()
    assert np.histogram(list(histogram), bins, weights=list(histogram.values()))[0].sum() == sum(histogram.values())


def test_many_values_are_counted_in_bins() -> None:
    few, many = {n: 1 for n in range(1, 20)}, {n: 1 for n in range(0, 300, 3)}
    assert not figures.binned([("a", few)])
    assert figures.binned([("a", few), ("b", many)])
    for series in ([("a", few)], [("a", few), ("b", many)], [("a", {n: 1 for n in range(1, 60)})]):
        svg = figures.bars(series, "x", "y", "p")
        assert svg.startswith("<svg")
        assert svg == figures.bars(series, "x", "y", "p")


def test_the_page_in_a_browser(tmp_path: Path, open_page: Any) -> None:
    path = tmp_path / "index.html"
    path.write_text(page(read(RECORD)), encoding="utf-8")
    for width in (390, 1280):
        shown = open_page(path, width)
        assert shown.run("document.documentElement.scrollWidth") <= width
        assert shown.run("document.querySelectorAll('figure svg').length") == 7
        assert shown.problems() == []
