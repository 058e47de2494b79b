"""As `true_masks`, under the person and what the person carries: backpack, shoulder bag, hand bag and hat."""

from runners.oracles.interface import OracleRule
from runners.oracles.mask_features import answer, refused

STEP = "true-masks-and-things"

RULE = OracleRule("true-masks-and-things", lambda given: answer(given, "person and things"), refused)
