"""The main job as steps: train what is missing, extract once, score, and hand over what was found.

Nothing here knows MLflow or reports; it yields results in the form that both read.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.attributes import Annotation
from datasets.frames.open import DECODED_LIMIT
from datasets.frames.subset import Frames
from datasets.tracklet import Split
from files.formats.arrays import load_npz
from methods.arms import Arm
from methods.interface import Attends
from protocols.interface import Protocol
from protocols.test_time.inputs import snippet_length
from reports.records.interface import Recorded
from reports.schema.vocabulary import RAW
from runners.derived_data import pseudo_labels
from runners.derived_data.annotations import AnnotatedSplit
from runners.derived_data.pseudo_labels import Labelled
from runners.errors import ArmRejected, RunError
from runners.evaluation import encode, encode_variants, score
from runners.evaluation.descriptor_set import Tracklets
from runners.evaluation.permutation import order_record
from runners.evaluation.saved_descriptors import SCRATCH, drop_scratch, keep
from runners.evaluation.score_variants import save_choices, score_variants
from runners.pipeline.admitted_starts import start_checks
from runners.pipeline.data_versions import DataVersions
from runners.pipeline.ground_truth import GroundTruthChecks, records_in
from runners.pipeline.test_inputs import test_inputs_of
from runners.pipeline.untrained import Untrained, trains_nothing
from runners.plan.environment import describe
from runners.plan.plan import card_of, has_head, labels_of, plan_data, plan_stages, with_attribute_groups
from runners.plan.plan_types import ArmRun, JobConfig, PlannedData, PlannedStage
from runners.plan.result_steps import colour_step, examine_step, score_step
from runners.plan.splits import about_split, dataset_record
from runners.plan.step_store import Step, StepStore, canonical_json, read_json, write_bytes, write_json
from runners.progress import note
from runners.training import stage

SCHEMA = 1
COST_LENGTHS = (8, 64)
COST_SECONDS = 4.0  # at most, where nothing settles sooner


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


@dataclass
class Job:
    """Everything that a job's steps share."""

    config: JobConfig
    split: Split
    protocol: Protocol
    steps: StepStore
    work: Path
    command: str
    annotation: Annotation | None = None
    source: AnnotatedSplit | None = None
    shared: Split | None = None  # the division whose frames this one's are views of
    decoded_limit: int = DECODED_LIMIT
    versions: DataVersions = field(init=False)
    truth: GroundTruthChecks = field(init=False)
    untrained: Untrained = field(init=False)
    _bases: dict[str, str] = field(default_factory=dict)  # what is the same network on other data -> its name

    def __post_init__(self) -> None:
        self._open()

    def _open(self) -> None:
        """The data, none of them read yet, and what is checked against their ground truth."""
        self.versions = DataVersions(
            self.split, self.steps, self.work, self.config.device, self.annotation, self.source,
            shared=self.shared, decoded_limit=self.decoded_limit,
        )  # fmt: skip
        self.truth = GroundTruthChecks(self.versions, self.config)
        self.untrained = Untrained(self.versions, self.protocol)

    def possible(self, runs: Iterable[ArmRun]) -> list[ArmRun]:
        """Those that can be asked for here: all but controls that train nothing and miss the truth, or a network."""
        return [run for run in runs if not self.impossible(run)]

    def impossible(self, run: ArmRun) -> str:
        """Why a run cannot be asked for here, in one sentence without its end; empty text where it can."""
        if not trains_nothing(run):
            return ""
        run = with_attribute_groups(run, self.config)
        return self.untrained.impossible(run, plan_stages(run, 0, self.config)[-1].size)

    def outcomes(self, runs: list[ArmRun], seeds: list[int], head_seeds: tuple[int, ...] = (0,)) -> Iterator[Outcome]:
        """Results of all runs and seeds, each made as soon as it is asked for; the colour row comes first.

        Every arm is examined before the first one is trained: one that the protocol rejects is named at once. Runs that
        are not `possible` are left out. Of each seed all arms come first with head seed 0, then their further heads on
        the same trunk.
        """
        runs = [with_attribute_groups(run, self.config) for run in self.possible(runs)]
        for run in sorted(runs, key=lambda one: (one.trained_on, one.tested_on) != (RAW, RAW)):
            self._bases.setdefault(_signature(run), run.name)
        planned = (self._plan(run, seeds[0]) for run in runs)
        self.truth.calls = any(data.scores for last, tested in planned for data in (last.data, tested))
        for run in runs:
            self._start_checks(run, *self._plan(run, seeds[0]))
        for run in runs:
            if not self.done(run, seeds[0]):
                self._examine(run, self._plan(run, seeds[0])[0].size)
        size = plan_stages(runs[0], seeds[0], self.config)[-1].size
        yield self._colour(size, seeds[0])
        for seed in seeds:
            measured: set[str] = set()  # what is measured of data and not of an arm is measured once
            for run in runs:
                yield self._arm(run, seed, measured)
            for head_seed in head_seeds:
                for run in runs:
                    if head_seed and head_seed in self.heads_of(run, head_seeds):
                        yield self._result_of(run, seed, head_seed)

    def heads_of(self, run: ArmRun, head_seeds: tuple[int, ...]) -> tuple[int, ...]:
        """The head seeds that an arm is trained with; the first alone where its recipe has no head stage."""
        return head_seeds if has_head(run, self.config) and not trains_nothing(run) else head_seeds[:1]

    def rejected(self, runs: list[ArmRun], seed: int) -> dict[str, str]:
        """Arms that the protocol does not admit, by name, each with the reason; all others are examined by then."""
        found = {}
        for run in (with_attribute_groups(run, self.config) for run in runs if run.control is None):
            try:
                self._start_checks(run, *self._plan(run, seed))
                if not self.done(run, seed):
                    self._examine(run, self._plan(run, seed)[0].size)
            except ArmRejected as error:
                found[run.arm.text] = error.reason
        return found

    def done(self, run: ArmRun, seed: int, head_seed: int = 0) -> bool:
        """Whether the result of an arm with one seed, and one head seed on its trunk, is there already."""
        run = with_attribute_groups(run, self.config)
        return self.steps.done(self._score_step(run, seed, *self._plan(run, seed, head_seed)))

    def _score_step(self, run: ArmRun, seed: int, last: PlannedStage, tested: PlannedData) -> Step:
        hidden = self.truth.hidden_by(seed) if self.protocol.repairs else None
        return score_step(run, last, tested, self.protocol.as_dict(), self.config, hidden)

    def labelled(self, label_sources: list[Arm], seeds: list[int]) -> Labelled | None:
        """What labelling arms say of the people, held against the annotation; None where nothing can be compared."""
        if self.annotation is None or self.source is None or not label_sources:
            return None
        planned = [(arm, seed, labels_of(arm, seed, self.config)) for seed in seeds for arm in label_sources]
        for _, _, labels in planned:
            self.versions.labels(labels)
        target = AnnotatedSplit(self.versions.raw, self.annotation)
        return pseudo_labels.against_annotation(planned, target, self.source, self.steps)

    @property
    def _where(self) -> str:
        """For messages: which division, where there are several."""
        return f" split {self.split.number}" if self.split.divisions > 1 else ""

    def close(self) -> None:
        """Drop what is held of the data once all is recorded; the job opens it again if it is used again."""
        self._open()

    def _start_checks(self, run: ArmRun, last: PlannedStage, tested: PlannedData) -> list[dict[str, Any]]:
        return start_checks(self.protocol, run, last, tested, self.split)

    def _plan(self, run: ArmRun, seed: int, head_seed: int = 0) -> tuple[PlannedStage, PlannedData]:
        """An arm's last stage, and the data it is scored on, which are of the trunk's seed."""
        return plan_stages(run, seed, self.config, head_seed)[-1], plan_data(
            card_of(run, self.config), run.tested_on, seed, self.config
        )

    def scored(self, run: ArmRun, seed: int, head_seed: int = 0) -> tuple[Step, bool]:
        """Train and score an arm where that was not done before: the step of its result, and whether it is new."""
        last, tested = self._plan(run, seed, head_seed)
        step = self._score_step(run, seed, last, tested)
        fresh = not self.steps.done(step)
        if fresh:
            examined = self._examine(run, last.size)
            self.versions.train(last)
            of_arm = self.scored(replace(run, control=None), seed)[0] if trains_nothing(run) else None
            store = self.versions.store("test", last.size, tested, last.crop, last.resize)
            with self.steps.running(step) as folder:
                if folder is None:  # another process has just finished it
                    return step, False
                if of_arm is not None:
                    self._score_untrained(run, last, tested, store, step, examined, self.steps.folder(of_arm), folder)
                else:
                    self._score(run, last, tested, store, step, examined, folder)
        return step, fresh

    def _result_of(self, run: ArmRun, seed: int, head_seed: int = 0) -> Outcome:
        """A result alone, which is all that there is of a further head."""
        last, _ = self._plan(run, seed, head_seed)
        step, fresh = self.scored(run, seed, head_seed)
        self.versions.train(last)  # a stage of a finished result may be damaged, and its curve is shown
        log = [] if trains_nothing(run) else stage.training_log(last, self.steps)
        return self._load(step, log, fresh)

    def _arm(self, run: ArmRun, seed: int, measured: set[str]) -> Outcome:
        last, tested = self._plan(run, seed)
        found = self._result_of(run, seed)
        return replace(found, records={**found.records, **self.truth.answers(run, last, tested, measured)})

    def _examine(self, run: ArmRun, size: tuple[int, int]) -> dict[str, Any]:
        """Admission and cost of an arm, before anything is trained for it; its controls share them.

        Raises:
            ArmRejected: by the protocol.
        """
        from protocols.cost import measure

        measured = {"lengths": list(COST_LENGTHS), "seconds": COST_SECONDS}
        step = examine_step(run, size, self.protocol.as_dict(), self.config, measured)
        if not self.steps.done(step):
            note(f"examine {run.arm.text}: admission to {self.protocol.name}, operations, latency ...")
            began = time.monotonic()
            plain = ArmRun(run.arm)
            method = stage.build_method(plain, self.split.num_train_ids, 0, size, self.config.device, "fp32").eval()
            admission = self.protocol.admit(method, size)
            if not admission.admitted:
                reason = "; ".join(admission.reasons)
                raise ArmRejected(
                    f"{self.protocol.name} does not admit {run.arm.text} ({reason}); nothing was trained for it. "
                    "Leave the arm out, or score it under another protocol.",
                    reason,
                )
            with self.steps.running(step) as folder:
                if folder is None:
                    return self._examined(step)
                found_cost = measure.measure(
                    method,
                    size,
                    lengths=COST_LENGTHS,
                    device=self.config.device,
                    budget_s=COST_SECONDS,
                    snippet=snippet_length(self.protocol.feed),
                )
                examined = {"admission": admission.as_dict(), "cost": found_cost.as_dict()}
                write_json(folder / "examined.json", examined)
            note(f"examine {run.arm.text}: admitted ({time.monotonic() - began:.0f} s)")
        return self._examined(step)

    def _examined(self, step: Step) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.steps.folder(step) / "examined.json")
        return found

    def _score(
        self,
        run: ArmRun,
        last: PlannedStage,
        tested: PlannedData,
        store: Frames,
        step: Step,
        examined: dict[str, Any],
        folder: Path,
    ) -> None:
        method = stage.trained_method(last, self.split.num_train_ids, self.steps, self.config.device)
        if run.control == "uniform":
            assert isinstance(method, Attends)  # the card says attention = true; the contract suite checks it
            method.use_uniform_attention(True)
        checks = [*examined["admission"]["checks"], *self._start_checks(run, last, tested)]
        began = time.monotonic()
        inputs = test_inputs_of(method, run, last, tested, store, self.versions, folder / SCRATCH)
        first = last.head_seed == 0  # of further heads only the accuracy is of interest
        encoded = encode_variants.encode_under_protocol(method, self.protocol, inputs, headline_only=not first)
        scores = score.score_test_set(encoded, self.split, self.protocol, store, pictures=first)
        if encoded.by_variant is not None and first:
            title = f"score test inputs of {run.text}, {last.seed_words}"
            save_choices(score_variants(encoded.by_variant, self.split, self.protocol, store.lengths, title), folder)
        self._note_scores(run, last, scores, began)
        about = self._about(run, last, tested, step) | {
            "cost": examined["cost"] | ({"of": run.name} if run.control else {}),  # controls carry their arm's
            "admission": {**examined["admission"], "checks": checks},
            "stages": stage.stage_records(last, self.steps),
            "fed": encoded.fed,
            **(order_record(method, inputs, last.seed) if run.arm.temporal and run.control is None else {}),
        }
        self._write(folder, scores, encoded, store.lengths, about)

    def _score_untrained(
        self,
        run: ArmRun,
        last: PlannedStage,
        tested: PlannedData,
        store: Frames,
        step: Step,
        examined: dict[str, Any],
        of_arm: Path,
        folder: Path,
    ) -> None:
        """Score what stands in place of the arm's own descriptors; it has no cost of its own and no pictures."""
        began = time.monotonic()
        found = self.untrained.answer(run, last, tested, of_arm, folder)
        scores = score.score_test_set(
            found.encoded, found.split or self.split, self.protocol, store, pictures=False, truly=self.split
        )
        self._note_scores(run, last, scores, began)
        about = self._about(run, last, tested, step) | {
            "cost": {},
            "admission": examined["admission"],
            "stages": [],
            "fed": found.encoded.fed,
            "knows": {
                "words": found.words,
                "parameters": dict(found.parameters),
                "tracklets": len(self.split.test),
                "without_truth": found.without_truth,
            },
        }
        self._write(folder, scores, found.encoded, store.lengths, about, found.split)

    def _note_scores(self, run: ArmRun, last: PlannedStage, scores: score.Scores, began: float) -> None:
        note(
            f"score {run.text} {last.seed_words}{self._where}: mAP {scores.metrics['mAP']:.1f}, "
            f"rank-1 {scores.metrics['rank1']:.1f} ({time.monotonic() - began:.0f} s)"
        )

    def _about(self, run: ArmRun, last: PlannedStage, tested: PlannedData, step: Step) -> dict[str, Any]:
        """What is recorded of an arm or a control whatever was scored."""
        return {
            "arm": run.name,
            "label": run.label,
            "method": run.arm.method,
            "reading": run.arm.reading,
            "options": run.arm.settings(),
            "control": run.control,
            "of": run.name if run.control else None,
            "seed": last.seed,
            **({"head_seed": last.head_seed} if last.head_seed else {}),
            "size": list(last.size),
            "start": stage.stage_records(last, self.steps)[0]["start"],
            "fingerprint": step.fingerprint,
            "precision": last.precision,
            **({"labels": last.labels.name} if last.labels else {}),
            "data": {
                "train": run.trained_on,
                "test": run.tested_on,
                "base": self._bases.get(_signature(run), run.name),
                "train_fingerprint": last.data.fingerprint,
                "test_fingerprint": tested.fingerprint,
            },
        }

    def _colour(self, size: tuple[int, int], seed: int) -> Outcome:
        """The sanity row: what the colour of clothes alone gets."""
        step = colour_step(size, seed, self.protocol.as_dict(), self.config)
        fresh = not self.steps.done(step)
        if fresh:
            store = self.versions.raw_store("test", size)
            with self.steps.running(step) as folder:
                if folder is None:
                    return self._load(step, [], fresh=False)
                encoded = score.colour_described(store, self.protocol)
                scores = score.score_test_set(encoded, self.split, self.protocol, store)
                self._write(
                    folder,
                    scores,
                    encoded,
                    store.lengths,
                    {
                        "arm": "colour",
                        "label": "Stripe colours (no learning)",
                        "method": "colour",
                        "reading": "none",
                        "options": {},
                        "control": "colour",
                        "of": None,
                        "seed": seed,
                        "size": list(size),
                        "cost": {},
                        "fed": encoded.fed,
                        "admission": {"admitted": True, "checks": []},
                        "stages": [],
                        "fingerprint": step.fingerprint,
                    },
                )
        return self._load(step, [], fresh)

    def _write(
        self,
        folder: Path,
        scores: score.Scores,
        encoded: encode.EncodedTestSet,
        lengths: NDArray[np.int64],
        about: dict[str, Any],
        scored_as: Split | None = None,
    ) -> None:
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

    def _load(self, step: Step, log: list[dict[str, Any]], fresh: bool) -> Outcome:
        folder = self.steps.folder(step)
        arrays = load_npz(folder / "per_query.npz", error=RunError, remedy=stage.AGAIN)
        result, strips = read_json(folder / "result.json"), read_json(folder / "strips.json")
        return Outcome(result, arrays, strips, log, fresh, records_in(folder))


def _signature(run: ArmRun) -> str:
    """The network and how it is trained, whatever it is trained on."""
    return canonical_json([run.arm.paper, run.arm.recipe, run.arm.method, run.arm.settings()])
