"""Whole tracklets whose occluded regions may have been painted anew before anybody looks (VRSTC, CVPR 2019).

What is fed is the whole tracklet in clips of 32 frames, the last of which may be shorter; a descriptor is the mean over
frames, compared by cosine. The paper says "the entire video" and "cosine distance" and no more (its section on tests);
the clips of 32 with a mean over all frames are the way of the same lab's later code (that of TKP). The paper repairs
queries and gallery alike, so the data that an arm is judged on are part of its row, not of this protocol: raw and
repaired arms stand in one table, and a repairer sees one tracklet at a time, which keeps the single pass.

VRSTC names neither gallery nor AP for MARS. They are those of the official evaluation here, as in
`res50-rgb-single-pass`, so that the two protocols differ in what is fed and in nothing else: scaling descriptors to
unit length, as that protocol does, gives Euclidean distances in the order of the cosine.
"""

from protocols.ranking.conventions import OFFICIAL_MARS, Distance, Scoring
from protocols.test_time.inputs import Snippets

from ..interface import Protocol

PROTOCOL = Protocol(
    name="occlusion-repaired",
    version=1,
    summary="RGB, whole tracklets in clips of 32, raw or repaired before, the mean over frames; cosine, as in VRSTC",
    requires=("rgb", "single-pass"),
    feed=Snippets(length=32, rest="pad", mean="frames"),
    scoring=Scoring(Distance("cosine"), OFFICIAL_MARS.convention),
    repairs=True,
)
