"""How much of the people something hides, where the truth is known."""

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk.truth import load_truth
from datasets.tracklet import Split
from protocols.ground_truth import occlusion


def hidden_shares(source: Split) -> NDArray[np.float64]:
    """How much of the person something hides in each test tracklet, ``[N]`` in [0, 1]: the mean over its frames.

    Frames without a pixel of the person do not count; a tracklet without any (junk, distractors) has 0.
    """
    shares = np.zeros(len(source.test))
    for row, tracklet in enumerate(source.test):
        truth = load_truth(source.root, tracklet.key)
        each = occlusion.hidden_shares(truth.labels, truth.occluders)
        there = np.isfinite(each)
        shares[row] = each[there].mean() if there.any() else 0.0
    return shares
