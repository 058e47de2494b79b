"""One claim of a paper with its four columns, and the sentence that puts them together."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from protocols.vocabulary import Gain, Mechanism
from reports.ledger.columns.cause import CauseAnswer
from reports.ledger.columns.headroom import Headroom
from reports.ledger.columns.power import NOTHING_MEASURED, Power
from reports.ledger.difference import Difference


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim with what was found; ``words`` says it in plain English.

    Attributes:
        difference: arm minus opponent; ``None`` where nothing was measured.
        gain: from the interval of that difference alone.
        gain_why: why it is undecided, where that is not the interval.
        p_holm: p of the difference (of a claim of equality: that it is none) after Holm's correction over the page.
        gain_holm: from the interval at Holm's level.
        causes: what the gain comes from, one answer a control; none of claims of equality and about masks.
        headroom: what a perfect version of the mechanism gains.
        power: what could have been found.
        mechanism: what the card says that the gain comes from.
        unit: of its differences: ``points`` (of percent), or a mask's ``AUC``, ``IoU``, ``share of the mask``,
            ``density``; only differences of one unit can be drawn on one scale.
        within: of a claim of equality: the points that still count as no difference; else 0.
    """

    id: str
    text: str
    arm: str
    arm_label: str
    against: str
    against_label: str
    metric: str
    protocol: str
    source: str
    temporal: bool
    published: tuple[dict[str, Any], ...]
    mechanism: tuple[Mechanism, ...]
    metric_label: str
    words: str
    difference: Difference | None = None
    gain: Gain = "undecided"
    gain_why: str = ""
    p_holm: float | None = None
    gain_holm: Gain = "undecided"
    causes: tuple[CauseAnswer, ...] = ()
    headroom: tuple[Headroom, ...] = ()
    power: Power = NOTHING_MEASURED
    unit: str = "points"
    within: float = 0.0

    def differences(self) -> Iterator[tuple[str, str, Difference]]:
        """Every difference that was measured, with its role and the answer that it gave: the claim's own first.

        Roles are ``gain``, the name of a cause, and ``headroom``, which has no answer.
        """
        if self.difference is not None:
            yield "gain", self.gain, self.difference
        for cause in self.causes:
            if cause.difference is not None:
                yield cause.name, cause.answer, cause.difference
        for one in self.headroom:
            if one.difference is not None:
                yield "headroom", "", one.difference

    def as_dict(self) -> dict[str, Any]:
        """Plain data; what an interval says by itself is left to the four columns."""
        plain = asdict(self)
        for one in (plain, *plain["causes"], *plain["headroom"]):
            if one["difference"] is not None:
                del one["difference"]["verdict"]
        return plain
