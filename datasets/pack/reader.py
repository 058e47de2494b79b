"""A pack in place of a data set's folder: what a reader would have found there."""

from pathlib import Path
from typing import Any

from datasets.checks import Check, Examination
from datasets.errors import DataError
from datasets.pack.read import open_pack
from datasets.tracklet import Split

_LAYOUT_OF_MARS = {"mars", "synthwalk"}
"""Sets that one reader reads: either name will do for both."""


def examine(name: str, root: Path, *, split: int, known: tuple[str, ...], options: dict[str, Any]) -> Examination:
    """What a pack holds; its frames are not read, which is the business of `verify`.

    Args:
        name: of the data set that is asked for.
        root: folder of the pack.
        split: number of the division.
        known: names of all data sets.
        options: of the data set's reader; the counts of a pack are its own.

    Raises:
        DataError: the pack is of another data set, lacks the division, cannot be read, or is to be compared with
            official counts.
    """
    pack = open_pack(root)
    found = pack.split(split)
    held = found.name.removeprefix("synthwalk-")  # what its layout is read as
    if held != name and held in known and not {held, name} <= _LAYOUT_OF_MARS:
        raise DataError(f"{root} holds a pack of {found.name}, not of {name}: read it as {held!r}")
    if options.get("counts") == "official":
        raise DataError(
            f"{root} is a pack, which is compared with what was packed and not with official counts; leave "
            "counts='official' (--counts official) out, or verify the data set that it was made of"
        )
    return Examination(found, _checks(found, len(pack)), "its own index")


def _checks(split: Split, frames: int) -> tuple[Check, ...]:
    counts = split.counts()
    told = tuple(Check(what, None, value) for what, value in counts.items())
    held = counts["train_frames"] + counts["test_frames"]
    remedy = "the index is damaged: remove the pack and write it again"
    return (*told, Check("frames that the pack lacks", 0, max(0, held - frames), remedy))
