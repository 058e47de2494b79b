"""A user's own tracklets in folders: <part>/<person>/<camera>/<tracklet>/<frame>."""

import os
from collections.abc import Sequence
from pathlib import Path

from datasets import identifiers
from datasets.checks import Check, Problem
from datasets.errors import DataError
from datasets.files import image_files, system_files
from datasets.files.listing import FolderListing, list_folders, subfolders
from datasets.files.natural_sort import Key, natural_key
from datasets.files.paths import ListedFrames, names_array
from datasets.readers.own.tracklets import PARTS, Found, Written, in_order, is_image

_LAYOUT = "<part>/<person>/<camera>/<tracklet>/<frame>, with the parts train, query and gallery, or train and test"
_LEVELS = ("part", "person", "camera")


def read(root: Path, sizes: bool) -> Found:
    """Read the folders.

    Args:
        root: the folder that holds the parts, or one with such a folder in it.
        sizes: ask for the size of every image.

    Raises:
        DataError: it holds no part, or a folder may not be read.
    """
    root = _find_root(root)
    problems: list[Problem] = []
    others = left_by_systems = 0
    labels: list[tuple[str, ...]] = [(part,) for part in PARTS if (root / part).is_dir()]
    for level in _LEVELS:
        deeper: list[tuple[str, ...]] = []
        for one in labels:
            folder = "/".join(one)
            inside = subfolders(root, folder, is_image)
            others += inside.others
            left_by_systems += inside.companions
            if inside.images:
                problems.append(_misplaced(folder, level, inside.images))
            deeper += [(*one, name) for name in sorted(inside.folders, key=_by_nature)]
        labels = deeper
    if not labels:
        raise DataError(f"{root} holds no folder of a tracklet, expected {_LAYOUT}; put the frames there")
    listing = list_folders(root, ["/".join(one) for one in labels], "listing frames", suffix=b"", sizes=sizes)
    found = []
    first_of: dict[tuple[str, ...], str] = {}
    for row, (part, *written) in enumerate(labels):
        person, camera, tracklet = _labels(f"{root / listing.folders[row]}", *written)
        first = first_of.setdefault((part, person, camera, tracklet), listing.folders[row])
        if first != listing.folders[row]:
            raise DataError(
                f"{root}: the folders {first} and {listing.folders[row]} are of one tracklet, written in two ways; "
                "put its frames into one folder"
            )
        frames, rows, left = frames_in(listing, row, problems)
        others += left
        if len(frames):
            known = None if listing.sizes is None else listing.sizes[rows]
            found.append(Written(part, person, camera, tracklet, frames, known, listing.folders[row]))
    checks = [
        Check("files that are no images", None, others + listing.others),
        *system_files.checks(left_by_systems + listing.companions),
    ]
    return Found(root, root, found, checks, problems)


def _labels(where: str, person: str, camera: str, tracklet: str) -> tuple[str, str, str]:
    return (
        identifiers.label(where, "person", person),
        identifiers.label(where, "camera", camera),
        identifiers.tracklet_label(where, tracklet),
    )


def frames_in(listing: FolderListing, row: int, problems: list[Problem]) -> tuple[ListedFrames, list[int], int]:
    """The images of one listed folder in natural order.

    Args:
        listing: made with ``suffix=b""``.
        row: of the folder.
        problems: is added to, also where there is none.

    Returns:
        The frames; the row of each in the listing; how many other files there are.
    """
    folder = listing.folders[row]
    start, end = (int(listing.starts[row + place]) for place in (0, 1))
    rows = {os.fsdecode(name): start + place for place, name in enumerate(listing.names[start:end].tolist())}
    names = in_order(folder, filter(is_image, rows), problems)
    if not names:
        deeper = [inner for inner in listing.deeper if inner.startswith(f"{folder}/")]
        remedy = image_files.strays((), deeper) or "copy its frames there, or remove it"
        problems.append(Problem("missing", folder, "holds no image", remedy))
    chosen = [rows[name] for name in names]
    if listing.sizes is not None:
        for name, size in zip(names, listing.sizes[chosen].tolist(), strict=True):
            if size == 0:
                problems.append(Problem("empty", f"{folder}/{name}", "has 0 bytes", "copy it again"))
            elif size == image_files.MISSING:
                problems.append(Problem("missing", f"{folder}/{name}", "is a link that leads nowhere", "copy it again"))
    return ListedFrames(f"{folder}/", names_array(names)), chosen, len(rows) - sum(map(is_image, rows))


def _by_nature(name: str) -> tuple[Key, str]:
    return natural_key(name), name


def _misplaced(folder: str, level: str, images: int) -> Problem:
    missing = ("<person>", "<camera>", "<tracklet>")[_LEVELS.index(level) :]
    return Problem(
        "place",
        folder,
        f"holds {images} image(s) of its own, expected them in {folder}/{'/'.join(missing)}",
        "move them into the folder of their tracklet",
    )


def _find_root(root: Path) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is neither a folder nor a CSV; give one of {_LAYOUT}, or a CSV of tracklets")
    if _parts(root):
        return root
    inside = [child for child in system_files.folders_in(root) if _parts(child)]
    if len(inside) == 1:
        return inside[0]
    hint = f"; it holds several: name one of {', '.join(str(path) for path in inside)}" if inside else ""
    raise DataError(
        f"{root} holds neither tracklets.csv nor one of the folders {', '.join(PARTS)}"
        f"{hint or f', expected {_LAYOUT}; put the frames there, or write a CSV'}"
    )


def _parts(folder: Path) -> Sequence[str]:
    return [part for part in PARTS if (folder / part).is_dir()]
