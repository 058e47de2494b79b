"""As `true_masks`, around the person and what the person carries: backpack, shoulder bag, hand bag and hat."""

from runners.oracles.interface import OracleRule, any_network
from runners.oracles.painted_frames import answer

STEP = "true-masks-and-things"

RULE = OracleRule(
    "true-masks-and-things", lambda given: answer(given, "person and things"), any_network, painted="person and things"
)
