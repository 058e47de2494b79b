"""Scores over several random splits of one data set, as iLIDS-VID and PRID-2011 are reported.

iLIDS-VID has 300 people with one tracklet under each of two cameras. They are divided ten times at random, 150 to train
and 150 to test; camera 1 asks, camera 2 answers, and rank-k is the mean over the ten (CMC alone: with one match a
query, AP adds nothing). The spread between splits is large, up to 20 points by TKP's authors, so it is given as well.

Each split has a network of its own, since one split's test people are another's training people. Descriptors are
therefore given split by split; one set for all splits is right for a network that was trained on another data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.arrays import to_ids, to_numpy
from protocols.errors import ProtocolError
from protocols.interface import Protocol
from protocols.vocabulary import SIDES, Side

from .evaluate import Ranking, SplitAverage, average_splits

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SplitRows:
    """One division of a data set: which of its tracklets ask, which answer, and who was trained on.

    Attributes:
        query: [Q] rows of the data set's tracklets.
        gallery: [G] rows; a query may be among them and is then ignored as its own camera's.
        train_ids: [P] people whose tracklets this split's network may learn from.

    Raises:
        ProtocolError: no query or no gallery, or rows that are not whole numbers, negative or named twice.
    """

    query: Ints
    gallery: Ints
    train_ids: Ints

    def __post_init__(self) -> None:
        for name in ("query", "gallery", "train_ids"):
            values = to_numpy(getattr(self, name))
            values = to_ids(values, f"{name} of a split", values.size)
            object.__setattr__(self, name, values)
            if name == "train_ids":
                continue
            if values.size == 0:
                raise ProtocolError(f"a split has no {name} tracklet")
            if values.min() < 0 or len(np.unique(values)) < len(values):
                raise ProtocolError(f"{name} rows of a split must be 0 or more and each stand once")

    def check(self, person_ids: ArrayLike, camera_ids: ArrayLike, where: str = "split") -> None:
        """Holds the rows against the labels of the data set.

        Args:
            person_ids, camera_ids: [N] of all its tracklets.
            where: how messages call this split.

        Raises:
            ProtocolError: a row that the data set has not, a test person who was trained on, or a query without a
                gallery tracklet of its person under another camera.
        """
        people, cameras = _labels(person_ids, camera_ids)
        for name, rows in (("query", self.query), ("gallery", self.gallery)):
            if rows.max() >= len(people):
                raise ProtocolError(f"{where}: {name} row {rows.max()} is beyond the {len(people)} tracklets")
        tested = np.concatenate([people[self.query], people[self.gallery]])
        both = np.intersect1d(tested, self.train_ids)
        if len(both):
            raise ProtocolError(
                f"{where}: {len(both)} people are trained on and tested (first: person {both[0]}); their scores would "
                "say how well the network remembers"
            )
        views: dict[int, set[int]] = {}
        for person, camera in zip(people[self.gallery].tolist(), cameras[self.gallery].tolist(), strict=True):
            views.setdefault(person, set()).add(camera)
        for row in self.query.tolist():
            if not views.get(int(people[row]), set()) - {int(cameras[row])}:
                raise ProtocolError(
                    f"{where}: query row {row} (person {people[row]}, camera {cameras[row]}) has no gallery tracklet "
                    "of its person under another camera"
                )


def by_camera(person_ids: ArrayLike, camera_ids: ArrayLike, train_ids: ArrayLike, query_camera: int) -> SplitRows:
    """The split in which everybody who is not trained on is tested, one camera asking and the others answering.

    Args:
        person_ids, camera_ids: [N] of all tracklets of the data set.
        train_ids: the people of the training half, e.g. one row of iLIDS-VID's list of splits.
        query_camera: `Protocol.query_camera`; 0: every tracklet asks and answers.

    Raises:
        ProtocolError: a training person who is not in the data set, or what `SplitRows` refuses.
    """
    people, cameras = _labels(person_ids, camera_ids)
    trained = to_numpy(train_ids)
    trained = to_ids(trained, "train_ids", trained.size)
    strangers = np.setdiff1d(trained, people)
    if len(strangers):
        raise ProtocolError(f"{len(strangers)} training people are not in the data set (first: person {strangers[0]})")
    rows = np.flatnonzero(~np.isin(people, trained))
    asks = np.ones(len(rows), dtype=bool) if query_camera == 0 else cameras[rows] == query_camera
    answers = asks if query_camera == 0 else ~asks
    split = SplitRows(rows[asks], rows[answers], trained)
    split.check(people, cameras)
    return split


@dataclass(frozen=True, slots=True, eq=False)
class SplitScores:
    """The scores of one side over all splits, under the protocol's headline convention.

    Attributes:
        side: such as ``I2V``: an image asks, videos answer.
        rankings: of each split, in their order.
        average: mean and sample standard deviation over the splits; fractions.
    """

    side: Side
    rankings: tuple[Ranking, ...]
    average: SplitAverage

    def metrics(self, ranks: Sequence[int] = (1, 5, 10, 20)) -> dict[str, float]:
        """``I2V/rank1``, ``I2V/rank1_std``, ...: percent."""
        out = {}
        for rank in ranks:
            at = min(rank, len(self.average.cmc)) - 1
            out[f"{self.side}/rank{rank}"] = 100 * float(self.average.cmc[at])
            out[f"{self.side}/rank{rank}_std"] = 100 * float(self.average.cmc_std[at])
        return out


def score_splits(
    protocol: Protocol,
    image: Any,
    video: Any,
    person_ids: ArrayLike,
    camera_ids: ArrayLike,
    splits: Sequence[SplitRows],
    *,
    side: Side = "I2V",
    max_rank: int = 20,
) -> SplitScores:
    """Scores descriptors under a protocol in every split, and averages.

    Args:
        protocol: its distance, its convention, its number of splits and its query camera apply.
        image: [N, D] descriptors of the first frames of all tracklets (NumPy or torch), or a list of such, one for each
            split; None where the side has no image.
        video: the same of whole tracklets; None where the side has no video.
        person_ids, camera_ids: [N].
        splits: as many as the protocol averages.
        side: which of image and video asks, and which answers.
        max_rank: length of the CMC.

    Raises:
        ProtocolError: another number of splits or of descriptors, a side that the protocol does not have, a query of
            another camera than the protocol's, a split that `SplitRows.check` refuses, or descriptors that cannot be
            ranked.
    """
    if side not in (protocol.sides or SIDES):
        raise ProtocolError(f"{protocol.name} has no side {side!r}; it has {', '.join(protocol.sides)}")
    if len(splits) != protocol.splits:
        raise ProtocolError(f"{protocol.name} averages {protocol.splits} splits, got {len(splits)}")
    if protocol.convention.gallery == "without-queries":
        raise ProtocolError(f"{protocol.name} leaves the queries out of the gallery, which splits do not know of")
    people, cameras = _labels(person_ids, camera_ids)
    given = {"I": image, "V": video}
    asking, answering = (_per_split(given[letter], letter, len(splits), len(people)) for letter in (side[0], side[2]))
    rankings = []
    for number, split in enumerate(splits):
        where = f"split {number + 1} of {len(splits)}"
        split.check(people, cameras, where)
        _check_cameras(split, cameras, protocol, where)
        ranked = protocol.score(
            asking[number][split.query],
            answering[number][split.gallery],
            people[split.query],
            cameras[split.query],
            people[split.gallery],
            cameras[split.gallery],
            max_rank=max_rank,
        )
        rankings.append(ranked[protocol.convention])
    return SplitScores(side, tuple(rankings), average_splits(rankings))


def _check_cameras(split: SplitRows, cameras: Ints, protocol: Protocol, where: str) -> None:
    camera = protocol.query_camera
    if camera and ((cameras[split.query] != camera).any() or (cameras[split.gallery] == camera).any()):
        raise ProtocolError(
            f"{where}: under {protocol.name} all queries are of camera {camera} and all gallery tracklets of another"
        )


def _labels(person_ids: ArrayLike, camera_ids: ArrayLike) -> tuple[Ints, Ints]:
    people = to_numpy(person_ids)
    people = to_ids(people, "person_ids", people.size)
    return people, to_ids(camera_ids, "camera_ids", len(people))


def _per_split(descriptors: Any, letter: str, splits: int, tracklets: int) -> list[Any]:
    """One [N, D] for each split."""
    what = {"I": "image", "V": "video"}[letter]
    if descriptors is None:
        raise ProtocolError(f"this side needs {what} descriptors, and none were given")
    several = isinstance(descriptors, list | tuple)
    tables = list(descriptors) if several else [descriptors] * splits
    if len(tables) != splits:
        raise ProtocolError(f"{len(tables)} sets of {what} descriptors for {splits} splits; give one, or one each")
    for table in tables:
        shape = tuple(getattr(table, "shape", ()))
        if len(shape) != 2 or shape[0] != tracklets:
            raise ProtocolError(
                f"{what} descriptors are {shape or type(table).__name__}; give an array [{tracklets}, D] with one row "
                "for each tracklet of the data set, or a list of such, one for each split"
            )
    return tables
