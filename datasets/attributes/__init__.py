"""Attributes of people and tracklets: one typed model, whatever the source.

    from datasets import attributes
    annotation = attributes.load("mars_attributes_v2_motion.csv")
    annotation.require_join((*split.train, *split.test)).joined      # 16360 on official MARS
    annotation.people_targets(person_ids)                            # float32 [P, C], yes/no/NaN

Each format has a module here; `load` finds out which one a file belongs to.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.attributes.attribute import GROUPS, UNKNOWN, Attribute, Column, Group, Join
from datasets.attributes.model import Annotation
from datasets.tracklet import Split

__all__ = ["GROUPS", "UNKNOWN", "Annotation", "Attribute", "Column", "Group", "Join", "load", "own", "write_table"]


def load(source: str | Path) -> Annotation:
    """Read an annotation; its format is recognised by its content.

    Args:
        source: MARS-Attribute v1 or v2, Duke-Attribute, a CSV of your own (`datasets/attributes/table.py`), a rendered
            SynthWalk folder, a RAP folder or its RAP_annotation.mat.

    Raises:
        DataError: for what cannot be read or is no annotation: one sentence with file, row and column.
    """
    from datasets.attributes import detect

    return detect.read(Path(source))


def own(split: Split) -> Annotation | None:
    """The annotation that a data set brings along: the truth of a rendered SynthWalk; None for every other one.

    A repaired SynthWalk has none: truth is not copied, for it is not true of repaired frames.

    Raises:
        DataError: where the truth is there but damaged.
    """
    from datasets.attributes import synthwalk

    return synthwalk.read(split.root) if split.synthetic and synthwalk.is_here(split.root) else None


def write_table(
    path: str | Path,
    people: NDArray[np.int64],
    columns: Sequence[str],
    groups: Sequence[str],
    values: NDArray[np.floating],
) -> Path:
    """Write yes/no attributes of identities as a CSV that `load` reads back, whole or not at all.

    Args:
        path: the file; its folder is made where it is missing.
        people: person ids, int64 [P], each once.
        columns: names of the C columns.
        groups: group of each column; "" for none.
        values: [P, C], 0, 1 or NaN for unknown.

    Returns:
        The path.

    Raises:
        DataError: where shapes do not fit, a value is another one, or a name cannot stand in a header.
    """
    from datasets.attributes import table

    return table.write(Path(path), people, columns, groups, values)
