"""Frame features of a data set, once for every aggregation.

A frame network is recognised by what it does: two arms whose networks give bit-equal features on a fixed probe
share one pass over the frames.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.frames.decoded import FrameStore
from datasets.images.transforms import Normalisation, to_tensor
from methods.interface import EncodesFrames
from methods.layers.resnet import beginning_behind
from runners.plan.environment import Precision
from runners.plan.row_spans import Spans
from runners.plan.step_store import read_json, write_json
from runners.progress import step_bar
from runners.training.count_frames import counting_trunk_frames
from runners.training.sources import autocast, laid_out, mixed

Floats = NDArray[np.float32]
_PROBE_IMAGES = 8
_PIXELS_A_BATCH = 1 << 19  # 256 frames at 64x32, 16 at 256x128
TRUNK_FRAMES = "trunk_frames.json"
_BATCHES_A_NOTE = 64  # how often a pass writes down how far it is


@dataclass(frozen=True)
class TrunkMaps:
    """What the frozen part of a trunk makes of frames (`runners.training.trunk_maps`).

    Attributes:
        block: whose maps they are, see `methods.layers.resnet.block_names`.
        maps: ``[F, C, h, w]`` of all frames of a store, mapped, not loaded.
    """

    block: str
    maps: Floats


def frames_per_batch(size: tuple[int, int]) -> int:
    """How many frames a pass takes at once at this height and width."""
    return max(1, _PIXELS_A_BATCH // (size[0] * size[1]))


def probe_digest(
    method: EncodesFrames, size: tuple[int, int], normalise: Normalisation, device: str, precision: Precision
) -> str:
    """Digest of the frame network's answer to fixed noise: the same for networks that do the same.

    Args:
        method: the frame network, in eval mode.
        size: (height, width).
        normalise: of pixels.
        device: such as ``cpu``.
        precision: of the network.
    """
    noise = np.random.Generator(np.random.Philox(key=20)).integers(0, 256, (_PROBE_IMAGES, *size, 3), dtype=np.uint8)
    features = _encode(method, noise, normalise, device, precision).cpu().numpy()
    return hashlib.sha256(f"{features.shape}".encode() + features.tobytes()).hexdigest()[:32]


def extract_frame_features(
    method: EncodesFrames,
    store: FrameStore,
    normalise: Normalisation,
    *,
    device: str,
    precision: Precision,
    folder: Path,
    title: str,
    given: TrunkMaps | None = None,
) -> None:
    """Write ``features.npy`` ``[F, d]`` float32 of all frames of a store into ``folder``; resumes there.

    Frames are read and decoded in threads of their own, ahead of the network, and each of them once.

    Beside it ``trunk_frames.json`` says how many frames entered the network on the way, or null where that cannot be
    counted. Of a pass that was killed, those since its last note are not in it. ``done.json`` says how far the pass is,
    see `runners.plan.row_spans`.

    Args:
        method: gives ``[F, d]`` from ``[F, 3, H, W]``.
        store: F frames.
        normalise: how frames are scaled.
        device: the method's.
        precision: of its numbers.
        folder: of the step, in the making.
        title: for the bar.
        given: maps of the trunk's frozen part, in place of the store's pixels.
    """
    total = int(store.offsets[-1])
    batch = frames_per_batch(store.size)
    target, shape = folder / "features.npy", (total, method.frame_dim)
    spans = Spans(folder / "done.json", target, shape)
    begin, before = spans.done, spans.trunk_frames or 0
    out = np.lib.format.open_memmap(target, mode="r+" if begin else "w+", dtype=np.float32, shape=shape)
    assert isinstance(method, nn.Module)  # every method is one
    blocks: Iterable[NDArray[Any]]
    if given is None:
        blocks = store.blocks(batch, begin)
    else:
        blocks = (np.array(given.maps[first : first + batch]) for first in range(begin, total, batch))
    done, behind = begin, given.block if given else ""
    with (
        step_bar(title, total, "frames", done=begin) as bar,
        counting_trunk_frames(method) as trunk,
        beginning_behind(method, behind),
    ):
        for count, features in enumerate(_encoded(method, blocks, normalise, device, precision)):
            out[done : done + len(features)] = features
            done += len(features)
            bar.update(len(features))
            if (count + 1) % _BATCHES_A_NOTE == 0 or done == total:
                out.flush()
                spans.add(out, done, _sum(before, trunk.frames))
    write_json(folder / TRUNK_FRAMES, spans.trunk_frames)


def trunk_frames_of(features: Path) -> int | None:
    """How many frames entered the network for this file of finished features; None where it was not counted."""
    counted = features.parent / TRUNK_FRAMES
    return read_json(counted) if counted.is_file() else None


def _sum(before: int, now: int | None) -> int | None:
    return None if now is None else before + now


def _encoded(
    method: EncodesFrames,
    blocks: Iterable[NDArray[Any]],
    normalise: Normalisation,
    device: str,
    precision: Precision,
) -> Iterator[Floats]:
    """Features of blocks, in order; a GPU is given the next block before those of the last are fetched from it."""
    ahead = 0 if device == "cpu" else 1
    waiting: deque[Tensor] = deque()
    for block in blocks:
        waiting.append(_encode(method, block, normalise, device, precision))
        if len(waiting) > ahead:
            yield waiting.popleft().cpu().numpy()
    while waiting:
        yield waiting.popleft().cpu().numpy()


@torch.inference_mode()
def _encode(
    method: EncodesFrames, images: NDArray[Any], normalise: Normalisation, device: str, precision: Precision
) -> Tensor:
    """Pixels, uint8 ``[N, H, W, 3]``, or maps of a trunk, float32 ``[N, C, h, w]`` -> ``[N, d]`` on the device."""
    given = torch.from_numpy(images).to(device)
    batch = given if given.is_floating_point() else to_tensor(given, normalise, channels_last=mixed(precision))
    with autocast(device, precision):
        return method.frame_features(laid_out(batch, precision)).float()
