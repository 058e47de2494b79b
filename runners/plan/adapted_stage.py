"""A recipe's stage as a job runs it: its length under the budget, and what it begins with under the options."""

from dataclasses import replace

from methods.cards.recipe import PLAIN_STARTS, Length, Stage
from methods.starts.card import StartCard, shipped, start_of_depth
from runners.errors import RunError
from runners.plan.plan_types import ArmRun, JobConfig
from runners.plan.stage_length import length_of


def adapted(stage: Stage, config: JobConfig) -> Stage:
    """A stage of a card with the length and the plain start that the job gives it."""
    other = {"full": None, "quick": stage.quick, "long": stage.long}[config.budget]
    if other is not None:
        stage = replace(stage, length=other)
    if stage.start in PLAIN_STARTS:
        stage = replace(stage, start=_plain_start(stage, config))
    if config.budget == "long" or (config.pretrained == "none" and config.own_start is None):
        stage = replace(stage, frozen="")  # time to train end to end; or random weights, which are no start
    return shortened(replace(stage, quick=None, long=None), config.lengths)


def _plain_start(stage: Stage, config: JobConfig) -> str:
    """What a stage that starts from no other one begins with, under the job's options."""
    if config.own_start is not None:
        return "synthwalk"
    return {"card": stage.start, "none": "scratch"}.get(config.pretrained, config.pretrained)


def starts_for(run: ArmRun, config: JobConfig) -> dict[int, StartCard]:
    """Depth -> starting weights that may fill an arm's trunks: of the depth that its options name, else all there are.

    Raises:
        MethodError: there are none of that depth, or the card of some is wrong.
    """
    own = config.own_start
    known = {own.depth: own} if own else shipped()
    depth = run.arm.settings().get("depth")
    if isinstance(depth, int):
        return {depth: start_of_depth(depth, known)}
    return known


def shortened(stage: Stage, share: float) -> Stage:
    """The stage with this share of its length, of at least 1; milestones stay at their share of it.

    Raises:
        RunError: a share that is not above 0.
    """
    if not share > 0:
        raise RunError(f"a stage cannot last {share} of its length; expected a share above 0.")
    if share == 1:
        return stage
    amount, unit = length_of(stage)
    milestones = sorted({max(1, round(share * each)) for each in stage.schedule.milestones})
    return replace(
        stage,
        length=Length(**{unit: max(1, round(share * amount))}),
        schedule=replace(stage.schedule, milestones=tuple(milestones)),
    )
