"""The trunk's last map pooled where the person truly is, in place of the whole frame: masks that come at the end.

Little can be expected of it: a place of the last map looks at most of the frame, so what hides the person is mixed in
before the mask; `true_masks` takes it out before the network. A frame in which nobody is seen has the plain mean.

The pass over the test half is a step of its own, named by what the frame network does, so that arms and seeds of one
network share it.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from datasets.frames.decoded import FrameStore
from datasets.images.transforms import to_tensor
from datasets.tracklet import Split
from methods.interface import FrameThenTime, MapsThenFrames
from runners.evaluation.encode import TestInputs
from runners.oracles import weighted_mean
from runners.oracles.interface import OracleAnswer, OracleInput, OracleRule
from runners.oracles.visible_masks import VisibleMasks, pass_of
from runners.plan.row_spans import Spans
from runners.plan.step_store import Step, read_json, write_json
from runners.progress import step_bar
from runners.training.frame_features import frames_per_batch
from runners.training.sources import autocast, laid_out, mixed
from runners.training.stage import load_features

STEP = "true-mask-pooling"

FILE, EMPTY = "features.npy", "empty.json"
_BATCHES_A_NOTE = 64


def refused(network: nn.Module) -> str:
    """Why a network's maps cannot be pooled under masks; empty text where they can. Arguments as in
    `weighted_mean.refused`."""
    if not isinstance(network, MapsThenFrames):
        return "its network does not pool one map a frame"
    return weighted_mean.refused(network)


def _answer(given: OracleInput) -> OracleAnswer:
    """The arm with its frames pooled under the mask; all frames of a tracklet count alike, as ever."""
    network = given.trained()
    inputs = given.inputs(network)
    folder = _pooled(network, given, inputs)
    features = load_features(folder / FILE)  # [F, d]
    encoded = weighted_mean.encode_weighted(
        network, given.protocol, inputs, features, np.ones(len(features)), given.of_arm
    )
    words = "the trunk's last map pooled under the true mask of the person, what hides it left out"
    return OracleAnswer(encoded, words, {}, int(read_json(folder / EMPTY)))


def _pooled(network: nn.Module, given: OracleInput, inputs: TestInputs) -> Path:
    """The folder of a finished pass: frame features ``[F, d]`` under the mask, and how many tracklets show none."""
    split, steps, store = given.data.raw, given.data.steps, inputs.store
    assert isinstance(network, FrameThenTime) and isinstance(store, FrameStore)  # see `refused`; the raw test half
    inputs_of_step = pass_of(inputs, split).decided_by(network, "masked")
    step = Step("masked", "frame features of the test half, maps under true masks", inputs_of_step)
    if not steps.done(step):
        with steps.running(step) as folder:
            if folder is not None:
                _extract(network, inputs, store, split, folder, step.name)
    return steps.folder(step)


@torch.inference_mode()
def _extract(network: nn.Module, inputs: TestInputs, store: FrameStore, split: Split, folder: Path, title: str) -> None:
    """Write the features; goes on where an earlier run was stopped."""
    assert isinstance(network, MapsThenFrames) and isinstance(network, FrameThenTime)  # see `refused`
    device, precision = inputs.device, inputs.precision
    with autocast(device, precision):
        size = network.frame_maps(torch.zeros(1, 3, *store.size, device=device)).shape[2:]
    masks = VisibleMasks.of(split, "person")
    shown = np.logical_or.reduceat(masks.shown(store.crop), store.offsets[:-1])
    write_json(folder / EMPTY, int((~shown).sum()))
    total, batch = int(store.offsets[-1]), frames_per_batch(store.size)
    shape = (total, network.frame_dim)
    spans = Spans(folder / "done.json", folder / FILE, shape)
    out = np.lib.format.open_memmap(folder / FILE, mode="r+" if spans.done else "w+", dtype=np.float32, shape=shape)
    done = spans.done
    with step_bar(f"extract {title}", total, "frames", done=done) as bar:
        for count, block in enumerate(store.blocks(batch, done), 1):
            pixels = torch.from_numpy(block).to(device)
            images = to_tensor(pixels, inputs.normalise, channels_last=mixed(precision))
            weights = masks.shares(np.arange(done, done + len(block)), (int(size[0]), int(size[1])), store.crop)
            with autocast(device, precision):
                maps = network.frame_maps(laid_out(images, precision))
                pooled = network.pool_maps(maps, torch.from_numpy(weights).to(device))
            out[done : done + len(block)] = pooled.float().cpu().numpy()
            done += len(block)
            bar.update(len(block))
            if count % _BATCHES_A_NOTE == 0 or done == total:
                out.flush()
                spans.add(out, done)


RULE = OracleRule("true-mask-pooling", _answer, refused)
