"""Write a small data set in the layout of DukeMTMC-VideoReID, by hand, for tests of the reader."""

from collections.abc import Sequence
from pathlib import Path

from tests.datasets.mars_folder import hash_of, picture

Row = tuple[int, int, int, int, int]  # person, tracklet, camera, number of the first frame, frames

TRAIN: tuple[Row, ...] = ((1, 1, 2, 1, 3), (1, 2, 5, 2, 4), (7, 3, 1, 1, 2))
GALLERY: tuple[Row, ...] = ((2, 4, 1, 1, 3), (2, 5, 8, 2, 2), (9, 6, 3, 1, 5), (40, 7, 1, 1, 2), (40, 8, 6, 1, 1))
QUERY = (5, 8)  # tracklets; person 9 is a distractor


def name(person: int, camera: int, frame: int, form: str = "new", clock: int | None = None) -> str:
    """An image name in one of the two forms."""
    stamp = f"{'D' if person == 9 else 'X'}{99_976 + 12 * frame if clock is None else clock}"
    words = (f"{person:04d}", f"C{camera}", f"F{frame:04d}", f"{stamp}.jpg")
    return ("_" if form == "new" else "").join(words)


def write(
    root: Path,
    *,
    form: str = "new",
    train: Sequence[Row] = TRAIN,
    gallery: Sequence[Row] = GALLERY,
    query: Sequence[int] = QUERY,
) -> Path:
    """Write all images; returns root."""
    for part, rows in (("train", train), ("gallery", gallery), ("query", [r for r in gallery if r[1] in query])):
        for person, tracklet, camera, first, frames in rows:
            folder = root / part / f"{person:04d}" / f"{tracklet:04d}"
            folder.mkdir(parents=True)
            for frame in range(first, first + frames):
                path = folder / name(person, camera, frame, form)
                path.write_bytes(picture(hash_of(f"{tracklet} {frame}")))
    return root
