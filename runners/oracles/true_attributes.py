"""The true attributes of the person joined to the descriptor: what perfect attributes would gain.

Each yes-or-no column of the renderer's own annotation (a choice has one for each value), in standard deviations over
the training people. The truth knows attributes of people with a number alone: distractors and junk have the mean in
every column, which makes them neither alike nor unlike anybody.
"""

import numpy as np

from datasets.attributes import synthwalk
from datasets.tracklet import Split, person_ids
from runners.oracles.interface import OracleAnswer, OracleInput, OracleRule
from runners.oracles.joined import Known, join, standardised

STEP = "true-attributes"
ENTRIES = ("datasets.attributes.synthwalk",)

WEIGHT = 0.35
"""Beside a descriptor of unit length, of a vector whose mean square length over the training people is 1: about that of
the true gait, whose three numbers with weight 0.2 have a mean square length of 0.35 squared."""


def known_attributes(split: Split) -> tuple[Known, int]:
    """Of all test tracklets ``[N, C]``, 0 where nothing is known, and of how many nothing is.

    Raises:
        DataError: the truth lacks its attributes.
    """
    annotation = synthwalk.read(split.root)
    people = person_ids(split.test)
    training = annotation.people_targets(np.unique(person_ids(split.train))).astype(np.float64)
    found = standardised(annotation.people_targets(people).astype(np.float64), training)
    unknown = np.isnan(found).all(axis=1)
    return np.nan_to_num(found, nan=0.0) / np.sqrt(found.shape[1]), int(unknown.sum())


def _answer(given: OracleInput) -> OracleAnswer:
    known, unknown = known_attributes(given.data.raw)
    encoded = join(given.of_arm, known, WEIGHT, given.protocol)
    words = f"{known.shape[1]} true attributes, standardised, joined with weight {WEIGHT:g}"
    return OracleAnswer(encoded, words, {"weight": WEIGHT}, unknown)


RULE = OracleRule("true-attributes", _answer)
