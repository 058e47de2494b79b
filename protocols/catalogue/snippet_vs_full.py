"""Snippets against whole sequences: one network, one set of weights, every published way of feeding a tracklet.

The curves, each against N out of 2, 4, 8, 16 and 32:

============  ==========================================================================================
``single``    the middle frame alone (``single-first``: the first, as an image query of TKP)
``even-N``    N frames spread evenly from the first to the last, in one pass; all of them if there are fewer
``snippets-N``  clips of N side by side, the last one filled with its own frames, mean over clips
``dense-N``   windows of N that start every N/4 frames, the last one at the end; mean over windows (N from 4 to 16)
``whole``     all frames in one pass: the headline
============  ==========================================================================================

At N = 8 the snippets come once more under every padding rule, so that padding can be seen alone.

The published rules beside the curves, as the papers and their released code have them:

=================  ==========================================================================================
``snippets-4``     JG (Gao and Nevatia 2018), COSAM: ceil(n/4) clips, the last one looped within itself, mean of clips
``torchreid-15``   torchreid: every floor(n/15)-th frame from the first, so that the tail is never seen; a tracklet of
                   fewer than 15 frames is filled with its last one
``tkp-4``          TKP and AP3D, the test inside training: 4 frames from the first, 8, 4, 2 or 1 apart, whichever fits
``tkp-32``         TKP and AP3D, final test of the code: chunks of 32, the last may be shorter, mean over frames
``tkp-32-clips``   TKP's text: the mean over these chunks instead
``ste-8``          STE-NVAN: the first frame of each of 8 equal parts
``chunks-8``       the middle of each of 8 equal parts: ADFD trains on one frame of each and does not say what it tests
``bicnet-8``       BiCnet: all frames, the tracklet looped to a multiple of 8, mean of clips
``bicnet-8-apart``  the same with BiCnet's training clip, 8 frames that lie 4 apart
``csa-8``          CSA's windows: 8 frames every 4 (its parser's default), the one that would end last left out
``csa-10``         10 frames every 5 (its published command)
``m3d-8``          M3D: a window of 8 from every frame, going on at the first; inferred from its lists
``m3d-320``        M3D's journal: the whole tracklet, cut off after 320 frames
``astpn-128``      RCN and ASTPN: the first 128 frames of the query, the last 128 of the answer
``whole``          GLTR, STMP: all frames, one pass
=================  ==========================================================================================

The scoring is that of `res50-rgb-single-pass`, so that ``whole`` gives the numbers of that protocol. Any trunk may
enter, if its input is RGB and it encodes each tracklet on its own: pairwise methods have no descriptor to compare. A
network that takes clips of one length only is judged under the choices that it can take, and its headline is its own
snippets; that is said beside its numbers.
"""

from protocols.ranking.conventions import OFFICIAL_MARS
from protocols.test_time.inputs import Variants
from protocols.test_time.variants import Choice, ChoiceRest, LeftOut

from ..interface import Protocol

LENGTHS = (2, 4, 8, 16, 32)
DENSE_LENGTHS = (4, 8, 16)

LEFT_OUT = (
    LeftOut(
        "CSA's mean of the best 20 % of snippet pairs",
        "it scores each snippet of a query against each snippet of an answer, so it has no descriptor of a tracklet "
        "and is no single pass; its windows are here (csa-8, csa-10), averaged",
    ),
    LeftOut(
        "ASTPN's and RCN's 16 augmentations at test",
        "8 shifts times flip sum 16 distances of other pixels; what is compared here is which frames are seen",
    ),
)

_PADDING: dict[ChoiceRest, str] = {
    "wrap": "filled from the tracklet's start",
    "repeat-last": "its last frame repeated",
    "pad": "left short",
    "drop": "left out",
}

_SINGLE = (
    Choice("single", "Middle frame", "single", "middle", "image baselines", 1, curve=True),
    Choice("single-first", "First frame", "single", "first", "image queries of TKP (I2V, I2I)", 1),
)
_EVEN = tuple(
    Choice(
        f"even-{n}", f"{n} frames, evenly", "even", "ends",
        "STA's re-implementation (4 frames, evenly)" if n == 4 else "the plain way to see N frames",
        n, rest="pad", curve=True,
    )
    for n in LENGTHS
)  # fmt: skip
_SNIPPETS = tuple(
    Choice(
        f"snippets-{n}", f"Snippets of {n}", "snippets", "snippets",
        "JG and COSAM (released code)" if n == 4 else "the rule of JG and COSAM at another N",
        n, rest="loop", mean="clips", curve=True,
    )
    for n in LENGTHS
)  # fmt: skip
_PADDED = tuple(
    Choice(
        f"snippets-8-{rest}", f"Snippets of 8, the last {words}", "snippets", "snippets",
        "padding alone, at N = 8", 8, rest=rest, mean="clips",
    )
    for rest, words in _PADDING.items()
)  # fmt: skip
_DENSE = tuple(
    Choice(
        f"dense-{n}", f"Windows of {n}, every {n // 4}", "dense", "windows", "overlapping windows, to the last frame",
        n, stride=n // 4, rest="loop", mean="clips", curve=True,
    )
    for n in DENSE_LENGTHS
)  # fmt: skip
_PUBLISHED = (
    Choice(
        "torchreid-15", "torchreid: 15 evenly", "even", "torchreid", "torchreid (code)", 15, rest="repeat-last"
    ),
    Choice(
        "tkp-4", "TKP in training: 4 from the first", "even", "leading",
        "TKP, AP3D: the test inside training (code)", 4, stride=8, rest="loop",
    ),
    Choice("tkp-32", "TKP: chunks of 32, mean of frames", "snippets", "snippets",
           "TKP, AP3D, VRSTC's group: final test (code)", 32, rest="pad", mean="frames"),
    Choice("tkp-32-clips", "TKP: clips of 32, mean of clips", "snippets", "snippets",
           "TKP (text)", 32, rest="pad", mean="clips"),
    Choice("ste-8", "STE-NVAN: first of 8 parts", "even", "chunk-firsts", "STE-NVAN (code)", 8, rest="loop"),
    Choice("chunks-8", "Middle of 8 parts", "even", "chunk-middles", "ADFD's training clip, at test", 8, rest="loop"),
    Choice("bicnet-8", "BiCnet: looped to a multiple of 8", "snippets", "snippets",
           "BiCnet (all frames, looped to a multiple of 8)", 8, rest="wrap", mean="clips"),
    Choice("bicnet-8-apart", "BiCnet: 8 frames, 4 apart", "snippets", "apart",
           "BiCnet's training clip over all frames", 8, stride=4, rest="wrap", mean="clips"),
    Choice("csa-8", "CSA: windows of 8, every 4", "dense", "csa", "CSA (parser's default), averaged", 8, stride=4,
           rest="repeat-last", mean="clips"),
    Choice("csa-10", "CSA: windows of 10, every 5", "dense", "csa", "CSA (published command), averaged", 10, stride=5,
           rest="repeat-last", mean="clips"),
    Choice("m3d-8", "M3D: windows of 8 from every frame", "dense", "wrapping", "M3D (inferred from its lists)", 8,
           rest="wrap", mean="clips"),
    Choice("m3d-320", "M3D journal: first 320 frames", "whole", "beginning", "M3D (journal)", 320),
    Choice("astpn-128", "ASTPN, RCN: first and last 128", "whole", "beginning", "RCN, ASTPN (code)", 128,
           answers="ending"),
)  # fmt: skip
_WHOLE = (Choice("whole", "Whole sequence", "whole", "all", "GLTR, STMP", curve=True),)

PROTOCOL = Protocol(
    name="snippet-vs-full",
    version=1,
    summary="RGB, every published way of feeding a tracklet side by side; headline: the whole sequence in one pass",
    requires=("rgb", "single-pass"),
    feed=Variants(
        choices=(*_SINGLE, *_EVEN, *_SNIPPETS, *_PADDED, *_DENSE, *_WHOLE, *_PUBLISHED),
        headline="whole",
        left_out=LEFT_OUT,
    ),
    scoring=OFFICIAL_MARS,
)
