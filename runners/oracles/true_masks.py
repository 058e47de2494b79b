"""The trunk's last map pooled where the person truly is, in place of the whole frame: what perfect masks would gain.

The mask is what can be seen of the person without what is carried. A frame in which nobody is seen has the plain mean,
so that junk without a person stays as it is; distractors are people, and have masks.
"""

from runners.oracles.interface import OracleRule
from runners.oracles.mask_features import answer, refused

STEP = "true-masks"

RULE = OracleRule("true-masks", lambda given: answer(given, "person"), refused)
