"""Which data set lies in a folder, judged by what only its layout has. No image is opened."""

from collections.abc import Callable
from pathlib import Path

import datasets
from datasets.errors import DataError
from datasets.files.manifest import MANIFEST, RENDERED
from datasets.files.system_files import folders_in
from files.formats import json

PACK = Path("pack.json")
"""What a packed data set says about itself."""


def recognise(root: Path) -> str:
    """The name that a data set is read by.

    Args:
        root: its folder, the folder around it, or a CSV of the user's own.

    Raises:
        DataError: there is no such folder, or it is none of the layouts or several of them.
    """
    if root.is_file() and root.suffix.lower() == ".csv":
        return "own"
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; name the folder that holds a data set")
    if all((root / part).is_dir() for part in ("train_split", "query", "gallery")):
        raise DataError(
            f"{root} holds train_split, query and gallery: MARS or another data set as other code has reorganised it, "
            "whose tables of tracklets are lost; name the original folder (of MARS: bbox_train, bbox_test and info), "
            "or write a CSV of the tracklets and read it with --dataset own"
        )
    found = _name(root) or ("own" if _is_own(root) else None)
    if found is not None:
        return found
    inside = folders_in(root)
    named = {child: name for child in inside if (name := _name(child)) is not None}
    if len(named) > 1:
        several = ", ".join(str(child) for child in named)
        raise DataError(f"{root} holds several data sets; name one of {several}")
    for name in named.values():
        return name
    raise DataError(
        f"{root} is in no layout that is known; if it is one all the same, say which with --dataset "
        f"({', '.join(datasets.names())}), and what is missing from it will be told"
    )


def _name(folder: Path) -> str | None:
    return _named_by_itself(folder) or next((name for name, fits in _MARKS.items() if fits(folder)), None)


def _named_by_itself(folder: Path) -> str | None:
    if (folder / MANIFEST).is_file():
        return "mars"  # which takes the manifest's word for what it is
    for file in (PACK, RENDERED):
        if not (folder / file).is_file():
            continue
        remedy = "write the set again, or say which it is with --dataset"
        said = json.read(folder / file, error=DataError, remedy=remedy)
        try:
            name = said["divisions"][0]["name"] if file == PACK else said["layout"]
        except (LookupError, TypeError):
            raise DataError(f"{folder / file} is damaged, so it cannot tell what this data set is: {remedy}") from None
        name = str(name).removeprefix("synthwalk-")
        # SynthWalk and repaired sets, which have names of their own, are in the layout of MARS.
        return name if name in datasets.names() and name != "synthwalk" else "mars"
    return None


def _has(*names: str) -> Callable[[Path], bool]:
    return lambda folder: any((folder / name).exists() for name in names)


def _is_duke(folder: Path) -> bool:
    """Three parts with a folder a person, and in it a folder a tracklet, all of four digits."""
    parts = [folder / part for part in ("train", "query", "gallery")]
    if not all(part.is_dir() for part in parts):
        return False
    person = next(iter(folders_in(parts[1])), None)
    tracklet = None if person is None else next(iter(folders_in(person)), None)
    return (
        person is not None
        and tracklet is not None
        and all(len(one.name) == 4 and one.name.isascii() and one.name.isdecimal() for one in (person, tracklet))
        and not folders_in(tracklet)
    )


_MARKS: dict[str, Callable[[Path], bool]] = {
    "mars": _has("info/query_IDX.mat", "info/tracks_test_info.mat", "bbox_test", "bbox_train"),
    "ilids": _has("i-LIDS-VID", "sequences/cam1", "train-test people splits"),
    "prid": _has("multi_shot", "prid_2011"),
    "ls-vid": _has("list_sequence", "tracklet_train", "tracklet_test"),
    "duke": _is_duke,
}
_is_own = _has("tracklets.csv", "query", "gallery", "test", "train")
"""Common names, so they count only in the very folder that was named."""
