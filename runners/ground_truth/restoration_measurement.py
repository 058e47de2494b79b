"""What a repair of the test data restored, measured as a step: once for each version of the data and seed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.frames.subset import FrameSelection
from datasets.repaired.write import read_changes
from methods.interface import FrameThenTime, ScoresRegions
from runners.ground_truth.interface import Measurement, MeasurementInput, has_truth
from runners.ground_truth.restoration import RepairedFrames, Restored, detect, restore
from runners.ground_truth.restoration_frames import embedding_net
from runners.ground_truth.restoration_reference import Reference, build_reference
from runners.plan.code_digest import code_digest
from runners.plan.plan import plan_scores
from runners.plan.plan_types import JobConfig, PlannedData, PlannedScores, readers
from runners.plan.step_store import Step
from runners.training import stage
from runners.training.frame_pass import FramePass

STEP = "restore"
ENTRIES = ("datasets.repaired.masks",)


def restore_step(tested: PlannedData, scores: PlannedScores, config: JobConfig) -> Step:
    """The step that holds repaired frames against the truth, seen by the network that scores regions."""
    inputs = {
        "repaired": tested.fingerprint,
        "scores": scores.step.fingerprint,
        "data": config.data,
        "runtime": dict(config.runtime),
        "code": code_digest(STEP, modules=readers(config)),
    }
    return Step(STEP, tested.name, inputs)


def _scores(given: MeasurementInput) -> PlannedScores:
    return given.tested.scores or plan_scores(given.last.seed, given.config)


def _planned(given: MeasurementInput) -> Step | None:
    """None for raw data, or where truth is unknown.

    Of frames that were left out only the calls can be right or wrong. The oracle is measured beside repairers that
    rest on calls, and not alone: the network that scores would be trained for that only.
    """
    tested = given.tested
    if given.run.control or tested.repairer is None or tested.repairer.kind == "none":
        return None
    if not has_truth(given.data.raw) or not (tested.scores or given.calls):
        return None
    return restore_step(tested, _scores(given), given.config)


def _measure(given: MeasurementInput) -> Restored:
    tested, data, planned = given.tested, given.data, _scores(given)
    assert tested.repairer is not None  # raw data are not restored
    last = planned.scorer
    scorer, scores = data.scorer(planned), data.scores("test", planned)
    tau = tested.repairer.tau if tested.repairer.tau is not None else scorer.region_threshold
    reference = _reference(given, planned, scorer)
    about = {
        "repairer": tested.name,
        "label": tested.repairer.label,
        "options": dict(tested.options),
        "seed": given.last.seed,
        "calls": f"regions whose score by {given.config.scorer} lies below {tau:g}" if tested.scores else None,
    }
    detection = detect(data.raw, scores, scorer, tau) if tested.scores else None
    store = data.store("test", last.size, tested, resize=last.resize)
    if isinstance(store, FrameSelection):
        return _dropped(store, data.calls("test", tested), {**about, "detection": detection})
    calls = data.calls("test", tested) if tested.scores else None
    repaired = RepairedFrames(store.flat(), _changes(given, last.size), calls)
    net = embedding_net(scorer, last.stage.normalise, data.device, last.precision)
    raw = data.raw_store("test", last.size, resize=last.resize)
    found = restore(data.raw, raw, repaired, reference, net, about)
    return Restored({**found.record, "detection": detection}, found.arrays)


def _reference(given: MeasurementInput, planned: PlannedScores, scorer: ScoresRegions) -> Reference:
    """Raw frames and their truth as the scoring network sees them; made once for a job."""
    key = f"{STEP}/{planned.step.fingerprint}"
    if key not in given.kept:
        data, last = given.data, planned.scorer
        raw = data.raw_store("test", last.size, resize=last.resize)
        normalise, device, precision = last.stage.normalise, data.device, last.precision
        features = None
        if isinstance(scorer, FrameThenTime):  # they were extracted when the arm itself was scored
            file = stage.frame_features(scorer, FramePass.of(last, data.raw, "test", raw, device), data.steps)
            features = stage.load_features(file)
        given.kept[key] = build_reference(
            data.raw, raw, scorer, normalise=normalise, device=device, precision=precision, features=features
        )
    found: Reference = given.kept[key]
    return found


def _dropped(store: FrameSelection, calls: NDArray[np.bool_], about: dict[str, Any]) -> Restored:
    """The record of frames that were left out."""
    hit = np.asarray(calls.any(axis=1))
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


def _changes(given: MeasurementInput, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels a repair changed ``[F, H, W]``, at another size where the network sees one."""
    root = given.data.folder(given.tested)
    masks = [read_changes(root, t.key)[0] for t in given.data.raw.test]
    rows, columns = (
        ((np.arange(n) + 0.5) * whole / n).astype(np.int64) for n, whole in zip(size, masks[0].shape[1:], strict=True)
    )
    return np.concatenate([mask[:, rows[:, None], columns] for mask in masks])


MEASUREMENT = Measurement("restoration", _planned, _measure, order=10, once=True)
