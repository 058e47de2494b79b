"""Write a small data set in the MARS layout, by hand, for tests of the reader."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import simplejpeg
from scipy.io import savemat

Row = tuple[str, int, int, int]  # person folder, camera, tracklet number, frames

TRAIN: tuple[Row, ...] = (("0001", 1, 1, 3), ("0001", 2, 2, 2), ("0003", 1, 1, 4))
TEST: tuple[Row, ...] = (
    ("00-1", 1, 1, 2),
    ("0000", 2, 1, 3),
    ("0002", 1, 1, 2),
    ("0002", 2, 2, 5),
    ("0004", 1, 1, 1),
    ("0004", 3, 2, 2),
)
QUERY = (3, 4, 6)  # rows of TEST, from 1


def write(
    root: Path,
    *,
    train: Sequence[Row] = TRAIN,
    test: Sequence[Row] = TEST,
    query: Sequence[int] = QUERY,
    line_end: bytes = b"\r\n",
) -> Path:
    """Write images, name files and tables; returns root."""
    (root / "info").mkdir(parents=True)
    for part, rows in (("train", train), ("test", test)):
        lines, table = [], []
        for person, camera, number, frames in rows:
            prefix = f"{person}C{camera}T{number:04d}"
            names = [f"{prefix}F{frame:03d}.jpg" for frame in range(1, frames + 1)]
            for frame, name in enumerate(names):
                folder = root / f"bbox_{part}" / person
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(picture(hash_of(prefix) + frame))
            table.append((len(lines) + 1, len(lines) + frames, int(person) if person != "00-1" else -1, camera))
            lines += names
        (root / "info" / f"{part}_name.txt").write_bytes(b"".join(n.encode() + line_end for n in lines))
        save_table(root, part, np.array(table, dtype=np.int32))
    savemat(root / "info" / "query_IDX.mat", {"query_IDX": np.array([query], dtype=np.uint16)})
    return root


def save_table(root: Path, part: str, table: np.ndarray) -> None:
    """Write one track table."""
    savemat(root / "info" / f"tracks_{part}_info.mat", {f"track_{part}_info": table})


def picture(seed: int, height: int = 16, width: int = 8) -> bytes:
    """A JPEG that differs from seed to seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return simplejpeg.encode_jpeg(pixels, quality=95, colorsubsampling="444")


def hash_of(text: str) -> int:
    """A number from text that is the same in every process."""
    return sum(ord(letter) * 31**place for place, letter in enumerate(text)) % 100_003
