"""Frames in which only what is under a true mask is left: the rest is painted with the mean colour of normalisation.

Painted before the network sees them, because a place of its last map looks at most of the frame: a mask that is laid
on the map comes after the rest has been mixed in. Any network can be asked; features of one that encodes frames alone
are a step of their own, one pass of the trunk for each mask, shared by all arms and seeds of one frame network.

A frame in which nothing of the person can be seen would be one colour; it stays as it is, and counts as ever.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from datasets.frames.decoded import FrameStore
from datasets.images.transforms import CAFFE_BGR_MEAN, IMAGENET_MEAN, Normalisation
from methods.interface import FrameThenTime
from methods.layers.resnet import shared_block
from runners.evaluation.encode import TestInputs
from runners.evaluation.encode_variants import encode_under_protocol
from runners.oracles.interface import Mask, OracleAnswer, OracleInput
from runners.oracles.visible_masks import VisibleMasks, pass_of
from runners.plan.code_digest import code_digest
from runners.plan.step_store import Step, read_json, write_json
from runners.training.frame_pass import FramePass
from runners.training.stage import load_features
from runners.training.trunk_maps import trunk_maps

Pixels = NDArray[np.uint8]
FILE, WITHOUT = "features.npy", "without_person.json"
MEANS: dict[Normalisation, tuple[float, ...]] = {
    "imagenet": tuple(255 * one for one in IMAGENET_MEAN),
    "half": (127.5, 127.5, 127.5),
    "bgr-mean": CAFFE_BGR_MEAN[::-1],
}
"""RGB on the scale of pixels: what normalisation makes 0."""


class PaintedFrames(FrameStore):
    """The frames of another store, painted outside masks; nothing is kept, so each is painted when asked for."""

    def __init__(self, base: FrameStore, masks: VisibleMasks, normalise: Normalisation) -> None:
        """Paint frames.

        Args:
            base: the frames.
            masks: of all of them. A pixel that a mask covers in part is mixed.
            normalise: of the network that will see them; the colour is its mean, rounded to a byte.
        """
        super().__init__(base.lengths, base.size, crop=base.crop, resize=base.resize)
        self.readers, self.on_demand = base.readers, base.on_demand
        self._given = base, masks, normalise
        self._fill = np.rint(np.array(MEANS[normalise], dtype=np.float32))

    def blocks(self, step: int, begin: int = 0) -> Iterator[Pixels]:
        """As those of a `FrameStore`."""
        done = begin
        for block in self._given[0].blocks(step, begin):
            yield self._painted(np.arange(done, done + len(block)), block)
            done += len(block)

    def flat(self) -> Pixels:
        """A painted copy of all frames."""
        return self.gather(np.arange(self.offsets[-1]))

    def gather(self, rows: NDArray[np.int64]) -> Pixels:
        """Painted copies of some frames by their row: int64 [...] -> uint8 [...,H,W,3]."""
        pixels = self._given[0].gather(rows)
        return self._painted(rows.ravel(), pixels.reshape(-1, *self.size, 3)).reshape(pixels.shape)

    def _painted(self, rows: NDArray[np.int64], pixels: Pixels) -> Pixels:
        """Frames ``[n, H, W, 3]`` of these rows ``[n]``."""
        shares = self._given[1].shares(rows, self.size, self.crop)
        shares[~shares.any(axis=(1, 2))] = 1.0
        mixed = shares[..., None] * pixels + (1 - shares[..., None]) * self._fill
        return np.asarray(np.rint(mixed).astype(np.uint8))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Send what it is made of to a worker process."""
        return (type(self), self._given)


def answer(given: OracleInput, mask: Mask) -> OracleAnswer:
    """The arm on painted frames, fed as the protocol feeds it; of choices, the headline alone."""
    network, split = given.trained(), given.data.raw
    inputs = given.inputs(network)
    store = inputs.store
    assert isinstance(store, FrameStore)  # the raw test half
    if isinstance(network, FrameThenTime):
        folder = _features(network, given, inputs, store, mask)
        without = read_json(folder / WITHOUT)
        inputs = replace(inputs, features=load_features(folder / FILE), passed=None)
    else:
        masks = VisibleMasks.of(split, mask)
        frames, without = painted(pass_of(inputs, split), mask, masks), _without(masks, store)
        inputs = replace(inputs, store=frames.store, given=trunk_maps(network, frames, given.data.steps))
    encoded = replace(encode_under_protocol(network, given.protocol, inputs, headline_only=True), by_variant=None)
    words = (
        f"all pixels but those of the {mask} that can be seen painted with the mean colour, {without['frames']:,} of "
        f"{int(store.offsets[-1]):,} frames, which show nobody, left as they are"
    )
    return OracleAnswer(encoded, words, {}, int(without["tracklets"]))


def _without(masks: VisibleMasks, store: FrameStore) -> dict[str, int]:
    """How many frames show nobody, and how many tracklets have no other."""
    shown = masks.shown(store.crop)
    ever = np.logical_or.reduceat(shown, store.offsets[:-1])
    return {"frames": int((~shown).sum()), "tracklets": int((~ever).sum())}


def painted(frames: FramePass, mask: Mask, masks: VisibleMasks | None = None) -> FramePass:
    """A pass over the same frames, painted.

    Args:
        frames: of a test half, as they are.
        mask: around which they are painted.
        masks: of these frames; None to read them.
    """
    masks = masks or VisibleMasks.of(frames.split, mask)
    store = PaintedFrames(frames.store, masks, frames.normalise)
    about = {"mask": mask, "painter": code_digest("painted")}
    return replace(frames, store=store, about=about, words=f", painted around the {mask}")


def _features(network: FrameThenTime, given: OracleInput, inputs: TestInputs, store: FrameStore, mask: Mask) -> Path:
    """The folder of a finished pass over painted frames: ``[F, d]``, and how many frames show nobody."""
    split, steps = given.data.raw, given.data.steps
    assert isinstance(network, nn.Module)  # every method is one
    frames = pass_of(inputs, split)
    decided_by = frames.decided_by(network, "painted") | {"mask": mask, "behind": shared_block(network)}
    step = Step("painted", f"frame features of the test half, painted around the {mask}", decided_by)
    if not steps.done(step):
        with steps.running(step) as folder:
            if folder is not None:
                masks = VisibleMasks.of(split, mask)
                write_json(folder / WITHOUT, _without(masks, store))
                frames = painted(frames, mask, masks)
                frames.run(network, folder, step.name, trunk_maps(network, frames, steps))
    return steps.folder(step)
