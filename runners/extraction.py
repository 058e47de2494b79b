"""Frame features of a data set, once for every aggregation.

A frame network is recognised by what it does: two arms whose networks give bit-equal features on a fixed probe
share one pass over the frames.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from datasets.store import FrameStore
from datasets.transforms import Normalisation, to_tensor
from methods.interface import FrameThenTime
from runners.environment import Precision
from runners.progress import step_bar
from runners.steps import read_json, write_json
from runners.training import autocast, laid_out
from runners.trunk_frames import counting_trunk_frames

Floats = NDArray[np.float32]
_PROBE_IMAGES = 32
_PIXELS_A_BATCH = 1 << 19  # 256 frames at 64x32, 16 at 256x128
TRUNK_FRAMES = "trunk_frames.json"
_BATCHES_A_NOTE = 64  # how often a pass writes down how far it is


def frames_per_batch(size: tuple[int, int]) -> int:
    """How many frames a pass takes at once at this height and width."""
    return max(1, _PIXELS_A_BATCH // (size[0] * size[1]))


def probe_digest(
    method: FrameThenTime, size: tuple[int, int], normalise: Normalisation, device: str, precision: Precision
) -> str:
    """Digest of the frame network's answer to fixed noise: the same for networks that do the same."""
    noise = np.random.Generator(np.random.Philox(key=20)).integers(0, 256, (_PROBE_IMAGES, *size, 3), dtype=np.uint8)
    features = _encode(method, noise, normalise, device, precision)
    return hashlib.sha256(f"{features.shape}".encode() + features.tobytes()).hexdigest()[:32]


def extract_frame_features(
    method: FrameThenTime,
    store: FrameStore,
    normalise: Normalisation,
    *,
    device: str,
    precision: Precision,
    folder: Path,
    title: str,
) -> None:
    """Write ``features.npy`` ``[F, d]`` float32 of all frames of a store into ``folder``; resumes there.

    Beside it ``trunk_frames.json`` says how many frames entered the network on the way, or null where that cannot be
    counted. Of a pass that was killed, those since its last note are not in it.
    """
    flat = store.flat()
    size = store.size
    batch = frames_per_batch(size)
    target, state, counted = folder / "features.npy", folder / "done.json", folder / TRUNK_FRAMES
    begin = int(state.read_text()) if state.is_file() and target.is_file() else 0
    before = read_json(counted) or 0 if begin and counted.is_file() else 0
    mode = "r+" if begin else "w+"
    out = np.lib.format.open_memmap(target, mode=mode, dtype=np.float32, shape=(len(flat), method.frame_dim))
    assert isinstance(method, nn.Module)  # every method is one
    with step_bar(title, len(flat), "frames", done=begin) as bar, counting_trunk_frames(method) as trunk:
        for count, start in enumerate(range(begin, len(flat), batch)):
            block = np.asarray(flat[start : start + batch])
            out[start : start + len(block)] = _encode(method, block, normalise, device, precision)
            bar.update(len(block))
            if (count + 1) % _BATCHES_A_NOTE == 0:
                out.flush()
                write_json(counted, _sum(before, trunk.frames))
                write_json(state, start + len(block))
    out.flush()
    write_json(counted, _sum(before, trunk.frames))
    state.unlink(missing_ok=True)


def trunk_frames_of(features: Path) -> int | None:
    """How many frames entered the network for this file of features; None where it was not counted."""
    counted = features.parent / TRUNK_FRAMES
    return read_json(counted) if counted.is_file() else None


def _sum(before: int, now: int | None) -> int | None:
    return None if now is None else before + now


@torch.inference_mode()
def _encode(
    method: FrameThenTime, images: NDArray[np.uint8], normalise: Normalisation, device: str, precision: Precision
) -> Floats:
    """uint8 ``[N, H, W, 3]`` -> ``[N, d]``."""
    batch = to_tensor(torch.from_numpy(np.array(images)).to(device), normalise)
    with autocast(device, precision):
        return method.frame_features(laid_out(batch, precision)).float().cpu().numpy()
