"""The main job as steps: train what is missing, extract once, score, and hand over what was found.

Nothing here knows MLflow or reports; it yields results in the form that both read.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from datasets.attributes import Annotation
from datasets.frames.open import DECODED_LIMIT
from datasets.frames.subset import Frames
from datasets.tracklet import Split
from methods.arms import Arm
from methods.interface import Attends
from protocols.interface import Protocol
from protocols.order_dependence import ORDER_BLIND
from reports.schema.vocabulary import RAW
from runners.derived_data import pseudo_labels
from runners.derived_data.annotations import AnnotatedSplit
from runners.derived_data.pseudo_labels import Labelled
from runners.errors import ArmRejected
from runners.evaluation import encode_variants, score
from runners.evaluation.permutation import order_record
from runners.evaluation.saved_descriptors import SCRATCH
from runners.evaluation.score_variants import save_choices, score_variants
from runners.pipeline.admitted_starts import start_checks
from runners.pipeline.data_versions import DataVersions
from runners.pipeline.examination import examine
from runners.pipeline.ground_truth import GroundTruthChecks
from runners.pipeline.result_files import Ahead, Outcome, ResultFiles, Wanted, load_outcome
from runners.pipeline.test_inputs import test_inputs_of
from runners.pipeline.untrained import Untrained, trains_nothing
from runners.plan.plan import card_of, has_head, labels_of, plan_data, plan_stages, with_attribute_groups
from runners.plan.plan_types import ArmRun, JobConfig, PlannedData, PlannedStage
from runners.plan.result_steps import colour_step, score_step
from runners.plan.step_store import Step, StepStore, canonical_json
from runners.progress import note
from runners.training import stage

BLIND = "its descriptor does not depend on the order of frames"


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
    named_controls: tuple[str, ...] = ()  # that were asked for by name
    versions: DataVersions = field(init=False)
    truth: GroundTruthChecks = field(init=False)
    untrained: Untrained = field(init=False)
    files: ResultFiles = field(init=False)
    _bases: dict[str, str] = field(default_factory=dict)  # what is the same network on other data -> its name
    _size: tuple[int, int] = (0, 0)  # of the first run's frames, once runs are prepared

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
        self.files = ResultFiles(self.config, self.protocol, self.command, self.split, self.annotation, self.truth)

    def possible(self, runs: Iterable[ArmRun]) -> list[ArmRun]:
        """Those that can be asked for here: all but controls that train nothing and miss the truth, or a network, and
        those that are `left_out`.
        """
        runs = [run for run in runs if not self.impossible(run)]
        left_out = self.left_out(runs)
        return [run for run in runs if run.text not in left_out]

    def left_out(self, runs: Iterable[ArmRun]) -> dict[str, str]:
        """Controls that can show nothing of their arm, by their text, each with the reason: none that was named.

        These are shuffled frames of an arm whose descriptor cannot depend on order, which is measured before anything
        is trained. An arm that is rejected has no control left out; `rejected` names it.
        """
        found = {}
        for run in runs:
            if run.control == "shuffled" and run.control not in self.named_controls:
                change = self._order_change(with_attribute_groups(run, self.config))
                if change is not None and change < ORDER_BLIND:
                    found[run.text] = f"{BLIND} (measured before training, {change:.0e})"
        return found

    def _order_change(self, run: ArmRun) -> float | None:
        """See `protocols.order_dependence.order_change`; None of an arm that is rejected too."""
        last, tested = self.plan(run, 0)
        try:
            self._start_checks(run, last, tested)
            change: float | None = self._examine(run, last.size)["order"]["change"]
        except ArmRejected:
            return None
        return change

    def impossible(self, run: ArmRun) -> str:
        """Why a run cannot be asked for here, in one sentence without its end; empty text where it can."""
        if not trains_nothing(run):
            return ""
        run = with_attribute_groups(run, self.config)
        return self.untrained.impossible(run, plan_stages(run, 0, self.config)[-1].size)

    def outcomes(
        self,
        runs: list[ArmRun],
        seeds: list[int],
        head_seeds: tuple[int, ...] = (0,),
        ahead: Ahead | None = None,
    ) -> Iterator[Outcome]:
        """Results of all runs and seeds, each made as soon as it is asked for; the colour row comes first.

        Every arm is examined before the first one is trained: one that the protocol rejects is named at once. Runs that
        are not `possible` are left out. Of each seed all arms come first with head seed 0, then their further heads on
        the same trunk.

        Args:
            runs: arms and controls.
            seeds: of the trunks.
            head_seeds: of the heads on each.
            ahead: makes results before they are asked for; None for nobody.
        """
        runs = self.prepared(self.possible(runs), seeds[0])
        for run in runs:
            self._start_checks(run, *self.plan(run, seeds[0]))
        for run in runs:
            if not self.done(run, seeds[0]):
                self._examine(run, self.plan(run, seeds[0])[0].size)
        wanted = list(self._wanted(runs, seeds, head_seeds))
        if ahead is not None:
            ahead.begin(wanted)
        measured: dict[int, set[str]] = {}  # by seed: what is measured of data and not of an arm is measured once
        for each in wanted:
            made = ahead is not None and ahead.made(each)
            found = self._outcome(each, measured.setdefault(each.seed, set()))
            yield replace(found, fresh=found.fresh or made)

    def prepared(self, runs: list[ArmRun], seed: int) -> list[ArmRun]:
        """Runs as the job makes them, all known to one another: which are the same on other data, whether any repairs.

        Args:
            runs: that are `possible`.
            seed: the job's first.
        """
        runs = [with_attribute_groups(run, self.config) for run in runs]
        for run in sorted(runs, key=lambda one: (one.trained_on, one.tested_on) != (RAW, RAW)):
            self._bases.setdefault(_signature(run), run.name)
        self._size = plan_stages(runs[0], seed, self.config)[-1].size
        planned = (self.plan(run, seed) for run in runs)
        self.truth.calls = any(data.scores for last, tested in planned for data in (last.data, tested))
        return runs

    def _wanted(self, runs: list[ArmRun], seeds: list[int], head_seeds: tuple[int, ...]) -> Iterator[Wanted]:
        yield Wanted(None, seeds[0])
        for seed in seeds:
            yield from (Wanted(run, seed) for run in runs)
            for head_seed in head_seeds:
                for run in runs:
                    if head_seed and head_seed in self.heads_of(run, head_seeds):
                        yield Wanted(run, seed, head_seed)

    def step_of(self, wanted: Wanted) -> Step:
        """The step of a result."""
        run, seed = wanted.run, wanted.seed
        if run is None:
            return colour_step(self._size, seed, self.protocol.as_dict(), self.config)
        return self._score_step(run, seed, *self.plan(run, seed, wanted.head_seed))

    def complete(self, wanted: Wanted) -> bool:
        """Whether a result is there, with all that is measured of it against the truth."""
        if not self.steps.done(self.step_of(wanted)):
            return False
        run = wanted.run
        return run is None or wanted.head_seed > 0 or self.truth.done(run, *self.plan(run, wanted.seed))

    def make(self, wanted: Wanted) -> Step:
        """Make a result, and what is measured of it against the truth, as far as they are not there; its step."""
        run, seed = wanted.run, wanted.seed
        if run is None:
            return self._coloured(seed)[0]
        step, _ = self.scored(run, seed, wanted.head_seed)
        if not wanted.head_seed:
            self.truth.answers(run, *self.plan(run, seed), set())
        return step

    def _outcome(self, wanted: Wanted, measured: set[str]) -> Outcome:
        if wanted.run is None:
            step, fresh = self._coloured(wanted.seed)
            return load_outcome(self.steps.folder(step), [], fresh)
        if wanted.head_seed:
            return self._result_of(wanted.run, wanted.seed, wanted.head_seed)
        return self._arm(wanted.run, wanted.seed, measured)

    def heads_of(self, run: ArmRun, head_seeds: tuple[int, ...]) -> tuple[int, ...]:
        """The head seeds that an arm is trained with; the first alone where its recipe has no head stage."""
        return head_seeds if has_head(run, self.config) and not trains_nothing(run) else head_seeds[:1]

    def rejected(self, runs: list[ArmRun], seed: int) -> dict[str, str]:
        """Arms that the protocol does not admit, by name, each with the reason; all others are examined by then."""
        found = {}
        for run in (with_attribute_groups(run, self.config) for run in runs if run.control is None):
            try:
                self._start_checks(run, *self.plan(run, seed))
                if not self.done(run, seed):
                    self._examine(run, self.plan(run, seed)[0].size)
            except ArmRejected as error:
                found[run.arm.text] = error.reason
        return found

    def done(self, run: ArmRun, seed: int, head_seed: int = 0) -> bool:
        """Whether the result of an arm with one seed, and one head seed on its trunk, is there already."""
        run = with_attribute_groups(run, self.config)
        return self.steps.done(self._score_step(run, seed, *self.plan(run, seed, head_seed)))

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

    def plan(self, run: ArmRun, seed: int, head_seed: int = 0) -> tuple[PlannedStage, PlannedData]:
        """An arm's last stage, and the data it is scored on, which are of the trunk's seed."""
        return plan_stages(run, seed, self.config, head_seed)[-1], plan_data(
            card_of(run, self.config), run.tested_on, seed, self.config
        )

    def scored(self, run: ArmRun, seed: int, head_seed: int = 0) -> tuple[Step, bool]:
        """Train and score an arm where that was not done before: the step of its result, and whether it is new."""
        last, tested = self.plan(run, seed, head_seed)
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
        last, _ = self.plan(run, seed, head_seed)
        step, fresh = self.scored(run, seed, head_seed)
        self.versions.train(last)  # a stage of a finished result may be damaged, and its curve is shown
        log = [] if trains_nothing(run) else stage.training_log(last, self.steps)
        return load_outcome(self.steps.folder(step), log, fresh)

    def _arm(self, run: ArmRun, seed: int, measured: set[str]) -> Outcome:
        last, tested = self.plan(run, seed)
        found = self._result_of(run, seed)
        return replace(found, records={**found.records, **self.truth.answers(run, last, tested, measured)})

    def _examine(self, run: ArmRun, size: tuple[int, int]) -> dict[str, Any]:
        return examine(run, size, self.protocol, self.config, self.steps)

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
        self.files.write(folder, scores, encoded, store.lengths, about)

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
        self.files.write(folder, scores, found.encoded, store.lengths, about, found.split)

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

    def _coloured(self, seed: int) -> tuple[Step, bool]:
        """The sanity row, what the colour of clothes alone gets: its step, and whether it is new."""
        step, size = self.step_of(Wanted(None, seed)), self._size
        fresh = not self.steps.done(step)
        if fresh:
            store = self.versions.raw_store("test", size)
            with self.steps.running(step) as folder:
                if folder is None:
                    return step, False
                encoded = score.colour_described(store, self.protocol)
                scores = score.score_test_set(encoded, self.split, self.protocol, store)
                self.files.write(
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
        return step, fresh


def _signature(run: ArmRun) -> str:
    """The network and how it is trained, whatever it is trained on."""
    return canonical_json([run.arm.paper, run.arm.recipe, run.arm.method, run.arm.settings()])
