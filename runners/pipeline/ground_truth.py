"""What only known truth can answer: where a network looks, what it recognises, and what a repair restores.

Each answer is a recorded step of its own, made once for an arm or a version of the data, whoever asks.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from datasets.frames.subset import FrameSelection
from datasets.repaired.write import read_changes
from files.formats import arrays as npy
from methods.interface import Explains, FrameThenTime, LearnsAttributes
from reports.records.discovery import kinds_of_arms
from reports.records.interface import Recorded
from reports.schema.vocabulary import RAW
from runners.derived_data.region_scores import called
from runners.errors import RunError
from runners.evaluation.score import to_npz
from runners.ground_truth import restoration
from runners.ground_truth.attributes import Recognised, recognise
from runners.ground_truth.frame_weights import Weighed, weigh
from runners.ground_truth.hidden_shares import hidden_shares
from runners.ground_truth.masks import Explained, explain, has_truth
from runners.ground_truth.restoration import Restored
from runners.pipeline.data_versions import Material
from runners.plan.plan import plan_scores
from runners.plan.plan_types import ArmRun, PlannedData, PlannedScores, PlannedStage, Setting
from runners.plan.result_steps import explain_step, recognise_step, restore_step, weigh_step
from runners.plan.step_store import Step, read_json, write_bytes, write_json
from runners.training import stage as stages


@dataclass(frozen=True)
class HiddenShares:
    """Hidden share of each test tracklet ``[N]``, 0 to 1, mean over frames, and what says so."""

    shares: NDArray[np.float64]
    by: Literal["truth", "region scores"]


Answer = Explained | Weighed | Recognised


@dataclass
class AgainstTruth:
    """Answers for one job.

    Attributes:
        material: data of the job.
        setting: of the job.
        calls: whether the job repairs anything by calls.
    """

    material: Material
    setting: Setting
    calls: bool = False
    _references: dict[str, restoration.Reference] = field(default_factory=dict)
    _shares: HiddenShares | None = None

    def answers(self, run: ArmRun, last: PlannedStage, tested: PlannedData, shown: set[str]) -> dict[str, Recorded]:
        """All that can be asked of an arm with a seed, by the name of its kind.

        Args:
            run: the arm.
            last: its last stage.
            tested: the data it is judged on.
            shown: fingerprints of tested data whose repair was told with this seed; this one is added.
        """
        found: dict[str, Recorded | None] = {}
        if tested.fingerprint not in shown:
            shown.add(tested.fingerprint)
            found["restoration"] = self.restored(run, last.seed, tested)
        found |= {
            "masks": self.explained(run, last),
            "frame_weights": self.weighed(run, last),
            "attributes": self.recognised(run, last),
        }
        return {name: value for name, value in found.items() if value is not None}

    def explained(self, run: ArmRun, last: PlannedStage) -> Explained | None:
        """Masks against the truth, once for an arm with a seed; None where there is nothing of the kind."""
        raw, device = self.material.raw, self.material.device

        def look(trained: nn.Module) -> Explained | None:
            if not isinstance(trained, Explains):
                return None
            ids, stage = raw.num_train_ids, last.stage
            initial = stages.build_method(last.run, ids, last.seed, last.size, device, last.precision).eval()
            return explain(
                trained, initial, raw, self.material.raw_store("test", last.size, resize=last.resize),
                normalise=stage.normalise, device=device, precision=last.precision,
            )  # fmt: skip

        if not self._asked(run) or not has_truth(raw):
            return None
        read = self._once(explain_step(run, last, self.setting), "explain", last, look)
        return Explained(*read) if read else None

    def weighed(self, run: ArmRun, last: PlannedStage) -> Weighed | None:
        """Weights of frames against what the frames show, once for an arm with a seed; None where it weighs none."""
        raw = self.material.raw

        def look(trained: nn.Module) -> Weighed | None:
            if not isinstance(trained, Explains):
                return None
            return weigh(
                trained, raw, self.material.raw_store("test", last.size, last.crop, last.resize),
                normalise=last.stage.normalise, device=self.material.device, precision=last.precision,
                names=[group.name for group in last.labels.groups] if last.labels else [],
            )  # fmt: skip

        if not self._asked(run) or not has_truth(raw):
            return None
        read = self._once(weigh_step(run, last, self.setting), "weights", last, look)
        return Weighed(*read) if read else None

    def recognised(self, run: ArmRun, last: PlannedStage) -> Recognised | None:
        """Attributes of test tracklets against their annotation; None where an arm or the annotation knows none."""
        raw, steps, device = self.material.raw, self.material.steps, self.material.device
        annotation, labels = self.material.annotation, last.labels
        if not self._asked(run) or labels is None or annotation is None:
            return None

        def look(trained: nn.Module) -> Recognised | None:
            if not isinstance(trained, LearnsAttributes) or not isinstance(trained, FrameThenTime):
                return None
            store = self.material.raw_store("test", last.size, last.crop, last.resize)
            file = stages.frame_features(
                trained, "test", raw, store, last.stage.normalise, steps, device, last.precision
            )
            features = stages.load_features(file)
            return recognise(trained, features, store.offsets, raw, annotation, labels, device)

        read = self._once(recognise_step(run, last, self.setting), "attributes", last, look)
        return Recognised(*read) if read else None

    def _asked(self, run: ArmRun) -> bool:
        """Whether an arm is asked about the raw test half: controls are not, nor who is judged on other data."""
        return not run.control and run.tested_on == RAW

    def _once(
        self, step: Step, name: str, last: PlannedStage, look: Callable[[nn.Module], Answer | None]
    ) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """What a trained network answers, recorded now or before; None where it has no answer."""
        if not self.material.steps.done(step):
            trained = stages.trained_method(
                last, self.material.raw.num_train_ids, self.material.steps, self.material.device
            )
            found = look(trained)
            self._write(step, name, found.record if found else None, found.arrays if found else {})
        return self._read(step, name)

    def restored(self, run: ArmRun, seed: int, tested: PlannedData) -> Restored | None:
        """Repaired test frames against their unoccluded twins; None for raw data, or where truth is unknown.

        Of frames that were left out only the calls can be right or wrong. The oracle is measured beside repairers that
        rest on calls, and not alone: the network that scores would be trained for that only.
        """
        if run.control or tested.repairer is None or tested.repairer.kind == "none":
            return None
        if not has_truth(self.material.raw) or not (tested.scores or self.calls):
            return None
        planned = tested.scores or plan_scores(seed, self.setting)
        step = restore_step(tested, planned, self.setting)
        if not self.material.steps.done(step):
            found = self._restore(seed, tested, planned)
            self._write(step, "repair", found.record, found.arrays)
        read = self._read(step, "repair")
        return Restored(*read) if read else None

    def hidden_by(self, seed: int) -> str | None:
        """What `hidden_shares` rests on, for fingerprints: ``truth``, the region scores' fingerprint, or None."""
        if has_truth(self.material.raw):
            return "truth"
        return plan_scores(seed, self.setting).step.fingerprint if self.calls else None

    def hidden_shares(self, seed: int) -> HiddenShares | None:
        """How much of the person is hidden in each test tracklet.

        By truth where it is known; else by the share of called regions, if the job calls any; else None.
        """
        material = self.material
        if self._shares is None and has_truth(material.raw):
            self._shares = HiddenShares(hidden_shares(material.raw), "truth")
        elif self._shares is None and self.calls:
            planned = plan_scores(seed, self.setting)
            found = called(material.scores("test", planned), material.scorer(planned).region_threshold).mean(axis=1)
            offsets = material.raw_store("test", planned.scorer.size).offsets
            shares = np.add.reduceat(found, offsets[:-1]) / np.diff(offsets)
            self._shares = HiddenShares(shares, "region scores")
        return self._shares

    def _restore(self, seed: int, tested: PlannedData, planned: PlannedScores) -> Restored:
        assert tested.repairer is not None  # raw data are not restored
        material, last = self.material, planned.scorer
        scorer = material.scorer(planned)
        scores = material.scores("test", planned)
        raw = material.raw_store("test", last.size, resize=last.resize)
        device, normalise, precision = material.device, last.stage.normalise, last.precision
        key = planned.step.fingerprint
        if key not in self._references:
            features = None
            if isinstance(scorer, FrameThenTime):  # they were extracted when the arm itself was judged
                file = stages.frame_features(
                    scorer, "test", material.raw, raw, normalise, material.steps, device, precision
                )
                features = stages.load_features(file)
            self._references[key] = restoration.build_reference(
                material.raw, raw, scorer, normalise=normalise, device=device, precision=precision, features=features
            )
        tau = tested.repairer.tau if tested.repairer.tau is not None else scorer.region_threshold
        detection = restoration.detect(material.raw, scores, scorer, tau) if tested.scores else None
        about = {
            "repairer": tested.name,
            "label": tested.repairer.label,
            "options": dict(tested.options),
            "seed": seed,
            "calls": f"regions whose score by {self.setting.scorer} lies below {tau:g}" if tested.scores else None,
        }
        store = material.store("test", last.size, tested, resize=last.resize)
        if isinstance(store, FrameSelection):
            return self._dropped(store, scores, tau, {**about, "detection": detection})
        found = restoration.restore(
            material.raw,
            raw,
            store.flat(),
            self._changes(tested, last.size),
            called(scores, tau) if tested.scores else None,
            scorer,
            self._references[key],
            about=about,
            normalise=normalise,
            device=device,
            precision=precision,
        )
        return Restored({**found.record, "detection": detection}, found.arrays)

    def _dropped(
        self, store: FrameSelection, scores: NDArray[np.float32], tau: float, about: dict[str, Any]
    ) -> Restored:
        """The record of frames that were left out."""
        hit = np.asarray(called(scores, tau).any(axis=1))
        kept = np.zeros(len(hit), dtype=bool)
        kept[store.rows] = True
        owner = np.repeat(np.arange(len(store.base)), store.base.lengths)
        record = {
            **about,
            "frames": 0,
            "tracklets": 0,
            "people": 0,
            "changed": {
                "frames": 0,
                "of_frames": len(hit),
                "pixel_share": 0.0,
                "left_out": int((~kept).sum()),
                "kept_whole": len(np.unique(owner[hit & kept])),
            },
            "measures": None,
            "raw": None,
            "differences": None,
            "pictures": None,
        }
        none = {"person": np.zeros(0, dtype=np.int64), "key": np.zeros(0, dtype=np.str_)}
        return Restored(record, none)

    def _changes(self, tested: PlannedData, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Which pixels a repair changed ``[F, H, W]``, at another size where the network sees one."""
        root = self.material.folder(tested)
        masks = [read_changes(root, t.key)[0] for t in self.material.raw.test]
        rows, columns = (
            ((np.arange(n) + 0.5) * whole / n).astype(np.int64)
            for n, whole in zip(size, masks[0].shape[1:], strict=True)
        )
        return np.concatenate([mask[:, rows[:, None], columns] for mask in masks])

    def _write(self, step: Step, name: str, record: dict[str, Any] | None, arrays: dict[str, NDArray[Any]]) -> None:
        with self.material.steps.running(step) as folder:
            if folder is not None:
                write_json(folder / f"{name}.json", record)
                write_bytes(folder / f"{name}.npz", to_npz(arrays))

    def _read(self, step: Step, name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        folder = self.material.steps.folder(step)
        record = read_json(folder / f"{name}.json")
        if record is None:
            return None
        return record, npy.load_npz(folder / f"{name}.npz", error=RunError, remedy=stages.AGAIN)


@dataclass(frozen=True)
class Kept:
    """A record and its arrays, as a step keeps them."""

    record: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def records_in(folder: Path) -> dict[str, Recorded]:
    """What lies beside the result in a step's folder, by the name of its kind."""
    found: dict[str, Recorded] = {}
    for kind in kinds_of_arms():
        json_name, npz_name = kind.files
        if (folder / json_name).is_file():
            arrays = npy.load_npz(folder / npz_name, error=RunError, remedy=stages.AGAIN)
            found[kind.name] = Kept(read_json(folder / json_name), arrays)
    return found
