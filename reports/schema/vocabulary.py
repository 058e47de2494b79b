"""Words of records that say nothing of judging, spelt once: `runners` writes them, the rest of this floor reads them.

The words of judging stand in `protocols.vocabulary`.
"""

from typing import Literal, get_args

RunKind = Literal["parent", "child", "bench"]
PARENT: RunKind = "parent"
CHILD: RunKind = "child"
BENCH: RunKind = "bench"
RUN_KINDS: tuple[RunKind, ...] = get_args(RunKind)
"""Runs of the store by their tag ``kind``: a job, one arm of it with one seed, and a measurement of costs."""

CONTROLS_LEFT_OUT = "controls_left_out"
"""The tag of a job that names controls which it did not run, each with the reason, as a JSON object."""

COST = "cost"
"""The ``kind`` of a file of costs."""

RAW = "raw"
"""Data as they are, where repaired ones might stand."""

ORACLE = "oracle"
"""The repairer that knows the truth."""

DROP = "drop"
"""The repairer that leaves occluded frames out."""

RepairPicture = Literal["occluded", "repaired", "truth", "difference"]
REPAIR_PICTURES: tuple[RepairPicture, ...] = get_args(RepairPicture)

AttributeKind = Literal["binary", "choice"]
ATTRIBUTE_KINDS: tuple[AttributeKind, ...] = get_args(AttributeKind)

AttributeLevel = Literal["tracklet", "identity"]
ATTRIBUTE_LEVELS: tuple[AttributeLevel, ...] = get_args(AttributeLevel)

Polarity = Literal["stated", "undocumented"]
POLARITIES: tuple[Polarity, ...] = get_args(Polarity)
