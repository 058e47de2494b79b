"""The time plan of the evidence: what each part may take so that the whole ends in time, whatever happens."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Clock = Callable[[], float]
SHORTEST = 5.0  # seconds; a part that would get less is left out


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the evidence.

    Attributes:
        name: of the part.
        seconds: that are kept for it.
    """

    name: str
    seconds: float


@dataclass
class TimePlan:
    """Hands time to parts in their order; what one leaves goes to those after it.

    Attributes:
        total: seconds from the start to the very end.
        closing: seconds kept at the end for writing.
        parts: in order.
        clock: seconds that only grow.
        rows: what became of each part so far, for the record.
    """

    total: float
    closing: float
    parts: Sequence[Part]
    clock: Clock = time.monotonic
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = self.clock()

    def left(self) -> float:
        """Seconds to the end, closing not counted."""
        return self.total - self.closing - (self.clock() - self.began)

    def seconds_for(self, name: str) -> float:
        """What a part may take now: all that is left but what is kept for those after it."""
        place = [part.name for part in self.parts].index(name)
        return self.left() - sum(part.seconds for part in self.parts[place + 1 :])

    def run(self, name: str, work: Callable[[float], str]) -> None:
        """Do a part, if there is time for it.

        Args:
            name: of the part.
            work: gets the seconds that it may take; returns why it did not end by itself, or nothing.
        """
        given = self.seconds_for(name)
        began = self.clock()
        reason = f"left out: {max(given, 0):.0f} s were left for it" if given < SHORTEST else work(given)
        used = self.clock() - began
        self.rows.append(
            {"part": name, "given_s": round(given, 1), "used_s": round(used, 1), "ended": reason or "by itself"}
        )
