"""The section about attributes of the page, and its tables as files."""

from typing import Any

from reports.records.attributes import KIND as ATTRIBUTES
from reports.records.labels import KIND as LABELS
from reports.render.table import Table
from reports.sections.attributes import label_tables
from reports.sections.attributes import tables as attributes_tables
from reports.sections.interface import Section, SectionInput
from reports.sections.results import slices
from reports.store.job import Job


def section(job: Job) -> dict[str, Any]:
    """Which attributes arms recognise, and which transferred labels are right; empty for a job without either."""
    arms = attributes_tables.arms(job)
    scored = label_tables.scored(labels) if (labels := LABELS.of(job)) else ()
    if not arms and not scored:
        return {}
    return {
        "reading": attributes_tables.READING,
        "groups": attributes_tables.table(job, arms).visible() if arms else None,
        "columns": attributes_tables.columns_table(job, arms).visible() if arms else None,
        "labels": label_tables.overview(job, scored).visible() if scored else None,
        "label_groups": label_tables.by_group(job, scored).visible() if scored else None,
        "label_differences": label_tables.differences(job).visible() if scored else None,
        "label_words": label_tables.words(job) if scored else (),
    }


def _show(given: SectionInput) -> dict[str, Any]:
    found = section(given.job)
    return {"recognised": found} if found else {}


def tables(given: SectionInput) -> list[Table]:
    """Every table of the section, for files."""
    job = given.job
    arms = attributes_tables.arms(job)
    found = [attributes_tables.table(job, arms), attributes_tables.columns_table(job, arms)] if arms else []
    if labels := LABELS.of(job):
        scored = label_tables.scored(labels)
        found += [label_tables.overview(job, scored), label_tables.by_group(job, scored), label_tables.differences(job)]
    return found


def _caveats(given: SectionInput) -> list[str]:
    job, found = given.job, []
    learned = any(ATTRIBUTES.of(run) for group in job.arms() for run in group.runs)
    known = slices.recorded(job)
    if job.synthetic and (learned or known):
        found.append(
            "Attributes of filmed people: those of drawn people are certain and plain to see; annotators of filmed "
            "ones disagree."
        )
    unsure = [str(one["name"]) for one in known if one["polarity"] == "undocumented"]
    if unsure:
        found.append(f"Which code means what in {', '.join(unsure)}: the source of the annotation does not say.")
    if learned and not job.synthetic:
        found.append("Whether the annotation is right: recognised attributes were held against it, not against people.")
    label_sources = {name: arm for name, arm in job.card["arms"].items() if arm.get("role") == "labeller"}
    labels = LABELS.of(job)
    if labels:
        compared = {one.arm for one in labels.labellers}
        label_sources = {name: arm for name, arm in label_sources.items() if name not in compared}
        if job.synthetic:
            found.append(
                "Transfer of labels from filmed data, RAP as in the paper: source and target are both drawn here, so "
                "the gap between them is one of style."
            )
        if not labels.has_source:
            found.append("How labels fare on their own source: nobody of it was held out.")
        if job.splits:
            found.append(f"Labels in other splits: they were held against the truth in split {job.splits[0]} alone.")
    if label_sources and (labels or learned):
        names = ", ".join(str(arm.get("label", name)) for name, arm in label_sources.items())
        found.append(f"Label sources of the card whose labels were not held against the truth: {names}.")
    return found


SECTIONS = (Section("attributes", "Attributes", _show, 70, "attributes.html.j2", tables, _caveats),)
