"""Starting weights made up for tests: files and cards of any trunk, in a moment."""

from pathlib import Path
from typing import Any

from torch import nn

from files import digest
from files.formats import safetensors
from methods.starts.card import CARD, FORMAT, WEIGHTS, SeenData, StartCard, Training, read_card
from methods.starts.quantise import quantise

SEEN = SeenData("synthwalk", "a" * 32, "2", seed=901, style="street")


def made_up(folder: Path, trunk: nn.Module, depth: int, name: str = "made-up", **changes: Any) -> StartCard:
    """A start of a trunk's present weights, on disk with its card."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}{WEIGHTS}"
    safetensors.save(quantise(trunk.state_dict()), file)
    training = Training(
        frames=64, identities=4, tracklets=8, images=32, labels="identity", size=(64, 32), seed=0, precision="fp32",
        initial="made up", final_loss=1.0, recipe={"name": "start", "losses": {"triplet": 1.0}}, runtime={"threads": 1},
    )  # fmt: skip
    values: dict[str, Any] = {
        "name": name, "format": FORMAT, "depth": depth, "sha256": digest.sha256(file), "bytes": file.stat().st_size,
        "has_seen": (SEEN,), "training": training, "largest_error": 0.004, "mean_error": 0.01,
    }  # fmt: skip
    card = StartCard(**{**values, **changes})
    file.with_suffix(CARD).write_text(card.as_text(), encoding="utf-8")
    return read_card(file.with_suffix(CARD))
