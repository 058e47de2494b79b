"""The files of one recorded result: written when an arm was scored, read back as they are recorded."""

import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from datasets.attributes import Annotation
from datasets.tracklet import Split
from files.formats.arrays import load_npz
from protocols.interface import Protocol
from reports.records.interface import Recorded
from runners.errors import RunError
from runners.evaluation import score
from runners.evaluation.descriptor_set import Tracklets
from runners.evaluation.encode import EncodedTestSet
from runners.evaluation.saved_descriptors import drop_scratch, keep
from runners.pipeline.ground_truth import GroundTruthChecks, records_in
from runners.plan.environment import describe
from runners.plan.plan_types import ArmRun, JobConfig, seed_words
from runners.plan.splits import about_split, dataset_record
from runners.plan.step_store import AGAIN, read_json, write_bytes, write_json

SCHEMA = 1


@dataclass(frozen=True)
class Outcome:
    """One recorded result, as it lies on disk.

    Attributes:
        result: the record (``reports.records.result.ResultRecord``).
        per_query: arrays by name.
        strips: pictures of what was retrieved.
        train_log: rows of the training curve.
        fresh: whether it was made now, not found.
        records: what stands beside the result, by the name of its kind (`reports.records`).
    """

    result: dict[str, Any]
    per_query: dict[str, NDArray[Any]]
    strips: dict[str, Any]
    train_log: list[dict[str, Any]]
    fresh: bool
    records: Mapping[str, Recorded] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """One result of a job, as it is asked for.

    Attributes:
        run: the arm or its control; None for the colour row.
        seed: of its trunk.
        head_seed: of its head.
    """

    run: ArmRun | None
    seed: int
    head_seed: int = 0

    @property
    def name(self) -> str:
        """Unique in the job."""
        return f"{self.run.text if self.run else 'colour'} {seed_words(self.seed, self.head_seed)}"


@dataclass(frozen=True)
class WantedMaps:
    """Maps of the frozen part of a trunk, which results share; see `runners.training.trunk_maps`.

    Attributes:
        run: of an arm that shares them.
        seed: any of the job's.
        frames: ``train`` or ``test`` half, or around what the test half is painted.
        network: which networks share them, and behind which block.
    """

    run: ArmRun
    seed: int
    frames: str
    network: str

    @property
    def name(self) -> str:
        """Unique in the job."""
        return f"maps of {self.frames} behind {self.network}"


class Ahead(typing.Protocol):
    """Makes results of a job before they are asked for."""

    def begin(self, wanted: Sequence[Wanted]) -> None:
        """Begin; all arms are examined.

        Args:
            wanted: the job's results, in the order in which they will be asked for.
        """

    def made(self, wanted: Wanted) -> bool:
        """Whether a result is made here, now that it is there; it is waited for.

        Args:
            wanted: the result; one that is not made here is left to the job.
        """


@dataclass(frozen=True)
class ResultFiles:
    """What all results of a job share, and how each is written.

    Attributes:
        config, protocol, command: of the job.
        split: whose test half is scored.
        annotation: attributes of its people; None where nobody annotated them.
        truth: says what is hidden in the queries, under a protocol that repairs.
    """

    config: JobConfig
    protocol: Protocol
    command: str
    split: Split
    annotation: Annotation | None
    truth: GroundTruthChecks

    def write(
        self,
        folder: Path,
        scores: score.Scores,
        encoded: EncodedTestSet,
        lengths: NDArray[Any],
        about: dict[str, Any],
        scored_as: Split | None = None,
    ) -> None:
        """Write a result; of a further head without its descriptors.

        Args:
            folder: of the step.
            scores: what the protocol says.
            encoded: what was scored.
            lengths: frames of each test tracklet, ``[N]``.
            about: the arm's own part of the record.
            scored_as: who is whom in the scoring; None for the truth.
        """
        result = {
            "schema": SCHEMA,
            "paper": self.config.card.key,
            "profile": self.config.profile,
            "budget": self.config.budget,
            "protocol": self.protocol.as_dict(),
            "dataset": dataset_record(self.split),
            **about_split(self.split),
            "metrics": scores.metrics,
            "intervals": scores.intervals,
            "conventions": scores.conventions,
            "ledger": scores.ledger,
            "slices": scores.slices,
            **({"sides": scores.sides, "variants": scores.variants} if scores.sides else {}),
            "environment": {**describe(), "runtime": dict(self.config.runtime)},
            "command": self.command,
            **about,
        }
        per_query = dict(scores.per_query)
        hidden = self.truth.hidden_shares(about["seed"]) if self.protocol.repairs else None
        if hidden is not None:
            per_query["hidden"] = hidden.shares[self.split.query_index]
            result["hidden_by"] = hidden.by
        if self.annotation is not None:
            codes = self.annotation.codes_of(self.split.query)
            asked = self.annotation.attributes
            per_query |= {f"attribute/{one.name}": codes[:, place] for place, one in enumerate(asked)}
            result["annotation"] = {
                "name": self.annotation.name,
                "queries": len(codes),
                "joined": int((codes >= 0).any(axis=1).sum()),
                "attributes": [asdict(one) for one in asked],
                "notices": list(self.annotation.notices),
            }
        write_bytes(folder / "per_query.npz", score.to_npz(per_query))
        write_json(folder / "strips.json", scores.strips)
        if not about.get("head_seed"):
            keep(folder, encoded, Tracklets.of(scored_as or self.split, lengths), result)
        drop_scratch(folder)
        write_json(folder / "result.json", result)


def load_outcome(folder: Path, log: list[dict[str, Any]], fresh: bool) -> Outcome:
    """A result as it was written.

    Args:
        folder: of the step.
        log: the training curve.
        fresh: whether it was made now.

    Raises:
        RunError: a file is damaged.
    """
    arrays = load_npz(folder / "per_query.npz", error=RunError, remedy=AGAIN)
    result, strips = read_json(folder / "result.json"), read_json(folder / "strips.json")
    return Outcome(result, arrays, strips, log, fresh, records_in(folder))
