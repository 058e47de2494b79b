"""RGB only, one pass a tracklet, any trunk: `res50-rgb-single-pass` without its check of the trunk.

For papers whose main model is no ResNet-50 (ADFD's is a ResNet-18, and so are its ablations). Feeding and scoring are the
same, so the two differ in who may enter alone. ADFD section 4 compares unit-length descriptors by Euclidean distance, as
is done here; which of a tracklet's frames it takes at test it does not say. All of them are taken here, as its weights
are defined for any number of frames; `rgb-eight-frames` is the other reading.
"""

from .interface import Protocol

PROTOCOL = Protocol(
    name="rgb-single-pass",
    version=1,
    summary="any trunk, RGB frames, every tracklet encoded once with all its frames; official MARS scoring",
    requires=("rgb", "single-pass", "whole-sequence"),
    test_frames="all",
    metric="euclidean",
    normalise=True,
    gallery="full",
    ap="trapezoid",
    empty="zero",
    ties="expected",
)
