"""A single image against videos, and the three other pairings of the two, from one extraction (TKP, ICCV 2019, sec. 4).

The image of a tracklet is its first frame. ``I2V``: query images against gallery videos, the headline. ``I2I``: first
frames on both sides. ``V2V``: videos on both sides. ``V2I``: videos against first frames (the released code prints it).
Videos are all frames of a tracklet in clips of 32, the last of which may be shorter; the descriptor is the mean over
frames, as released. The paper averages the clips; the two differ where a length is no multiple of 32.

A method with an image network of its own encodes images with it; every other one is given one frame (a network of
fixed clips: that frame repeated), and the table says so.

Scoring as TKP: junk dropped, distractors and queries in the gallery, own-camera tracklets ignored query by query,
trapezoid AP, queries without a match skipped, Euclidean distances of plain descriptors. Its authors say that the
paper's numbers are Euclidean, while their code L2-normalises and takes the cosine. Both distances and both means are
scored on every side beside the headline.
"""

from protocols.ranking.conventions import Convention, Distance, Scoring
from protocols.test_time.inputs import Snippets

from ..interface import Protocol

PROTOCOL = Protocol(
    name="image-to-video",
    version=1,
    summary="the first frame of a tracklet against whole tracklets (and I2I, V2V, V2I), as in TKP's tables",
    requires=("rgb", "single-pass"),
    feed=Snippets(length=32, rest="pad", mean="frames"),
    sides=("I2V", "I2I", "V2V", "V2I"),
    scoring=Scoring(Distance("euclidean"), Convention(gallery="without-junk", ap="trapezoid", empty="skip")),
)
