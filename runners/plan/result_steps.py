"""The steps behind training: examine an arm, score it, hold its masks and its data against the truth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import protocols
from protocols.vocabulary import UNTRAINED_CONTROLS
from runners.plan.code_digest import code_digest
from runners.plan.plan_types import ArmRun, JobConfig, PlannedData, PlannedStage, readers
from runners.plan.step_store import Step


def score_step(
    run: ArmRun,
    last: PlannedStage,
    tested: PlannedData,
    protocol: Mapping[str, Any],
    config: JobConfig,
    hidden: str | None = None,
) -> Step:
    """The step that turns weights, and the data to score them on, into a recorded result.

    Args:
        run: what is scored.
        last: its last stage.
        tested: the data it is scored on.
        protocol: its record.
        config: of the job.
        hidden: what says how much of each query is hidden, see
            `runners.pipeline.ground_truth.GroundTruthChecks.hidden_by`.
    """
    inputs = {
        "weights": last.step.fingerprint,
        "paper": config.card.key,
        "arm": run.name,
        "label": run.label,
        "control": run.control,
        "protocol": dict(protocol),
        "data": tested.fingerprint,
        "raw": config.data,
        "annotation": config.annotation.fingerprint if config.annotation else None,
        "crop": last.crop,
        "hidden": hidden,
        "profile": config.profile,
        "budget": config.budget,
        "runtime": dict(config.runtime),
        "code": score_code(protocol, config, run.arm.folder),
    }
    if run.control in UNTRAINED_CONTROLS:
        inputs["rule"] = code_digest(run.control, arm=run.arm.folder, modules=readers(config))  # its constants too
    return Step("judge", f"{run.text} {last.seed_words}", inputs)


def colour_step(size: tuple[int, int], seed: int, protocol: Mapping[str, Any], config: JobConfig) -> Step:
    """The step of the sanity row: what the colour of clothes alone gets.

    Args:
        size: (height, width).
        seed: of the job.
        protocol: its record.
        config: of the job.
    """
    inputs = {
        "control": "colour",
        "paper": config.card.key,
        "protocol": dict(protocol),
        "data": config.data,
        "profile": config.profile,
        "budget": config.budget,
        "size": list(size),
        "seed": seed,
        "decoder": config.runtime.get("decoder"),
        "code": score_code(protocol, config),
    }
    return Step("judge", "colour", inputs)


def score_code(protocol: Mapping[str, Any], config: JobConfig, arm: Path | None = None) -> str:
    """Digest of the code that scores an arm, or what needs no network."""
    return code_digest("judge", arm=arm, modules=(*readers(config), *_protocol(protocol)))


def weights_step(kind: str, run: ArmRun, last: PlannedStage, config: JobConfig, **more: str | float | None) -> Step:
    """A step that asks a trained network something about the raw test half.

    Args:
        kind: of `runners.plan.code_digest.kinds`.
        run: whose network it is.
        last: its last stage.
        config: of the job.
        more: other inputs that decide the answer.
    """
    inputs = {
        "weights": last.step.fingerprint,
        "data": config.data,
        **more,
        "runtime": dict(config.runtime),
        "code": code_digest(kind, arm=run.arm.folder, modules=readers(config)),
    }
    return Step(kind, f"{run.text} seed {last.seed}", inputs)


def examine_step(
    run: ArmRun, size: tuple[int, int], protocol: Mapping[str, Any], config: JobConfig, measured: Mapping[str, Any]
) -> Step:
    """The step that asks whether a protocol admits an arm and what it costs; weights do not matter to either.

    Args:
        run: whose arm is examined.
        size: (height, width).
        protocol: its record.
        config: of the job.
        measured: what cost is measured on, and for how long.
    """
    inputs = {
        "method": run.arm.method,
        "settings": run.arm.settings(),
        "ids": config.num_ids,
        "size": list(size),
        "protocol": dict(protocol),
        "measured": dict(measured),
        "runtime": dict(config.runtime),
        "code": code_digest("examine", arm=run.arm.folder, modules=_protocol(protocol)),
    }
    return Step("examine", run.arm.text, inputs)


def _protocol(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The file of a protocol, which says more than its record: which arms it admits, whether it repairs."""
    return (protocols.module_of(told["name"]),) if told["name"] in protocols.names() else ()
