"""RAP, the source of ADFD's attribute transfer: images of pedestrians with yes/no attributes.

    rap/RAP_dataset/*.png     rap/RAP_annotation/RAP_annotation.mat

Source: D. Li et al., "A Richly Annotated Dataset for Pedestrian Attribute Recognition"; it needs a licence of its own.
One image is one tracklet of one frame and one person here: its number is its row in the annotation, from 1. Nobody is
searched for, so there are no queries.
"""

import os
import re
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.attributes.attribute import YES_NO, Attribute
from datasets.attributes.model import Annotation
from datasets.attributes.rap_columns import WANTED, match_columns
from datasets.attributes.rap_mat import RapFile, read_file
from datasets.errors import DataError
from datasets.files import content_digest
from datasets.files.image_files import name_some
from datasets.fingerprint import fingerprint
from datasets.tracklet import Split, Tracklet

IMAGES: Final = "RAP_dataset"
MAT: Final = Path("RAP_annotation") / "RAP_annotation.mat"
_CAMERA = re.compile(r"CAM([0-9]{1,9})", re.IGNORECASE)
_NAME = re.compile(r"[^/\\]+\.(png|jpg|jpeg)", re.IGNORECASE)


def is_here(folder: Path) -> bool:
    """Whether a folder (or a folder `rap` inside of it) holds the annotation of RAP."""
    return _annotation_file(folder) is not None


def read(source: Path) -> Annotation:
    """The attributes of ADFD in a RAP annotation; images are not looked at.

    Args:
        source: RAP_annotation.mat, or a folder that holds it.

    Raises:
        DataError: for another layout, counts that disagree, or a label that is neither 0 nor 1.
    """
    path = _find(source) if source.is_dir() else source
    return _annotation(path, read_file(path))


def load_source(root: str | Path) -> tuple[Split, Annotation]:
    """RAP as a source of labelled images.

    Args:
        root: the folder that holds RAP_dataset and RAP_annotation, or its parent where it is called `rap`.

    Returns:
        A split whose training and test tracklets are the halves of the first partition (no queries; the gallery is the
        test half), and the annotation of all images.

    Raises:
        DataError: as `read`, and for images that are missing or empty.
    """
    path = _find(Path(root))
    stored = read_file(path)
    annotated = _annotation(path, stored)
    folder = next((near for near in (path.parent, path.parent.parent) if (near / IMAGES).is_dir()), path.parent.parent)
    sizes = _sizes(folder / IMAGES, stored.images)
    train, test = stored.partitions[0]
    tracklets = [_tracklet(place, name) for place, name in enumerate(stored.images)]
    named = fingerprint("rap 1", "\n".join(stored.images), sizes, annotated.fingerprint, train, test)
    held = content_digest.digests(tracklets, folder)
    split = Split(
        name="rap",
        root=folder,
        train=tuple(tracklets[row] for row in train),
        test=tuple(tracklets[row] for row in test),
        query_index=np.zeros(0, dtype=np.int64),
        gallery_index=np.arange(len(test), dtype=np.int64),
        fingerprint=content_digest.mixed(named, held),
        version=stored.version,
        synthetic=False,
    )
    return split, annotated


def _annotation_file(folder: Path) -> Path | None:
    places = (folder / MAT, folder / "rap" / MAT, folder / MAT.name)
    return next((path for path in places if path.is_file()), None)


def _find(folder: Path) -> Path:
    found = _annotation_file(folder)
    if found is None:
        raise DataError(f"{folder} is not in the layout of RAP, expected {MAT} and {IMAGES} in it; give that folder")
    return found


def _annotation(path: Path, stored: RapFile) -> Annotation:
    chosen = match_columns(stored.names)
    label = stored.label[:, [place for place, _ in chosen.columns]]
    wrong = np.argwhere((label != 0) & (label != 1))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise DataError(
            f"{path}: image {row + 1} ({stored.images[row]}) has {label[row, column]} for "
            f"{stored.names[chosen.columns[column][0]]!r}, expected 0 or 1 ({len(wrong):,} such labels); correct it"
        )
    attributes = [Attribute(wanted.name, "binary", YES_NO, wanted.group, "tracklet") for _, wanted in chosen.columns]
    keys = [_key(path, name) for name in stored.images]
    people = np.arange(1, len(keys) + 1, dtype=np.int64)
    name = f"RAP v{stored.version}" if stored.version.isdigit() else f"RAP {stored.version}"
    return Annotation.of(name, attributes, people, keys, label.astype(np.int16), _notices(stored, path))


def _notices(stored: RapFile, path: Path) -> list[str]:
    chosen = match_columns(stored.names)
    images, names = stored.label.shape
    told = []
    if not stored.version.isdigit():
        told.append(
            f"{path.name} has {images:,} images and {names} attributes, which is neither RAP v1 (41,585 x 92) nor v2 "
            "(84,928 x 152): unknown size, taken as it is"
        )
    if stored.by_order:
        told.append("the fields of the annotation are not known by name and were told by their order in RAP v1")
    told.append(f"found {len(chosen.columns)} of the {len(WANTED)} attributes of ADFD")
    if chosen.missing:
        told.append(f"not found: {', '.join(chosen.missing)}")
    if chosen.left_out:
        told.append(f"{len(chosen.left_out)} other attributes are left out: {', '.join(chosen.left_out)}")
    train, test = stored.partitions[0]
    told.append(
        f"the first of {len(stored.partitions)} partitions is taken: {len(train):,} for training, {len(test):,} test"
    )
    if len(train) + len(test) < images:
        told.append(f"{images - len(train) - len(test):,} images are in neither half of it and are left out")
    return told


def _key(path: Path, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise DataError(f"{path}: {name!r} is not the name of an image, expected such as CAM01_0001.png; correct it")
    return Path(name).stem


def _tracklet(place: int, name: str) -> Tracklet:
    """Image names start with the camera (CAM01_...); 0 where they do not."""
    camera = _CAMERA.match(name)
    return Tracklet(Path(name).stem, place + 1, int(camera[1]) if camera else 0, (f"{IMAGES}/{name}",))


def _sizes(folder: Path, names: tuple[str, ...]) -> NDArray[np.int64]:
    """Bytes of each image, int64 [N]: one listing, no image is opened."""
    if not folder.is_dir():
        raise DataError(f"{folder} is missing; copy the images of RAP there")
    with os.scandir(folder) as entries:
        there = {entry.name: entry.stat().st_size for entry in entries}
    for what, some in (
        ("missing", [name for name in names if name not in there]),
        ("empty", [name for name in names if there.get(name) == 0]),
    ):
        if some:
            raise DataError(
                f"{folder}: {len(some):,} of {len(names):,} images are {what} ({name_some(some)}); copy them again"
            )
    return np.array([there[name] for name in names], dtype=np.int64)
