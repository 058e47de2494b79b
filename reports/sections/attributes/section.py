"""The sections about attributes and frame weights of the page, and their tables as files."""

from collections.abc import Sequence
from typing import Any

from reports.records.labels import KIND as LABELS
from reports.render.table import Table
from reports.sections.attributes import label_tables
from reports.sections.attributes import tables as attributes_tables
from reports.sections.frame_weights import tables as frame_weights_tables
from reports.sections.results import slices
from reports.store.job import Job


def attributes_section(job: Job) -> dict[str, Any]:
    """Which attributes arms recognise, and which transferred labels are right; empty for a job without either."""
    arms = attributes_tables.arms(job)
    judged = label_tables.judged(labels) if (labels := LABELS.of(job)) else ()
    if not arms and not judged:
        return {}
    return {
        "reading": attributes_tables.READING,
        "groups": attributes_tables.table(job, arms).visible() if arms else None,
        "columns": attributes_tables.columns_table(job, arms).visible() if arms else None,
        "labels": label_tables.overview(job, judged).visible() if judged else None,
        "label_groups": label_tables.by_group(job, judged).visible() if judged else None,
        "label_differences": label_tables.differences(job).visible() if judged else None,
        "label_words": label_tables.words(job) if judged else (),
    }


def weights_section(job: Job) -> dict[str, Any]:
    """How arms weigh frames; empty where none recorded it."""
    table = frame_weights_tables.table(job)
    if not table.rows:
        return {}
    return {
        "words": frame_weights_tables.words(job),
        "reading": frame_weights_tables.READING,
        "table": table.visible(),
        "groups": frame_weights_tables.groups_table(job).visible(),
        "pictures": frame_weights_tables.pictures(job),
        "shown": frame_weights_tables.shown_table(job),
    }


def tables(job: Job, wanted: Sequence[slices.Sliced]) -> list[Table]:
    """Every table of these sections, for files; those without rows are left out."""
    arms = attributes_tables.arms(job)
    found = [
        frame_weights_tables.table(job),
        frame_weights_tables.groups_table(job),
        frame_weights_tables.shown_table(job),
    ]
    found += [attributes_tables.table(job, arms), attributes_tables.columns_table(job, arms)] if arms else []
    if labels := LABELS.of(job):
        judged = label_tables.judged(labels)
        found += [label_tables.overview(job, judged), label_tables.by_group(job, judged), label_tables.differences(job)]
    found += [slices.table(job, one) for one in wanted]
    return [table for table in found if table.rows]
