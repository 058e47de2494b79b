"""Data sets with several divisions: which of them a job runs, whether they can be averaged, what they are together.

iLIDS-VID and PRID-2011 are divided ten times into people to train on and people to test on. Every division has networks
of its own; what a table shows is the mean over the divisions, in which each weighs the same.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import datasets
from datasets.files.provenance import provenance_of
from datasets.tracklet import Split
from protocols.interface import Protocol
from reports.records.splits import dataset_of_all
from runners.errors import NotPossible, RunError

_PART = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


def choose_splits(words: Sequence[str] | None, dataset: str) -> tuple[int, ...]:
    """The divisions of a data set that were asked for, ascending.

    Args:
        words: such as ``["0-2", "5"]`` or ``["all"]``; None for all.
        dataset: its name.

    Raises:
        DataError: there is no such data set.
        RunError: something else than numbers, or a division that the data set does not have.
    """
    there = datasets.num_splits(dataset)
    if not words or list(words) == ["all"]:
        return tuple(range(there))
    found: set[int] = set()
    for word in (part for text in words for part in text.split(",")):
        matched = _PART.fullmatch(word)
        first, last = (int(matched[1]), int(matched[2] or matched[1])) if matched else (1, 0)
        if first > last:
            raise RunError(f"--splits {' '.join(words)}: expected numbers and ranges, such as 0-2 or 0 3, or all.")
        if last >= there:
            only = "one split, 0" if there == 1 else f"{there} splits, 0 to {there - 1}"
            raise RunError(f"--splits {' '.join(words)}: {dataset} has {only}.")
        found |= set(range(first, last + 1))
    return tuple(sorted(found))


def check_protocol(protocol: Protocol, dataset: str) -> None:
    """Whether a protocol's rules can be kept on a data set, as far as its name tells; before it is read.

    Raises:
        NotPossible: it averages another number of divisions than the data set has.
    """
    there = datasets.num_splits(dataset)
    if protocol.splits in (1, there):
        return
    fitting = [name for name in datasets.names() if datasets.num_splits(name) == protocol.splits]
    raise NotPossible(
        f"{protocol.name} averages {protocol.splits} splits of a data set, and {dataset} has "
        f"{'one' if there == 1 else there}; name one with --dataset"
        f"{' (' + ', '.join(fitting) + ')' if fitting else ''}, or take --protocol image-to-video."
    )


def check_divisions(splits: Sequence[Split], protocol: Protocol) -> None:
    """Whether the divisions are what they should be: different ones, to be averaged as equals, asked as they must be.

    Raises:
        RunError: two divisions are the same data, or hold different numbers of queries.
        NotPossible: the protocol lets one camera ask, and the data set does it otherwise.
    """
    first = splits[0]
    seen: dict[str, int] = {}
    for split in splits:
        if seen.setdefault(split.fingerprint, split.number) != split.number:
            raise RunError(
                f"splits {seen[split.fingerprint]} and {split.number} of {split.name} have one fingerprint, "
                f"{split.fingerprint}; check the list of splits in {split.root}: each must test other people."
            )
        if _counted(split) != _counted(first):
            raise RunError(
                f"splits {first.number} and {split.number} of {split.name} test {_counted(first)[0]} and "
                f"{_counted(split)[0]} queries ({_counted(first)[1]} and {_counted(split)[1]} with a match); a mean in "
                "which each weighs the same needs equal numbers, so run them one by one with --splits."
            )
    camera = protocol.query_camera
    asking = {tracklet.camera_id for split in splits for tracklet in split.query}
    answering = {tracklet.camera_id for split in splits for tracklet in split.gallery}
    if camera and (asking != {camera} or camera in answering):
        raise NotPossible(
            f"under {protocol.name} camera {camera} has the queries and the others have the gallery, but in "
            f"{first.name} cameras {_listed(asking)} have queries and {_listed(answering)} gallery tracklets; take "
            "--protocol image-to-video."
        )


def about_split(split: Split) -> dict[str, Any]:
    """What a result's record says of its division; nothing where there is only one."""
    return {"split": {"number": split.number, "of": split.divisions}} if split.divisions > 1 else {}


def dataset_record(split: Split) -> dict[str, Any]:
    """A data set, or one division of it, as results name it; of SynthWalk, which world it is too.

    Raises:
        DataError: the manifest in its folder is damaged.
    """
    world = provenance_of(split).world
    return {
        "name": split.name,
        "version": split.version,
        "fingerprint": split.fingerprint,
        "synthetic": split.synthetic,
        "counts": split.counts(),
        **({"world": world} if world else {}),
    }


def dataset_of_job(splits: Sequence[Split]) -> Mapping[str, Any]:
    """The data of a whole job: of one division as its results name it, of several all of them together."""
    records = [dataset_record(split) for split in splits]
    numbers = [split.number for split in splits]
    return dataset_of_all(records, numbers, splits[0].divisions) if splits[0].divisions > 1 else records[0]


def _counted(split: Split) -> tuple[int, int]:
    counts = split.counts()
    return counts["query_tracklets"], counts["query_tracklets"] - counts["unmatched_queries"]


def _listed(cameras: set[int]) -> str:
    return " and ".join(map(str, sorted(cameras)))
