"""`image-to-video` as TKP runs it on iLIDS-VID: camera 1 asks, camera 2 answers, ten random halves, CMC alone.

The query is the first image of the camera-1 tracklet, the gallery the camera-2 tracklets of the same 150 test people;
rank-1 to rank-20 are means over ten splits (see `splits`), and AP says nothing new, as each query has one match. A job
trains and judges each split by itself, with `--dataset ilids` or another set with ten splits whose camera 1 asks.
"""

from protocols.ranking.conventions import Convention, Distance, Scoring
from protocols.test_time.inputs import Snippets

from ..interface import Protocol

PROTOCOL = Protocol(
    name="image-to-video-ilids",
    version=1,
    summary="image-to-video on iLIDS-VID: camera 1 against camera 2, mean over ten splits of 150 people",
    requires=("rgb", "single-pass"),
    feed=Snippets(length=32, rest="pad", mean="frames"),
    sides=("I2V",),
    query_camera=1,
    splits=10,
    scoring=Scoring(Distance("euclidean"), Convention(gallery="full", ap="step", empty="skip")),
)
