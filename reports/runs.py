"""The recorded runs of one job (a parent run and its children), read whole from the tracking store."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from reports import cards, cost_store, record
from reports.annotated import PREFIX
from reports.attributes import Attributes, check_attributes
from reports.choice_records import Choices, check_choices
from reports.cost_records import CostRecord
from reports.errors import NothingToReport, ReportError
from reports.explained import Explanation, check_explain
from reports.labels import Labels, check_labels
from reports.repaired import RAW, Repair, check_repair
from reports.store import Reader
from reports.weights import Weights, check_weights

Floats = NDArray[np.float64]
CONTROL_ORDER = {None: 0, "shuffled": 1, "mlp": 2, "uniform": 3, "colour": 9}
CONTROL_LABELS = {
    "shuffled": "shuffled frames",
    "mlp": "per-frame MLP",
    "uniform": "uniform weights",
    "colour": "colour only",
}


@dataclass(frozen=True)
class ArmRun:
    """One arm with one seed, as recorded."""

    run_id: str
    result: dict[str, Any]
    per_query: Mapping[str, NDArray[Any]]
    strips: dict[str, Any]
    explanation: Explanation | None = None
    repair: Repair | None = None
    weights: Weights | None = None
    attributes: Attributes | None = None
    choices: Choices | None = None

    @property
    def seed(self) -> int:
        """The training seed."""
        return int(self.result["seed"])


@dataclass(frozen=True)
class Data:
    """What an arm learnt from and is judged on: ``raw``, or a repairer; ``base`` is the same network on any data."""

    train: str
    test: str
    base: str

    @property
    def repaired(self) -> bool:
        """Whether a repairer had a hand in it."""
        return (self.train, self.test) != (RAW, RAW)


@dataclass(frozen=True)
class Group:
    """All seeds of one arm (or of one control of an arm), over the same queries in the same order."""

    name: str
    runs: tuple[ArmRun, ...]

    @property
    def first(self) -> dict[str, Any]:
        """The record of the first seed."""
        return self.runs[0].result

    @property
    def control(self) -> str | None:
        """Which control this is, if it is one."""
        control: str | None = self.first["control"]
        return control

    @property
    def label(self) -> str:
        """For a reader: ``GLTR``, ``GLTR, shuffled frames``."""
        own = str(self.first["label"])
        if self.control in (None, "colour"):
            return own
        control = CONTROL_LABELS[str(self.control)]
        return own if control.lower() in own.lower() else f"{own}, {control}"

    @property
    def data(self) -> Data:
        """Its data; a record from before there was any other says nothing, and is of raw data."""
        found = self.first.get("data") or {"train": RAW, "test": RAW, "base": self.name}
        return Data(str(found["train"]), str(found["test"]), str(found["base"]))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were recorded, ascending."""
        return tuple(run.seed for run in self.runs)

    def people(self, metric: str = "mAP") -> NDArray[Any]:
        """``[Q]``: the person of each query that counts for the metric, by which intervals are clustered."""
        per_query = self.runs[0].per_query
        side, _ = record.split_metric(metric)
        return np.asarray(per_query["person"])[record.counted(per_query, self.first["protocol"]["empty"], side)]

    def judged_on(self, metric: str) -> bool:
        """Whether all runs were judged on the side of the metric; a metric without side is on all."""
        side, _ = record.split_metric(metric)
        return not side or all(f"{side}/valid" in run.per_query for run in self.runs)

    def explained(self) -> tuple[ArmRun, ...]:
        """The runs that recorded where they look."""
        return tuple(run for run in self.runs if run.explanation is not None and run.explanation.maps)

    def values(self, metric: str, seeds: Iterable[int] | None = None) -> Floats:
        """``[S, Q]`` per-query values in percent of the queries that count, one row for each seed."""
        empty = self.first["protocol"]["empty"]
        wanted = self.seeds if seeds is None else tuple(seeds)
        rows = {run.seed: record.query_values(run.per_query, metric, empty) for run in self.runs}
        return np.stack([rows[seed] for seed in wanted])


@dataclass(frozen=True)
class Job:
    """A parent run with all that its children recorded."""

    experiment: str
    parent_id: str
    uri: str
    tags: Mapping[str, str]
    card: dict[str, Any]
    environment: dict[str, Any]
    groups: tuple[Group, ...]
    finished: bool
    ended: str  # UTC, to the second, or "" while it runs
    labels: Labels | None = None
    experiment_id: str = ""  # of the store, for links to a tracking server
    cost: CostRecord | None = None  # of the paper's arms against frames and batch, measured by another command

    @cached_property
    def by_name(self) -> dict[str, Group]:
        """Groups by name."""
        return {group.name: group for group in self.groups}

    @property
    def any_result(self) -> dict[str, Any]:
        """One record, for what all of them share: data set, protocol, profile, frame size."""
        return self.groups[0].first

    @property
    def synthetic(self) -> bool:
        """Whether the data set is drawn, not filmed."""
        return bool(self.any_result["dataset"]["synthetic"])

    def arms(self) -> tuple[Group, ...]:
        """Groups that are arms, not controls."""
        return tuple(group for group in self.groups if group.control is None)

    @property
    def repaired(self) -> bool:
        """Whether any arm learnt from or was judged on data other than raw."""
        return any(group.data.repaired for group in self.groups)

    def controls_of(self, arm: str) -> tuple[Group, ...]:
        """The recorded controls of an arm."""
        return tuple(group for group in self.groups if group.control and group.first["of"] == arm)


def load_job(reader: Reader, experiment: str, paper: str | None = None, parent: str | None = None) -> Job:
    """Read a job: the latest finished parent of the experiment, or the one that is named.

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
    card = cards.normalise(reader.json(run, "card.json"))
    found: dict[str, list[ArmRun]] = {}
    for child in reader.children(run):
        arm_run = _load_arm(reader, child)
        found.setdefault(_group_name(arm_run.result), []).append(arm_run)
    if not found:
        raise NothingToReport(
            f"parent run {parent_id} of {experiment} has no finished arm yet; let the job run on:"
            f" {run.data.tags.get('command', 'python -m runners.reproduce')}"
        )
    groups = [Group(name, tuple(sorted(runs, key=lambda one: one.seed))) for name, runs in found.items()]
    order = list(card["arms"])
    groups.sort(key=lambda group: _position(group, order))
    _check_same_queries(groups)
    _check_same_tracklets(groups)
    _check_same_columns(groups)
    _check_same_repairs(groups)
    command = str(run.data.tags.get("command", "python -m runners.reproduce"))
    labels = _both(reader.folder(run), "labels", parent_id, command)
    if labels:
        check_labels(*labels, f"the labels of run {parent_id}")
    return Job(
        experiment=experiment,
        parent_id=parent_id,
        uri=reader.uri,
        tags=dict(run.data.tags),
        card=card,
        environment=reader.json(run, "environment.json"),
        groups=tuple(groups),
        finished=run.info.status == "FINISHED",
        ended=reader.time(run.info.end_time),
        labels=Labels(*labels) if labels else None,
        experiment_id=str(run.info.experiment_id),
        cost=cost_store.latest(reader, str(run.data.tags.get("paper", ""))),
    )


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
    return (group.control == "colour", rank, elsewhere, CONTROL_ORDER[group.control], group.name)


def _load_arm(reader: Reader, run: Any) -> ArmRun:
    folder = reader.folder(run, ("result.json", "per_query.npz"))
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    record.check_result(result)
    run_id = str(run.info.run_id)
    per_query = _arrays(folder / "per_query.npz", run_id, result["command"])
    record.check_per_query(result, per_query)
    strips = _optional_json(folder / "strips.json")
    parts = ("explain", "repair", "weights", "attributes", "choices")
    explained, repaired, weighed, recognised, chosen = (
        _both(folder, name, run_id, result["command"]) for name in parts
    )
    if explained:
        check_explain(*explained, f"the explanation of run {run_id}")
    if repaired:
        check_repair(*repaired, f"the repair of run {run_id}")
        record.check_repaired(result)
    if weighed:
        check_weights(*weighed, f"the frame weights of run {run_id}")
    if recognised:
        check_attributes(*recognised, f"the attributes of run {run_id}")
    if chosen:
        check_choices(*chosen, f"the choices of run {run_id}", result)
    return ArmRun(
        run_id,
        result,
        per_query,
        strips,
        Explanation(*explained) if explained else None,
        Repair(*repaired) if repaired else None,
        Weights(*weighed) if weighed else None,
        Attributes(*recognised) if recognised else None,
        Choices(*chosen) if chosen else None,
    )


def _arrays(path: Path, run_id: str, command: str) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ReportError(
            f"{path.name} of run {run_id} cannot be read ({error}); record it again with: {command}"
        ) from None


def _both(folder: Path, stem: str, run_id: str, command: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    """A record and its arrays (``explain``, ``repair``), or neither."""
    there = [name for name in (f"{stem}.json", f"{stem}.npz") if (folder / name).is_file()]
    if not there:
        return None
    if len(there) == 1:
        raise ReportError(
            f"run {run_id} has the artifact {there[0]}, but not the other one of {stem}.json and {stem}.npz; "
            f"restore it, or record the run again with: {command}"
        )
    try:
        plain = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ReportError(
            f"{stem}.json of run {run_id} is not JSON ({error}); record it again with: {command}"
        ) from None
    return plain, _arrays(folder / f"{stem}.npz", run_id, command)


def _optional_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"size": [], "rows": []}
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _check_same_queries(groups: list[Group]) -> None:
    """Pairs of arms are compared query by query, so all of them must have been judged on the same ones."""
    seen: dict[str, tuple[str, NDArray[Any]]] = {}  # array -> where it was first met, and what it holds
    for group in groups:
        for run in group.runs:
            codes = (key for key in run.per_query if key.startswith(PREFIX))
            for key in ("key", "valid", *(f"{side}/valid" for side in record.SIDES), *codes):
                if key not in run.per_query:
                    continue  # an arm may have been judged on fewer sides
                first, values = seen.setdefault(key, (f"{run.run_id} ({group.name})", run.per_query[key]))
                if not np.array_equal(run.per_query[key], values):
                    if key.startswith(PREFIX):
                        raise ReportError(
                            f"run {run.run_id} ({group.name}, seed {run.seed}) knows other values of "
                            f"{key.removeprefix(PREFIX)} than run {first}: they were recorded with other annotations; "
                            "record one of them again."
                        )
                    raise ReportError(
                        f"run {run.run_id} ({group.name}, seed {run.seed}) was judged on other queries than run "
                        f"{first}: {key} differs; runs of one job share data and protocol, so record one of them again."
                    )


def _check_same_tracklets(groups: list[Group]) -> None:
    """What an arm looks at, weighs and recognises is pooled over seeds tracklet by tracklet."""
    for group in groups:
        parts = {
            ("explained", "explain"): [run.explanation.arrays["key"] for run in group.runs if run.explanation],
            ("weighed", "weights"): [run.weights.arrays["key"] for run in group.runs if run.weights],
            ("recognised", "attributes"): [run.attributes.arrays["key"] for run in group.runs if run.attributes],
        }
        for (what, file), found in parts.items():
            if any(not np.array_equal(keys, found[0]) for keys in found):
                raise ReportError(
                    f"the seeds of {group.name} {what} other tracklets each ({file}.npz, key), so they cannot be "
                    "pooled; record the arm again, with one choice of tracklets for all seeds."
                )


def _check_same_columns(groups: list[Group]) -> None:
    """Attributes are pooled over seeds column by column, against one truth."""
    for group in groups:
        found = [run.attributes for run in group.runs if run.attributes]
        for one in found[1:]:
            same = one.names == found[0].names and one.groups == found[0].groups
            if not same or not np.array_equal(one.arrays["truth"], found[0].arrays["truth"], equal_nan=True):
                raise ReportError(
                    f"the seeds of {group.name} recognised other attributes each, or against another truth "
                    "(attributes.json, attributes.npz), so they cannot be pooled; record the arm again."
                )


def _check_same_repairs(groups: list[Group]) -> None:
    """What a repairer did is pooled over seeds tracklet by tracklet, and is one result for each seed."""
    keys: dict[str, tuple[str, NDArray[Any]]] = {}  # repairer -> where it was first met, and on which tracklets
    for run in (run for group in groups for run in group.runs if run.repair and "key" in run.repair.arrays):
        assert run.repair is not None
        repairer = run.result["data"]["test"]
        first, values = keys.setdefault(repairer, (run.run_id, run.repair.arrays["key"]))
        if not np.array_equal(run.repair.arrays["key"], values):
            raise ReportError(
                f"runs {first} and {run.run_id} measured {repairer} on other tracklets each (repair.npz, key), so they "
                "cannot be pooled; record one of them again."
            )
