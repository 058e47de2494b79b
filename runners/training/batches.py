"""What a stage of training sees, as a function of the step's number alone.

Because nothing depends on what was drawn before, a run that was killed goes on at any step and sees exactly
what it would have seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datasets.frames.concatenated import TrainingFrames
from datasets.images.transforms import ClipTransform
from datasets.sampling import batches
from datasets.sampling import clips as sampling
from datasets.seeding import generator
from methods.cards.recipe import Stage

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Picks:
    """The frames of one batch.

    Attributes:
        tracklets: ``[B]`` int64, rows of the store.
        frames: ``[B, T]`` int64, frame numbers within each tracklet.
        mask: ``[B, T]`` bool, false on padding.
        labels: ``[B]`` int64.
        epoch: which pass over the data this is, from 0.
        first: place of the batch's first item within the epoch.
    """

    tracklets: Ints
    frames: Ints
    mask: NDArray[np.bool_]
    labels: Ints
    epoch: int
    first: int


class BatchStream:
    """Batches of one stage.

    Args:
        stage: its sampler, clip and data.
        lengths: frames of each training tracklet, ``[N]``.
        labels: identity of each, ``[N]``, ``0 .. C-1``.
        seed: of the run.
        shuffle_time: permute the real frames within each clip: the control of every claim about time.
        first: tracklets of the first domain, of a stage on two; they stand before the others.
    """

    def __init__(
        self,
        stage: Stage,
        lengths: Ints,
        labels: Ints,
        *,
        seed: int,
        shuffle_time: bool = False,
        first: int = 0,
    ) -> None:
        self.stage, self.lengths, self.labels = stage, lengths, labels
        self._first = int(lengths[:first].sum())
        self.seed, self.shuffle_time = seed, shuffle_time
        self._ends = np.cumsum(lengths)
        self._epoch = -1
        self._batches: list[Ints] = []
        self.steps_per_epoch = len(self._of_epoch(0))
        self.frames_per_step = self._batches[0].size * self._clip_length()

    def steps(self, amount: int, unit: str) -> int:
        """How many optimiser steps a number of ``frames``, ``epochs`` or ``steps`` is."""
        if unit == "epochs":
            return amount * self.steps_per_epoch
        return math.ceil(amount / self.frames_per_step) if unit == "frames" else amount

    def picks(self, step: int) -> Picks:
        """The batch of one step, from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        today = self._of_epoch(epoch)
        items = today[place]
        first = sum(batch.size for batch in today[:place])
        clips = [self._sample(int(item), epoch, first + i) for i, item in enumerate(items)]
        longest = max(len(clip.indices) for _, clip in clips)
        frames = np.zeros((len(clips), longest), dtype=np.int64)
        mask = np.zeros((len(clips), longest), dtype=bool)
        for row, (_, clip) in enumerate(clips):
            frames[row, : len(clip.indices)] = clip.indices
            mask[row, : len(clip.mask)] = clip.mask
        tracklets = np.array([tracklet for tracklet, _ in clips], dtype=np.int64)
        return Picks(tracklets, frames, mask, self.labels[tracklets], epoch, first)

    def _of_epoch(self, epoch: int) -> list[Ints]:
        if epoch != self._epoch:
            rng = generator(self.seed, self.stage.name, "order", epoch)
            wanted = self.stage.sampler
            if self.stage.domain == "both":
                others = int(self._ends[-1]) - self._first
                found = list(batches.paired_batches(self._first, others, wanted.batch, rng))
            elif wanted.kind == "identity":
                found = list(batches.identity_batches(self.labels, wanted.ids, wanted.tracklets, rng))
            elif wanted.kind == "grouped":
                found = list(batches.grouped_batches(self.labels, wanted.ids, wanted.tracklets, rng))
            else:
                items = int(self._ends[-1]) if self.stage.data == "frames" else len(self.lengths)
                found = list(batches.shuffled_batches(items, wanted.batch, rng))
                if len(found) > 1 and found[-1].size < 2:
                    found.pop()  # batch normalisation cannot learn from one item
            self._epoch, self._batches = epoch, found
        return self._batches

    def _sample(self, item: int, epoch: int, place: int) -> tuple[int, sampling.Clip]:
        if self.stage.clip is None:  # single frames
            if self.stage.sampler.kind == "shuffled":
                tracklet = int(np.searchsorted(self._ends, item, side="right"))
                frame = item - int(self._ends[tracklet] - self.lengths[tracklet])
            else:
                tracklet = item
                frame = int(generator(self.seed, self.stage.name, "frame", epoch, place).integers(self.lengths[item]))
            return tracklet, sampling.Clip(np.array([frame]), np.ones(1, dtype=bool))
        rng = generator(self.seed, self.stage.name, "clip", epoch, place)
        clip = sample_clip(self.stage, int(self.lengths[item]), rng)
        return item, sampling.shuffled(clip, rng) if self.shuffle_time else clip

    def _clip_length(self) -> int:
        clip = self.stage.clip
        if clip is None:
            return 1
        return clip.length if clip.kind != "every" else round(float(self.lengths.mean()))


def sample_clip(stage: Stage, length: int, rng: np.random.Generator) -> sampling.Clip:
    """Draw the frames of one training clip as the stage's ``clip`` says."""
    clip = stage.clip
    assert clip is not None  # stages on single frames never ask
    if clip.kind == "strided":
        return sampling.strided(length, clip.length, clip.stride, rng, short=clip.short)
    assert clip.short != "random-sorted"  # a recipe allows it to strided clips only
    if clip.kind == "consecutive":
        return sampling.consecutive(length, clip.length, rng, short=clip.short)
    if clip.kind == "chunked":
        return sampling.chunked(length, clip.length, rng, short=clip.short)
    if clip.kind == "evenly":
        return sampling.evenly(length, clip.length, short=clip.short)
    if clip.kind == "every":
        return sampling.every(length)
    return sampling.rule(clip.kind)(length, clip.length, rng)


def pixels(picks: Picks, store: TrainingFrames, stage: Stage, seed: int) -> NDArray[np.uint8]:
    """Fetch and augment a batch: uint8 ``[B, T, H, W, 3]``; the same whoever asks, and in any order."""
    wanted = stage.augment
    change = ClipTransform(
        flip=wanted.flip,
        pad=wanted.pad,
        crop_scale=wanted.crop_scale,
        crop_probability=wanted.crop_chance if wanted.crop_scale > 1 else 1.0,
        erase=wanted.erase,
        per=wanted.per,
        resize=store.resize,
    )
    clips = []
    for row, tracklet in enumerate(picks.tracklets):
        rng = generator(seed, stage.name, "augment", picks.epoch, picks.first + row)
        rows = (store.offsets[tracklet] + picks.frames[row]).tolist()
        clips.append(change(store.clip(int(tracklet), picks.frames[row]), rng, partial(_original, store, rows)))
    return np.stack(clips)


def _original(store: TrainingFrames, rows: Sequence[int], frame: int) -> NDArray[np.uint8] | None:
    """A frame of a clip, whose rows in the store these are, at the size that its file has."""
    return store.original(rows[frame])
