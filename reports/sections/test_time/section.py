"""The section about what is fed at test time, and its tables as files."""

from typing import Any

import numpy as np

from reports.ledger.mask_measures import slug_of
from reports.render import figures
from reports.render.table import Estimate, Table
from reports.schema.metrics import METRIC_LABELS
from reports.sections.interface import Section, SectionInput
from reports.sections.test_time import snippet_verdicts
from reports.sections.test_time import tables as test_time_tables
from reports.sections.test_time.figures import Line, against_frames
from reports.store.arm import Group
from reports.store.job import Job

CURVES = {"single": "one frame", "even": "N frames evenly, one pass", "snippets": "snippets of N, averaged",
          "dense": "overlapping windows of N"}  # fmt: skip
WHOSE = {"query": "the query", "gallery": "the correct matches"}


def section(job: Job) -> dict[str, Any]:
    """Curves, slices, verdict and costs of the arms that recorded choices, the headline arm first."""
    groups = test_time_tables.arms(job)
    if not groups:
        return {}
    critique = snippet_verdicts.table(job)
    first = test_time_tables.records(groups[0])[0].record
    decided = next((group for group in groups if snippet_verdicts.critique(group)), None)
    return {
        "verdicts": _verdicts(decided) if decided else (),
        "verdicts_on": decided.label if decided else "",
        "definition": snippet_verdicts.DEFINITION,
        "critique": critique.visible() if critique.rows else None,
        "arms": [_arm(job, group) for group in groups],
        "cost": test_time_tables.cost(job).visible(),
        "left_out": [f"{one['name']}: {one['reason']}" for one in first.get("left_out", ())],
    }


def tables(job: Job) -> list[Table]:
    """Every table of the section, for files."""
    groups = test_time_tables.arms(job)
    if not groups:
        return []
    found = [test_time_tables.cost(job), snippet_verdicts.table(job)]
    for group in groups:
        found += [test_time_tables.choices_table(job, group)]
        found += [test_time_tables.by_length(job, group, whose) for whose in WHOSE]
    return [table for table in found if table.rows]


def _verdicts(group: Group) -> list[tuple[str, str]]:
    """Each half of the critique by each length, over all N; and what it comes to at the N that stands for all."""
    found = snippet_verdicts.critique(group)
    at = [one for one in found if one.n == test_time_tables.AT] or [one for one in found if one.n == found[0].n]
    sentences = [one.sentence for which in ("short", "long") for one in at if one.which == which]
    overall = snippet_verdicts.verdicts(found)
    return list(zip(overall, sentences, strict=True))


def _arm(job: Job, group: Group) -> dict[str, Any]:
    slug = slug_of(group.name)
    by_length = {whose: test_time_tables.by_length(job, group, whose) for whose in WHOSE}
    return {
        "label": group.label,
        "slug": slug,
        "runs": group.run_ids,
        "curves": [(METRIC_LABELS[metric], _curves(group, metric, slug)) for metric in test_time_tables.SHOWN],
        "slices": [(WHOSE[whose], _slices(group, table, whose, slug)) for whose, table in by_length.items()],
        "lengths": [table.visible() for table in by_length.values()],
        "choices": test_time_tables.choices_table(job, group).visible(),
    }


def _curves(group: Group, metric: str, slug: str) -> Any:
    """Curves of each family against N; the line is the whole sequence, or the arm's headline input in its place."""
    from markupsafe import Markup

    first = test_time_tables.records(group)[0]
    keep = test_time_tables.counted(group)
    lines = []
    for family, label in CURVES.items():
        points = {
            int(one["frames"]): cell
            for one in first.run
            if one["family"] == family and one["curve"]
            and isinstance(cell := test_time_tables.accuracy(group, one["name"], metric, keep), Estimate)
        }  # fmt: skip
        if points:
            rising = sorted(points)
            lines.append(Line(label, tuple(rising), tuple(points[n] for n in rising)))
    whole = first.of("whole")
    cell = test_time_tables.accuracy(group, "whole", metric, keep) if whole else None
    reference = ("whole sequence", cell) if isinstance(cell, Estimate) else None
    if not lines:
        return None
    return Markup(against_frames(lines, reference, f"{METRIC_LABELS[metric]}, %", f"length-{metric}-{slug}"))


def _slices(group: Group, table: Table, whose: str, slug: str) -> Any:
    """The table as a figure, mAP alone."""
    from markupsafe import Markup

    first = test_time_tables.records(group)[0]
    counts = table.column("queries")
    places = [place for place, count in enumerate(counts) if count]
    names = [f"{table.column('frames')[place]}\n{counts[place]}" for place in places]
    lines = []
    for one in test_time_tables.representatives(first):
        cells = table.column(f"mAP_{one['name']}")
        lines.append((str(one["label"]), [cells[place] for place in places]))
    if not places or np.all([cell is None for _, cells in lines for cell in cells]):
        return None
    return Markup(figures.by_slice(names, lines, "mAP, %", f"length-{whose}-{slug}"))


def _show(given: SectionInput) -> dict[str, Any]:
    found = section(given.job)
    return {"length": found} if found else {}


SECTIONS = (Section("length", "Test length", _show, 50, "length.html.j2", lambda given: tables(given.job)),)
