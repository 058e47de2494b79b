"""Are the image files there? One directory listing per folder, no file is opened."""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Check, Problem
from datasets.errors import DataError
from datasets.files import system_files
from files.progress import progress_bar

MISSING = -1
_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})
_THREADS = 4  # listing waits for the disk, most of all for a network disk
_NAMED = 5  # how many files a message names
_AGAIN = "copy it again"


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """What the listing found.

    Attributes:
        sizes: bytes of each expected file, int64 [F]; -1 where it is missing.
        missing: names of the missing files.
        empty: names of the files of zero bytes.
        unexpected: how many other image files lie in the same folders.
        companions: how many files and folders a system left there.
        capitals: files whose ending differs in capitals alone, such as .JPG.
        deeper: folders in these folders, where images may lie one level too deep.
    """

    sizes: NDArray[np.int64]
    missing: tuple[str, ...]
    empty: tuple[str, ...]
    unexpected: int
    companions: int = 0
    capitals: tuple[str, ...] = ()
    deeper: tuple[str, ...] = ()

    def problems(self) -> list[Problem]:
        """One for every file that is missing or empty."""
        found = [Problem("missing", file, "is listed but not there", _AGAIN) for file in self.missing]
        return found + [Problem("empty", file, "has 0 bytes", _AGAIN) for file in self.empty]


def check_listing(root: Path, part: str, images: ImageFiles) -> list[Check]:
    """How many images of a part are missing, empty, or there without being listed."""
    hint = strays(images.capitals, images.deeper)
    remedy = {"missing": hint or "copy them again", "empty": "copy them again"}
    found = [
        Check(f"{part} images {what}", 0, len(files), f"{what} under {root}: {name_some(files)}; {remedy[what]}", what)
        for what, files in (("missing", images.missing), ("empty", images.empty))
    ]
    return [
        *found,
        Check(f"{part} images not listed", None, images.unexpected),
        *system_files.checks(images.companions, part),
    ]


def list_images(
    root: Path, folders: Mapping[str, Sequence[bytes]], description: str, suffixes: tuple[bytes, ...] = (b".jpg",)
) -> ImageFiles:
    """Compare the files in folders with the expected names.

    Raises:
        DataError: a folder may not be listed; one that is not there lacks all its images.

    Args:
        root: where the folders lie.
        folders: folder (relative to root) -> its expected file names; their order is the order of `sizes`.
        description: name of the progress bar.
        suffixes: which files are images; others in the folders are not counted.
    """
    sizes: list[NDArray[np.int64]] = []
    missing: list[str] = []
    empty: list[str] = []
    unexpected = left = 0
    capitals: list[str] = []
    deeper: list[str] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        listings = pool.map(lambda folder: _scanned(root / folder, suffixes), folders)
        bar = progress_bar(
            zip(folders.items(), listings, strict=True),
            total=len(folders),
            desc=description,
            unit="folder",
            disable=None,
            leave=False,
        )
        for (folder, expected), listed in bar:
            there = listed.sizes
            left += listed.companions
            capitals += [f"{folder}/{name}" for name in listed.capitals]
            deeper += [f"{folder}/{name}" for name in listed.deeper]
            here = np.array([there.get(name, MISSING) for name in expected], dtype=np.int64)
            sizes.append(here)
            missing.extend(f"{folder}/{os.fsdecode(expected[i])}" for i in np.flatnonzero(here == MISSING))
            empty.extend(f"{folder}/{os.fsdecode(expected[i])}" for i in np.flatnonzero(here == 0))
            unexpected += len(there) - int((here != MISSING).sum())
    return ImageFiles(
        np.concatenate(sizes), tuple(missing), tuple(empty), unexpected, left, tuple(capitals), tuple(deeper)
    )


def name_some(files: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(files[:_NAMED])
    return shown if len(files) <= _NAMED else f"{shown} and {len(files) - _NAMED:,} more"


def strays(capitals: Sequence[str], deeper: Sequence[str]) -> str:
    """Why images may not have been found, as the end of a sentence; empty where nothing points to a reason.

    Args:
        capitals: files whose ending differs in capitals alone.
        deeper: folders where images should lie.
    """
    told = []
    if capitals:
        ending = Path(capitals[0]).suffix
        there = f"{_counted(capitals, 'file')} there with the ending {ending} ({capitals[0]})"
        told.append(f"{there}, expected {ending.lower()}: rename")
    if deeper:
        told.append(f"{_counted(deeper, 'folder')} there ({deeper[0]}), expected the images themselves: move them up")
    return "; ".join(told)


def _counted(found: Sequence[str], what: str) -> str:
    return f"{len(found):,} {what}{'' if len(found) == 1 else 's'}"


class Scanned(NamedTuple):
    """A folder: sizes of its images, how many other files and things of systems lie there, and what may be misplaced.

    A size is -1 for a link that leads nowhere, and where no file was asked. `capitals` are images whose ending differs
    in capitals alone, `deeper` are folders; both are among the others.
    """

    sizes: dict[bytes, int]
    others: int
    companions: int
    capitals: list[str]
    deeper: list[str]


def scan(folder: Path, suffixes: tuple[bytes, ...], *, ask: bool = True) -> Scanned:
    """Look into one folder; names stay bytes, a million decoded names would take a second.

    Args:
        folder: where to look.
        suffixes: what the names of images end with.
        ask: for the size of every image, which takes several times as long as the names alone.

    Raises:
        OSError: it may not be listed, or an image may not be asked.
    """
    sizes: dict[bytes, int] = {}
    others = left = 0
    capitals: list[str] = []
    deeper: list[str] = []
    with os.scandir(os.fsencode(folder)) as entries:
        for entry in entries:
            if system_files.is_companion(entry.name):
                left += 1
            elif entry.is_dir():
                others += 1
                deeper.append(os.fsdecode(entry.name))
            elif entry.name.endswith(suffixes):
                sizes[entry.name] = _size(entry) if ask else MISSING
            else:
                others += 1
                if entry.name.lower().endswith(suffixes):
                    capitals.append(os.fsdecode(entry.name))
    return Scanned(sizes, others, left, capitals, deeper)


def _scanned(folder: Path, suffixes: tuple[bytes, ...]) -> Scanned:
    """A folder that is not there holds nothing: all of its images are missing, and told so."""
    try:
        return scan(folder, suffixes)
    except OSError as error:
        if error.errno not in _NOWHERE:
            raise DataError(f"{folder} cannot be listed ({error.strerror}); make it readable") from error
    return Scanned({}, 0, 0, [], [])


def _size(entry: os.DirEntry[bytes]) -> int:
    try:
        told = entry.stat()
    except OSError as error:
        if error.errno not in _NOWHERE:
            raise
        return MISSING
    return told.st_size if stat.S_ISREG(told.st_mode) else MISSING
