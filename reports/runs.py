"""The recorded runs of one job (a parent run and its children), read whole from the tracking store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from files.formats.arrays import load_npz
from reports import cards, cost_store, record
from reports.attributes import Attributes, AttributesRecord, check_attributes
from reports.choice_records import Choices, ChoicesRecord, check_choices
from reports.cost_records import CostRecord
from reports.divisions import one_match, pooled_attributes, pooled_choices, pooled_queries, pooled_result, wanted
from reports.errors import NothingToReport, ReportError
from reports.explained import ExplainRecord, Explanation, check_explain
from reports.labels import Labels, LabelsRecord, check_labels
from reports.location import without_secrets
from reports.repaired import RAW, Repair, RepairRecord, check_repair
from reports.runs_alike import check_alike
from reports.shapes import check_form, readable
from reports.store import Reader, remedy_of
from reports.weights import Weights, WeightsRecord, check_weights

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
    """One arm with one seed, as recorded; on a data set with several divisions all of them together.

    ``divisions`` are then the runs of each, by rising number, and ``run_id`` is that of the first; what is said of all
    is made of them as in `reports.divisions`. Masks, repair and frame weights are not pooled: they need a truth that no
    data set with divisions has.
    """

    run_id: str
    result: dict[str, Any]
    per_query: Mapping[str, NDArray[Any]]
    strips: dict[str, Any]
    explanation: Explanation | None = None
    repair: Repair | None = None
    weights: Weights | None = None
    attributes: Attributes | None = None
    choices: Choices | None = None
    divisions: "tuple[ArmRun, ...]" = ()

    @property
    def seed(self) -> int:
        """The training seed."""
        return int(self.result["seed"])

    @property
    def split(self) -> int | None:
        """Which division of the data it is of; ``None`` where there is one, or for all together."""
        return int(self.result["split"]["number"]) if "split" in self.result else None

    @property
    def parts(self) -> "tuple[ArmRun, ...]":
        """The runs as they were recorded: itself, or one for each division."""
        return self.divisions or (self,)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of all parts."""
        return tuple(part.run_id for part in self.parts)


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
    def precision(self) -> str:
        """In what numbers its networks computed; empty of what has no network, and of old records."""
        return ", ".join(
            dict.fromkeys(str(run.result["precision"]) for run in self.runs if run.result.get("precision"))
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were recorded, ascending."""
        return tuple(run.seed for run in self.runs)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of all seeds, and of all divisions of the data."""
        return self.run_ids_of(self.seeds)

    def run_ids_of(self, seeds: Iterable[int]) -> tuple[str, ...]:
        """Of some seeds."""
        wanted_ones = set(seeds)
        return tuple(run_id for run in self.runs if run.seed in wanted_ones for run_id in run.run_ids)

    @property
    def splits(self) -> tuple[int, ...]:
        """The divisions of the data that were run, ascending; none where the data have one."""
        return tuple(part.split for part in self.runs[0].divisions if part.split is not None)

    def by_split(self, metric: str) -> Floats:
        """``[S, K]`` the metric in percent of each seed in each division of the data."""
        empty = self.first["protocol"]["empty"]
        return np.array(
            [[record.query_values(part.per_query, metric, empty).mean() for part in run.parts] for run in self.runs]
        )

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
    left_out: tuple[str, ...] = ()  # sentences on runs that could not be counted

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

    @property
    def splits(self) -> tuple[int, ...]:
        """The divisions of the data that all its numbers are means over; none where the data have one."""
        return self.groups[0].splits

    @property
    def one_match(self) -> bool:
        """Whether every query has exactly one right answer, so that AP tells nothing beside the CMC."""
        return one_match(self.any_result)

    @property
    def headline_metric(self) -> str:
        """What figures and sums show: mAP, or rank-1 where AP tells nothing."""
        return "rank1" if self.one_match else "mAP"

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
    found, left_out = _over_divisions(found, wanted(run.data.tags), parent_id)
    groups = [Group(name, tuple(sorted(runs, key=lambda one: one.seed))) for name, runs in found.items()]
    order = list(card["arms"])
    groups.sort(key=lambda group: _position(group, order))
    check_alike(groups)
    labels = _both(reader, run, "labels")
    if labels:
        with readable(f"labels.json of run {parent_id}", remedy, labels[0], LabelsRecord):
            check_labels(*labels, f"the labels of run {parent_id}")
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
        labels=Labels(*labels) if labels else None,
        experiment_id=str(run.info.experiment_id),
        cost=cost,
        left_out=left_out + without,
    )


def _cost(reader: Reader, paper: str) -> tuple[CostRecord | None, tuple[str, ...]]:
    """What the paper's arms cost; a record that cannot be read is left out of the page, which says so."""
    try:
        return cost_store.latest(reader, paper), ()
    except ReportError as error:
        return None, (f"what the arms cost: {error}",)


def _over_divisions(
    found: dict[str, list[ArmRun]], asked: tuple[int, ...], parent_id: str
) -> tuple[dict[str, list[ArmRun]], tuple[str, ...]]:
    """One run for each arm and seed, all over the same divisions, and sentences on what does not count.

    What was not run in all divisions that were asked for is left out. As long as no arm was (the job was stopped
    early), the divisions count that all arms with all seeds were run in.

    Raises:
        NothingToReport: there is no such division yet.
    """
    if not asked:
        return found, ()
    by_seed = {name: _by_seed(runs) for name, runs in found.items()}
    each = [(name, seed, set(parts)) for name, seeds in by_seed.items() for seed, parts in seeds.items()]
    trained = [splits for name, seed, splits in each if by_seed[name][seed][min(splits)].result["control"] != "colour"]
    if any(splits >= set(asked) for splits in trained):
        common = asked
    else:
        common = tuple(number for number in asked if all(number in splits for _, _, splits in each))
    if not common:
        raise NothingToReport(
            f"parent run {parent_id} has no split yet in which all its arms were run; let the job run on."
        )
    left_out = [
        f"{name} with seed {seed}, which was run in {len(splits)} of {len(asked)} splits: let the job run on."
        for name, seed, splits in each
        if not splits >= set(common)
    ]
    pooled = {
        name: [_pooled([parts[number] for number in common]) for parts in seeds.values() if set(parts) >= set(common)]
        for name, seeds in by_seed.items()
    }
    return {name: runs for name, runs in pooled.items() if runs}, tuple(left_out)


def _by_seed(runs: Iterable[ArmRun]) -> dict[int, dict[int, ArmRun]]:
    """Seed -> division of the data -> run."""
    found: dict[int, dict[int, ArmRun]] = {}
    for run in runs:
        found.setdefault(run.seed, {})[run.split or 0] = run
    return found


def _pooled(parts: list[ArmRun]) -> ArmRun:
    """All divisions of one arm with one seed as one run."""
    first = parts[0]
    numbers = [part.split or 0 for part in parts]
    name = f"{first.result['label']}, seed {first.seed}"
    chosen = [part.choices for part in parts if part.choices]
    known = [part.attributes for part in parts if part.attributes]
    recognised = None
    if len(known) == len(parts):
        recognised = pooled_attributes([one.record for one in known], [one.arrays for one in known], numbers)
    choices = None
    if len(chosen) == len(parts):
        choices = pooled_choices([one.record for one in chosen], [one.arrays for one in chosen], numbers, name)
    return ArmRun(
        first.run_id,
        pooled_result([part.result for part in parts]),
        pooled_queries([part.per_query for part in parts], numbers, name),
        first.strips,
        attributes=Attributes(*recognised) if recognised else None,
        choices=Choices(*choices) if choices else None,
        divisions=tuple(parts),
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


_PARTS: dict[str, tuple[str, Any, Any]] = {
    "explain": ("explanation", check_explain, ExplainRecord),
    "repair": ("repair", check_repair, RepairRecord),
    "weights": ("frame weights", check_weights, WeightsRecord),
    "attributes": ("attributes", check_attributes, AttributesRecord),
    "choices": ("choices", check_choices, ChoicesRecord),
}
"""Name of the files -> what they are of a run, their check, and the form of the record."""


def _load_arm(reader: Reader, run: Any) -> ArmRun:
    folder = reader.folder(run, ("result.json", "per_query.npz"))
    remedy, run_id = remedy_of(run), str(run.info.run_id)
    result = reader.json(run, "result.json")
    per_query = load_npz(folder / "per_query.npz", error=ReportError, remedy=remedy)
    with readable(f"result.json of run {run_id}", remedy, result, record.ResultRecord):
        record.check_result(result)
    with readable(f"per_query.npz of run {run_id}", remedy):
        record.check_per_query(result, per_query)
    result["command"] = without_secrets(result["command"])
    strips: dict[str, Any] = {"size": [], "rows": []}
    if (folder / "strips.json").is_file():
        strips = reader.json(run, "strips.json")
        check_form(strips, record.Strips, f"strips.json of run {run_id}", remedy)
    found: dict[str, Both] = {}
    for stem, (what, check, form) in _PARTS.items():
        both = _both(reader, run, stem)
        if both is None:
            continue
        found[stem] = both
        with readable(f"{stem}.json of run {run_id}", remedy, both[0], form):
            name = f"the {what} of run {run_id}"
            check(*both, name, result) if stem == "choices" else check(*both, name)
            if stem == "repair":
                record.check_repaired(result)
    return ArmRun(
        run_id,
        result,
        per_query,
        strips,
        Explanation(*found["explain"]) if "explain" in found else None,
        Repair(*found["repair"]) if "repair" in found else None,
        Weights(*found["weights"]) if "weights" in found else None,
        Attributes(*found["attributes"]) if "attributes" in found else None,
        Choices(*found["choices"]) if "choices" in found else None,
    )


Both = tuple[dict[str, Any], dict[str, NDArray[Any]]]
"""A record and its arrays."""


def _both(reader: Reader, run: Any, stem: str) -> Both | None:
    """A record and its arrays (``explain``, ``repair``), or neither."""
    folder = reader.folder(run)
    there = [name for name in (f"{stem}.json", f"{stem}.npz") if (folder / name).is_file()]
    if not there:
        return None
    if len(there) == 1:
        raise ReportError(
            f"run {run.info.run_id} has the artifact {there[0]}, but not the other one of {stem}.json and {stem}.npz; "
            f"{remedy_of(run)}"
        )
    return reader.json(run, f"{stem}.json"), load_npz(folder / f"{stem}.npz", error=ReportError, remedy=remedy_of(run))
