"""What lies in many folders: names and sizes of their images as arrays, for layouts that have no list of names."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Check, Problem
from datasets.errors import DataError
from datasets.files.image_files import MISSING, Scanned, name_some, scan, strays
from datasets.files.paths import names_array
from datasets.files.system_files import checks as companion_checks
from datasets.files.system_files import is_companion
from files.progress import progress_bar

_THREADS = 4  # listing waits for the disk, most of all for a network disk
_AGAIN = "copy it again"


@dataclass(frozen=True, eq=False)
class FolderListing:
    """The images of D folders.

    Attributes:
        folders: paths relative to the data set's folder.
        starts: int64 [D + 1]; folder d holds the rows `starts[d]:starts[d + 1]`.
        names: bytes [F] (dtype `S`), in each folder sorted by their bytes.
        sizes: bytes of each file, int64 [F], -1 for a link that leads nowhere; None where no file was asked.
        others: how many files lie there that are no images.
        companions: how many files and folders a system left there.
        capitals: images whose ending differs in capitals alone, such as .JPG; they are among the others.
        deeper: paths of the folders in these folders, where images may lie one level too deep.
    """

    folders: tuple[str, ...]
    starts: NDArray[np.int64]
    names: NDArray[np.bytes_]
    sizes: NDArray[np.int64] | None
    others: int = 0
    companions: int = 0
    capitals: tuple[str, ...] = ()
    deeper: tuple[str, ...] = ()

    @property
    def folder_of(self) -> NDArray[np.int64]:
        """Row of the folder of each image, int64 [F]."""
        return np.repeat(np.arange(len(self.folders), dtype=np.int64), np.diff(self.starts))

    def path(self, row: int) -> str:
        """Path of one image relative to the data set's folder."""
        folder = self.folders[int(np.searchsorted(self.starts, row, side="right")) - 1]
        return f"{folder}/{os.fsdecode(bytes(self.names[row]))}"

    def _rows(self, size: int) -> list[int]:
        """The images of one size."""
        return [] if self.sizes is None else np.flatnonzero(self.sizes == size).tolist()

    @property
    def hint(self) -> str:
        """Why images may not have been found, as the end of a sentence; empty where nothing points to a reason."""
        return strays(self.capitals, self.deeper)

    def problems(self) -> list[Problem]:
        """One for every file of zero bytes, and for every link that leads nowhere."""
        empty = [Problem("empty", self.path(i), "has 0 bytes", _AGAIN) for i in self._rows(0)]
        return empty + [
            Problem("missing", self.path(i), "is a link that leads nowhere", _AGAIN) for i in self._rows(MISSING)
        ]

    def checks(self, root: Path, part: str) -> list[Check]:
        """How many images of a part are empty or links that lead nowhere, and what lies beside them."""
        found = companion_checks(self.companions, part)
        if self.capitals:
            found.append(Check(f"{part} images with an ending in capitals", 0, len(self.capitals), self.hint, "name"))
        if self.sizes is None:
            return found
        for what, size in (("empty", 0), ("missing", MISSING)):
            files = [self.path(i) for i in self._rows(size)]
            detail = f"{what} under {root}: {name_some(files)}; copy them again"
            found.append(Check(f"{part} images {what}", 0, len(files), detail, what))
        return found


class Entries(NamedTuple):
    """Names of the folders in a folder, sorted, and how many images, other files and things of systems lie there."""

    folders: list[str]
    images: int
    others: int
    companions: int


def subfolders(root: Path, folder: str, is_image: Callable[[str], bool]) -> Entries:
    """The folders in a folder; those that a system left are not looked at.

    Args:
        root: the data set's folder.
        folder: path relative to it.
        is_image: whether a file of this name is an image.

    Raises:
        DataError: the folder is missing or may not be read.
    """
    try:
        with os.scandir(root / folder) as entries:
            there = [(entry.name, entry.is_dir()) for entry in entries]
    except OSError as error:
        raise _unreadable(root / folder, error) from error
    kept = [(name, is_folder) for name, is_folder in there if not is_companion(name)]
    folders = sorted(name for name, is_folder in kept if is_folder)
    images = sum(not is_folder and is_image(name) for name, is_folder in kept)
    return Entries(folders, images, len(kept) - len(folders) - images, len(there) - len(kept))


def list_folders(
    root: Path, folders: Sequence[str], description: str, *, suffix: bytes = b".jpg", sizes: bool = True
) -> FolderListing:
    """List the images of folders.

    Args:
        root: the data set's folder.
        folders: paths relative to it.
        description: name of the progress bar.
        suffix: what the names of images end with.
        sizes: ask for the size of every file, which takes several times as long as the names alone.

    Raises:
        DataError: a folder is missing or may not be read.
    """
    bar = progress_bar(total=len(folders), desc=description, unit="folder", disable=None, leave=False, smoothing=0.05)
    names: list[NDArray[np.bytes_]] = []
    bytes_of: list[NDArray[np.int64]] = []
    others = companions = 0
    capitals: list[str] = []
    deeper: list[str] = []
    with ThreadPoolExecutor(_THREADS) as pool, bar:
        listed = pool.map(lambda folder: _list(root / folder, suffix, sizes), folders)
        for folder, found in zip(folders, listed, strict=True):
            images = sorted(found.sizes.items())
            names.append(names_array([name for name, _ in images]))
            bytes_of.append(np.array([size for _, size in images], dtype=np.int64))
            others += found.others
            companions += found.companions
            capitals += [f"{folder}/{name}" for name in found.capitals]
            deeper += [f"{folder}/{name}" for name in found.deeper]
            bar.update(1)
    starts = np.concatenate([[0], np.cumsum([len(part) for part in names], dtype=np.int64)]).astype(np.int64)
    together = np.concatenate(names) if names else names_array([])
    known = np.concatenate(bytes_of) if bytes_of else np.zeros(0, dtype=np.int64)
    return FolderListing(
        tuple(folders),
        starts,
        together,
        known if sizes else None,
        others,
        companions,
        tuple(capitals),
        tuple(deeper),
    )


def _list(folder: Path, suffix: bytes, sizes: bool) -> Scanned:
    try:
        return scan(folder, (suffix,), ask=sizes)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: OSError) -> DataError:
    reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be listed ({error.strerror})"
    return DataError(f"{folder} {reason}; copy the folder again, or make it readable")
