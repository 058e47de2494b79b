"""Controls: what is trained and tested beside an arm to tell where its gain comes from, and what could be gained.

Those that train nothing (`UNTRAINED_CONTROLS`) are no controls of a claim about time: the oracles say what a perfect
mechanism would gain on data whose truth is known, shuffled labels what chance is.
"""

from typing import Literal

from protocols import vocabulary

Control = vocabulary.Control | Literal["colour"]
TEMPORAL_CONTROLS = vocabulary.CONTROLS
ORACLES = vocabulary.ORACLES
UNTRAINED_CONTROLS = vocabulary.UNTRAINED_CONTROLS
CONTROLS: tuple[Control, ...] = (*TEMPORAL_CONTROLS, *UNTRAINED_CONTROLS, "colour")

CONTROL_LABELS: dict[str, str] = {
    "shuffled": "shuffled frames",
    "mlp": "per-frame MLP",
    "uniform": "uniform weights",
    "true-visibility": "true visible share",
    "true-masks": "true masks",
    "true-masks-and-things": "true masks and things carried",
    "true-mask-pooling": "true masks, last map",
    "true-attributes": "true attributes",
    "true-gait": "true gait",
    "shuffled-labels": "shuffled labels",
    "colour": "colour only",
}
