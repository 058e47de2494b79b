"""The clips that masks are held against the truth on: the middle one of every known person's test tracklet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.sampling.snippets import snippets
from datasets.synthwalk.renderer import materials
from datasets.synthwalk.truth import load_truth
from datasets.tracklet import Split, Tracklet
from protocols.ground_truth import masks

BAGS = (materials.BACKPACK, materials.SHOULDER_BAG, materials.HAND_BAG, materials.HAT)


@dataclass(frozen=True)
class Scene:
    """One clip with its truth.

    Attributes:
        tracklet: whose clip.
        row: of the tracklet in the store.
        frames: ``[T]`` frame numbers.
        regions: the truth of those frames.
    """

    tracklet: Tracklet
    row: int
    frames: NDArray[np.int64]
    regions: masks.Regions


def scenes(split: Split, length: int) -> list[Scene]:
    """The middle clip of every test tracklet of a known person, cut as snippets are, with its truth."""
    rows = {t.key: row for row, t in enumerate(split.test)}
    found = []
    for tracklet in known(split.test):
        clips = snippets(len(tracklet), length, "loop").indices
        frames = clips[(len(clips) - 1) // 2]
        found.append(Scene(tracklet, rows[tracklet.key], frames, regions(split, tracklet, frames)))
    return found


def known(tracklets: tuple[Tracklet, ...]) -> list[Tracklet]:
    """Those of people with a number, no distractors."""
    return [tracklet for tracklet in tracklets if tracklet.person_id > 0]


def regions(split: Split, tracklet: Tracklet, frames: NDArray[np.int64]) -> masks.Regions:
    """The truth of some frames of a tracklet."""
    truth = load_truth(split.root, tracklet.key)
    labels, hidden = truth.labels[frames], truth.occluders[frames] > 0
    bag = np.isin(labels, BAGS) & ~hidden
    person = (labels > 0) & ~bag & ~hidden
    return masks.Regions(person=person, bag=bag, occluder=hidden, background=~(person | bag | hidden))
