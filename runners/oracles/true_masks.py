"""Frames painted outside the person, in place of whole frames: what perfect masks would gain, see `painted_frames`.

The mask is what can be seen of the person without what is carried. Junk without a person stays as it is; distractors
are people, and have masks.
"""

from runners.oracles.interface import OracleRule, any_network
from runners.oracles.painted_frames import answer

STEP = "true-masks"

RULE = OracleRule("true-masks", lambda given: answer(given, "person"), any_network, painted="person")
