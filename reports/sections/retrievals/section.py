"""The section "Retrievals" of the page: queries with their first matches, in pictures."""

from typing import Any

from reports.errors import ReportError
from reports.sections.interface import Section, SectionInput
from reports.store import cards, repairer_names
from reports.store.arm import Group
from reports.store.job import Job


def strips(job: Job) -> list[dict[str, Any]]:
    """Retrieval strips of the first seed that has some: the headline arm first, the others after it.

    Raises:
        ReportError: a picture is no data URI.
    """
    found = []
    names = [group.name for group in job.arms()]
    first = cards.headline_arm(job.card, names)
    for group in sorted(job.arms(), key=lambda one: one.name != first):
        for run in group.runs:
            rows = run.strips.get("rows") or []
            for row in rows:
                for image in (row["query"]["image"], *(one["image"] for one in row["top"])):
                    if not str(image).startswith("data:image/"):
                        raise ReportError(f"strips.json of run {run.run_id} holds a picture that is no data URI.")
            if rows:
                first_split = "" if not run.divisions else f", split {run.divisions[0].split}"
                seed = f"{run.seed}{first_split}"
                where = {"label": group.label, "seed": seed, "run_id": run.run_id, "rows": rows}
                found.append(where | {"tested_on": _tested_on(job, group)})
                break
    return found


def _tested_on(job: Job, group: Group) -> str:
    """Which data the pictures of an arm are of, where that is in doubt."""
    return repairer_names.label(job, group.data.test) if job.repaired else ""


def _show(given: SectionInput) -> dict[str, Any]:
    found = strips(given.job)
    return {"strips": found} if found else {}


SECTIONS = (Section("strips", "Retrievals", _show, 130, "retrievals.html.j2"),)
