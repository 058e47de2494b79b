"""Where decoded frames are kept: a folder for each version of the code that decodes them."""

from functools import cache
from pathlib import Path

from runners.plan.code_digest import code_digest
from runners.progress import note


@cache
def folder_of_frames(work: Path) -> Path:
    """The folder below a working folder for frames that the present code decodes; what older code left is told."""
    root = work / "frames"
    own = root / code_digest("frames")
    others = [path for path in root.rglob("*.npy") if own not in path.parents] if root.is_dir() else []
    if others:
        size = sum(path.stat().st_size for path in others)
        note(f"{root}: {size / 1e9:.1f} GB of frames were decoded by other code and are not used; they may be removed")
    return own
