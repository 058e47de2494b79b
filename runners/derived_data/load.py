"""Get the data of a job: load it, and render SynthWalk first where it is absent."""

import dataclasses
from pathlib import Path

import datasets
from datasets.tracklet import Split
from runners.errors import RunError
from runners.progress import note


def load_data(name: str, root: str | None, size: tuple[int, int], split: int = 0) -> Split:
    """Load a data set by name.

    Args:
        name: ``synthwalk``, ``mars``, ...
        root: its folder; SynthWalk has a default one under ``data``, and is rendered there if absent.
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


def _synthwalk(root: str | None, size: tuple[int, int]) -> Split:
    from datasets import synthwalk
    from datasets.synthwalk.presets import PRESETS

    world = dataclasses.replace(PRESETS["embedded"], height=size[0], width=size[1])
    folder = Path(root) if root else Path("data") / f"synthwalk-v{world.version}-{size[0]}x{size[1]}"
    if root is None or not folder.exists():
        if not folder.exists():
            note(f"rendering SynthWalk into {folder}")
        synthwalk.render(world, folder)
    return datasets.load("synthwalk", folder)
