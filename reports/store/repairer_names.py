"""Which repairers a job knows, what they are called, and the networks (bases) that were run on their data.

A repairer is written as its user writes it: ``oracle``, ``drop[tau=0.91]``, or an arm that repairs.
"""

from reports.records.restoration import KIND as RESTORATION
from reports.schema.vocabulary import DROP, ORACLE, RAW
from reports.store import cards
from reports.store.arm import ArmRun, Group
from reports.store.job import Job

BUILT_IN = {
    RAW: "raw",
    "none": "No repair",
    DROP: "Frames dropped",
    "temporal-median": "Temporal median",
    "inpaint": "Inpainting",
    ORACLE: "Oracle",
    "oracle-called": "Oracle where called",
}


def name_of(repairer: str) -> str:
    """``drop[tau=0.91]`` -> ``drop``; ``vrstc/stcnet`` -> ``stcnet``."""
    return repairer.partition("[")[0].rpartition("/")[2].strip()


def label(job: Job, repairer: str) -> str:
    """For a reader: as its runs call it, else as the suite or the card does; options stay beside the name."""
    name, _, options = repairer.partition("[")
    labels = [repair.record["label"] for repair in map(RESTORATION.of, records(job).get(repairer, ())) if repair]
    labels = [one for one in labels if one not in (repairer, name)]  # which would name it no better
    of_card = job.card["arms"].get(name_of(repairer), {}).get("label")
    text = str(next((one for one in (*labels, BUILT_IN.get(name_of(repairer)), of_card) if one), name))
    return f"{text} [{options}" if options and options not in text else text


def records(job: Job) -> dict[str, tuple[ArmRun, ...]]:
    """Repairer -> the first run of each seed that recorded what it did, seeds ascending; in the order of the arms."""
    found: dict[str, dict[int, ArmRun]] = {}
    for group in job.arms():
        for run in group.runs:
            if RESTORATION.of(run) is not None:
                found.setdefault(group.data.test, {}).setdefault(run.seed, run)
    return {repairer: tuple(runs[seed] for seed in sorted(runs)) for repairer, runs in found.items()}


def headline_group(job: Job) -> Group:
    """The arm that a reader came for."""
    name = cards.headline_arm(job.card, [group.name for group in job.arms()])
    return job.by_name[name] if name else job.groups[0]


def bases(job: Job) -> dict[str, tuple[Group, ...]]:
    """Base -> its arms, of every base that has one on repaired data; the headline's base first."""
    found: dict[str, list[Group]] = {}
    for group in job.arms():
        found.setdefault(group.data.base, []).append(group)
    first = headline_group(job).data.base
    kept = [base for base, groups in found.items() if any(group.data.repaired for group in groups)]
    return {base: tuple(found[base]) for base in sorted(kept, key=lambda one: one != first)}


def base_label(job: Job, base: str) -> str:
    """The label of the network on raw data, else the card's, else its name."""
    for group in bases(job).get(base, ()):
        if not group.data.repaired:
            return group.label
    return str(job.card["arms"].get(base, {}).get("label", base))


def repairers_of(groups: tuple[Group, ...]) -> tuple[str, ...]:
    """The repairers whose data any of the arms saw, in their order."""
    seen = [one for group in groups for one in (group.data.test, group.data.train)]
    return tuple(dict.fromkeys(one for one in seen if one != RAW))
