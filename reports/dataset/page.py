"""The page of a data set: what is in it, drawn, as tables, and as a contact sheet."""

import json
from typing import Any

from reports import html
from reports.dataset import figures
from reports.dataset.record import DataSet, Histogram, subtitle, tables

_LINES = ("train", "test_real", "test", "distractors", "junk")  # lengths that are drawn
SECTIONS = {
    "lengths": "Tracklet lengths",
    "people": "People",
    "cameras": "Cameras",
    "answers": "Correct matches of a query",
}
"""Table of the page -> what its section is called."""
_FEWEST = 2  # different values that a figure is worth
_SHORTER = "Read at a clip length (dotted): the share of tracklets that do not fill such a clip."
_EACH = "Tracklets of each person."
_SEEN = "By how many cameras each person is seen; one seen by a single camera cannot be asked for."
_ANSWERS = (
    "Gallery tracklets of the same person from another camera. With few of them, mean average precision depends much "
    "on its formula."
)
_BARS = ("train", "query", "gallery")  # cameras that are drawn


def files(found: DataSet, record: dict[str, Any]) -> dict[str, str]:
    """Every file of the folder, by name: the page, each table as CSV and LaTeX, and the record itself."""
    made = {"index.html": page(found), "data_set.json": json.dumps(record, indent=1) + "\n"}
    for table in tables(found):
        made |= {f"{table.name}.csv": table.as_csv(), f"{table.name}.tex": table.as_latex()}
    return made


def page(found: DataSet) -> str:
    """The page as HTML that loads nothing."""
    from markupsafe import Markup

    lengths = _lengths(found)
    people = [part for part in found.with_people() if part.name != "query"]
    bars = [part for name in _BARS if (part := found.part(name)) is not None]
    kept, removed = found.answers
    answers = [("gallery as it is", kept), *([("without the queries", removed)] if removed != kept else [])]
    asked = bool(kept)
    there = {table.name: table for table in tables(found)}
    sections = [(name, title) for name, title in SECTIONS.items() if name in there]
    drawn = {
        "lengths": [
            (figures.lengths(lengths, "lengths"), "How long tracklets are; bins of half a doubling."),
            (figures.shorter(lengths, "shorter"), _SHORTER),
        ],
        "people": [
            _bars(
                [(part.title, part.tracklets_per_person) for part in people], "tracklets of a person", "people", _EACH
            ),
            _bars(
                [(part.title, part.cameras_per_person) for part in people], "cameras that see a person", "people", _SEEN
            ),
        ],
        "cameras": [
            _bars([(part.title, part.cameras) for part in bars], "camera", "tracklets", "Tracklets of each camera."),
            _bars([(part.title, part.camera_frames) for part in bars], "camera", "frames", "Frames of each camera."),
        ],
        "answers": [_bars(answers, "correct matches of a query", "queries", _ANSWERS)] if asked else [],
    }
    return html.render(
        "data_set.html.j2",
        title=f"{found.title}: what is in it",
        kind="data set",
        heading=found.title,
        subtitle=subtitle(found),
        facts=facts(found),
        sections=[*sections, *([("sheet", "Contact sheet")] if found.sheet else [])],
        origins={},
        data=found,
        titles=SECTIONS,
        tables=there,
        figures={name: [(Markup(svg), words) for svg, words in some if svg] for name, some in drawn.items()},
    )


def facts(found: DataSet) -> list[tuple[str, str]]:
    """Terms and values for the head of the page."""
    counts, gallery = found.counts, found.part("gallery")
    shown = [
        ("Tracklets", f"{counts['train_tracklets'] + counts['test_tracklets']:,}"),
        ("Frames", f"{counts['train_frames'] + counts['test_frames']:,}"),
        ("People", f"{counts['train_ids']:,} to train, {counts['test_ids']:,} to test"),
        ("Queries, gallery", f"{counts['query_tracklets']:,}, {gallery.tracklets if gallery else 0:,}"),
        ("Cameras", f"{counts['cameras']:,}"),
        ("Fingerprint", found.fingerprint),
    ]
    return shown


def _lengths(found: DataSet) -> list[tuple[str, Histogram]]:
    named = [part for name in _LINES if (part := found.part(name)) is not None]
    if found.part("test_real") is not None:
        named = [part for part in named if part.name != "test"]
    return [(part.title, part.lengths) for part in named or found.parts]


def _bars(series: list[tuple[str, Histogram]], x_label: str, y_label: str, words: str) -> tuple[str, str]:
    """A figure and its caption; no figure where all have the same value, which the table tells better."""
    if len({value for _, histogram in series for value in histogram}) < _FEWEST:
        return "", ""
    svg = figures.bars(series, x_label, y_label, x_label.replace(" ", "-") + "-" + y_label)
    return svg, f"{words} Bins widen to the right." if figures.binned(series) else words
