"""A job read whole from the tracking store: its parent run, and every child that counts."""

from collections.abc import Iterable, Mapping
from typing import Any

from files.formats.arrays import load_npz
from reports.errors import NothingToReport, ReportError
from reports.records import kinds_of_arms, kinds_of_jobs
from reports.records.cost import CostRecord
from reports.records.interface import RecordKind
from reports.records.per_query import check_per_query
from reports.records.result import Strips
from reports.records.result_checks import check_result
from reports.records.splits import wanted
from reports.schema.controls import CONTROLS
from reports.schema.json_form import check_form, readable
from reports.store import cards
from reports.store import cost as cost_store
from reports.store.arm import ArmRun, Group
from reports.store.consistency import check_alike
from reports.store.job import Job, changes_of
from reports.store.pooling import over_divisions, without_first_head
from reports.store.reader import Reader, remedy_of
from reports.store.uri import without_secrets


def load_job(reader: Reader, experiment: str, paper: str | None = None, parent: str | None = None) -> Job:
    """Read a job: the latest finished parent of the experiment that is no variant, or the one that is named.

    Args:
        reader: an open store.
        experiment: e.g. ``reid/synthwalk/res50-rgb-single-pass``.
        paper: only parents of this paper.
        parent: a parent's run id; then ``paper`` is not looked at.

    Raises:
        ReportError: an unknown experiment, paper or parent (with near matches), or artifacts that are missing.
        NothingToReport: nothing is recorded yet.
    """
    run = reader.parent(experiment, paper, parent)
    parent_id = str(run.info.run_id)
    remedy = remedy_of(run)
    with readable(f"card.json of run {parent_id}", remedy):
        card = cards.normalise(reader.json(run, "card.json"))
        check_form(card, cards.CardForm, f"card.json of run {parent_id}", remedy)
    found: dict[str, list[ArmRun]] = {}
    for child in reader.children(run):
        arm_run = _load_arm(reader, child)
        found.setdefault(_group_name(arm_run.result), []).append(arm_run)
    if not any(one.result["control"] is None for runs in found.values() for one in runs):
        raise NothingToReport(
            f"parent run {parent_id} of {experiment} has no finished arm yet; let the job run on:"
            f" {without_secrets(str(run.data.tags.get('command', 'python -m runners.reproduce')))}"
        )
    found, left_out = over_divisions(found, wanted(run.data.tags), parent_id)
    found, headless = without_first_head(found)
    groups = [
        Group(name, tuple(sorted(runs, key=lambda one: (one.seed, one.head_seed)))) for name, runs in found.items()
    ]
    order = list(card["arms"])
    groups.sort(key=lambda group: _position(group, order))
    check_alike(groups)
    records = _records(reader, run, kinds_of_jobs())
    tags = {name: without_secrets(str(value)) for name, value in run.data.tags.items()}
    cost, without = _cost(reader, tags.get("paper", ""))
    return Job(
        experiment=experiment,
        parent_id=parent_id,
        uri=reader.uri,
        tags=tags,
        card=card,
        environment=reader.json(run, "environment.json"),
        groups=tuple(groups),
        finished=run.info.status == "FINISHED",
        ended=reader.time(run.info.end_time),
        records=records,
        experiment_id=str(run.info.experiment_id),
        cost=cost,
        left_out=left_out + headless + without,
        changes={name: without_secrets(value) for name, value in changes_of(run).items()},
    )


def _cost(reader: Reader, paper: str) -> tuple[CostRecord | None, tuple[str, ...]]:
    """What the paper's arms cost; a record that cannot be read is left out of the page, which says so."""
    try:
        return cost_store.latest(reader, paper), ()
    except ReportError as error:
        return None, (f"what the arms cost: {error}",)


def _group_name(result: Mapping[str, Any]) -> str:
    control, owner = result["control"], result["of"]
    if control is None:
        return str(result["arm"])
    return f"{owner}-{control}" if owner else str(control)


def _position(group: Group, order: list[str]) -> tuple[int, int, str, int, str]:
    """Arms in the card's order, each followed by its controls, then by itself on other data; the colour row last."""
    owner = str(group.first["of"] if group.control else group.name)
    own, _, elsewhere = owner.partition("@")  # as the job names an arm on data of its own choice: gltr@raw/oracle
    rank = order.index(own) if own in order else len(order)
    return (group.control == "colour", rank, elsewhere, (None, *CONTROLS).index(group.control), group.name)


def _load_arm(reader: Reader, run: Any) -> ArmRun:
    folder = reader.folder(run, ("result.json", "per_query.npz"))
    remedy, run_id = remedy_of(run), str(run.info.run_id)
    result = reader.json(run, "result.json")
    per_query = load_npz(folder / "per_query.npz", error=ReportError, remedy=remedy)
    with readable(f"result.json of run {run_id}", remedy):
        check_result(result)
    with readable(f"per_query.npz of run {run_id}", remedy):
        check_per_query(result, per_query)
    result["command"] = without_secrets(result["command"])
    strips: dict[str, Any] = {"size": [], "rows": []}
    if (folder / "strips.json").is_file():
        strips = reader.json(run, "strips.json")
        check_form(strips, Strips, f"strips.json of run {run_id}", remedy)
    return ArmRun(run_id, result, per_query, strips, _records(reader, run, kinds_of_arms(), result))


def _records(
    reader: Reader, run: Any, kinds: Iterable[RecordKind[Any]], result: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What a run recorded of some kinds, by their names; each with the result that it stands beside, if there is one.

    Raises:
        ReportError: one of a kind's files is missing or damaged, or they say what cannot be.
    """
    folder, remedy, run_id = reader.folder(run), remedy_of(run), str(run.info.run_id)
    found = {}
    for kind in kinds:
        there = [name for name in kind.files if (folder / name).is_file()]
        if not there:
            continue
        json_name, npz_name = kind.files
        if len(there) == 1:
            raise ReportError(
                f"run {run_id} has the artifact {there[0]}, but not the other one of {json_name} and {npz_name}; "
                f"{remedy}"
            )
        record = reader.json(run, json_name)
        arrays = load_npz(folder / npz_name, error=ReportError, remedy=remedy)
        with readable(f"{json_name} of run {run_id}", remedy):
            kind.verify(record, arrays, f"the {kind.what} of run {run_id}", result)
        found[kind.name] = kind.value(record, arrays)
    return found
