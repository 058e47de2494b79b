"""The steps behind training: examine an arm, judge it, hold its masks and its data against the truth."""

from collections.abc import Mapping
from typing import Any

from runners.planned import ArmRun, PlannedData, PlannedScores, PlannedStage, Setting
from runners.sources import code_digest
from runners.steps import Step

_JUDGING_CODE = (
    "datasets/sampling.py",
    "datasets/snippets.py",
    "methods/interface.py",
    "methods/layers",
    "protocols",
    "runners/extraction.py",
    "runners/trunk_frames.py",
    "runners/describing.py",
    "runners/choosing.py",
    "runners/feeding_arms.py",
    "runners/judging_choices.py",
    "runners/descriptors.py",
    "runners/keeping.py",
    "runners/judging.py",
)
_RESTORING_CODE = (
    "methods/layers",
    "datasets/synthwalk/truth.py",
    "protocols/occlusion.py",
    "protocols/restoration.py",
    "protocols/tracklet_means.py",
    "protocols/statistics.py",
    "datasets/decoding.py",
    "datasets/transforms.py",
    *(f"runners/{name}.py" for name in ("restoring", "restoring_frames", "restoring_reference", "restoring_pictures")),
    "runners/against_truth.py",
)

_EXPLAINING_CODE = (
    "methods/interface.py",
    "methods/layers",
    "datasets/snippets.py",
    "protocols/masks.py",
    "protocols/tracklet_means.py",
    "protocols/statistics.py",
    *(f"runners/{name}.py" for name in ("explaining", "overlays")),
)

_RECOGNISING_CODE = ("methods/interface.py", "methods/layers", "runners/recognising.py")
_WEIGHING_CODE = (
    "methods/interface.py",
    "methods/layers",
    "datasets/snippets.py",
    "datasets/synthwalk/truth.py",
    "protocols/frame_weights.py",
    "protocols/tracklet_means.py",
    "protocols/statistics.py",
    *(f"runners/{name}.py" for name in ("weighing", "describing", "overlays")),
)


def judge_step(
    run: ArmRun, last: PlannedStage, tested: PlannedData, protocol: Mapping[str, Any], setting: Setting
) -> Step:
    """The step that turns weights, and the data to judge them on, into a recorded result."""
    inputs = {
        "weights": last.step.fingerprint,
        "paper": setting.card.key,
        "arm": run.name,
        "label": run.label,
        "control": run.control,
        "protocol": dict(protocol),
        "data": tested.fingerprint,
        "raw": setting.data,
        "annotation": setting.annotation.fingerprint if setting.annotation else None,
        "profile": setting.profile,
        "budget": setting.budget,
        "runtime": dict(setting.runtime),
        "code": code_digest(*_JUDGING_CODE, run.arm.folder),
    }
    return Step("judge", f"{run.text} seed {last.seed}", inputs)


def explain_step(run: ArmRun, last: PlannedStage, setting: Setting) -> Step:
    """The step that holds an arm's masks against the truth of the test half."""
    return _of_weights("explain", run, last, setting, _EXPLAINING_CODE)


def weigh_step(run: ArmRun, last: PlannedStage, setting: Setting) -> Step:
    """The step that holds an arm's weights of frames against how much of the person they show."""
    return _of_weights("weigh", run, last, setting, _WEIGHING_CODE)


def recognise_step(run: ArmRun, last: PlannedStage, setting: Setting) -> Step:
    """The step that holds the attributes an arm recognises against the annotation of the test half."""
    known = setting.annotation.fingerprint if setting.annotation else None
    return _of_weights("recognise", run, last, setting, _RECOGNISING_CODE, annotation=known)


def _of_weights(
    kind: str, run: ArmRun, last: PlannedStage, setting: Setting, code: tuple[str, ...], **more: str | None
) -> Step:
    """A step that asks a trained network something about the raw test half."""
    inputs = {
        "weights": last.step.fingerprint,
        "data": setting.data,
        **more,
        "runtime": dict(setting.runtime),
        "code": code_digest(*code, run.arm.folder),
    }
    return Step(kind, f"{run.text} seed {last.seed}", inputs)


def restore_step(tested: PlannedData, scores: PlannedScores, setting: Setting) -> Step:
    """The step that holds repaired frames against the truth, seen by the network that scores regions."""
    inputs = {
        "repaired": tested.fingerprint,
        "scores": scores.step.fingerprint,
        "data": setting.data,
        "runtime": dict(setting.runtime),
        "code": code_digest(*_RESTORING_CODE),
    }
    return Step("restore", tested.name, inputs)


def examine_step(run: ArmRun, size: tuple[int, int], protocol: Mapping[str, Any], setting: Setting) -> Step:
    """The step that asks whether a protocol admits an arm and what it costs; weights do not matter to either."""
    inputs = {
        "method": run.arm.method,
        "settings": run.arm.settings(),
        "ids": setting.num_ids,
        "size": list(size),
        "protocol": dict(protocol),
        "runtime": dict(setting.runtime),
        "code": code_digest("methods/layers", run.arm.folder, "protocols"),
    }
    return Step("examine", run.arm.text, inputs)
