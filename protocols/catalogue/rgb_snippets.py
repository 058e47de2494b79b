"""Tracklets as short snippets whose descriptors are averaged: the way of networks that see a few frames at a time.

The cut is that of Gao and Nevatia's code and of COSAM (section 6.2 and released code): neighbouring snippets of four
frames, the last one filled by repeating its own frames (ten frames: 0 1 2 3, 4 5 6 7, 8 9 8 9), the mean over snippets.
A network that is built for another number of frames is cut at its own. Any trunk may enter; the table names it.

The scoring is that of `res50-rgb-single-pass`, so that the two differ in what is fed alone. COSAM itself leaves the
queries out of the gallery, takes the step AP, skips queries without a match, and compares plain descriptors; all of
that is among the conventions that are scored beside the headline.
"""

from protocols.ranking.conventions import OFFICIAL_MARS
from protocols.test_time.inputs import Snippets

from ..interface import Protocol

PROTOCOL = Protocol(
    name="rgb-snippets",
    version=1,
    summary="RGB, snippets of four consecutive frames (or a network's own number), their mean; official MARS scoring",
    requires=("rgb", "single-pass"),
    feed=Snippets(length=4, rest="loop", mean="clips"),
    scoring=OFFICIAL_MARS,
)
