"""A user's own tracklets in a CSV: one row a frame, or one row a folder of frames.

    person,camera,tracklet,path,part,frame
    17,3,a,videos/17/0001.jpg,query,1

`path` is relative to the folder of the CSV and ends as images do; any other path is a folder, whose images are the
frames of the tracklet. `part` and `frame` may be left out. Columns may be separated by commas, semicolons or tabs.
"""

import difflib
import itertools
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np

from datasets import identifiers
from datasets.checks import Check, Problem
from datasets.errors import DataError
from datasets.files.image_files import list_images
from datasets.files.listing import FolderListing, list_folders
from datasets.files.natural_sort import natural_key
from datasets.files.system_files import checks as companion_checks
from datasets.files.system_files import is_companion
from datasets.readers.own.folders import frames_in
from datasets.readers.own.tracklets import IMAGES, PARTS, TEST, Found, Written, frames_of, is_image, same_place
from files.errors import did_you_mean
from files.formats import csv

NEEDED = ("person", "camera", "tracklet", "path")
OPTIONAL = ("part", "frame")

_DIGITS = 30  # of a whole number that needs no closer look
_ALIKE = {
    "person": ("id", "pid", "identity", "name", "label", "subject"),
    "camera": ("cam", "camid", "view", "device"),
    "tracklet": ("track", "sequence", "seq", "clip", "video"),
    "path": ("file", "filename", "image", "img", "folder"),
    "part": ("split", "subset", "set", "role"),
    "frame": ("number", "index", "time", "timestamp", "order"),
}
"""What the columns are called elsewhere."""

Labels = tuple[str, str, str, str]  # part, person, camera, tracklet


@dataclass(slots=True)
class _Rows:
    """All rows of one tracklet."""

    line: int
    paths: list[str] = field(default_factory=list)
    places: list[int | Decimal] = field(default_factory=list)
    folder: str = ""


def read(path: Path, sizes: bool) -> Found:
    """Read a CSV of tracklets.

    Args:
        path: the file.
        sizes: look for every image and ask for its size; folders are listed in any case.

    Raises:
        DataError: naming the line that cannot be understood, or a folder that may not be read.
    """
    lines = _lines(path)
    columns = next(lines, (0, []))[1]
    _check_columns(path, columns)
    tracklets, companions = _group(path, columns, lines)
    problems: list[Problem] = []
    folders = {labels: rows for labels, rows in tracklets.items() if rows.folder}
    found, listing, others = _read_folders(path, folders, sizes, problems)
    companions += listing.companions
    for labels, rows in tracklets.items():
        if not rows.folder:
            frames = frames_of(_in_order(rows, problems))
            found.append(Written(*labels, frames, None, f"{path}, line {rows.line}"))
    if sizes:
        found = _with_sizes(path.parent, found, problems)
    checks = [
        Check("columns that are not read", None, len(columns) - sum(name in NEEDED + OPTIONAL for name in columns)),
        Check("files that are no images", None, others),
        *companion_checks(companions),
    ]
    return Found(path.parent, path, found, checks, problems)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with their line numbers."""
    yield from csv.rows(path, error=DataError, remedy="name another CSV")


def _check_columns(path: Path, columns: list[str]) -> None:
    wanted = ", ".join(NEEDED)
    for name in NEEDED:
        if name not in columns:
            alike = _nearest(name, columns)
            hint = f"rename {alike!r}, if that is it" if alike else "name the columns in the first line"
            raise DataError(
                f"{path} has no column {name!r}, expected {wanted} (and {' and '.join(OPTIONAL)}, if you like); {hint}"
            )
    for name in columns:
        if columns.count(name) > 1:
            raise DataError(f"{path} has the column {name!r} twice; remove one")
    for name in OPTIONAL:
        alike = _nearest(name, columns)
        if name not in columns and alike:
            raise DataError(
                f"{path}: the column {alike!r} looks like {name!r}, expected that name or another one; rename it, as "
                "columns of other names are not read"
            )


def _nearest(name: str, columns: Iterable[str]) -> str:
    """A column that may have been meant, or nothing."""
    others = [column for column in columns if column not in NEEDED + OPTIONAL]
    for column in others:
        plain = column.lower().replace("-", "_").removesuffix("s")
        words = (plain, plain.removesuffix("_id"), plain.removesuffix("id"))
        if any(word == name or word in _ALIKE[name] for word in words):
            return column
    return next(iter(difflib.get_close_matches(name, others, n=1, cutoff=0.75)), "")


def _group(path: Path, columns: list[str], lines: Iterable[tuple[int, list[str]]]) -> tuple[dict[Labels, _Rows], int]:
    """Rows by tracklet, and how many rows name what a system left beside the images."""
    companions = 0
    at = {name: columns.index(name) for name in NEEDED + OPTIONAL if name in columns}
    found: dict[Labels, _Rows] = {}
    for line, row in lines:
        where = f"{path}, line {line}"
        if len(row) != len(columns):
            raise DataError(f"{where}: {len(row)} cells, expected {len(columns)} as in the first line; correct it")
        cells = {name: row[place] for name, place in at.items()}
        _check_cells(where, cells)
        person, camera = (identifiers.label(where, name, cells[name]) for name in ("person", "camera"))
        labels = (cells.get("part", TEST), person, camera, identifiers.tracklet_label(where, cells["tracklet"]))
        file = _relative(where, cells["path"])
        if _was_left_by_a_system(posixpath.basename(file)):
            companions += 1
            continue
        rows = found.setdefault(labels, _Rows(line))
        is_frame = is_image(posixpath.basename(file))
        if rows.folder or (rows.paths and not is_frame):
            raise DataError(
                f"{where}: the tracklet of line {rows.line} goes on here, but a folder is all of a tracklet; list "
                "either one folder or its frames (which end as images do, such as .jpg)"
            )
        if not is_frame:
            if cells.get("frame"):
                raise DataError(f"{where}: {file!r} is a folder, so it has no frame number; leave the cell empty")
            rows.folder = file
            continue
        rows.paths.append(file)
        if "frame" in at:
            rows.places.append(_place(where, cells["frame"]))
    if not found:
        raise DataError(f"{path} names no tracklet, expected one row a frame, or one a folder of frames; fill it in")
    return found, companions


def _check_cells(where: str, cells: dict[str, str]) -> None:
    for name, cell in cells.items():
        if not cell and name != "frame":
            raise DataError(f"{where}: the cell of {name!r} is empty; fill it in")
        if "/" in cell and name in ("person", "camera"):
            raise DataError(f"{where}: {name} {cell!r} holds a slash; write it without")
    part = cells.get("part", TEST)
    if part not in PARTS:
        hint = did_you_mean(part.lower(), PARTS, most=1, cutoff=0.5, quoted=True) or "correct it"
        raise DataError(f"{where}: there is no part {part!r}, expected one of {', '.join(PARTS)}; {hint}")


def _relative(where: str, text: str) -> str:
    """A path below the folder of the CSV, in one way of writing."""
    if "\\" in text:
        raise DataError(
            f"{where}: path {text!r} holds a backslash; write it with slashes, relative to the CSV's folder"
        )
    if "\0" in text:
        raise DataError(f"{where}: path {identifiers.shown(text)} holds a NUL, which no file name does; correct it")
    file = posixpath.normpath(text)
    if posixpath.isabs(file) or file.split("/")[0] == "..":
        raise DataError(
            f"{where}: path {text!r} does not lie below the CSV's folder; put the CSV into a folder above the frames, "
            "and write paths relative to it"
        )
    return file


def _was_left_by_a_system(name: str) -> bool:
    """As `is_companion`, but a folder may be hidden by its owner."""
    return is_companion(name) and (not name.startswith(".") or name.lower().endswith(IMAGES))


def _place(where: str, cell: str) -> int | Decimal:
    """A number of any size, exactly: a clock in nanoseconds is beyond what a float tells apart."""
    if cell.isdecimal() and len(cell) <= _DIGITS:
        return int(cell)
    try:
        place = Decimal(cell)
    except InvalidOperation:
        place = Decimal("nan")
    if not place.is_finite():
        raise DataError(f"{where}: frame {cell!r} is no number; number the frames, or leave the column out")
    return place


def _in_order(rows: _Rows, problems: list[Problem]) -> list[str]:
    """Frames by their number, else in natural order; what is listed twice or has a place twice is told and left out."""
    keys: list[Any] = [*rows.places] or [natural_key(posixpath.splitext(path)[0]) for path in rows.paths]
    places: dict[Any, str] = {}
    listed: set[str] = set()
    for key, path in sorted(zip(keys, rows.paths, strict=True)):
        if path in listed:
            problems.append(Problem("duplicate", path, "is listed twice in its tracklet", "remove one of the rows"))
            continue
        listed.add(path)
        first = places.setdefault(key, path)
        if first != path:
            problems.append(same_place(path, first))
    return list(places.values())


def _read_folders(
    path: Path, tracklets: dict[Labels, _Rows], sizes: bool, problems: list[Problem]
) -> tuple[list[Written], FolderListing, int]:
    """Tracklets that are given by a folder, what lies there, and how many of these files are no images."""
    there = {}
    for labels, rows in tracklets.items():
        folder = path.parent / rows.folder
        if _is(Path.is_file, folder):
            raise DataError(
                f"{path}, line {rows.line}: {rows.folder!r} is a file without the ending of an image, expected a "
                "folder or a frame such as .jpg or .png; convert it or correct the path"
            )
        if _is(Path.is_dir, folder):
            there[labels] = rows
        else:
            problems.append(Problem("missing", rows.folder, "is listed but not there", "copy it again"))
    folders = [rows.folder for rows in there.values()]
    listing = list_folders(path.parent, folders, "listing frames", suffix=b"", sizes=sizes)
    found, others = [], 0
    for place, (labels, rows) in enumerate(there.items()):
        frames, chosen, left = frames_in(listing, place, problems)
        others += left
        if len(frames):
            known = None if listing.sizes is None else listing.sizes[chosen]
            found.append(Written(*labels, frames, known, f"{path}, line {rows.line}"))
    return found, listing, others + listing.others


def _is(what: Callable[[Path], bool], path: Path) -> bool:
    """Whether a path is something; none that is too long for the disk, or may not be looked at, is."""
    try:
        return what(path)
    except (OSError, ValueError):
        return False


def _with_sizes(root: Path, tracklets: list[Written], problems: list[Problem]) -> list[Written]:
    """The same tracklets with the sizes of the frames that no folder was listed for."""
    rows = [row for row, one in enumerate(tracklets) if one.sizes is None]
    paths = [path for row in rows for path in tracklets[row].frames]
    folders: dict[str, list[bytes]] = {}
    places: dict[str, list[int]] = {}
    for place, path in enumerate(paths):
        folder, name = posixpath.split(path)
        folders.setdefault(folder, []).append(os.fsencode(name))
        places.setdefault(folder, []).append(place)
    if not paths:
        return tracklets
    images = list_images(root, folders, "listing frames", suffixes=(b"",))
    sizes = np.empty(len(paths), dtype=np.int64)
    sizes[list(itertools.chain.from_iterable(places.values()))] = images.sizes
    problems += images.problems()
    known = list(tracklets)
    for row, part in zip(rows, np.split(sizes, np.cumsum([len(tracklets[row].frames) for row in rows])), strict=False):
        known[row] = replace(tracklets[row], sizes=part)
    return known
