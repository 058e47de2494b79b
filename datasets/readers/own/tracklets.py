"""A user's own tracklets as they are written, in folders or in a CSV, and what their labels become."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import identifiers
from datasets.checks import Check, Problem
from datasets.errors import DataError
from datasets.files.image_files import name_some
from datasets.files.natural_sort import Key, natural_key
from datasets.files.paths import ListedFrames, names_array
from datasets.files.system_files import is_companion
from datasets.tracklet import DISTRACTOR, JUNK

TRAIN, QUERY, GALLERY, TEST = "train", "query", "gallery", "test"
PARTS = (TRAIN, QUERY, GALLERY, TEST)
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
"""Endings of images, in lower case; the files may have them in upper case too."""

_LOWEST = {"person": JUNK, "camera": 0}
_MEANING = {
    "person": f"above 0, or {DISTRACTOR} for a distractor and {JUNK} for junk",
    "camera": "0 or more",
}


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """One tracklet as its owner wrote it.

    Attributes:
        part: one of `PARTS`.
        person, camera, tracklet: labels, in the one way of writing that `identifiers.label` gives them.
        frames: in time order.
        sizes: bytes of each frame, int64 [F]; None where no file was asked.
        where: the folder, or the file and its line.
    """

    part: str
    person: str
    camera: str
    tracklet: str
    frames: ListedFrames
    sizes: NDArray[np.int64] | None
    where: str


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """All that was written.

    Attributes:
        root: folder that the frame paths are relative to.
        source: what messages call it, the folder or the CSV.
        tracklets: those with a frame, in any order.
        checks: of the reading itself.
        problems: of single files.
    """

    root: Path
    source: Path
    tracklets: list[Written]
    checks: list[Check]
    problems: list[Problem]


def is_image(name: str) -> bool:
    """Has it the ending of an image, and is it none of the files that systems leave?"""
    return not is_companion(name) and name.lower().endswith(IMAGES)


def in_order(folder: str, names: Iterable[str], problems: list[Problem]) -> list[str]:
    """Images of one folder in natural order; a second one at the same place is told and left out.

    Args:
        folder: their folder, for messages.
        names: of images.
        problems: is added to.
    """
    places: dict[Key, str] = {}
    for name in sorted(names):
        first = places.setdefault(natural_key(posixpath.splitext(name)[0]), name)
        if first != name:
            problems.append(same_place(f"{folder}/{name}", first))
    return [places[key] for key in sorted(places)]


def same_place(file: str, first: str) -> Problem:
    """Two frames that claim one place in the order."""
    return Problem("order", file, f"has the same place in the order as {first}", "remove one or give it a number")


def frames_of(paths: Sequence[str]) -> ListedFrames:
    """Paths as bytes behind the folder that they share, if any."""
    folder = posixpath.commonpath({posixpath.dirname(path) for path in paths}) if paths else ""
    prefix = f"{folder}/" if folder else ""
    return ListedFrames(prefix, names_array([path[len(prefix) :] for path in paths]))


def numbers_of(places: Mapping[str, str], what: str, source: Path) -> dict[str, int]:
    """What number each label stands for.

    Labels that are whole numbers stand for themselves. Names are numbered from 1 in natural order, over all parts;
    among names of persons 0 and -1 keep their meaning.

    Args:
        places: all labels of a kind, in all parts, as `identifiers.label` gives them, and where each stands.
        what: ``person`` or ``camera``.
        source: where they are written, for messages.

    Raises:
        DataError: numbers and names are mixed, a number is too low, or one number is written in two ways.
    """
    written = sorted(places, key=lambda label: (natural_key(label), label))
    special = {str(DISTRACTOR), str(JUNK)} if what == "person" else set()
    value_of = {label: identifiers.number_of(label) for label in written}
    names = [label for label, number in value_of.items() if number is None]
    numbers = [label for label, number in value_of.items() if number is not None]
    plain = [label for label in numbers if label not in special]
    if names and plain:
        raise DataError(
            f"{source}: {name_some(names)} and {name_some(plain)} are both a {what} (see {places[names[0]]}, and "
            f"{places[plain[0]]}), but either all are names or all are whole numbers; rename one kind, or remove what "
            f"is no {what}"
        )
    found = {label: int(label) for label in numbers} | {name: place for place, name in enumerate(names, start=1)}
    first_way: dict[int, str] = {}
    for label, number in found.items():
        if number < _LOWEST[what]:
            raise DataError(f"{places[label]}: {what} {label} is no number {_MEANING[what]}; give it another one")
        if first_way.setdefault(number, label) != label:
            raise DataError(
                f"{source}: {what} {number} is written in two ways, {first_way[number]} and {label} (see "
                f"{places[first_way[number]]}, and {places[label]}); write it in one"
            )
    return found
