"""What arms reach: sections on results, splits, sides, slices and curves, and their tables as files."""

from typing import Any

from reports.render.table import Column, number
from reports.sections.interface import Section, SectionInput
from reports.sections.results import oracles, sides, slices, splits, tables
from reports.store import cards, repairer_names
from reports.store.job import Job


def _results(given: SectionInput) -> dict[str, Any]:
    job = given.job
    arm = repairer_names.headline_group(job).name
    perfect = oracles.table(job).visible()
    return {
        "results": tables.results(job).visible(),
        "colour_note": _colour_note(job, arm),
        "oracles": perfect if perfect.rows else None,
    }


def _splits(given: SectionInput) -> dict[str, Any]:
    found = splits.section(given.job, given.ledger)
    return {"splits": found} if found else {}


def _splits_facts(given: SectionInput) -> dict[str, Any]:
    job = given.job
    sentences = [splits.words(job), *splits.leads(job, given.ledger)] if job.splits else []
    return {"splits": list(job.splits), "splits_told": sentences}


def image_and_video(job: Job) -> dict[str, Any]:
    """Both tables of the sides with a sentence; empty under a protocol without sides."""
    table = sides.matrix(job)
    if not table.rows:
        return {}
    arm = cards.headline_arm(job.card, [group.name for group in job.arms() if group.first.get("variants")])
    other = sides.variants(job)
    words = sides.variant_words(other, job.by_name[arm], job.headline_metric) if arm else ""
    return {"matrix": table.visible(), "variants": other.visible(), "words": words}


def _sides(given: SectionInput) -> dict[str, Any]:
    found = image_and_video(given.job)
    return {"sides": found} if found else {}


def _sides_caveats(given: SectionInput) -> list[str]:
    job = given.job
    wanted = job.any_result["protocol"].get("sides") or ()
    found = []
    for side in wanted:
        absent = [group.label for group in job.arms() if side not in (group.first.get("sides") or {})]
        if absent:
            found.append(f"Side {side} of {', '.join(absent)}: it was not recorded.")
    return found


def _slices(given: SectionInput) -> dict[str, Any]:
    found = slices.section(given.job, given.slices)
    return {"sliced": found} if found else {}


def _colour_note(job: Job, arm: str) -> str:
    colour = [group for group in job.groups if group.control == "colour"]
    if not colour:
        return ""
    share = number(float(colour[0].values("rank1").mean()), Column("", "", "number"))
    same = job.by_name[arm].first["slices"].get("same_camera_share_of_top1_errors")
    same = None if job.one_match else same  # with queries and gallery from different cameras there is none
    text = (
        f"{colour[0].label}: a descriptor of colours alone, with no network, reaches {share} % Rank-1; it is the floor."
    )
    if same is not None:
        label = job.by_name[arm].label
        text += f" Of {label}'s incorrect first matches, {100 * same:.0f} % come from the query's own camera."
    return text


SECTIONS = (
    Section(
        "results",
        "Measured and published",
        _results,
        20,
        "results.html.j2",
        lambda given: [tables.results(given.job), oracles.table(given.job)],
    ),
    Section(
        "splits",
        "Split by split",
        _splits,
        30,
        "splits.html.j2",
        lambda given: splits.tables(given.job),
        facts=_splits_facts,
    ),
    Section(
        "sides",
        "Image and video",
        _sides,
        40,
        "sides.html.j2",
        lambda given: [sides.matrix(given.job), sides.variants(given.job)],
        _sides_caveats,
    ),
    Section(
        "slices",
        "By attribute",
        _slices,
        80,
        "slices.html.j2",
        lambda given: [slices.table(given.job, one) for one in given.slices],
        facts=lambda given: {"slices": [one.attribute["name"] for one in given.slices]},
    ),
)
