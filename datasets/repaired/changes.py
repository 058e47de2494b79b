"""What was changed in a tracklet, kept beside the images: changes/<person>/<key>.npz."""

import io
import math
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from datasets.errors import DataError
from datasets.repaired.interface import Mask, Numbers, Repaired
from files import arrays

_FORMS: Final = {
    "shape": ("int64", 1), "changed": ("uint8", 1), "kept": ("int64", 1), "source_frames": ("int64", 0),
    "kept_whole": ("bool", 0),
}  # fmt: skip
"""Type and dimensions of each array of a tracklet's changes."""
_AGAIN: Final = "remove the repaired set and write it again"


class Changes(NamedTuple):
    """What a repair did to one tracklet of T frames.

    Attributes:
        changed: bool [T',H,W], the pixels that were painted anew.
        kept: int64 [T'], the source's numbers (from 0) of the frames that are there.
        source_frames: T.
        kept_whole: all frames are there because none would have been.
    """

    changed: Mask
    kept: Numbers
    source_frames: int
    kept_whole: bool


def changes_path(root: Path, key: str) -> Path:
    """Where the changes of a tracklet lie; the key's first four characters are the person."""
    return Path(root) / "changes" / key[:4] / f"{key}.npz"


def pack(repaired: Repaired, source_frames: int) -> bytes:
    """The changes of a tracklet as the bytes of an npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        shape=np.array(repaired.changed.shape, dtype=np.int64),
        changed=np.packbits(repaired.changed),
        kept=repaired.kept,
        source_frames=np.array(source_frames, dtype=np.int64),
        kept_whole=np.array(repaired.kept_whole),
    )
    return buffer.getvalue()


def load_changes(root: Path, key: str) -> Changes:
    """Read what was done to a tracklet.

    Args:
        root: of the repaired set.
        key: of the tracklet, such as `"0002C1T0012"`.

    Raises:
        DataError: where there is nothing or it cannot be read.
    """
    path = changes_path(root, key)
    if not path.exists():
        raise DataError(
            f"{path} is missing: this is no repaired set, or tracklet {key} is of another one; give the folder that "
            "repaired frames were written to"
        )
    stored = arrays.load_npz(path, error=DataError, remedy=_AGAIN)
    arrays.require(stored, tuple(_FORMS), path, error=DataError, remedy=_AGAIN)
    for name, (kind, dimensions) in _FORMS.items():
        found = stored[name]
        if found.dtype != np.dtype(kind) or found.ndim != dimensions:
            raise DataError(
                f"{path} is damaged: {name} is {found.dtype} with {found.ndim} dimensions, expected {kind} with "
                f"{dimensions}; {_AGAIN}"
            )
    sizes, kept, source_frames = stored["shape"].tolist(), stored["kept"], int(stored["source_frames"])
    pixels = math.prod(sizes)
    rising = bool((np.diff(kept) > 0).all()) and (not kept.size or 0 <= kept[0] <= kept[-1] < source_frames)
    if len(sizes) != 3 or min(sizes) < 0 or -(-pixels // 8) != stored["changed"].size or len(kept) != sizes[0]:
        raise DataError(f"{path} is damaged: its masks do not have the shape {sizes} that it tells; {_AGAIN}")
    if not rising:
        raise DataError(f"{path} is damaged: its frames are none of 0 to {source_frames - 1} in order; {_AGAIN}")
    changed = np.unpackbits(stored["changed"], count=pixels).astype(np.bool_).reshape(sizes)
    return Changes(changed, kept, source_frames, bool(stored["kept_whole"]))


def read_changes(root: Path, key: str) -> tuple[Mask, Numbers]:
    """What was changed in a tracklet of a repaired set.

    Args:
        root: of the repaired set.
        key: of the tracklet.

    Returns:
        changed, bool [T',H,W], and kept, int64 [T'] rising numbers (from 0) of the source's frames.

    Raises:
        DataError: where there is nothing or it cannot be read.
    """
    found = load_changes(root, key)
    return found.changed, found.kept
