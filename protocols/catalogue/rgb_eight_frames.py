"""Eight frames a tracklet, one from the middle of each of eight equal parts, in one pass; any trunk.

The test-time partner of training on random frames of eight parts (ADFD, after TSN), without the chance: the paper does
not say how it tests. A tracklet of fewer frames than parts is repeated up to eight. The scoring is that of
`rgb-single-pass`, so that the two differ in what is fed alone.
"""

from protocols.ranking.conventions import OFFICIAL_MARS
from protocols.test_time.inputs import Chunks

from ..interface import Protocol

PROTOCOL = Protocol(
    name="rgb-eight-frames",
    version=1,
    summary="any trunk, RGB, eight evenly spread frames of every tracklet, encoded once; official MARS scoring",
    requires=("rgb", "single-pass"),
    feed=Chunks(parts=8),
    scoring=OFFICIAL_MARS,
)
