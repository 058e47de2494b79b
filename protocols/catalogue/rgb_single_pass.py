"""RGB only, one pass a tracklet, any trunk: `res50-rgb-single-pass` without its check of the trunk.

For papers whose main model is no ResNet-50; ADFD's is a ResNet-18, and so are its ablations. Feeding and scoring are
the same, so the two differ in who may enter alone. ADFD compares unit-length descriptors by Euclidean distance, as is
done here. Which frames of a tracklet it takes at test it does not say: here all, as its weights are defined for any
number of them; `rgb-eight-frames` is the other reading.
"""

from protocols.ranking.conventions import OFFICIAL_MARS
from protocols.test_time.inputs import WholeSequence

from ..interface import Protocol

PROTOCOL = Protocol(
    name="rgb-single-pass",
    version=1,
    summary="any trunk, RGB frames, every tracklet encoded once with all its frames; official MARS scoring",
    requires=("rgb", "single-pass", "whole-sequence"),
    feed=WholeSequence(),
    scoring=OFFICIAL_MARS,
)
