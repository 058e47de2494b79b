"""Controls: what is trained and tested beside an arm to tell where its gain comes from."""

from typing import Literal

from protocols import vocabulary

Control = vocabulary.Control | Literal["colour"]
TEMPORAL_CONTROLS = vocabulary.CONTROLS
CONTROLS: tuple[Control, ...] = (*TEMPORAL_CONTROLS, "colour")
ASIDE_CONTROLS: tuple[Control, ...] = ("uniform",)
"""They say something about an arm that does not claim to use time, but decide nothing."""

CONTROL_LABELS: dict[str, str] = {
    "shuffled": "shuffled frames",
    "mlp": "per-frame MLP",
    "uniform": "uniform weights",
    "colour": "colour only",
}
