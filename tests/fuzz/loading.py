"""Loading weights as a command would end: what a user's script calls, with the exit codes of the commands."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from torch import Tensor, nn

import methods
from files.formats import safetensors
from methods.gltr.released import load_released
from runners.cli.exit_codes import guarded
from runners.training import checkpoints

IDS = 2


@cache
def network() -> nn.Module:
    """A network that the authors' checkpoint of a method fits."""
    return methods.create("gltr", IDS, reading="released")


def _released(file: Path) -> None:
    load_released(network(), file)


def _weights(file: Path) -> None:
    found = safetensors.load(file)
    assert all(isinstance(value, Tensor) for value in found.values())


def _checkpoint(file: Path) -> None:
    checkpoints.load(file, "cpu")


KINDS: dict[str, Callable[[Path], None]] = {"released": _released, "weights": _weights, "checkpoint": _checkpoint}


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Load a file of a kind."""
    kind, file = argv or ()
    KINDS[kind](Path(file))
    return 0
