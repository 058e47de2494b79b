"""Are the image files there? One directory listing per folder, no file is opened."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import progress

MISSING = -1
_THREADS = 4  # listing waits for the disk, most of all for a network disk
_NAMED = 5  # how many files a message names


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


def list_images(root: Path, folders: Mapping[str, Sequence[bytes]], description: str) -> ImageFiles:
    """Compare the files in folders with the expected names.

    Args:
        root: where the folders lie.
        folders: folder (relative to root) -> its expected file names; their order is the order of `sizes`.
        description: name of the progress bar.
    """
    sizes: list[NDArray[np.int64]] = []
    missing: list[str] = []
    empty: list[str] = []
    unexpected = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        listings = pool.map(lambda folder: _listing(root / folder), folders)
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


def _listing(folder: Path) -> dict[bytes, int]:
    """Sizes of the images in a folder; names stay bytes, a million decoded names would take a second."""
    try:
        with os.scandir(os.fsencode(folder)) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.name.endswith(b".jpg")}
    except (FileNotFoundError, NotADirectoryError):
        return {}
