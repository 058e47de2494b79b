"""One arm as it was recorded: its runs, one a seed, and what they say together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.records.per_query import counted, query_values
from reports.schema.controls import CONTROL_LABELS
from reports.schema.metrics import split_metric
from reports.schema.vocabulary import RAW

NOT_RECORDED = "not recorded"
Floats = NDArray[np.float64]


def start_of(result: Mapping[str, Any]) -> str:
    """What the network of a record began with, as the record or its first stage says."""
    stages: list[Mapping[str, Any]] = result.get("stages") or [{}]
    start = result.get("start") or stages[0].get("start") or {}
    return str(start.get("name", NOT_RECORDED))


@dataclass(frozen=True)
class ArmRun:
    """One arm with one seed, and one head seed on the trunk of that seed, as recorded.

    On a data set with several divisions it is all of them together: ``divisions`` are the runs of each, by rising
    number, and ``run_id`` is that of the first; what is said of all is made of them as in `reports.records.splits`.

    ``records`` holds what stands beside the result by the name of its kind (`reports.records.interface`), and
    ``KIND.of(run)`` gives it with its type. What cannot be pooled over divisions is in their runs alone.
    """

    run_id: str
    result: dict[str, Any]
    per_query: Mapping[str, NDArray[Any]]
    strips: dict[str, Any]
    records: Mapping[str, Any] = field(default_factory=dict)
    divisions: "tuple[ArmRun, ...]" = ()

    @property
    def seed(self) -> int:
        """The training seed."""
        return int(self.result["seed"])

    @property
    def head_seed(self) -> int:
        """Which of the heads on the trunk of the seed; 0 where there is one."""
        return int(self.result.get("head_seed", 0))

    @property
    def seed_words(self) -> str:
        """For a reader: ``0``, or ``0, head 2`` of a further head."""
        return f"{self.seed}" + (f", head {self.head_seed}" if self.head_seed else "")

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
    """What an arm is trained and tested on: ``raw``, or a repairer; ``base`` is the same network on any data."""

    train: str
    test: str
    base: str

    @property
    def repaired(self) -> bool:
        """Whether a repairer had a hand in it."""
        return (self.train, self.test) != (RAW, RAW)


@dataclass(frozen=True)
class Group:
    """All seeds of one arm (or of one control of an arm), over the same queries in the same order.

    ``runs`` are ordered by seed, then by head seed. Numbers are of the head seeds that every seed has.
    """

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
    def start(self) -> str:
        """What its networks began with, such as ``scratch``; empty of what has no network."""
        if self.control == "colour":
            return ""
        return ", ".join(dict.fromkeys(start_of(part.result) for run in self.runs for part in run.parts))

    @property
    def findings(self) -> str:
        """What was found in its training, each with its stage and seeds, as a sentence; empty where nothing was."""
        found: dict[str, dict[str, list[int]]] = {}
        for run in self.runs:
            for stage in run.result["stages"]:
                for sentence in stage.get("findings") or ():
                    found.setdefault(sentence, {}).setdefault(str(stage["name"]), []).append(run.seed)
        return " ".join(
            f"{sentence} (stage {name}, seed{'s' * (len(set(seeds)) > 1)} {', '.join(map(str, dict.fromkeys(seeds)))})."
            for sentence, places in found.items()
            for name, seeds in places.items()
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were recorded, ascending."""
        return tuple(dict.fromkeys(run.seed for run in self.runs))

    @property
    def head_seeds(self) -> tuple[int, ...]:
        """The head seeds that were recorded of every seed, ascending; 0 alone of an arm without heads."""
        found = [{run.head_seed for run in self.runs if run.seed == seed} for seed in self.seeds]
        return tuple(sorted(set.intersection(*found)))

    @property
    def first_heads(self) -> tuple[ArmRun, ...]:
        """The runs of head seed 0, one for each seed: only they have records beside the result."""
        return tuple(run for run in self.runs if run.head_seed == 0)

    @property
    def counted_runs(self) -> tuple[ArmRun, ...]:
        """The runs that numbers are of, seed by seed."""
        heads = self.head_seeds
        return tuple(run for run in self.runs if run.head_seed in heads)

    @property
    def seed_count(self) -> str | int:
        """For a table: ``3``, or ``3 × 5`` where each of three seeds has five heads."""
        heads = len(self.head_seeds)
        return f"{len(self.seeds)} × {heads}" if heads > 1 else len(self.seeds)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of all seeds, and of all divisions of the data."""
        return self.run_ids_of(self.seeds)

    def run_ids_of(self, seeds: Iterable[int]) -> tuple[str, ...]:
        """Of some seeds."""
        wanted_ones = set(seeds)
        return tuple(run_id for run in self.counted_runs if run.seed in wanted_ones for run_id in run.run_ids)

    @property
    def splits(self) -> tuple[int, ...]:
        """The divisions of the data that were run, ascending; none where the data have one."""
        return tuple(part.split for part in self.runs[0].divisions if part.split is not None)

    def by_split(self, metric: str) -> Floats:
        """``[S, D]`` the metric in percent of each seed in each division of the data, means over heads."""
        empty = self.first["protocol"]["empty"]
        rows = [[query_values(part.per_query, metric, empty).mean() for part in run.parts] for run in self.counted_runs]
        found: Floats = np.array(rows).reshape(len(self.seeds), len(self.head_seeds), -1).mean(axis=1)
        return found

    def people(self, metric: str = "mAP") -> NDArray[Any]:
        """``[Q]``: the person of each query that counts for the metric, by which intervals are clustered."""
        per_query = self.runs[0].per_query
        side, _ = split_metric(metric)
        return np.asarray(per_query["person"])[counted(per_query, self.first["protocol"]["empty"], side)]

    def scored_on(self, metric: str) -> bool:
        """Whether all runs were scored on the side of the metric; a metric without side is on all."""
        side, _ = split_metric(metric)
        return not side or all(f"{side}/valid" in run.per_query for run in self.runs)

    def values(self, metric: str, seeds: Iterable[int] | None = None) -> Floats:
        """``[S, Q]`` per-query values in percent of the queries that count, one row for each seed.

        Where each seed has K heads, more than one, ``[S, K, Q]``.
        """
        empty = self.first["protocol"]["empty"]
        wanted = self.seeds if seeds is None else tuple(seeds)
        rows = {(run.seed, run.head_seed): query_values(run.per_query, metric, empty) for run in self.counted_runs}
        found = np.stack([np.stack([rows[seed, head] for head in self.head_seeds]) for seed in wanted])
        return found if found.shape[1] > 1 else found[:, 0]
