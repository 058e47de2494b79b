"""The truth of a rendered test half, and what the network that scores regions makes of its raw frames.

It is gathered once and serves every repairer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.frames.decoded import FrameStore
from datasets.images import decode
from datasets.images.open import ImageFault
from datasets.images.resize import resize
from datasets.images.transforms import Normalisation
from datasets.synthwalk.truth import HIDDEN, Truth, load_truth
from datasets.tracklet import Split, lengths
from methods.interface import ScoresRegions
from protocols.ground_truth import occlusion
from protocols.ground_truth.restoration import People
from runners.errors import RunError
from runners.ground_truth.restoration_frames import EmbeddingNet, Hidden, Sums, embedding_net, measure
from runners.plan.environment import Precision
from runners.progress import note, step_bar
from runners.training.frame_features import frames_per_batch

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

KNOWN_BY = 8  # unoccluded frames of a tracklet at most that its person is known by


@dataclass(frozen=True, eq=False)
class Reference:
    """The truth of the test half, and what the scoring network makes of the raw frames: the same for all repairers.

    It holds all frames of the N tracklets with an occluded frame (A frames, M of them occluded): 4 bytes a pixel of
    all, and as much again of the occluded ones.

    Attributes:
        tracklets: ``[N]`` rows of ``split.test``.
        rows: ``[A]`` rows of the store.
        owner: ``[A]`` which of the N tracklets, ascending.
        numbers: ``[A]`` frame in the tracklet, from 0.
        occluded: ``[A]`` whether the frame is measured.
        hidden: ``[A]`` share of the person with something in front; NaN without a person.
        front: ``[A, H, W]`` pixels with something in front.
        truth: ``[A, H, W, 3]`` the frame without what stands in front.
        measured: the M occluded frames of them.
        people: whom a frame can be taken for; None where unoccluded frames show fewer than two people.
        raw: of the M occluded frames as they are.
    """

    tracklets: Ints
    rows: Ints
    owner: Ints
    numbers: Ints
    occluded: Bools
    hidden: Floats
    front: Bools
    truth: Bytes
    measured: Hidden
    people: People | None
    raw: Sums


def build_reference(
    source: Split,
    store: FrameStore,
    scorer: ScoresRegions,
    *,
    normalise: Normalisation,
    device: str,
    precision: Precision,
    features: NDArray[np.float32] | None = None,
) -> Reference:
    """Gather the truth of the test half, and measure the raw frames.

    Args:
        source: a rendered data set with truth.
        store: raw frames of ``source.test``, in that order.
        scorer: in eval mode; also `FrameThenTime`, with a ResNet as ``trunk``.
        normalise: of pixels, as in training.
        device: such as ``cpu``.
        precision: of the network.
        features: ``[F, d]`` the scorer's descriptors of all frames of the store where they are known; otherwise those
            that people are known by (`KNOWN_BY` unoccluded frames of each tracklet, evenly spread) are computed here.

    Raises:
        DataError: no truth.
        RunError: the store is not of these tracklets, or the scorer has not what is asked of it.
    """
    check_store(source, store)
    net = embedding_net(scorer, normalise, device, precision)
    scenes, tracklets, clean = [_Scene.nothing(store.size)], [], [np.zeros(0, dtype=np.int64)]
    for row in np.flatnonzero(_persons(source) > 0).tolist():
        known = load_truth(source.root, source.test[row].key)
        begin = int(store.offsets[row])
        scene = _Scene.of(known, np.array(store.flat()[begin : int(store.offsets[row + 1])]), scorer)
        clean.append(begin + _spread(np.flatnonzero(scene.hidden == 0)))
        if scene.occluded.any():
            scenes.append(scene)
            tracklets.append(row)
    counts = [len(scene.hidden) for scene in scenes[1:]]
    owner = np.repeat(np.arange(len(tracklets)), counts)
    numbers = np.concatenate([scenes[0].hidden.astype(np.int64), *(np.arange(count) for count in counts)])
    where = np.array(tracklets, dtype=np.int64)
    occluded, hidden, front, truth = (np.concatenate(kind) for kind in zip(*map(_Scene.parts, scenes), strict=True))
    rows = store.offsets[where[owner]] + numbers
    note(f"repair: {int(occluded.sum()):,} occluded frames of {len(where)} tracklets are held against the truth")
    people = _people(source, store, np.concatenate(clean), net, features)
    measured = Hidden(
        truth[occluded], front[occluded], _persons(source)[where[owner[occluded]]], where[owner[occluded]]
    )
    raw = measure(np.asarray(store.flat()[rows[occluded]]), measured, people, net, "measure raw frames")
    return Reference(where, rows, owner, numbers, occluded, hidden, front, truth, measured, people, raw)


@dataclass(frozen=True, eq=False)
class _Scene:
    """The truth of one tracklet of T frames, at the size of the store; fields as in `Reference`."""

    occluded: Bools
    hidden: Floats
    front: Bools
    truth: Bytes

    @classmethod
    def of(cls, truth: Truth, frames: Bytes, scorer: ScoresRegions) -> "_Scene":
        """``frames`` are overwritten with their twins."""
        size = (frames.shape[1], frames.shape[2])
        for number, twin in enumerate(truth.twins):
            if twin is not None:
                try:
                    frames[number] = resize(decode.decode(twin), size)
                except ImageFault as error:
                    raise RunError(
                        f"the twin of a frame {error}; render SynthWalk again into an empty folder"
                    ) from error
        front = _at_size(truth.occluders > 0, size)
        occluded = np.asarray((visible_regions(truth, scorer) < HIDDEN).any(axis=1) & front.any(axis=(1, 2)))
        return cls(occluded, occlusion.hidden_shares(truth.labels, truth.occluders), front, frames)

    @classmethod
    def nothing(cls, size: tuple[int, int]) -> "_Scene":
        """No frame at all, so that a data set without occlusion is no special case."""
        flags, pixels = np.zeros(0, dtype=bool), np.zeros((0, *size, 3), dtype=np.uint8)
        return cls(flags, np.zeros(0), np.zeros((0, *size), dtype=bool), pixels)

    def parts(self) -> tuple[Bools, Floats, Bools, Bytes]:
        """All fields."""
        return self.occluded, self.hidden, self.front, self.truth


def check_store(source: Split, store: FrameStore) -> None:
    """Refuse frames of other tracklets.

    Raises:
        RunError: they are other tracklets' frames.
    """
    if not np.array_equal(store.lengths, lengths(source.test)):
        raise RunError(
            f"the frames of {len(store)} tracklets do not belong to the {len(source.test)} test tracklets of "
            f"{source.name}; decode this data set whole."
        )


def visible_regions(truth: Truth, scorer: ScoresRegions) -> Floats:
    """``[T, K]`` share of the person that can be seen in each region, at the size of the truth."""
    return occlusion.true_regions(truth.labels, truth.occluders, scorer.region_rows(truth.labels.shape[1]))


def _spread(frames: Ints) -> Ints:
    """At most `KNOWN_BY` of them, evenly spread: neighbours are much alike, and each costs a pass."""
    if len(frames) <= KNOWN_BY:
        return frames
    return np.asarray(frames[((np.arange(KNOWN_BY) + 0.5) * len(frames) / KNOWN_BY).astype(np.int64)])


def _at_size(mask: Bools, size: tuple[int, int]) -> Bools:
    """``[T, h, w]`` at another size; a pixel takes what its centre lies in."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.int64) for new, old in zip(size, mask.shape[1:], strict=True)
    )
    return mask[:, rows[:, None], columns]


def _people(
    source: Split, store: FrameStore, rows: Ints, net: EmbeddingNet, features: NDArray[np.float32] | None
) -> People | None:
    """Whom a frame can be taken for, from the unoccluded frames in these rows of the store."""
    tracklet = np.searchsorted(store.offsets, rows, side="right") - 1
    persons = _persons(source)[tracklet]
    if len(np.unique(persons)) < 2:
        return None
    if features is not None:
        if len(features) != store.offsets[-1]:
            raise RunError(f"{len(features)} frames have descriptors, but there are {store.offsets[-1]}.")
        return People.of(features[rows], persons, tracklet)
    found = []
    size = frames_per_batch(store.size)
    with step_bar("describe people by unoccluded frames", len(rows), "frames") as bar:
        for start in range(0, len(rows), size):
            found.append(net.look(np.asarray(store.flat()[rows[start : start + size]]))[0])
            bar.update(len(found[-1]))
    return People.of(np.concatenate(found), persons, tracklet)


def _persons(source: Split) -> Ints:
    """``[N]`` of the test tracklets."""
    return np.array([tracklet.person_id for tracklet in source.test], dtype=np.int64)
