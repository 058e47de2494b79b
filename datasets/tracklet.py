"""The data model: tracklets, and how a data set divides them into train, query and gallery."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError

JUNK = -1
DISTRACTOR = 0


@dataclass(frozen=True, slots=True)
class NumberedFrames(Sequence[str]):
    """The frame paths `stem + 001 + suffix` ... made when asked for.

    MARS has 1.2 million frames; one Python string each would cost over 100 MB in every worker process.

    Attributes:
        stem: path up to the frame number, e.g. `"bbox_train/0001/0001C1T0001F"`.
        length: how many frames there are; they are numbered from 1.
        digits: width of the zero-padded number.
        suffix: what follows the number.
    """

    stem: str
    length: int
    digits: int = 3
    suffix: str = ".jpg"

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return tuple(self._name(i) for i in range(*index.indices(self.length)))
        position = operator.index(index)  # NumPy integers are welcome too
        if position < 0:
            position += self.length
        if not 0 <= position < self.length:
            raise IndexError(f"frame {index} of a tracklet with {self.length} frames ({self.stem}...)")
        return self._name(position)

    def __iter__(self) -> Iterator[str]:
        return (self._name(i) for i in range(self.length))

    def _name(self, position: int) -> str:
        return f"{self.stem}{position + 1:0{self.digits}d}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Tracklet:
    """The cropped frames of one person under one camera, in time order.

    Attributes:
        key: a name that is unique inside the data set, e.g. `"0002C1T0012"`.
        person_id: above 0 a real person, 0 a distractor, -1 junk (the numbering of MARS).
        camera_id: the camera as the data set numbers it (from 1 on MARS).
        frames: paths relative to `Split.root`, in time order.
    """

    key: str
    person_id: int
    camera_id: int
    frames: Sequence[str]

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, eq=False)
class Split:
    """One division of a data set into training, query and gallery tracklets.

    Every test tracklet stands once in `test`, so that it is encoded once; query and gallery are rows of it.
    Junk and the queries themselves stay in the gallery where the data set has them there: which of them
    count is the business of a protocol, not of a reader.

    Attributes:
        name: the data set ("mars", "synthwalk", ...).
        root: folder that the frame paths are relative to.
        train: training tracklets.
        test: every distinct test tracklet.
        query_index: int64 [Q], rows of `test`.
        gallery_index: int64 [G], rows of `test`.
        fingerprint: 32 hexadecimal digits that change when a file's name or content, a label or a role changes.
        version: version of the data set's content.
        synthetic: whether the pixels were rendered.
        number: which of the data set's divisions this is, from 0.
        divisions: how many there are; accuracies are averaged over all of them (ten of iLIDS-VID and PRID-2011).
        content: digest of what the frames held when they were looked at (`datasets.files.content_digest`), part of the
            fingerprint; empty where they were not.
    """

    name: str
    root: Path
    train: tuple[Tracklet, ...]
    test: tuple[Tracklet, ...]
    query_index: NDArray[np.int64]
    gallery_index: NDArray[np.int64]
    fingerprint: str
    version: str
    synthetic: bool
    number: int = 0
    divisions: int = 1
    content: str = ""

    def __post_init__(self) -> None:
        for role, index in (("query", self.query_index), ("gallery", self.gallery_index)):
            if index.size and (index.min() < 0 or index.max() >= len(self.test)):
                raise DataError(
                    f"{self.name}: a {role} row lies outside the {len(self.test)} test tracklets "
                    f"(rows {index.min()} to {index.max()}); the reader of this data set is wrong"
                )

    @property
    def query(self) -> tuple[Tracklet, ...]:
        """The query tracklets, in query order."""
        return tuple(self.test[row] for row in self.query_index)

    @property
    def gallery(self) -> tuple[Tracklet, ...]:
        """The gallery tracklets, in gallery order."""
        return tuple(self.test[row] for row in self.gallery_index)

    @property
    def train_labels(self) -> NDArray[np.int64]:
        """Class of each training tracklet, int64 [N] in 0..C-1, by rising person id.

        Sorted on purpose: several published loaders number the classes in the iteration order of a Python
        set, which makes two checkpoints of the same code incompatible.
        """
        _, labels = np.unique(person_ids(self.train), return_inverse=True)
        return labels.astype(np.int64)

    @property
    def num_train_ids(self) -> int:
        """Number of training identities C."""
        return len(np.unique(person_ids(self.train)))

    def counts(self) -> dict[str, int]:
        """Sizes of all parts, under stable names.

        `test_ids` and `query_ids` count real persons only (papers often count junk and distractors as two
        more). `unmatched_queries` have no gallery tracklet of their person from another camera;
        `unmatched_queries_removed` is the same when the query tracklets are taken out of the gallery, as a
        large family of published code does (140 on MARS).
        """
        people, cameras, frames = person_ids(self.test), camera_ids(self.test), lengths(self.test)
        query, gallery = self.query_index, self.gallery_index
        without_queries = np.setdiff1d(gallery, query)
        return {
            "train_ids": self.num_train_ids,
            "train_tracklets": len(self.train),
            "train_frames": int(lengths(self.train).sum()),
            "test_ids": len(np.unique(people[people > 0])),
            "test_tracklets": len(self.test),
            "test_frames": int(frames.sum()),
            "query_ids": len(np.unique(people[query][people[query] > 0])),
            "query_tracklets": len(query),
            "query_frames": int(frames[query].sum()),
            "gallery_tracklets": len(gallery),
            "gallery_frames": int(frames[gallery].sum()),
            "distractor_tracklets": int((people == DISTRACTOR).sum()),
            "distractor_frames": int(frames[people == DISTRACTOR].sum()),
            "junk_tracklets": int((people == JUNK).sum()),
            "junk_frames": int(frames[people == JUNK].sum()),
            "cameras": len(np.union1d(camera_ids(self.train), cameras)),
            "unmatched_queries": _unmatched(people, cameras, query, gallery),
            "unmatched_queries_removed": _unmatched(people, cameras, query, without_queries),
        }


def person_ids(tracklets: Sequence[Tracklet]) -> NDArray[np.int64]:
    """Person ids, int64 [N]."""
    return np.array([tracklet.person_id for tracklet in tracklets], dtype=np.int64)


def camera_ids(tracklets: Sequence[Tracklet]) -> NDArray[np.int64]:
    """Camera ids, int64 [N]."""
    return np.array([tracklet.camera_id for tracklet in tracklets], dtype=np.int64)


def lengths(tracklets: Sequence[Tracklet]) -> NDArray[np.int64]:
    """Frames per tracklet, int64 [N]."""
    return np.array([len(tracklet.frames) for tracklet in tracklets], dtype=np.int64)


def _unmatched(
    people: NDArray[np.int64],
    cameras: NDArray[np.int64],
    query: NDArray[np.int64],
    gallery: NDArray[np.int64],
) -> int:
    seen: dict[int, set[int]] = {}
    for person, camera in zip(people[gallery].tolist(), cameras[gallery].tolist(), strict=True):
        seen.setdefault(person, set()).add(camera)
    asked = zip(people[query].tolist(), cameras[query].tolist(), strict=True)
    return sum(1 for person, camera in asked if not seen.get(person, set()) - {camera})
