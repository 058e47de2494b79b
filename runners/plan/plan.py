"""From arms and recipes to steps with fingerprints, before anything is run.

Everything that decides an outcome enters its step's inputs here: data, seed, options, recipe, code, runtime, and the
fingerprint of the stage that it starts from. Repaired data are part of the plan: what they are called follows from the
repairer, its weights and the region scores, before anything is painted.
"""

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import methods
from datasets import repaired
from datasets.repaired.write import fingerprint_of
from methods.arms import Arm
from methods.cards.card import ANNOTATED, SERVING, Card
from methods.cards.recipe import Recipe, Stage
from protocols.vocabulary import Control
from reports.schema.vocabulary import RAW
from runners.errors import RunError
from runners.plan.adapted_stage import adapted, starts_for
from runners.plan.code_digest import code_digest
from runners.plan.data_names import parse_repairer
from runners.plan.environment import choose_precision
from runners.plan.plan_types import (
    Annotated,
    ArmRun,
    JobConfig,
    PlannedData,
    PlannedLabels,
    PlannedScores,
    PlannedStage,
    readers,
    seed_words,
    training_seed,
)
from runners.plan.step_store import Step


def recipe_of(run: ArmRun, config: JobConfig) -> Recipe:
    """The recipe of an arm under the job's profile."""
    return card_of(run, config).recipe(run.arm.recipe, config.profile)


def card_of(run: ArmRun, config: JobConfig) -> Card:
    """The card that an arm is from: the job's, or that of the paper it is borrowed from."""
    return config.card if run.arm.paper == config.card.key else methods.paper(run.arm.paper)


def plan_stages(run: ArmRun, seed: int, config: JobConfig, head_seed: int = 0) -> list[PlannedStage]:
    """All stages that an arm needs, its borrowed ones included, in the order of training.

    Args:
        run: the arm.
        seed: of its trunk.
        config: of the job.
        head_seed: of its own head stages; what it starts from is that of head seed 0, for all of its heads.

    Raises:
        RunError: a stage starts from an arm of another image size, or a further head of an arm without head stages.
    """
    if head_seed and not has_head(run, config):
        raise RunError(f"{run.text} has no head stage, so there is one training of it for each seed; take head seed 0.")
    return _plan(run, seed, config, head_seed).chain()


def has_head(run: ArmRun, config: JobConfig) -> bool:
    """Whether an arm's own recipe has a stage that is trained anew for each head seed on the same trunk."""
    return recipe_of(run, config).has_head


def with_attribute_groups(run: ArmRun, config: JobConfig) -> ArmRun:
    """The same, its network built for the attributes that there are to learn; itself if it learns none.

    Raises:
        RunError: it learns attributes, and nothing labels them.
    """
    if not learns_attributes(run.arm):
        return run
    groups = _annotation_of(run, config).groups
    return replace(run, arm=run.arm.with_groups(tuple(len(group.columns) for group in groups)))


def learns_attributes(arm: Arm) -> bool:
    """Whether the arm's network recognises attributes (`methods.interface.LearnsAttributes`), told by its option."""
    return "groups" in arm.settings()


def labelled_by(run: ArmRun, config: JobConfig) -> Arm | None:
    """The arm that labels people for this one; None where a person did, or where it learns no attributes."""
    if not learns_attributes(run.arm) or run.label_source == ANNOTATED or run.arm.role == "labeller":
        return None
    return methods.arm(run.label_source, card_of(run, config))


def _annotation_of(run: ArmRun, config: JobConfig) -> Annotated:
    """The annotation that an arm's attributes are named by."""
    if run.arm.role == "labeller" or labelled_by(run, config):
        if config.source is None:
            raise RunError(
                f"{run.text} learns attributes from a source where they are annotated, and there is none: name one "
                "with --source (a RAP folder, or a rendered SynthWalk), or leave the arm out."
            )
        return config.source
    if config.annotation is None:
        raise RunError(
            f"{run.text} learns attributes, but nothing tells those of this data set: name a file with --attributes "
            "(MARS-Attribute, a CSV of your own, or one that `python -m runners.attributes transfer` wrote)."
        )
    return config.annotation


def plan_labels(run: ArmRun, seed: int, config: JobConfig) -> PlannedLabels | None:
    """Where an arm's attribute labels come from; None for one that learns none.

    Raises:
        RunError: nothing labels them.
    """
    if not learns_attributes(run.arm):
        return None
    label_source = _annotation_of(run, config)
    arm = labelled_by(run, config)
    if arm is None:
        name = "source" if run.arm.role == "labeller" else ANNOTATED
        return PlannedLabels(name, label_source.fingerprint, label_source.groups)
    return labels_of(arm, seed, config)


def labels_of(arm: Arm, seed: int, config: JobConfig) -> PlannedLabels:
    """The labels that a labelling arm gives the people of the job's training half.

    Raises:
        RunError: there is no source to learn from.
    """
    last = _plan(ArmRun(arm), seed, config)
    assert last.labels is not None  # a labeller learns attributes, or its card is refused
    inputs = {
        "weights": last.step.fingerprint,
        "data": config.data,
        "crop": last.crop,
        "runtime": dict(config.runtime),
        "code": code_digest("labels", arm=arm.folder, modules=readers(config, "both")),
    }
    step = Step("labels", f"labels by {arm.text} seed {seed}", inputs)
    return PlannedLabels(arm.text, step.fingerprint, last.labels.groups, last, step)


def _plan(run: ArmRun, seed: int, config: JobConfig, head_seed: int = 0) -> PlannedStage:
    run = with_attribute_groups(run, config)
    recipe = recipe_of(run, config)
    labels = plan_labels(run, seed, config)
    size = config.size or (recipe.size[0], recipe.size[1])
    data = plan_data(card_of(run, config), run.trained_on, seed, config)
    planned: dict[str, PlannedStage] = {}
    last: PlannedStage | None = None
    for stage in recipe.stages:
        kind, _, name = stage.start.partition(":")
        start: PlannedStage | None = None
        if kind == "stage":
            start = planned[name]
        elif kind == "arm":
            beginner = methods.arm(name, card_of(run, config))
            other = ArmRun(beginner, train_on=run.trained_on, attributes=run.label_source)
            start = _plan(other, seed, config)
            if start.size != size and run.arm.role != "repairer":  # it holds the network of another size whole
                raise RunError(f"{run.text} trains at {size} but starts from {name}, which trains at {start.size}.")
        head = head_seed if stage.head else 0
        last = _stage(run, adapted(stage, config), seed, head, size, start, data, labels, recipe, config)
        planned[stage.name] = last
    assert last is not None  # a recipe without stages is refused when its card is read
    return last


def _stage(
    run: ArmRun,
    stage: Stage,
    seed: int,
    head_seed: int,
    size: tuple[int, int],
    start: PlannedStage | None,
    data: PlannedData,
    labels: PlannedLabels | None,
    recipe: Recipe,
    config: JobConfig,
) -> PlannedStage:
    control = _control_in(run, stage)
    precision = choose_precision(config.precision or recipe.precision, config.device)
    scores = plan_scores(seed, config) if stage.seen == "unoccluded" else None
    starts = starts_for(run, config) if stage.start == "synthwalk" else {}
    inputs = {
        "stage": {name: value for name, value in dataclasses.asdict(stage).items() if name not in ("head", "long")},
        "method": run.arm.method,
        "settings": run.arm.settings(),
        "control": control,
        "ids": config.num_ids,
        "start": start.step.fingerprint if start else stage.start,
        **({"weights": {str(depth): card.sha256 for depth, card in starts.items()}} if starts else {}),
        "data": data.fingerprint if stage.domain != "source" else None,
        "source": config.source.data if config.source and stage.domain != "target" else None,
        "labels": labels.fingerprint if labels else None,
        "scores": scores.step.fingerprint if scores else None,
        "size": list(size),
        "resize": recipe.resize,
        "seed": seed,
        "precision": precision,
        "runtime": dict(config.runtime),
        "code": code_digest("stage", arm=run.arm.folder, modules=readers(config, stage.domain)),
        **({"head_seed": head_seed, "drawn_by": training_seed(seed, head_seed)} if head_seed else {}),
    }
    text = run.arm.text + (f"+{control}" if control else "") + (f" on {data.name}" if data.repairer else "")
    step = Step("stage", f"{text} {stage.name} {seed_words(seed, head_seed)}", inputs)
    changed = replace(run, control=control)
    return PlannedStage(
        changed, stage, seed, size, precision, start, data, scores, labels, recipe.test_crop, recipe.resize, step,
        starts, head_seed,
    )  # fmt: skip


def plan_scores(seed: int, config: JobConfig) -> PlannedScores:
    """The region scores that a job's calls rest on: of the scoring arm, trained on the raw data with the run's seed."""
    run = ArmRun(_scoring_arm(config))
    last = _plan(run, seed, config)
    inputs = {
        "weights": last.step.fingerprint,
        "data": config.data,
        "size": list(last.size),
        "resize": last.resize,
        "precision": last.precision,
        "runtime": dict(config.runtime),
        "code": code_digest("regions", arm=run.arm.folder, modules=readers(config)),
    }
    return PlannedScores(last, Step("regions", f"region scores of {config.scorer} seed {seed}", inputs))


def plan_data(card: Card, name: str, seed: int, config: JobConfig) -> PlannedData:
    """What a name of data stands for in a job.

    Args:
        card: looked into for repairing arms.
        name: ``raw`` or a repairer.
        seed: of the run: a repairer that learns, and the region scores, take the same.
        config: of the job.

    Raises:
        RunError: no such repairer.
    """
    if name == RAW:
        return PlannedData(RAW, config.data)
    repairer = parse_repairer(name, card)
    scores = plan_scores(seed, config) if repairer.needs_calls else None
    painter = _plan(ArmRun(repairer.arm), seed, config) if repairer.arm else None
    options: dict[str, Any] = dict(repaired.options(repairer.kind))
    code = code_digest("repaired", arm=painter.run.arm.folder if painter else None, modules=readers(config))
    if painter:
        options = {
            "weights": painter.step.fingerprint,
            "size": list(painter.size),
            "precision": painter.precision,
            "runtime": dict(config.runtime),
        }
    calls: dict[str, Any] = {"code": code}
    if scores:
        tau = repairer.tau if repairer.tau is not None else f"the own of {config.scorer}"
        calls |= {"scorer": config.scorer, "scores": scores.step.fingerprint, "tau": tau}
    made = fingerprint_of(config.data, repairer.kind, options, calls)
    return PlannedData(name, made, repairer, painter, scores, calls, options)


def _scoring_arm(config: JobConfig) -> Arm:
    paper, _, name = config.scorer.rpartition("/")
    own = paper == config.card.key  # which may be a folder outside this repository
    arm = methods.arm(name, config.card) if own else methods.arm(config.scorer)
    if arm.role in SERVING or arm.train_on not in ("", RAW):
        raise RunError(
            f"--scorer {config.scorer}: this arm rests on calls itself, so it scores no regions; name one that learns "
            "from raw data, such as vrstc/baseline."
        )
    return arm


def _control_in(run: ArmRun, stage: Stage) -> Control | None:
    """The control as far as it changes this stage, so that an arm and its controls share what they can."""
    if run.control == "mlp":
        return "mlp"
    if run.control == "shuffled" and stage.data == "clips":
        return "shuffled"
    return None


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
