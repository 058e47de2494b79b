"""The sections about attributes and frame weights of the page, and their tables as files."""

from collections.abc import Sequence
from typing import Any

from reports import attribute_tables, frame_weights, label_tables, slices
from reports.formats import Table
from reports.job import Job


def attributes_section(job: Job) -> dict[str, Any]:
    """Which attributes arms recognise, and which transferred labels are right; empty for a job without either."""
    arms = attribute_tables.arms(job)
    judged = label_tables.judged(job.labels) if job.labels else ()
    if not arms and not judged:
        return {}
    return {
        "reading": attribute_tables.READING,
        "groups": attribute_tables.table(job, arms).visible() if arms else None,
        "columns": attribute_tables.columns_table(job, arms).visible() if arms else None,
        "labels": label_tables.overview(job, judged).visible() if judged else None,
        "label_groups": label_tables.by_group(job, judged).visible() if judged else None,
        "label_differences": label_tables.differences(job).visible() if judged else None,
        "label_words": label_tables.words(job) if judged else (),
    }


def weights_section(job: Job) -> dict[str, Any]:
    """How arms weigh frames; empty where none recorded it."""
    table = frame_weights.table(job)
    if not table.rows:
        return {}
    return {
        "words": frame_weights.words(job),
        "reading": frame_weights.READING,
        "table": table.visible(),
        "groups": frame_weights.groups_table(job).visible(),
        "pictures": frame_weights.pictures(job),
        "shown": frame_weights.shown_table(job),
    }


def tables(job: Job, wanted: Sequence[slices.Sliced]) -> list[Table]:
    """Every table of these sections, for files; those without rows are left out."""
    arms = attribute_tables.arms(job)
    found = [frame_weights.table(job), frame_weights.groups_table(job), frame_weights.shown_table(job)]
    found += [attribute_tables.table(job, arms), attribute_tables.columns_table(job, arms)] if arms else []
    if job.labels:
        judged = label_tables.judged(job.labels)
        found += [label_tables.overview(job, judged), label_tables.by_group(job, judged), label_tables.differences(job)]
    found += [slices.table(job, one) for one in wanted]
    return [table for table in found if table.rows]
