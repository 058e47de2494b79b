"""Get the data of a job: load it, and render SynthWalk first where it is absent."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import datasets
from datasets.tracklet import Split
from runners.errors import RunError
from runners.progress import note

if TYPE_CHECKING:
    from datasets.synthwalk.presets import World


def load_data(name: str, root: str | None, size: tuple[int, int], split: int = 0) -> Split:
    """Load a data set by name.

    Args:
        name: ``synthwalk``, ``mars``, ...
        root: its folder; SynthWalk's default world has one under ``data`` and is rendered there if absent. Another
            world is named by its folder.
        size: (height, width) that SynthWalk is rendered at.
        split: which of its divisions.

    Raises:
        RunError: a data set without a default folder was asked for without one.
        DataError: what lies there is not that data set.
    """
    if name not in datasets.names():
        datasets.load(name, Path(root or "."))  # raises with near matches
    if name == "synthwalk":
        return _synthwalk(root, size)
    if root is None:
        raise RunError(f"--data-root is missing: name the folder that holds {name} (see docs/data-sets.md).")
    return datasets.load(name, Path(root), split=split)


def folder_name(world: "World") -> str:
    """Where a world is rendered by default; every world has a folder of its own, whatever became of the default.

    Args:
        world: any; of its parameters the name tells which it is.

    Returns:
        Name, version of the renderer and frame size: ``synthwalk-embedded-2-v2-64x32``.
    """
    return f"synthwalk-{world.name}-v{world.version}-{world.height}x{world.width}"


def _synthwalk(root: str | None, size: tuple[int, int]) -> Split:
    from datasets import synthwalk
    from datasets.synthwalk.presets import PRESETS

    world = dataclasses.replace(PRESETS["embedded"], height=size[0], width=size[1])
    folder = Path(root) if root else Path("data") / folder_name(world)
    if root is None or not folder.exists():
        if not folder.exists():
            note(f"rendering SynthWalk ({world.name}) into {folder}")
        synthwalk.render(world, folder)
    return datasets.load("synthwalk", folder)
