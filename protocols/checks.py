"""What is checked of an arm before it may enter, and the outcome. Values only; torch is not needed."""

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
        """Why the arm is turned away; empty if it is not."""
        return tuple(f"{check.name}: {check.detail}" for check in self.checks if not check.passed)

    def as_dict(self) -> dict[str, Any]:
        """For the result record."""
        return {"admitted": self.admitted, "checks": [asdict(check) for check in self.checks]}
