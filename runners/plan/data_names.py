"""What stands for a version of the data: ``raw``, ``oracle``, ``drop[tau=0.91]``, or an arm that repairs."""

import re
from dataclasses import dataclass

import methods
from datasets import repaired
from methods.arms import Arm
from methods.cards.card import Card
from methods.errors import MethodError, unknown
from reports.schema.vocabulary import ORACLE
from runners.errors import RunError

NEEDS_NO_CALLS = ("none", ORACLE)
_TEXT = re.compile(r"(?P<name>[^\[\]=,]+)(\[tau=(?P<tau>[^\[\]=,]+)\])?")


@dataclass(frozen=True)
class RepairerText:
    """A repairer as it was written.

    Attributes:
        text: canonical.
        kind: name of a repairer without learning, or of the arm that repairs.
        tau: a region is called occluded below this score; None for the scoring network's own.
        arm: the arm that repairs, or None.
    """

    text: str
    kind: str
    tau: float | None = None
    arm: Arm | None = None

    @property
    def needs_calls(self) -> bool:
        """Whether somebody must say first what is occluded."""
        return self.kind not in NEEDS_NO_CALLS

    @property
    def label(self) -> str:
        """For tables."""
        return self.arm.label if self.arm else self.text


def parse_repairer(text: str, card: Card) -> RepairerText:
    """Read a repairer.

    Args:
        text: a repairer without learning, with ``[tau=...]`` if its calls are to be made at another threshold; or an
            arm of role ``repairer``, of ``card`` or with its paper in front.
        card: the paper whose arms are looked into first.

    Raises:
        RunError: no such repairer, an arm of another role, or a threshold that is no score.
    """
    known = repaired.names()
    match = _TEXT.fullmatch(text.strip())
    if match and match["name"].strip() in known:
        name = match["name"].strip()
        tau = _threshold(match["tau"], text) if match["tau"] else None
        if tau is not None and name in NEEDS_NO_CALLS:
            raise RunError(f"{text}: {name} calls no regions, so it has no tau; leave it out.")
        return RepairerText(name + (f"[tau={tau:g}]" if tau is not None else ""), name, tau)
    try:
        arm = methods.arm(text, card if "/" not in text else None)
    except MethodError as error:
        painters = [name for name, one in card.arms.items() if one.role == "repairer"]
        hint = unknown("repairer", text, [*known, *painters])
        raise RunError(f"{hint}; or write an arm that repairs, such as vrstc/stcnet-gen ({error})") from None
    if arm.role != "repairer":
        raise RunError(f"{text} is an arm that is scored, not one that repairs; see --list for those of role repairer.")
    return RepairerText(text, arm.text, None, arm)


def _threshold(text: str, whole: str) -> float:
    try:
        tau = float(text)
    except ValueError:
        tau = 2.0
    if not -1 <= tau <= 1:
        raise RunError(f"{whole}: tau is a cosine, a number from -1 to 1, not {text!r}.")
    return tau
