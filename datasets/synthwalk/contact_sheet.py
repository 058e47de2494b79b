"""A page of frames to look at: `python -m datasets.synthwalk.contact_sheet ROOT SHEET.jpg`.

Rows: a walker over time; its motion-only twin, the same in every single picture but for the pace; people
seen by different cameras; look-alikes in one outfit; frames with something in front, their twins, masks.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import datasets
from datasets.errors import DataError
from datasets.images import decode, jpeg
from datasets.synthwalk import truth
from datasets.synthwalk.renderer import materials
from datasets.synthwalk.scenes import props
from datasets.tracklet import Split, Tracklet

Bytes = NDArray[np.uint8]
COLUMNS: Final = 16
GAP: Final = 4


def contact_sheet(root: Path) -> Bytes:
    """Pick frames of a rendered data set and lay them out [rows, columns, 3].

    Raises:
        DataError: where the folder is no complete SynthWalk.
    """
    split = datasets.load("synthwalk", root, check_images=False)
    groups = _groups(split.root)
    by_person: dict[int, list[Tracklet]] = {}
    for tracklet in split.test:
        by_person.setdefault(tracklet.person_id, []).append(tracklet)
    rows: list[list[Bytes]] = []
    for pair in groups["motion"][:1]:
        for person in filter(by_person.get, pair):
            longest = max(by_person[person], key=len)
            rows.append([_frame(split, longest, t % len(longest)) for t in range(COLUMNS)])
    people = [tracks for person, tracks in by_person.items() if person > 0]
    views = min(4, max(map(len, people), default=1))
    several = [tracks[:views] for tracks in people if len(tracks) >= views]
    rows.append([_clearest(split, tracklet) for tracks in several[: COLUMNS // views] for tracklet in tracks])
    alike = [member for group in groups["lookalike"] for member in group if member in by_person]
    rows.append([_clearest(split, by_person[member][0]) for member in alike[:COLUMNS]])
    rows += _occluded(split)
    return _lay_out(rows)


def _groups(root: Path) -> dict[str, list[list[int]]]:
    """Groups of people of the test half, by kind.

    Raises:
        DataError: they are not there, or are no lists of people.
    """
    found = truth.read_json(root, "groups").get("test")
    kinds = {kind: found.get(kind) if isinstance(found, dict) else None for kind in ("motion", "lookalike")}
    for kind, groups in kinds.items():
        if not isinstance(groups, list) or not all(
            isinstance(group, list) and all(type(person) is int for person in group) for group in groups
        ):
            raise DataError(
                f"{root / 'truth' / 'groups.json'} holds no groups of people under test, {kind}; render SynthWalk "
                "again into an empty folder"
            )
    return {kind: groups or [] for kind, groups in kinds.items()}


def _frame(split: Split, tracklet: Tracklet, number: int) -> Bytes:
    return decode.read(split.root / tracklet.frames[number])


def _clearest(split: Split, tracklet: Tracklet) -> Bytes:
    """The frame that shows most of the person."""
    visible = truth.load_truth(split.root, tracklet.key).visible
    return _frame(split, tracklet, int(np.nan_to_num(visible, nan=-1.0).argmax()))


def _occluded(split: Split) -> list[list[Bytes]]:
    """Three rows: frames with something in front of the person, their twins, their masks."""
    frames: list[Bytes] = []
    twins: list[Bytes] = []
    masks: list[Bytes] = []
    seen: dict[int, int] = {}
    for tracklet in split.test:
        told = truth.load_truth(split.root, tracklet.key)
        good = np.flatnonzero((told.visible > 0.4) & (told.visible < 0.8))
        if tracklet.person_id <= 0 or not len(good) or len(frames) == COLUMNS:
            continue
        number = int(good[len(good) // 2])
        twin, kind = told.twins[number], int(told.occluders[number].max())
        if twin is None or seen.get(kind, 0) >= 2:
            continue
        seen[kind] = seen.get(kind, 0) + 1
        frames.append(_frame(split, tracklet, number))
        twins.append(jpeg.decode(twin))
        masks.append(_colour_in(told.labels[number], told.occluders[number]))
    return [frames, twins, masks]


def _colour_in(labels: Bytes, occluders: Bytes) -> Bytes:
    """Parts of the person in colours, hidden ones darker, things in front in grey."""
    turn = np.arange(len(materials.LABELS)) * 2.4
    palette = 150 + 90 * np.stack([np.sin(turn), np.sin(turn + 2.1), np.sin(turn + 4.2)], axis=1)
    palette[0] = 25
    out = palette[labels]
    front = occluders > 0
    grey = 90 + 12.0 * occluders[front][:, None] / len(props.OCCLUDERS) * 8
    out[front] = 0.75 * grey + 0.25 * out[front]
    return np.clip(out, 0, 255).astype(np.uint8)


def _lay_out(rows: list[list[Bytes]]) -> Bytes:
    height, width, _ = next(picture for row in rows for picture in row).shape
    sheet = np.full((len(rows) * (height + GAP) + GAP, COLUMNS * (width + GAP) + GAP, 3), 255, dtype=np.uint8)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row[:COLUMNS]):
            top, left = GAP + r * (height + GAP), GAP + c * (width + GAP)
            sheet[top : top + height, left : left + width] = picture
    return sheet


def main(arguments: list[str] | None = None) -> int:
    """Write a contact sheet; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of a rendered SynthWalk")
    parser.add_argument("sheet", type=Path, help="JPEG file to write")
    parser.add_argument(
        "--quality", type=int, choices=range(1, 101), metavar="N", default=82, help="of the JPEG, 1 to 100"
    )
    options = parser.parse_args(arguments)
    try:
        sheet = contact_sheet(options.root)
        options.sheet.write_bytes(jpeg.encode(sheet, options.quality, "420"))
    except (DataError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
