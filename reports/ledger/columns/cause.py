"""Second column: does the gain come from what the paper says it comes from? One answer a control."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from protocols.vocabulary import Cause, CauseControl, Gain
from reports.ledger.columns.gain import FEWEST_SEEDS, OF_VERDICT, ONE_SEED
from reports.ledger.difference import Difference, compare
from reports.store.arm import Group
from reports.store.job import Job

CauseName = Literal["order", "capacity", "weights"]
CAUSE_NAMES: tuple[CauseName, ...] = get_args(CauseName)
CONTROL_OF: dict[CauseName, CauseControl] = {"order": "shuffled", "capacity": "mlp", "weights": "uniform"}
ABOUT_TIME: tuple[CauseName, ...] = ("order", "capacity")
"""What a claim about time has to answer."""

ASKED: dict[CauseName, str] = {
    "order": "shuffled frames",
    "capacity": "a per-frame MLP of equal size",
    "weights": "uniform weights or masks",
}
RULE = (
    "A cause is supported when the arm beats the control that lacks it, by the same rule; it does not change the gain. "
    "An arm whose descriptor stays the same when its frames are permuted is not asked about order."
)
NOT_RUN: Literal["not run"] = "not run"
OF_GAIN: dict[Gain, Cause] = {
    "reproduced": "supported",
    "not reproduced": "not supported",
    "undecided": "undecided",
}


@dataclass(frozen=True, slots=True)
class CauseAnswer:
    """Whether the gain comes from one thing.

    Attributes:
        name: of what.
        control: the arm without it.
        answer: of arm minus control; ``not run`` where a claim about time has no such control.
        difference: arm minus control, where it was run.
        why: what the answer rests on, where it is not the difference.
    """

    name: CauseName
    control: CauseControl
    answer: Cause | Literal["not run"]
    difference: Difference | None = None
    why: str = ""


def causes(job: Job, arm: str, metric: str, temporal: bool, margin: float | None) -> tuple[CauseAnswer, ...]:
    """One answer for each recorded control of an arm, and for those that a claim about time lacks.

    Args:
        job: what was recorded.
        arm: the name of one of its arms.
        metric: of the claim.
        temporal: whether the claim is about time.
        margin: published, in points.
    """
    controls = {group.control: group for group in job.controls_of(arm) if group.scored_on(metric)}
    found = []
    for name in CAUSE_NAMES:
        control = CONTROL_OF[name]
        answer = _answer(name, control, job.by_name[arm], controls.get(control), metric, margin)
        if answer.answer != NOT_RUN or (temporal and name in ABOUT_TIME):
            found.append(answer)
    return tuple(found)


def permutation_change(arm: Group) -> tuple[bool, float] | None:
    """Whether an arm is blind to the order of frames, and the largest change of its descriptor under permutation.

    ``None`` where a run does not say, as those of earlier versions.
    """
    parts = [part.result for run in arm.runs for part in run.parts]
    if not all("order_blind" in one for one in parts):
        return None
    return all(one["order_blind"] for one in parts), max(float(one["permutation_change"]) for one in parts)


def _answer(
    name: CauseName, control: CauseControl, arm: Group, other: Group | None, metric: str, margin: float | None
) -> CauseAnswer:
    difference = compare(arm, other, metric, margin) if other else None
    measured = permutation_change(arm) if name == "order" else None
    if measured and measured[0]:
        why = f"its descriptor does not change when frames are permuted (measured, {measured[1]:.0e})"
        return CauseAnswer(name, control, "cannot apply", difference, why)
    if difference is None:
        return CauseAnswer(name, control, NOT_RUN, None, f"its control with {ASKED[name]} was not run")
    answer = CauseAnswer(name, control, OF_GAIN[OF_VERDICT[difference.verdict]], difference)
    if difference.low == difference.high == 0:
        return replace(answer, why="the two score the same")
    return answer if len(difference.seeds) >= FEWEST_SEEDS else replace(answer, answer="undecided", why=ONE_SEED)
