"""The section "Where it looks" of the page: tables and pictures of every arm that recorded it."""

from typing import Any

from reports.ledger import mask_measures
from reports.render.table import Table
from reports.sections.interface import Section, SectionInput
from reports.store import cards
from reports.store.job import Job


def where_it_looks(job: Job) -> list[dict[str, Any]]:
    """Tables and pictures of every arm that recorded where it looks, the headline arm first."""
    arms = [group for group in job.arms() if mask_measures.explained(group)]
    first = cards.headline_arm(job.card, [group.name for group in arms])
    return [
        {
            "label": group.label,
            "accuracy": mask_measures.accuracy(group).visible(),
            "differences": mask_measures.differences(group).visible(),
            "pictures": mask_measures.pictures(group),
        }
        for group in sorted(arms, key=lambda one: one.name != first)
    ]


def _show(given: SectionInput) -> dict[str, Any]:
    looks = where_it_looks(given.job)
    return {"looks": looks, "reading": mask_measures.READING} if looks else {}


def _tables(given: SectionInput) -> list[Table]:
    groups = [group for group in given.job.arms() if mask_measures.explained(group)]
    return [table(group) for group in groups for table in (mask_measures.accuracy, mask_measures.differences)]


def _caveats(given: SectionInput) -> list[str]:
    job, found = given.job, []
    if any(mask_measures.explained(group) for group in job.arms()) and job.synthetic:
        found.append("Where it looks on filmed people: the true regions are known on drawn ones only.")
    unread = [claim.id for claim in given.ledger.claims if claim.difference is None and claim.unit != "points"]
    if unread:
        found.append(f"Claims about where a network looks that could not be judged: {', '.join(unread)}.")
    return found


SECTIONS = (Section("masks", "Where it looks", _show, 110, "masks.html.j2", _tables, _caveats),)
