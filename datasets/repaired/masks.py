"""What was changed in a tracklet, kept beside the images: changes/<person>/<key>.npz."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.errors import DataError
from datasets.repaired.interface import Mask, Numbers, Repaired
from files.formats import arrays

_AGAIN = "remove the repaired set and write it again"
_NAMES = ("shape", "changed", "kept", "source_frames", "kept_whole")


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
    arrays.require(stored, _NAMES, path, error=DataError, remedy=_AGAIN)
    try:
        frames, height, width = (int(size) for size in stored["shape"])
        kept, number = stored["kept"], int(stored["source_frames"])
        if stored["changed"].size != (frames * height * width + 7) // 8 or min(frames, height, width) < 0:
            raise ValueError("its mask has another size than it says")
        if kept.dtype.kind not in "iu" or kept.shape != (frames,) or (kept < 0).any() or (kept >= number).any():
            raise ValueError("the frames that it keeps are none of the source")
        packed = np.unpackbits(stored["changed"], count=frames * height * width)
        changed = packed.astype(np.bool_).reshape(frames, height, width)
        return Changes(changed, kept, number, bool(stored["kept_whole"]))
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{path} is damaged ({error}): {_AGAIN}") from error


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
