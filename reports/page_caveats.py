"""What a report must admit: everything that the recorded runs do not show."""

from reports.ledger.columns.cause import NOT_RUN
from reports.ledger.ledger import Ledger
from reports.schema.controls import CONTROL_LABELS
from reports.sections.discovery import caveats
from reports.sections.interface import SectionInput
from reports.sections.results import splits
from reports.sections.results.tables import dataset_label
from reports.store import cards
from reports.store.job import Job


def unverified(job: Job, ledger: Ledger) -> tuple[str, ...]:
    """Sentences for the section that says what was not verified."""
    return tuple([*_data(job), *_scope(job, ledger), *_runs(job)])


def _data(job: Job) -> list[str]:
    first = job.any_result
    here = first["dataset"]["name"]
    found = []
    reported = cards.published_dataset(job.card, here)
    if reported and reported != here:
        found.append(
            f"The published numbers themselves: they are of {dataset_label(reported)}, and this job ran on "
            f"{dataset_label(here)}."
        )
    if first["profile"] != "paper":
        height, width = first["size"]
        found.append(
            f"The published recipe at full size: this is the {first['profile']} profile, with {height}×{width} "
            f"pixels and {'another' if first['budget'] == 'long' else 'a shortened'} training."
        )
    if first["budget"] == "quick":
        found.append(f"The full budget: this is a first look with budget {first['budget']}; expect wider margins.")
    return found


def _scope(job: Job, ledger: Ledger) -> list[str]:
    found = []
    missing = [
        str(arm.get("label", name))
        for name, arm in job.card["arms"].items()
        if name not in job.by_name and arm.get("role") not in ("repairer", "labeller")
    ]
    if missing:
        found.append(f"Arms of the card that were not run: {', '.join(missing)}.")
    if ledger.elsewhere:
        listed = ", ".join(f"{claim['id']} ({claim['protocol']})" for claim in ledger.elsewhere)
        found.append(f"Claims that are made under another protocol: {listed}.")
    found += caveats(SectionInput(job, ledger))
    found += left_out(job)
    for claim in ledger.claims:
        if claim.temporal and claim.difference is not None:
            absent = [CONTROL_LABELS[one.control] for one in claim.causes if one.answer == NOT_RUN]
            if absent:
                found.append(f"Claim {claim.id} against its control with {' and '.join(absent)}, which was not run.")
    if not any(group.control == "colour" for group in job.groups):
        found.append("How far colour alone goes: the colour sanity row was not run.")
    return found


def left_out(job: Job) -> list[str]:
    """One sentence on the controls that can show nothing and were not run; none where there is no such control."""
    listed = [f"{control} ({why})" for control, why in job.controls_left_out.items()]
    noun = "control" if len(listed) == 1 else "controls"
    return [f"{len(listed)} {noun} left out, which could show nothing: {'; '.join(listed)}."] if listed else []


def _runs(job: Job) -> list[str]:
    found = []
    seeds = {len(group.seeds) for group in job.arms()}
    if min(seeds) == 1:
        found.append("Spread over training seeds: some arms have one seed, so their intervals hold queries only.")
    elif min(seeds) < 5:
        found.append(f"Rare seeds: {min(seeds)} seeds show the typical spread of training, not its tails.")
    rejected = [group.label for group in job.arms() if not group.first["admission"].get("admitted", True)]
    if rejected:
        found.append(f"Admission: the protocol rejects {', '.join(rejected)}; read these rows as a remark.")
    found += [f"What {group.label} can do: {group.findings}" for group in job.groups if group.findings]
    if not any("gpu_ms_p50" in (group.first["cost"].get("latency") or {}) for group in job.groups):
        found.append("Latency on a GPU: none was there.")
    states = {(run.result["environment"].get("code_sha"), bool(run.result["environment"].get("dirty")))
              for group in job.groups for one in group.runs for run in one.parts}  # fmt: skip
    if len({sha for sha, _ in states}) > 1:
        found.append("That one state of the code made all rows: the runs name several commits.")
    if any(dirty for _, dirty in states):
        found.append("The exact code: some runs were made with uncommitted changes.")
    if job.splits and len(job.splits) < splits.of(job):
        found.append(f"All splits of the data: {splits.shown(job)} were run, and published numbers are means over all.")
    found += [f"Not counted: {sentence}" for sentence in job.left_out]
    if not job.finished:
        more = "arms and splits" if job.splits else "arms"
        found.append(f"Completeness: the job has not finished; more {more} may follow.")
    return found
