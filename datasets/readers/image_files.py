"""Are the image files there? One directory listing per folder, no file is opened."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import progress
from datasets.checks import Check, Problem

MISSING = -1
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
    """

    sizes: NDArray[np.int64]
    missing: tuple[str, ...]
    empty: tuple[str, ...]
    unexpected: int

    def problems(self) -> list[Problem]:
        """One for every file that is missing or empty."""
        found = [Problem("missing", file, "is listed but not there", _AGAIN) for file in self.missing]
        return found + [Problem("empty", file, "has 0 bytes", _AGAIN) for file in self.empty]


def check_listing(root: Path, part: str, images: ImageFiles) -> list[Check]:
    """How many images of a part are missing, empty, or there without being listed."""
    found = [
        Check(f"{part} images {what}", 0, len(files), f"{what} under {root}: {name_some(files)}; copy them again", what)
        for what, files in (("missing", images.missing), ("empty", images.empty))
    ]
    return [*found, Check(f"{part} images not listed", None, images.unexpected)]


def list_images(
    root: Path, folders: Mapping[str, Sequence[bytes]], description: str, suffixes: tuple[bytes, ...] = (b".jpg",)
) -> ImageFiles:
    """Compare the files in folders with the expected names.

    Args:
        root: where the folders lie.
        folders: folder (relative to root) -> its expected file names; their order is the order of `sizes`.
        description: name of the progress bar.
        suffixes: which files are images; others in the folders are not counted.
    """
    sizes: list[NDArray[np.int64]] = []
    missing: list[str] = []
    empty: list[str] = []
    unexpected = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        listings = pool.map(lambda folder: _listing(root / folder, suffixes), folders)
        bar = progress.bar(
            zip(folders.items(), listings, strict=True),
            total=len(folders),
            desc=description,
            unit="folder",
            disable=None,
            leave=False,
        )
        for (folder, expected), there in bar:
            here = np.array([there.get(name, MISSING) for name in expected], dtype=np.int64)
            sizes.append(here)
            missing.extend(f"{folder}/{expected[i].decode()}" for i in np.flatnonzero(here == MISSING))
            empty.extend(f"{folder}/{expected[i].decode()}" for i in np.flatnonzero(here == 0))
            unexpected += len(there) - int((here != MISSING).sum())
    return ImageFiles(np.concatenate(sizes), tuple(missing), tuple(empty), unexpected)


def name_some(files: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(files[:_NAMED])
    return shown if len(files) <= _NAMED else f"{shown} and {len(files) - _NAMED:,} more"


def _listing(folder: Path, suffixes: tuple[bytes, ...]) -> dict[bytes, int]:
    """Sizes of the images in a folder; names stay bytes, a million decoded names would take a second."""
    try:
        with os.scandir(os.fsencode(folder)) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.name.endswith(suffixes)}
    except (FileNotFoundError, NotADirectoryError):
        return {}
