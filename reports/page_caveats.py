"""What a report must admit: everything that the recorded runs do not show."""

from reports.ledger import mask_measures
from reports.ledger.ledger import Ledger
from reports.records.attributes import KIND as ATTRIBUTES
from reports.records.labels import KIND as LABELS
from reports.schema.controls import CONTROL_LABELS, TEMPORAL_CONTROLS
from reports.schema.vocabulary import ORACLE
from reports.sections.frame_weights import tables
from reports.sections.repair import effect
from reports.sections.results import slices, splits
from reports.sections.results.tables import dataset_label
from reports.store import cards, repairer_names
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
            "pixels and a shortened training."
        )
    if first["budget"] != "full":
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
    found += _sides(job) + _masks(job, ledger) + _weights(job) + _attributes(job) + _repair(job)
    for claim in ledger.claims:
        if claim.temporal and claim.difference is not None:
            ran = {one.control for one in claim.controls}
            absent = [CONTROL_LABELS[name] for name in TEMPORAL_CONTROLS[:2] if name not in ran]
            if absent:
                found.append(f"Claim {claim.id} against its control with {' and '.join(absent)}, which was not run.")
    if not any(group.control == "colour" for group in job.groups):
        found.append("How far colour alone goes: the colour sanity row was not run.")
    return found


def _sides(job: Job) -> list[str]:
    wanted = job.any_result["protocol"].get("sides") or ()
    found = []
    for side in wanted:
        absent = [group.label for group in job.arms() if side not in (group.first.get("sides") or {})]
        if absent:
            found.append(f"Side {side} of {', '.join(absent)}: it was not recorded.")
    return found


def _masks(job: Job, ledger: Ledger) -> list[str]:
    found = []
    if any(mask_measures.explained(group) for group in job.arms()) and job.synthetic:
        found.append("Where it looks on filmed people: the true regions are known on drawn ones only.")
    unread = [claim.id for claim in ledger.claims if claim.difference is None and claim.unit != "points"]
    if unread:
        found.append(f"Claims about where a network looks that could not be judged: {', '.join(unread)}.")
    return found


def _weights(job: Job) -> list[str]:
    if not tables.arms(job):
        return []
    found = ["That weights which avoid occlusion are why an arm is more accurate: both were measured, not the cause."]
    if job.synthetic:
        found.insert(0, "Frame weights on filmed people: what is seen of a person is known on drawn ones only.")
    return found


def _attributes(job: Job) -> list[str]:
    found = []
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
    labellers = {name: arm for name, arm in job.card["arms"].items() if arm.get("role") == "labeller"}
    labels = LABELS.of(job)
    if labels:
        told = {one.arm for one in labels.labellers}
        labellers = {name: arm for name, arm in labellers.items() if name not in told}
        if job.synthetic:
            found.append(
                "Transfer of labels from filmed data, RAP as in the paper: source and target are both drawn here, so "
                "the gap between them is one of style."
            )
        if not labels.has_source:
            found.append("How labels fare on their own source: nobody of it was held out.")
    if labellers and (labels or learned):
        names = ", ".join(str(arm.get("label", name)) for name, arm in labellers.items())
        found.append(f"Labellers of the card whose labels were not held against the truth: {names}.")
    return found


def _repair(job: Job) -> list[str]:
    painters = {name: arm for name, arm in job.card["arms"].items() if arm.get("role") == "repairer"}
    seen = {repairer_names.name_of(one) for group in job.arms() for one in (group.data.train, group.data.test)}
    unseen = [str(arm.get("label", name)) for name, arm in painters.items() if name not in seen]
    found = [f"Repairers of the card whose data no arm saw: {', '.join(unseen)}."] if unseen else []
    if not job.repaired:
        return found
    if job.synthetic:
        found.append(
            "Repair of filmed people: nothing here was repaired but drawn frames, whose occluders are drawn too; only "
            "there are the pixels behind them known."
        )
    else:
        found.append("Whether repair restores the truth: nobody knows the pixels behind an occluder on filmed frames.")
    squares = effect.squares(job)
    quarters = [quarter for square in squares for where, quarter in square.quarters.items() if any(where)]
    absent = sum(quarter.group is None for quarter in quarters)
    if absent:
        found.append(
            f"{absent} of the {len(quarters)} ways to train or test on repaired data, which the squares call not run."
        )
    if job.synthetic and not any(repairer_names.name_of(square.repairer) == ORACLE for square in squares):
        found.append("How much repair could win at most: no arm saw the oracle's data.")
    if repairer_names.records(job):
        found.append("What repairers do to the training data: pixels and calls were measured on test frames only.")
    return found


def _runs(job: Job) -> list[str]:
    found = []
    seeds = {len(group.seeds) for group in job.arms()}
    if min(seeds) == 1:
        found.append("Spread over training seeds: some arms have one seed, so their intervals hold queries only.")
    elif min(seeds) < 5:
        found.append(f"Rare seeds: {min(seeds)} seeds show the typical spread of training, not its tails.")
    turned_away = [group.label for group in job.arms() if not group.first["admission"].get("admitted", True)]
    if turned_away:
        found.append(f"Admission: the protocol turns away {', '.join(turned_away)}; read these rows as a remark.")
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
    if job.splits and LABELS.of(job):
        found.append(f"Labels in other splits: they were held against the truth in split {job.splits[0]} alone.")
    found += [f"Not counted: {sentence}" for sentence in job.left_out]
    if not job.finished:
        more = "arms and splits" if job.splits else "arms"
        found.append(f"Completeness: the job has not finished; more {more} may follow.")
    return found
