"""What was changed in a tracklet, kept beside the images: changes/<person>/<key>.npz."""

import io
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.errors import DataError
from datasets.repaired.interface import Mask, Numbers, Repaired


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
    try:
        with np.load(path) as stored:
            frames, height, width = (int(size) for size in stored["shape"])
            packed = np.unpackbits(stored["changed"], count=frames * height * width)
            changed = packed.astype(np.bool_).reshape(frames, height, width)
            return Changes(changed, stored["kept"], int(stored["source_frames"]), bool(stored["kept_whole"]))
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is missing: this is no repaired set, or tracklet {key} is of another one; give the folder that "
            "repaired frames were written to"
        ) from error
    except (OSError, KeyError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} is damaged ({type(error).__name__}): remove the repaired set and write it again"
        ) from error


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
