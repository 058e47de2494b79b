"""A contact sheet: tracklets as rows, frames in time order as columns. Look at your data."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from datasets import pack
from datasets.errors import DataError
from datasets.identifiers import printable
from datasets.images import decode
from datasets.images.encoded import decoded
from datasets.sampling.clips import evenly
from datasets.tracklet import Split, Tracklet

MOST_PIXELS = 200_000_000
_GAP = 2
_LABEL_WIDTH = 108
_LINE = 11
_LONGEST_SIDE = 65_500  # of a JPEG
_BACKGROUND, _INK, _FAINT = (24, 24, 27), (235, 235, 235), (150, 150, 155)
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def choose(split: Split, part: str, number: int, *, people: Sequence[int] = ()) -> list[Tracklet]:
    """Pick tracklets for a sheet.

    Args:
        split: the data set.
        part: train, test, query or gallery.
        number: how many at most; they are spread over the part in its order.
        people: take only tracklets of these person ids; none means everybody.

    Raises:
        DataError: for an unknown part, or where nobody is left.
    """
    parts = {"train": split.train, "test": split.test, "query": split.query, "gallery": split.gallery}
    if part not in parts:
        raise DataError(f"there is no part {part!r}; take one of {', '.join(parts)}")
    found = [tracklet for tracklet in parts[part] if not people or tracklet.person_id in people]
    if not found:
        wanted = f" of person {', '.join(map(str, people))}" if people else ""
        raise DataError(f"{split.root} has no {part} tracklet{wanted}; `stats` counts what there is")
    return [found[i] for i in evenly(len(found), min(number, len(found))).indices]


def contact_sheet(
    root: Path, tracklets: Sequence[Tracklet], *, columns: int = 12, size: tuple[int, int] = (128, 64)
) -> Image.Image:
    """Draw a sheet.

    Args:
        root: folder that the frame paths are relative to.
        tracklets: one row each.
        columns: frames of a row at most; longer tracklets are shown by evenly spread frames.
        size: (height, width) of a frame on the sheet.

    Raises:
        DataError: if a frame cannot be read, or the sheet would have no row or column, or too many pixels.
    """
    if not tracklets or columns < 1 or min(size) < 1:
        raise DataError(f"a sheet of {len(tracklets)} rows and {columns} columns is not possible; ask for more")
    height, width = size
    widest = max(min(columns, len(tracklet.frames)) for tracklet in tracklets)
    whole = (_LABEL_WIDTH + widest * (width + _GAP) + _GAP, len(tracklets) * (height + _GAP) + _GAP)
    if whole[0] * whole[1] > MOST_PIXELS:
        raise DataError(
            f"a sheet of {whole[0]:,} x {whole[1]:,} pixels is too large to be looked at, expected no more than "
            f"{MOST_PIXELS / 1e6:.0f} million of them; ask for smaller or fewer frames"
        )
    sheet = Image.new("RGB", whole, _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for row, tracklet in enumerate(tracklets):
        top = _GAP + row * (height + _GAP)
        person = {0: "distractor", -1: "junk"}.get(tracklet.person_id, f"person {tracklet.person_id}")
        facts = (person, f"camera {tracklet.camera_id}", f"{len(tracklet.frames)} frames")
        draw.text((6, top + 2), printable(tracklet.key), fill=_INK)
        for line, fact in enumerate(facts, start=1):
            draw.text((6, top + 2 + line * _LINE), fact, fill=_FAINT)
        shown = evenly(len(tracklet.frames), min(columns, len(tracklet.frames))).indices
        for column, pixels in enumerate(_frames(tracklet, root, shown)):
            sheet.paste(_scaled(pixels, size), (_LABEL_WIDTH + column * (width + _GAP), top))
    return sheet


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG or JPEG; the file is whole or absent.

    Raises:
        DataError: for another file extension, or a place that cannot be written.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path} has no known extension; name a .png or .jpg file")
    if kind == "JPEG" and max(sheet.size) > _LONGEST_SIDE:
        raise DataError(
            f"{path}: a JPEG has no more than {_LONGEST_SIDE:,} pixels a side, and the sheet has {max(sheet.size):,}; "
            "name a .png, or ask for fewer rows"
        )
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            sheet.save(partial, format=kind, **({"quality": 90} if kind == "JPEG" else {"optimize": True}))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror or error}); name another place") from error


def _frames(tracklet: Tracklet, root: Path, frames: NDArray[np.int64]) -> Iterator[decode.Pixels]:
    """Some frames of a tracklet, decoded, out of a pack where the folder is one."""
    source = pack.bytes_of([tracklet], root)
    for frame, content in zip(frames.tolist(), source.read(frames), strict=True):
        yield decoded(source, frame, content, decode.decode)


def _scaled(pixels: np.ndarray, size: tuple[int, int]) -> Image.Image:
    image = Image.fromarray(pixels)
    height, width = size
    # Enlarged small frames keep their pixels visible; smaller ones are averaged.
    filter_ = Image.Resampling.NEAREST if image.height <= height else Image.Resampling.BOX
    return image.resize((width, height), filter_)
