"""From arms and recipes to steps with fingerprints, before anything is run.

Everything that decides an outcome enters its step's inputs here: data, seed, options, recipe, code, runtime, and the
fingerprint of the stage that it starts from.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import methods
from methods.arms import Arm
from methods.card import Card
from methods.recipe import Length, Recipe, Stage
from runners.environment import choose_precision
from runners.errors import RunError
from runners.sources import code_digest
from runners.steps import Step

Control = Literal["shuffled", "mlp", "uniform"]
Budget = Literal["full", "quick"]
Start = Literal["card", "imagenet", "none"]

# What decides how a stage trains, besides the method's own folder.
_TRAINING_CODE = (
    "methods/interface.py",
    "methods/layers",
    *(f"datasets/{name}.py" for name in ("sampling", "batches", "randomness", "transforms", "decoding", "store")),
    *(f"runners/{name}.py" for name in ("training", "feeding", "optimisation", "stages", "extraction")),
)
_JUDGING_CODE = (
    "methods/interface.py",
    "methods/layers",
    "protocols",
    "runners/extraction.py",
    "runners/describing.py",
    "runners/judging.py",
)

_EXPLAINING_CODE = (
    "methods/interface.py",
    "methods/layers",
    "datasets/snippets.py",
    "protocols/masks.py",
    "protocols/statistics.py",
    *(f"runners/{name}.py" for name in ("explaining", "overlays")),
)


@dataclass(frozen=True)
class Setting:
    """What all arms of one job share.

    Attributes:
        card: the paper's card.
        profile: ``embedded`` or ``paper``.
        budget: ``full``, or ``quick`` for the short lengths of the recipes.
        pretrained: ``card`` follows the recipe; ``imagenet`` and ``none`` replace what it starts from.
        size: (height, width), or None for the recipe's.
        num_ids: training identities.
        data: fingerprint of the data set.
        device: such as ``cpu``.
        runtime: see `runners.environment.runtime`.
    """

    card: Card
    profile: str
    budget: Budget
    pretrained: Start
    size: tuple[int, int] | None
    num_ids: int
    data: str
    device: str
    runtime: Mapping[str, Any]


@dataclass(frozen=True)
class ArmRun:
    """An arm, or one of its controls.

    Attributes:
        arm: what is trained.
        control: what is taken away from it, or None.
    """

    arm: Arm
    control: Control | None = None

    @property
    def text(self) -> str:
        """Unique name in tables and records: ``gltr`` or ``gltr+shuffled``."""
        return self.arm.text + (f"+{self.control}" if self.control else "")


@dataclass(frozen=True)
class PlannedStage:
    """One stage of one arm with one seed.

    Attributes:
        run: whose network it trains.
        stage: with the length that the budget gives it.
        seed: of the run.
        size: (height, width).
        precision: resolved.
        start: the planned stage whose weights it starts from; None for scratch and ImageNet.
        step: its fingerprint and inputs.
    """

    run: ArmRun
    stage: Stage
    seed: int
    size: tuple[int, int]
    precision: Literal["fp32", "bf16"]
    start: "PlannedStage | None"
    step: Step

    def chain(self) -> "list[PlannedStage]":
        """All stages up to this one, first to last."""
        return [*(self.start.chain() if self.start else []), self]


def recipe_of(run: ArmRun, setting: Setting) -> Recipe:
    """The recipe of an arm under the setting's profile."""
    card = setting.card if run.arm.paper == setting.card.key else methods.paper(run.arm.paper)
    return card.recipe(run.arm.recipe, setting.profile)


def plan_stages(run: ArmRun, seed: int, setting: Setting) -> list[PlannedStage]:
    """All stages that an arm needs, its borrowed ones included, in the order of training.

    Raises:
        RunError: a stage starts from an arm of another image size.
    """
    return _plan(run, seed, setting).chain()


def _plan(run: ArmRun, seed: int, setting: Setting) -> PlannedStage:
    recipe = recipe_of(run, setting)
    size = setting.size or (recipe.size[0], recipe.size[1])
    planned: dict[str, PlannedStage] = {}
    last: PlannedStage | None = None
    for stage in recipe.stages:
        kind, _, name = stage.start.partition(":")
        start: PlannedStage | None = None
        if kind == "stage":
            start = planned[name]
        elif kind == "arm":
            other = ArmRun(methods.arm(name, setting.card))
            start = _plan(other, seed, setting)
            if start.size != size:
                raise RunError(f"{run.text} trains at {size} but starts from {name}, which trains at {start.size}.")
        last = _stage(run, _adapted(stage, setting), seed, size, start, setting)
        planned[stage.name] = last
    assert last is not None  # a recipe without stages is refused when its card is read
    return last


def _adapted(stage: Stage, setting: Setting) -> Stage:
    if setting.budget == "quick" and stage.quick is not None:
        stage = replace(stage, length=stage.quick)
    if setting.pretrained != "card" and stage.start in ("scratch", "imagenet"):
        stage = replace(stage, start="imagenet" if setting.pretrained == "imagenet" else "scratch")
    return replace(stage, quick=None)


def _stage(
    run: ArmRun,
    stage: Stage,
    seed: int,
    size: tuple[int, int],
    start: PlannedStage | None,
    setting: Setting,
) -> PlannedStage:
    control = _control_in(run, stage)
    precision = choose_precision(stage.precision, setting.device)
    inputs = {
        "stage": dataclasses.asdict(stage),
        "method": run.arm.method,
        "settings": run.arm.settings(),
        "control": control,
        "ids": setting.num_ids,
        "start": start.step.fingerprint if start else stage.start,
        "data": setting.data,
        "size": list(size),
        "seed": seed,
        "precision": precision,
        "runtime": dict(setting.runtime),
        "code": code_digest(*_TRAINING_CODE, run.arm.folder),
    }
    text = run.arm.text + (f"+{control}" if control else "")
    step = Step("stage", f"{text} {stage.name} seed {seed}", inputs)
    return PlannedStage(replace(run, control=control), stage, seed, size, precision, start, step)


def _control_in(run: ArmRun, stage: Stage) -> Control | None:
    """The control as far as it changes this stage, so that an arm and its controls share what they can."""
    if run.control == "mlp":
        return "mlp"
    if run.control == "shuffled" and stage.data == "clips":
        return "shuffled"
    return None


def judge_step(run: ArmRun, last: PlannedStage, protocol: Mapping[str, Any], setting: Setting) -> Step:
    """The step that turns weights into a recorded result."""
    inputs = {
        "weights": last.step.fingerprint,
        "paper": setting.card.key,
        "arm": run.arm.text,
        "label": run.arm.label,
        "control": run.control,
        "protocol": dict(protocol),
        "data": setting.data,
        "profile": setting.profile,
        "budget": setting.budget,
        "runtime": dict(setting.runtime),
        "code": code_digest(*_JUDGING_CODE, run.arm.folder),
    }
    return Step("judge", f"{run.text} seed {last.seed}", inputs)


def explain_step(run: ArmRun, last: PlannedStage, setting: Setting) -> Step:
    """The step that holds an arm's masks against the truth of the test half."""
    inputs = {
        "weights": last.step.fingerprint,
        "data": setting.data,
        "runtime": dict(setting.runtime),
        "code": code_digest(*_EXPLAINING_CODE, run.arm.folder),
    }
    return Step("explain", f"{run.text} seed {last.seed}", inputs)


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


def controls_for(arm: Arm, wanted: str) -> tuple[Control, ...]:
    """Controls that apply to an arm: all to one that claims to use time, uniform weights to any that attends.

    Args:
        arm: whose.
        wanted: ``all`` that apply; ``default``: all for the proposed arm, and shuffled time for others that claim to
            use time; ``none``.

    Raises:
        RunError: an unknown word.
    """
    if wanted not in ("none", "default", "all"):
        raise RunError(f"--controls {wanted}: expected none, default or all.")
    if wanted == "none":
        return ()
    if wanted == "default" and arm.role != "proposed":
        return ("shuffled",) if arm.temporal else ()
    return tuple(c for c in get_args(Control) if (arm.attention if c == "uniform" else arm.temporal))


def length_of(stage: Stage) -> tuple[int, str]:
    """Amount and unit of a stage's length."""
    length: Length = stage.length
    for unit in ("frames", "epochs", "steps"):
        if getattr(length, unit):
            return int(getattr(length, unit)), unit
    raise RunError(f"the stage {stage.name} has no length; give frames, epochs or steps in its recipe.")


def folder_of_work(path: str) -> Path:
    """The working folder, made if absent and checked to be writable.

    Raises:
        RunError: it cannot be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}); name another folder.") from error
    return folder
