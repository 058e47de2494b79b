"""The true tempo of the walk joined to the descriptor: what a perfect reading of motion would gain.

Cadence, halting and rhythm of the tracklet's walker, in standard deviations over the training people. Distractors walk
too, and have their own tempo; junk is nobody's tracklet and has the mean.
"""

import numpy as np

from datasets.synthwalk.truth import tempos
from datasets.tracklet import JUNK, Split, person_ids
from runners.oracles.interface import OracleAnswer, OracleInput, OracleRule
from runners.oracles.joined import Known, join, standardised

STEP = "true-gait"

WEIGHT = 0.2
"""Beside a descriptor of unit length. With the trained baseline of SynthWalk 1, weights of 0.05, 0.1, 0.2 and 0.4
gained 4, 11, 17 and 24 points of mAP: it is no optimum, but a gain that is far from nothing and from everything."""


def known_gait(split: Split) -> Known:
    """Of all test tracklets ``[N, 3]``, 0 for junk.

    Raises:
        DataError: the truth does not say how somebody walks.
    """
    _, first = np.unique(person_ids(split.train), return_index=True)  # each training person once
    training = tempos(split.root, [split.train[row].key for row in first])
    found = standardised(tempos(split.root, [tracklet.key for tracklet in split.test]), training)
    found[person_ids(split.test) == JUNK] = 0.0
    return found


def _answer(given: OracleInput) -> OracleAnswer:
    split = given.data.raw
    encoded = join(given.of_arm, known_gait(split), WEIGHT, given.protocol)
    words = f"cadence, halting and rhythm of the true walk, standardised, joined with weight {WEIGHT:g}"
    return OracleAnswer(encoded, words, {"weight": WEIGHT}, int((person_ids(split.test) == JUNK).sum()))


RULE = OracleRule("true-gait", _answer)
