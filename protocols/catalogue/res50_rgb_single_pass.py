"""ResNet-50, RGB only, one pass a tracklet: the class in which most MARS papers since 2018 compare themselves.

The class is that of ADFD's table 3: backbone Res-50, RO (RGB only, no optical flow) and SP (single pass, no pairwise
comparison of query and gallery). The scoring is that of the official MARS evaluation: every test tracklet is in the
gallery, junk and own-camera tracklets are ignored query by query, AP is the trapezoid area, the means run over all
queries, and distances are Euclidean between unit-length descriptors. It is the convention of the data set's authors,
of GLTR, STMP, TKP and STE-NVAN; the others in use are scored beside it.

A query without positives counts 0: nothing is then lost from sight, and where the queries stay in the gallery no MARS
or DukeMTMC-VideoReID query is without. Ties take their expected value, so that a collapsed model scores at chance.
"""

from protocols.ranking.conventions import OFFICIAL_MARS
from protocols.test_time.inputs import WholeSequence

from ..interface import Protocol

PROTOCOL = Protocol(
    name="res50-rgb-single-pass",
    version=1,
    summary="ResNet-50 trunk, RGB frames, every tracklet encoded once with all its frames; official MARS scoring",
    requires=("rgb", "resnet50", "single-pass", "whole-sequence"),
    feed=WholeSequence(),
    scoring=OFFICIAL_MARS,
)
