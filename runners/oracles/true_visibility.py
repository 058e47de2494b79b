"""Frames weighted by how much of the person each truly shows: what perfect weights of frames would gain.

A frame's weight is its visible share to the power `POWER`; a frame without the person has none. A tracklet that shows
no person at all (junk) has the plain mean. Distractors are people, and are weighted as everybody is.
"""

import numpy as np
from numpy.typing import NDArray

from datasets.tracklet import Split
from runners.oracles.interface import OracleAnswer, OracleInput, OracleRule, truth_of
from runners.oracles.weighted_mean import encode_weighted, refused

STEP = "true-visibility"

POWER = 16
"""With the trained baseline of SynthWalk 1 (56.2 mAP) powers of 1, 2, 4, 8 and 16 gained 1.4, 2.7, 3.3, 5.0 and 5.2
points, while the most visible frame alone lost 3.7: at 16 the gain levels off, and several good frames still count."""


def weights_of(visible: NDArray[np.floating]) -> NDArray[np.float64]:
    """Weights of the frames of a tracklet, the best one 1.

    Args:
        visible: ``[T]`` visible share of the person, NaN where there is none.

    Returns:
        ``[T]``; all 1 where no frame shows anything of the person.
    """
    share = np.nan_to_num(np.asarray(visible, dtype=np.float64), nan=0.0)
    best = share.max(initial=0.0)
    return (share / best) ** POWER if best > 0 else np.ones(len(share))


def _weights(split: Split) -> tuple[NDArray[np.float64], int]:
    """Of all test frames ``[F]``, and how many tracklets show nobody."""
    visible = [truth_of(split, tracklet).visible for tracklet in split.test]
    nobody = sum(not np.nan_to_num(one, nan=0.0).any() for one in visible)
    return np.concatenate([weights_of(one) for one in visible]), nobody


def _answer(given: OracleInput) -> OracleAnswer:
    network = given.trained()
    inputs = given.inputs(network)
    assert inputs.features is not None  # of a `FrameThenTime`
    weights, nobody = _weights(given.data.raw)
    encoded = encode_weighted(network, given.protocol, inputs, inputs.features, weights, given.of_arm)
    words = f"frames weighted by the true visible share of the person to the power {POWER}"
    return OracleAnswer(encoded, words, {"power": POWER}, nobody)


RULE = OracleRule("true-visibility", _answer, refused)
