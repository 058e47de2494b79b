"""Does the order of frames change a descriptor? Measured on a trained network, because no card can promise it.

Real frames of a few test tracklets are permuted and encoded again, in float32. Where no descriptor changes by more than
rounding does, the arm is blind to order, and nobody can ask it to beat its control with shuffled frames.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from datasets.seeding import generator
from methods.interface import FixedClip
from protocols.order_dependence import ORDER_BLIND
from runners.evaluation.encode import TestInputs, encode_clips

TRACKLETS = 8
PERMUTATIONS = 3
MOST_FRAMES = 32
FEWEST_FRAMES = 2


@torch.inference_mode()
def permutation_change(method: nn.Module, inputs: TestInputs, seed: int) -> float | None:
    """The largest relative change of a descriptor, |f(permuted) - f| / |f|; None where no tracklet has two frames.

    Args:
        method: trained, in eval mode.
        inputs: where frames come from; the order in which they are fed is left aside.
        seed: of the permutations.
    """
    exact = replace(inputs, precision="fp32", orders=None)
    largest: float | None = None
    for tracklet, number in enumerate(_chosen(inputs.store.lengths)):
        rows = inputs.store.offsets[number] + _frames(method, int(inputs.store.lengths[number]))
        orders = [np.arange(len(rows)), *_permutations(len(rows), seed, tracklet)]
        clips = np.stack([rows[order] for order in orders])
        mask = torch.ones(clips.shape, dtype=torch.bool, device=inputs.device)
        found = encode_clips(method, exact, clips, mask).double()
        change = (found[1:] - found[0]).norm(dim=1) / found[0].norm().clamp_min(torch.finfo(torch.float32).tiny)
        largest = max(largest or 0.0, float(change.max()))
    return largest


def order_record(method: nn.Module, inputs: TestInputs, seed: int) -> dict[str, bool | float]:
    """``order_blind`` and ``permutation_change`` of a result record; empty where no tracklet has two frames.

    Args:
        method, inputs, seed: as for `permutation_change`.
    """
    change = permutation_change(method, inputs, seed)
    return {} if change is None else {"order_blind": change < ORDER_BLIND, "permutation_change": change}


def _chosen(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """A few tracklets with frames to permute, from the whole test half."""
    long = np.flatnonzero(lengths >= FEWEST_FRAMES)
    places = np.linspace(0, len(long) - 1, min(TRACKLETS, len(long))).round().astype(np.int64)
    return np.asarray(long[places], dtype=np.int64)


def _frames(method: nn.Module, length: int) -> NDArray[np.int64]:
    """Frame numbers of a clip that the network takes: its own length, or so many as a tracklet has."""
    if isinstance(method, FixedClip):
        return np.arange(method.clip_length, dtype=np.int64) % length
    return np.arange(min(length, MOST_FRAMES), dtype=np.int64)


def _permutations(frames: int, seed: int, tracklet: int) -> list[NDArray[np.int64]]:
    """Orders that are not the natural one: a random one is rolled on until it is none."""
    found = []
    for place in range(PERMUTATIONS):
        order = generator(seed, "permuted frames", tracklet, place).permutation(frames).astype(np.int64)
        found.append(np.roll(order, 1) if (order == np.arange(frames)).all() else order)
    return found
