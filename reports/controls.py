"""Controls: what is trained and judged beside an arm to tell where its gain comes from."""

from typing import Literal, get_args

Control = Literal["shuffled", "mlp", "uniform", "colour"]
CONTROLS: tuple[str, ...] = get_args(Control)
TEMPORAL_CONTROLS = ("shuffled", "mlp", "uniform")
ASIDE_CONTROLS = ("uniform",)  # say something about an arm that does not claim to use time, but decide nothing
CONTROL_LABELS = {
    "shuffled": "shuffled frames",
    "mlp": "per-frame MLP",
    "uniform": "uniform weights",
    "colour": "colour only",
}
