"""Descriptors from frame features under weights of frames: the network's own mean, but weighted.

Each frame keeps the share that the protocol gives it (a frame in two clips counts twice, clips count alike or by their
frames), times its weight; under weights that are all alike the descriptors are the arm's own.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from methods.interface import FrameThenTime
from protocols.interface import Protocol
from protocols.test_time.clips import clips_of
from protocols.test_time.inputs import Chunks, Snippets, Variants, WholeSequence
from protocols.test_time.variants import Choice
from protocols.vocabulary import MEANS, Mean
from runners.evaluation.encode import Cut, EncodedTestSet, TestInputs, cut_all, middles, whole
from runners.training.frame_features import Floats
from runners.training.sources import autocast

Weights = NDArray[np.float64]
_CLIPS_A_BATCH = 4096
_CLOSE = 1e-3  # of the largest number: between a mean taken before the network's last layers and after


def refused(network: nn.Module) -> str:
    """Why frames of a network cannot be weighted; empty text for one that encodes them alone and averages them.

    Found by what it does with random features, its weights moved from where they start, as attention often begins
    uniform.

    Args:
        network: on the CPU, in eval mode; its weights are spoilt.
    """
    if not isinstance(network, FrameThenTime):
        return "its network does not encode frames one by one"
    generator = torch.Generator().manual_seed(23)
    with torch.inference_mode():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        features = torch.rand(2, 5, network.frame_dim, generator=generator)
        mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
        means = torch.stack([features[0].mean(0), features[1, :3].mean(0)])
        found = network.aggregate(features, mask)
        expected = network.aggregate(means[:, None], torch.ones(2, 1, dtype=torch.bool))
    same = bool((found - expected).abs().max() <= _CLOSE * expected.abs().max())
    return "" if same else "its network does more over time than to average frames"


def encode_weighted(
    network: nn.Module,
    protocol: Protocol,
    inputs: TestInputs,
    features: Floats,
    weights: Weights,
    of_arm: EncodedTestSet,
) -> EncodedTestSet:
    """Every test tracklet as the protocol feeds it, its frames weighted; of choices, the headline alone.

    Args:
        network: one that `refused` has nothing against, in eval mode.
        protocol: of the job.
        inputs: of the network; the frames and where it computes.
        features: ``[F, d]`` of all frames.
        weights: ``[F]``, none below 0. A tracklet, or a clip alone, without a weight above 0 has a plain mean.
        of_arm: the arm's own descriptors, for how it was fed.
    """
    cut, mean = clips_under(protocol, inputs.store.lengths)
    frames, shares = _pooled(cut, inputs.store.offsets, features, weights)
    clips = _finished(network, inputs, frames)
    means = {one: _mean_of(clips, cut, shares, one) for one in {mean, *(MEANS if of_arm.by_mean else ())}}
    image = None
    if of_arm.image is not None:
        image = _finished(network, inputs, features[inputs.store.offsets[:-1]])
    by_mean = {one: means[one] for one in MEANS if one in means} if of_arm.by_mean else {}
    return replace(of_arm, video=means[mean], by_mean=by_mean, image=image, by_variant=None)


def clips_under(protocol: Protocol, lengths: NDArray[np.int64]) -> tuple[Cut, Mean]:
    """The clips of tracklets of these lengths ``[N]`` that a network without a length of its own is fed, and what
    counts alike in their mean."""
    match protocol.feed:
        case WholeSequence():
            return whole(lengths), "frames"
        case Chunks(parts):
            return middles(lengths, parts), "frames"
        case Snippets():
            return cut_all(lengths, protocol.feed), protocol.feed.mean
        case Variants(choices, headline):
            choice = next(one for one in choices if one.name == headline)
            return _cut(choice, lengths), choice.mean or "clips"


def _cut(choice: Choice, lengths: NDArray[np.int64]) -> Cut:
    each = [clips_of(choice, int(length)) for length in lengths]
    longest = max(clip.mask.shape[1] for clip in each)

    def padded(one: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.pad(one, ((0, 0), (0, longest - one.shape[1])))

    owner = np.repeat(np.arange(len(each)), [len(clip.mask) for clip in each])
    frames = np.concatenate([padded(clip.indices) for clip in each]).astype(np.int64)
    return Cut(owner, frames, np.concatenate([padded(clip.mask) for clip in each]).astype(bool))


def _pooled(
    cut: Cut, offsets: NDArray[np.int64], features: Floats, weights: Weights
) -> tuple[Floats, NDArray[np.float64]]:
    """Weighted means of the real frames of clips ``[C, d]``, and the sums of their weights ``[C]``."""
    found = np.empty((len(cut.owner), features.shape[1]), dtype=np.float32)
    sums = np.empty(len(cut.owner))
    for clip, (owner, frames, mask) in enumerate(zip(cut.owner, cut.frames, cut.mask, strict=True)):
        rows = offsets[owner] + frames[mask]
        given = weights[rows]
        sums[clip] = given.sum()
        shares = given / sums[clip] if sums[clip] > 0 else np.full(len(rows), 1 / len(rows))
        found[clip] = shares @ features[rows].astype(np.float64)
    return found, sums


@torch.inference_mode()
def _finished(network: nn.Module, inputs: TestInputs, frames: Floats) -> Floats:
    """What the network makes of means ``[C, d]``: each is a clip of one frame. ``[C, D]``."""
    assert isinstance(network, FrameThenTime)  # see `refused`
    parts = []
    for start in range(0, len(frames), _CLIPS_A_BATCH):
        some = torch.from_numpy(np.array(frames[start : start + _CLIPS_A_BATCH])).to(inputs.device)
        one = torch.ones(len(some), 1, dtype=torch.bool, device=inputs.device)
        with autocast(inputs.device, "tf32" if inputs.precision == "tf32" else "fp32"):  # as arms are aggregated
            parts.append(network.aggregate(some[:, None], one).float().cpu().numpy())
    return np.concatenate(parts)


def _mean_of(clips: Floats, cut: Cut, sums: NDArray[np.float64], mean: Mean) -> Floats:
    """``[C, D]`` -> ``[N, D]``: each clip by its share under the protocol, times the mean weight of its frames."""
    real = cut.mask.sum(axis=1).astype(np.float64)
    plain = real if mean == "frames" else np.ones(len(real))
    starts = np.flatnonzero(np.diff(cut.owner, prepend=-1))
    shares = plain * sums / real
    total = np.add.reduceat(shares, starts)
    shares = np.where((total > 0)[cut.owner], shares, plain)
    total = np.add.reduceat(shares, starts)
    found: Floats = (np.add.reduceat(clips * shares[:, None], starts, axis=0) / total[:, None]).astype(np.float32)
    return found
