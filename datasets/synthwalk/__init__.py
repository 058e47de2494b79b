"""SynthWalk: procedurally drawn people who walk through cameras, written in the MARS layout.

    from datasets import synthwalk
    synthwalk.render(synthwalk.preset("embedded"), Path("data/synthwalk"))

The default data set of this suite, so that everything runs without real data, and the only one whose truth
is known: every frame has its unoccluded twin and its masks, every identity its attributes and its gait.
"""

from pathlib import Path

from datasets.synthwalk import presets
from datasets.synthwalk.presets import PRESETS, VERSION, World, fingerprint, preset

__all__ = ["PRESETS", "VERSION", "World", "fingerprint", "preset", "presets", "render"]


def render(world: World, root: Path, *, workers: int | None = None, progress: bool = True) -> Path:
    """Render a world to `root` in the MARS layout and return it.

    Arguments and errors as in `write.render`.

    The compiler and the image encoder are loaded only here, so that importing this package is quick.
    """
    from datasets.synthwalk import write

    return write.render(world, root, workers=workers, progress=progress)
