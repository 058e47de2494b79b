"""Region scores of all frames of a data set, and the calls that follow from them.

A region scores low where it does not fit the same region of the tracklet's other frames; below a threshold it is called
occluded. Which network scores is the business of the job.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from datasets.frames.decoded import FrameStore
from datasets.images.transforms import Normalisation, to_tensor
from methods.interface import ScoresRegions
from runners.plan.environment import Precision
from runners.plan.row_spans import Spans
from runners.progress import step_bar
from runners.training.frame_features import frames_per_batch
from runners.training.sources import autocast, laid_out

_BATCHES_A_NOTE = 32  # how often a pass writes down how far it is


@torch.inference_mode()
def write_scores(
    scorer: ScoresRegions,
    store: FrameStore,
    normalise: Normalisation,
    *,
    device: str,
    precision: Precision,
    file: Path,
    title: str,
) -> None:
    """Write scores ``[F, K]`` float32 of all frames of a store; goes on where an interrupted run stopped.

    Args:
        scorer: in eval mode, on ``device``.
        store: whole tracklets.
        normalise: of pixels, as in training.
        device: such as ``cpu``.
        precision: of the network.
        file: an ``.npy`` file; beside it lies a note of how far it is, see `runners.plan.row_spans`.
        title: for the bar.
    """
    groups = _groups(store.lengths, frames_per_batch(store.size))
    regions = len(scorer.region_rows(store.size[0]))
    shape = (int(store.offsets[-1]), regions)
    spans = Spans(file.with_suffix(".done.json"), file, shape)
    ends = [store.offsets[group[-1] + 1] for group in groups]
    begin = int(np.searchsorted(ends, spans.done, side="right"))
    out = np.lib.format.open_memmap(file, mode="r+" if spans.done else "w+", dtype=np.float32, shape=shape)
    with step_bar(title, shape[0], "frames", done=spans.done) as bar:
        for number, group in enumerate(groups[begin:], begin):
            first, last = store.offsets[group[0]], store.offsets[group[-1] + 1]
            pixels = torch.from_numpy(np.array(store.flat()[first:last])).to(device)
            images = to_tensor(pixels, normalise)
            with autocast(device, precision):
                features = scorer.region_features(laid_out(images, precision)).float()  # [n, K, C]
            for tracklet in group:
                own = slice(int(store.offsets[tracklet] - first), int(store.offsets[tracklet + 1] - first))
                scores = scorer.region_scores(features[own])
                out[store.offsets[tracklet] : store.offsets[tracklet + 1]] = scores.float().cpu().numpy()
            bar.update(int(last - first))
            if (number + 1) % _BATCHES_A_NOTE == 0 or number + 1 == len(groups):
                out.flush()
                spans.add(out, int(last))


def _groups(lengths: NDArray[np.int64], most: int) -> list[NDArray[np.int64]]:
    """Neighbouring tracklets that together have about ``most`` frames; a longer one goes alone."""
    groups: list[list[int]] = [[]]
    frames = 0
    for tracklet, length in enumerate(lengths.tolist()):
        if groups[-1] and frames + length > most:
            groups.append([])
            frames = 0
        groups[-1].append(tracklet)
        frames += length
    return [np.array(group, dtype=np.int64) for group in groups]
