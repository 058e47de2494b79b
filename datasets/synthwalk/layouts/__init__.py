"""SynthWalk in the layouts of other data sets, so that every reader is tested on pixels, end to end.

A world is rendered in the layout of MARS first and then arranged: one module a layout, with

    fit(world) -> World                          what the layout asks of a world (two cameras, no junk, ...)
    arrange(split, folder, seed) -> dict         writes the frames of a rendered world below an empty folder, in the
                                                 layout, and returns the counts that its reader must find

An arranged set holds no truth (twins, masks, attributes): its frames have other names than those the truth is about.
"""

import errno
import hashlib
import importlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

from datasets.errors import DataError
from datasets.files.manifest import RENDERED
from datasets.readers.mars import reader
from datasets.synthwalk import presets
from datasets.synthwalk.presets import World
from files.errors import did_you_mean

_VERSION = "1"
"""Raise it with every change of an arrangement that alters a byte or a name."""
_MODULES = {"duke": "duke", "ilids": "ilids", "prid": "prid", "ls-vid": "ls_vid"}
LAYOUTS = ("mars", *_MODULES)
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK}


def render_as(
    layout: str, world: World, root: Path, *, workers: int | None = None, progress: bool = True
) -> tuple[Path, World]:
    """Render a world in any layout; whole or not at all, and not again where it is there already.

    Args:
        layout: one of `LAYOUTS`; the name of the reader too.
        world: what to render; changed where the layout cannot hold it.
        root: folder of the data set; absent, empty, or holding the same set.
        workers: threads; None takes one for each core.
        progress: show a bar on a terminal.

    Returns:
        The folder, and the world that was rendered.

    Raises:
        DataError: for an unknown layout, a world that does not fit, or a folder that cannot be written.
    """
    if layout not in LAYOUTS:
        hint = did_you_mean(layout.lower(), LAYOUTS, most=1, cutoff=0.4) or f"there are {', '.join(LAYOUTS)}."
        raise DataError(f"SynthWalk has no layout {layout!r}; {hint}")
    from datasets.synthwalk import write as mars_write  # the compiler loads here, so that naming the layouts is quick

    root = Path(root)
    if layout == "mars":
        return mars_write.render(world, root, workers=workers, progress=progress), world
    arranger = importlib.import_module(f"datasets.synthwalk.layouts.{_MODULES[layout]}")
    world = arranger.fit(world)
    world.check()
    made_of = json.dumps([presets.fingerprint(world), layout, _VERSION])
    fingerprint = hashlib.sha256(made_of.encode()).hexdigest()[:32]

    def write(partial: Path) -> None:
        # Beside the set, on the same disk: frames are linked, not copied.
        with tempfile.TemporaryDirectory(prefix=f"{partial.name}-source-", dir=partial.parent) as folder:
            source = mars_write.render(world, Path(folder) / "world", workers=workers, progress=progress)
            counts = _arrange(arranger, source, partial, world)
        _write_manifest(partial, layout, world, fingerprint, counts)

    mars_write.place(root, fingerprint, RENDERED, write)
    return root, world


def _arrange(arranger: ModuleType, source: Path, folder: Path, world: World) -> dict[str, int]:
    counts: dict[str, int] = arranger.arrange(reader.examine(source).require(), folder, world.seed)
    return counts


def _write_manifest(root: Path, layout: str, world: World, fingerprint: str, counts: dict[str, int]) -> None:
    manifest = {
        "name": "synthwalk",
        "layout": layout,
        "version": world.version,
        "seed": world.seed,
        "fingerprint": fingerprint,
        "encoder": presets.encoder(),
        "parameters": presets.parameters(world),
        "counts": counts,
    }
    (root / RENDERED).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def place_frame(source: Path, target: Path) -> None:
    """Place a rendered frame under another name: a hard link takes no room; a copy where there are none."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)
