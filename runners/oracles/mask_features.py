"""Frame features that are pooled under true masks: one more pass of the trunk over the test half, for both masks.

The pass is a step of its own, named by what the frame network does, so that arms and seeds of one network share it.
"""

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from datasets import reader_of
from datasets.frames.decoded import FrameStore
from datasets.images import decode
from datasets.images.transforms import to_tensor
from datasets.synthwalk.truth import Truth
from datasets.tracklet import Split
from methods.interface import FrameThenTime, MapsThenFrames
from runners.evaluation.encode import TestInputs
from runners.ground_truth.scenes import BAGS
from runners.oracles import weighted_mean
from runners.oracles.interface import OracleAnswer, OracleInput, truth_of
from runners.plan.code_digest import code_digest
from runners.plan.row_spans import Spans
from runners.plan.step_store import Step, read_json, write_json
from runners.progress import step_bar
from runners.training.frame_features import frames_per_batch, probe_digest
from runners.training.sources import autocast, laid_out, mixed
from runners.training.stage import load_features

Floats64 = NDArray[np.float64]
Mask = Literal["person", "person and things"]
MASKS: tuple[Mask, ...] = get_args(Mask)
FILE, EMPTY = "features.npy", "empty.json"
_BATCHES_A_NOTE = 64


def refused(network: nn.Module) -> str:
    """Why a network's maps cannot be pooled under masks; empty text where they can. Arguments as in
    `weighted_mean.refused`."""
    if not isinstance(network, MapsThenFrames):
        return "its network does not pool one map a frame"
    return weighted_mean.refused(network)


def answer(given: OracleInput, mask: Mask) -> OracleAnswer:
    """The arm with its frames pooled under a mask; all frames of a tracklet count alike, as ever."""
    network = given.trained()
    inputs = given.inputs(network)
    folder = _pooled(network, given, inputs)
    both = load_features(folder / FILE)  # [F, 2 d]
    dim, place = both.shape[1] // len(MASKS), MASKS.index(mask)
    features = both[:, place * dim : (place + 1) * dim]
    encoded = weighted_mean.encode_weighted(
        network, given.protocol, inputs, features, np.ones(len(features)), given.of_arm
    )
    words = f"the trunk's last map pooled under the true mask of the {mask}, what hides them left out"
    return OracleAnswer(encoded, words, {}, int(read_json(folder / EMPTY)[place]))


def seen_masks(truth: Truth) -> NDArray[np.bool_]:
    """What can be seen of the person, and of the person with what is carried: ``[2, T, H, W]``."""
    seen = (truth.labels > 0) & (truth.occluders == 0)
    return np.stack([seen & ~np.isin(truth.labels, BAGS), seen])


def area_average(masks: NDArray[np.generic], size: tuple[int, int], crop: float = 1.0) -> NDArray[np.float32]:
    """Masks as a network's map sees them: the mean of a mask over the area of each place.

    Args:
        masks: ``[..., H, W]`` bool or numbers, of whole frames.
        size: height and width of the map; its places are rectangles of one size that may cut pixels.
        crop: frames are enlarged by this before the centre is cut out, see `FrameStore`.

    Returns:
        ``[..., h, w]``.
    """
    height, width = masks.shape[-2:]
    rows, columns = _shares(size[0], height, crop), _shares(size[1], width, crop)
    return np.asarray(rows @ masks.astype(np.float64) @ columns.T, dtype=np.float32)


def _shares(places: int, pixels: int, crop: float) -> Floats64:
    """``[places, pixels]``: which share of a place along one axis each pixel is; rows sum to 1."""
    begin = pixels * (1 - 1 / crop) / 2
    edges = begin + np.arange(places + 1) * (pixels - 2 * begin) / places
    numbers = np.arange(pixels)
    low = np.maximum(edges[:-1, None], numbers)
    high = np.minimum(edges[1:, None], numbers + 1)
    overlaps = np.maximum(high - low, 0.0)
    found: Floats64 = overlaps / overlaps.sum(axis=1, keepdims=True)
    return found


def _pooled(network: nn.Module, given: OracleInput, inputs: TestInputs) -> Path:
    """The folder of a finished pass: frame features ``[F, 2 d]`` under the two masks, and how many tracklets show none
    of either."""
    split, steps, store = given.data.raw, given.data.steps, inputs.store
    assert isinstance(network, FrameThenTime) and isinstance(store, FrameStore)  # see `refused`; the raw test half
    inputs_of_step = {
        "network": probe_digest(network, store.size, inputs.normalise, inputs.device, inputs.precision),
        "data": split.fingerprint,
        "size": list(store.size),
        "normalise": inputs.normalise,
        "precision": inputs.precision,
        "resize": store.resize,
        "crop": store.crop,
        "decoder": decode.version(),
        "code": code_digest("masked", modules=[reader_of(split.name)]),
    }
    step = Step("masked", "frame features of the test half under true masks", inputs_of_step)
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
    truths = (seen_masks(truth_of(split, tracklet)) for tracklet in split.test)
    each = [area_average(masks, (int(size[0]), int(size[1])), store.crop) for masks in truths]
    write_json(folder / EMPTY, [sum(not masks[place].any() for masks in each) for place in range(len(MASKS))])
    weights = torch.from_numpy(np.concatenate(each, axis=1))  # [2, F, h, w]
    total, batch = int(store.offsets[-1]), frames_per_batch(store.size)
    shape = (total, len(MASKS) * network.frame_dim)
    spans = Spans(folder / "done.json", folder / FILE, shape)
    out = np.lib.format.open_memmap(folder / FILE, mode="r+" if spans.done else "w+", dtype=np.float32, shape=shape)
    done = spans.done
    with step_bar(f"extract {title}", total, "frames", done=done) as bar:
        for count, block in enumerate(store.blocks(batch, done), 1):
            pixels = torch.from_numpy(block).to(device)
            images = to_tensor(pixels, inputs.normalise, channels_last=mixed(precision))
            rows = slice(done, done + len(block))
            with autocast(device, precision):
                maps = network.frame_maps(laid_out(images, precision))
                pooled = [network.pool_maps(maps, weights[place, rows].to(device)) for place in range(len(MASKS))]
            out[rows] = torch.cat(pooled, dim=1).float().cpu().numpy()
            done = rows.stop
            bar.update(len(block))
            if count % _BATCHES_A_NOTE == 0 or done == total:
                out.flush()
                spans.add(out, done)
