"""A data set as a record: what was counted in it, as tables for a terminal, a page and files.

The record is what ``python -m runners.data stats --json`` prints; histograms in it map a value to how often it occurs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reports.errors import ReportError
from reports.render.table import Column, Row, Table

SCHEMA = 1
TITLES = {
    "train": "train",
    "test": "test, all of it",
    "test_real": "test, real persons",
    "distractors": "distractors",
    "junk": "junk",
    "query": "query",
    "gallery": "gallery",
    "gallery_without_queries": "gallery without the queries",
}
"""Part of a data set -> what it is called."""

Histogram = dict[int, int]
_PEOPLE = ("train", "test_real", "test", "query")  # whose people are counted; of the two kinds of test the first
_CAMERAS = ("train", "test", "query", "gallery", "distractors", "junk")
_REQUIRED = ("schema", "name", "title", "version", "root", "synthetic", "fingerprint", "counts", "parts", "answers")
_MANY_CAMERAS = 8  # columns for how many cameras see a person; the last one holds the rest
_NUMBER: Literal["number"] = "number"
_SEEN = "people seen by"
_EACH = "tracklets of a person"
_K = 4  # tracklets of a person in a batch, usually


@dataclass(frozen=True, slots=True)
class DataSetPart:
    """One part of a data set, as recorded."""

    name: str
    tracklets: int
    frames: int
    people: int
    shortest: int
    median: float
    mean: float
    longest: int
    below: Histogram
    lengths: Histogram
    cameras: Histogram
    camera_frames: Histogram
    tracklets_per_person: Histogram
    cameras_per_person: Histogram

    @property
    def title(self) -> str:
        """What it is called."""
        return TITLES.get(self.name, self.name)


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set, as recorded.

    Attributes:
        name, title, version, root, synthetic, fingerprint, counts: of the data set.
        split, splits: which of how many divisions was counted.
        parts: in the order of `TITLES`.
        answers: correct matches of a query -> queries; the same where queries are taken out of the gallery.
        words: what must be respected, and what a reader should know; one sentence each.
        command: that makes the record again.
        sheet: a picture of some tracklets as a data URI; empty where none was made.
        sheet_words: what it shows.
    """

    name: str
    title: str
    version: str
    root: str
    synthetic: bool
    fingerprint: str
    counts: Mapping[str, int]
    split: int
    splits: int
    parts: tuple[DataSetPart, ...]
    answers: tuple[Histogram, Histogram]
    words: tuple[str, ...]
    command: str
    sheet: str
    sheet_words: str

    def part(self, name: str) -> DataSetPart | None:
        """The part of that name, if it was counted."""
        return next((part for part in self.parts if part.name == name), None)

    def with_people(self) -> tuple[DataSetPart, ...]:
        """The parts whose people are counted, none twice."""
        there = [part for name in _PEOPLE if (part := self.part(name)) is not None and part.people]
        real = self.part("test_real") is not None
        return tuple(part for part in there if not (real and part.name == "test"))


def read(record: Mapping[str, Any], source: str = "the record") -> DataSet:
    """The data set that a record is about.

    Raises:
        ReportError: it is no such record, or one of another schema.
    """
    missing = [field for field in _REQUIRED if field not in record]
    if missing or record["schema"] != SCHEMA:
        wrong = f"{missing[0]} is missing" if missing else f"its schema is {record['schema']}"
        raise ReportError(
            f"{source}: expected a record of a data set of schema {SCHEMA}, but {wrong}; make it again with "
            "`python -m runners.data stats`."
        )
    parts = tuple(_part(part) for part in record["parts"])
    if not parts:
        raise ReportError(f"{source}: the data set {record['root']} holds no tracklet, so there is nothing to show.")
    return DataSet(
        name=record["name"],
        title=record["title"],
        version=str(record["version"]),
        root=record["root"],
        synthetic=record["synthetic"],
        fingerprint=record["fingerprint"],
        counts=record["counts"],
        split=record.get("split", 0),
        splits=record.get("splits", 1),
        parts=parts,
        answers=(_histogram(record["answers"]), _histogram(record.get("answers_without_queries", {}))),
        words=tuple(record.get("words", ())),
        command=record.get("command", ""),
        sheet=record.get("sheet", ""),
        sheet_words=record.get("sheet_words", ""),
    )


def subtitle(found: DataSet) -> str:
    """One line: what it is, and which division of it."""
    kind = "rendered" if found.synthetic else "recorded"
    which = f", division {found.split} of {found.splits} (counted from 0)" if found.splits > 1 else ""
    return f"{found.name} {found.version}, {kind}{which}, in {found.root}"


def tables(found: DataSet) -> list[Table]:
    """Every table, for a terminal, a page and files; those without rows are left out."""
    every = (lengths_table(found), people_table(found), cameras_table(found), answers_table(found))
    return [table for table in every if table.rows]


def lengths_table(found: DataSet) -> Table:
    """Tracklets, people, frames and lengths of every part."""
    limits = sorted(found.parts[0].below)
    columns = [
        Column("part", "part"),
        *(Column(key, key, _NUMBER, thousands=True) for key in ("tracklets", "people", "frames")),
        Column("shortest", "min", _NUMBER),
        Column("median", "median", _NUMBER, 1),
        Column("mean", "mean", _NUMBER, 2),
        Column("longest", "max", _NUMBER, thousands=True),
        *(Column(f"share_below_{n}", f"<{n}", _NUMBER, 1, unit="%") for n in limits),
        *(Column(f"below_{n}", f"<{n}", _NUMBER, data_only=True) for n in limits),
    ]
    rows = []
    for part in found.parts:
        below = [part.below[n] for n in limits]
        ends = (part.shortest, part.median, part.mean, part.longest)
        shares = (100 * count / part.tracklets for count in below)
        rows.append(Row((part.title, part.tracklets, part.people, part.frames, *ends, *shares, *below)))
    notes: tuple[str, ...] = ("People are real persons; the shares are of tracklets with fewer frames than that.",)
    if found.part("junk") is not None:
        notes += ("Junk is in the test half and in no gallery here.",)
    return Table("lengths", "Frames of a tracklet", tuple(columns), tuple(rows), notes)


def people_table(found: DataSet) -> Table:
    """How many tracklets and cameras each person has."""
    parts = found.with_people()
    most = min(max((max(part.cameras_per_person) for part in parts), default=0), _MANY_CAMERAS)
    columns = (
        Column("part", "part"),
        Column("people", "people", _NUMBER, thousands=True),
        Column("fewest", "min", _NUMBER, group=_EACH),
        Column("median", "median", _NUMBER, 1, group=_EACH),
        Column("mean", "mean", _NUMBER, 2, group=_EACH),
        Column("most", "max", _NUMBER, group=_EACH),
        Column("below_4", "people <4", _NUMBER, group=_EACH),
        *(Column(f"cameras_{n}", _cameras(n, most), _NUMBER, group=_SEEN) for n in range(1, most + 1)),
    )
    rows = []
    for part in parts:
        per, seen = part.tracklets_per_person, part.cameras_per_person
        by_cameras = [seen.get(n, 0) for n in range(1, most)] + [sum(v for k, v in seen.items() if k >= most)]
        few = sum(people for tracklets, people in per.items() if tracklets < _K)
        rows.append(Row((part.title, part.people, *spread(per), few, *by_cameras)))
    notes = (
        "Tracklets of each person: fewest, median, mean, most, and people with fewer than 4; sampling K = 4 of those "
        "draws some twice.",
    )
    return Table("people", "People: tracklets of each, and cameras that see them", columns, tuple(rows), notes)


def _cameras(number: int, most: int) -> str:
    more = "+" if number == most == _MANY_CAMERAS else ""
    return f"{number}{more} camera{'' if number == 1 else 's'}"


def cameras_table(found: DataSet) -> Table:
    """Tracklets of each camera in each part."""
    parts = [part for name in _CAMERAS if (part := found.part(name)) is not None]
    cameras = sorted({camera for part in parts for camera in part.cameras})
    columns = (
        Column("camera", "camera"),
        *(Column(part.name, part.title, _NUMBER, thousands=True) for part in parts),
        *(Column(f"{part.name}_frames", f"{part.title}, frames", _NUMBER, data_only=True) for part in parts),
    )
    rows = tuple(
        Row(
            (
                str(camera),
                *(part.cameras.get(camera, 0) for part in parts),
                *(part.camera_frames.get(camera, 0) for part in parts),
            )
        )
        for camera in cameras
    )
    return Table("cameras", "Tracklets of each camera", columns, rows)


def answers_table(found: DataSet) -> Table:
    """How many correct matches a query has in the gallery."""
    columns = (
        Column("gallery", "gallery"),
        Column("queries", "queries", _NUMBER, thousands=True),
        Column("without", "without any", _NUMBER),
        Column("fewest", "min", _NUMBER),
        Column("median", "median", _NUMBER, 1),
        Column("mean", "mean", _NUMBER, 2),
        Column("most", "max", _NUMBER),
    )
    kept, removed = found.answers
    named = [("as it is", kept)]
    if removed != kept:
        named.append(("without the queries", removed))
    rows = tuple(
        Row((title, sum(answers.values()), answers.get(0, 0), *spread(answers))) for title, answers in named if answers
    )
    notes = ("A correct match is a gallery tracklet of the same person from another camera.",)
    return Table("answers", "Correct matches of a query", columns, rows, notes)


def spread(histogram: Histogram) -> tuple[int, float, float, int]:
    """Least, median, mean and greatest value of a histogram that is not empty."""
    ordered = sorted(histogram.items())
    total = sum(histogram.values())
    middle = [_at(ordered, (total - 1) // 2), _at(ordered, total // 2)]
    mean = sum(value * count for value, count in ordered) / total
    return ordered[0][0], sum(middle) / 2, mean, ordered[-1][0]


def _at(ordered: list[tuple[int, int]], place: int) -> int:
    for value, count in ordered:
        place -= count
        if place < 0:
            return value
    raise IndexError(place)


def _part(part: Mapping[str, Any]) -> DataSetPart:
    plain: dict[str, Any] = {
        name: _histogram(value) if isinstance(value, Mapping) else value for name, value in part.items()
    }
    return DataSetPart(**plain)


def _histogram(found: Mapping[Any, int]) -> Histogram:
    """With whole numbers as keys, which JSON turns into text."""
    return {int(value): count for value, count in found.items()}
