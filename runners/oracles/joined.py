"""Descriptors with what is truly known of a tracklet's person joined to them, as more numbers beside their own."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from protocols.interface import Protocol
from runners.evaluation.encode import EncodedTestSet
from runners.training.frame_features import Floats

Known = NDArray[np.float64]


def standardised(values: Known, training: Known) -> Known:
    """Values of test tracklets ``[N, K]`` in standard deviations from the mean of the training people ``[P, K]``.

    A column that is the same for all training people is 0: nothing tells how much a difference in it is.
    """
    spread = training.std(axis=0)
    there = spread > 1e-9 * np.abs(training).max(axis=0)  # rounding is no spread
    scaled = (values - training.mean(axis=0)) / np.where(there, spread, 1.0)
    return np.asarray(np.where(there | np.isnan(scaled), scaled, 0.0))


def join(of_arm: EncodedTestSet, known: Known, weight: float, protocol: Protocol) -> EncodedTestSet:
    """Every descriptor at unit length, and beside it what is known times a weight.

    Where a protocol compares descriptors as they are, all are divided by one number, so that their mean square length
    is 1 and their ranks stay: with weight 0 the ranking is the arm's own under every protocol.

    Args:
        of_arm: descriptors of all test tracklets.
        known: ``[N, K]``.
        weight: of what is known.
        protocol: of the job.
    """
    more = weight * known
    scale = float(np.sqrt((of_arm.video.astype(np.float64) ** 2).sum(axis=1).mean())) or 1.0

    def joined(descriptors: Floats) -> Floats:
        values = descriptors.astype(np.float64)
        length = np.linalg.norm(values, axis=1, keepdims=True) if protocol.scoring.distance.unit else scale
        return np.concatenate([values / np.maximum(length, 1e-12), more], axis=1).astype(np.float32)

    return replace(
        of_arm,
        video=joined(of_arm.video),
        by_mean={mean: joined(one) for mean, one in of_arm.by_mean.items()},
        image=None if of_arm.image is None else joined(of_arm.image),
        by_variant=None,
    )
