"""What is checked of an arm before it may enter, and the outcome. Values only; torch is not needed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried on an arm.

    Attributes:
        name: what was checked.
        passed: whether the arm may enter as far as this goes.
        detail: what was seen, in plain words; the reason where it did not pass.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Admission:
    """The outcome of all checks of a protocol on one arm."""

    admitted: bool
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the arm is rejected; empty if it is admitted."""
        return tuple(f"{check.name}: {check.detail}" for check in self.checks if not check.passed)

    def as_dict(self) -> dict[str, Any]:
        """For the result record."""
        return {"admitted": self.admitted, "checks": [asdict(check) for check in self.checks]}


@dataclass(frozen=True, slots=True)
class KnownData:
    """A data set by what tells whether two of them hold the same people.

    Attributes:
        name: for the sentence.
        fingerprints: under which it, or what it was made from, is known.
        content: digest of what its frames hold; empty where unknown.
        seed: of a drawn world: it draws the same people under any parameters, in any style; None where nothing was
            drawn.
        style: of a drawn world, for the sentence.
    """

    name: str
    fingerprints: tuple[str, ...]
    content: str = ""
    seed: int | None = None
    style: str = ""

    def shares_people_with(self, other: "KnownData") -> str:
        """What shows that both hold the same people; empty where nothing does."""
        if self.seed is not None and self.seed == other.seed:
            return f"its people are drawn from seed {self.seed}" + (f", style {self.style}" if self.style else "")
        if set(self.fingerprints) & set(other.fingerprints):
            return "it has the fingerprint " + min(set(self.fingerprints) & set(other.fingerprints))
        if self.content and self.content == other.content:
            return "its frames are the same"
        return ""


def check_start(start: str, seen: Sequence[KnownData], test: KnownData) -> Check:
    """Whether starting weights have learned from the data that they are to be scored on.

    Weights of ImageNet have seen nothing of any data set here, and initial values nothing at all: they need no check.

    Args:
        start: name of the starting weights.
        seen: all data that they learned from, as their card says.
        test: what the arm is scored on.
    """
    for data in seen:
        shared = data.shares_people_with(test)
        if shared:
            return Check("start", False, f"the starting weights {start} have learned from {data.name} ({shared})")
    return Check("start", True, f"the starting weights {start} have not learned from {test.name}")
