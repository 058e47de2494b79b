"""The page of a data set: what is in it, drawn, as tables, and as a contact sheet."""

import json
from typing import Any

from reports import data_set_figures as figures
from reports import design
from reports.data_set import DataSet, Part, answers_table, cameras_table, lengths_table, people_table, tables

_LINES = ("train", "test_real", "test", "distractors", "junk")  # lengths that are drawn
_WIDER = " Bins widen to the right."
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

    drawn = _drawn(found)
    people = [(part.title, part.tracklets_per_person) for part in found.with_people() if part.name != "query"]
    bars = [part for name in _BARS if (part := found.part(name)) is not None]
    cameras = [(part.title, part.cameras) for part in bars]
    frames = [(part.title, part.camera_frames) for part in bars]
    named = zip(("gallery as it is", "without the queries"), found.answers, strict=True)
    answers = [(title, one) for title, one in named if one]
    sections = [("lengths", "Tracklet lengths"), ("people", "People"), ("cameras", "Cameras")]
    sections += [("answers", "Right answers")] if answers else []
    sections += [("sheet", "Contact sheet")] if found.sheet else []
    return design.render(
        "data_set.html.j2",
        title=f"{found.title}: what is in it",
        kind="data set",
        heading=found.title,
        subtitle=subtitle(found),
        facts=facts(found),
        sections=sections,
        origins={},
        data={
            "words": found.words,
            "wider": {
                "people": _WIDER if figures.binned(people) else "",
                "answers": _WIDER if figures.binned(answers) else "",
            },
            "command": found.command,
            "sheet": found.sheet,
            "sheet_words": found.sheet_words,
            "lengths": lengths_table(found),
            "people": people_table(found),
            "cameras": cameras_table(found),
            "answers": answers_table(found),
            "length_figures": [Markup(figures.lengths(drawn, "lengths")), Markup(figures.shorter(drawn, "shorter"))],
            "people_figures": [
                Markup(figures.bars(people, "tracklets of a person", "people", "per-person")),
                Markup(figures.bars(_seen(found), "cameras that see a person", "people", "seen-by")),
            ]
            if people
            else [],
            "camera_figures": [
                Markup(figures.bars(cameras, "camera", "tracklets", "cameras")),
                Markup(figures.bars(frames, "camera", "frames", "camera-frames")),
            ]
            if bars
            else [],
            "answer_figures": [Markup(figures.bars(answers, "right answers of a query", "queries", "answers"))]
            if answers
            else [],
        },
    )


def subtitle(found: DataSet) -> str:
    """One line: what it is, and which division of it."""
    kind = "rendered" if found.synthetic else "recorded"
    which = f", division {found.split} of {found.splits} (counted from 0)" if found.splits > 1 else ""
    return f"{found.name} {found.version}, {kind}{which}, in {found.root}"


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


def _drawn(found: DataSet) -> list[tuple[str, Any]]:
    named = [part for name in _LINES if (part := found.part(name)) is not None]
    if found.part("test_real") is not None:
        named = [part for part in named if part.name != "test"]
    return [(part.title, part.lengths) for part in named or found.parts]


def _seen(found: DataSet) -> list[tuple[str, Any]]:
    def of(part: Part) -> tuple[str, Any]:
        return part.title, part.cameras_per_person

    return [of(part) for part in found.with_people() if part.name != "query"]
