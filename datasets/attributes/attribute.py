"""What is asked about people and tracklets: an attribute, its yes/no columns, its group.

The six groups are those of Y. Zhao et al., "Attribute-Driven Feature Disentangling and Temporal Aggregation for Video
Person Re-Identification", CVPR 2019, table 1.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from datasets.errors import DataError

GROUPS = ("gender and age", "head and shoulders", "upper body", "lower body", "shoes", "attachments")
"""The groups of ADFD (table 1), in its order."""

UNKNOWN = -1
"""The code of a value that nobody annotated."""

Kind = Literal["binary", "choice"]
Level = Literal["tracklet", "identity"]
Polarity = Literal["stated", "undocumented"]

YES_NO = ("no", "yes")


@dataclass(frozen=True, slots=True)
class Attribute:
    """What is asked about a person or a tracklet.

    Attributes:
        name: unique in its annotation, such as "backpack" or "top color".
        kind: binary (code 1 is yes) or choice (one of several values).
        values: names of the codes from 0; ("no", "yes") for binary.
        group: one of `GROUPS` or a group of the user's own; "" for what is not part of a person's identity (pose,
            occlusion), which is never learned but can be sliced by.
        level: whether it was annotated once for a tracklet or once for an identity.
        polarity: whether the source says which code is yes (of a choice: what its codes mean).
    """

    name: str
    kind: Kind
    values: tuple[str, ...]
    group: str
    level: Level
    polarity: Polarity = "stated"

    def __post_init__(self) -> None:
        if self.kind == "binary" and self.values != YES_NO:
            raise DataError(f"the yes/no attribute {self.name!r} has the values {self.values}, expected {YES_NO}")
        if not self.name or not self.values or len(set(self.values)) != len(self.values):
            raise DataError(f"the attribute {self.name!r} needs a name and values that differ, not {self.values}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its yes/no columns: ("backpack",) or ("top color: black", "top color: red", ...)."""
        if self.kind == "binary":
            return (self.name,)
        return tuple(f"{self.name}: {value}" for value in self.values)


class Group(NamedTuple):
    """Attributes that a method learns from one segment of its feature: a name and its yes/no columns."""

    name: str
    columns: tuple[str, ...]


class Column(NamedTuple):
    """One yes/no column: it says yes where `attribute` has `code`."""

    name: str
    attribute: str
    group: str
    code: int


class Join(NamedTuple):
    """How well an annotation fits tracklets.

    Attributes:
        tracklets: tracklets of real persons.
        joined: how many of them have a row.
        missing: keys of the first few that have none.
        unused: rows that no tracklet has.
        nobody: tracklets of distractors and junk, which no source annotates and which are not counted above.
    """

    tracklets: int
    joined: int
    missing: tuple[str, ...]
    unused: int
    nobody: int
