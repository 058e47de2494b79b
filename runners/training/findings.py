"""What a training curve shows to have gone wrong, in words: a pure reading of the rows that training logged."""

import math
from collections.abc import Mapping, Sequence

STALLED = "triplet stalled at ln 2: the embedding has collapsed"
"""All descriptors are alike: the hardest positive is as far as the hardest negative, and log(1 + exp(0)) is left."""
NEAR = 0.01
LAST = 3  # one third of the curve
FEWEST_ROWS = 6


def findings(log: Sequence[Mapping[str, float]], losses: Mapping[str, float], margin: object) -> list[str]:
    """Findings on one stage.

    A batch-hard triplet loss with soft margin, ``log(1 + exp(d_ap - d_an))``, that stays within 0.01 of ln 2 over the
    last third of its rows has stalled: it is what a network gets that gives every image the same descriptor
    (Hermans et al. 2017, section 3.2, see it with an unlucky learning rate).

    Args:
        log: rows of the curve, each with the means of the named losses since the row before.
        losses: name -> weight, of the stage.
        margin: of the network's triplet loss: ``soft``, a number, or None where it has none.
    """
    if "triplet" not in losses or margin != "soft":
        return []
    values = [row["triplet"] for row in log if "triplet" in row]
    if len(values) < FEWEST_ROWS:
        return []
    last = values[-math.ceil(len(values) / LAST) :]
    return [STALLED] if all(abs(value - math.log(2)) <= NEAR for value in last) else []
