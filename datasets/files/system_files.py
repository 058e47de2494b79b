"""What systems leave beside a user's files: never a part of a data set, passed over everywhere, and counted.

._0001.jpg  .DS_Store  __MACOSX/        macOS: on disks of other systems and in its archives
Thumbs.db  desktop.ini                  Windows
@eaDir/  #recycle/                      network disks
.nfs...  .directory  .Trash-1000/       others: whatever begins with a dot is hidden
"""

from pathlib import Path

from datasets.checks import Check
from datasets.errors import DataError

_NAMES = frozenset(
    {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "#recycle", "#snapshot", "$recycle.bin"}
    | {"icon\r", "lost+found", "system volume information"}
)
_BYTES = frozenset(name.encode() for name in _NAMES)


def is_companion(name: str | bytes) -> bool:
    """Whether a file or folder of this name (no path) was left by a system."""
    if isinstance(name, bytes):
        return name.startswith(b".") or name.lower() in _BYTES
    return name.startswith(".") or name.lower() in _NAMES


def checks(found: int, part: str = "") -> list[Check]:
    """How many there were; nothing where there were none.

    Args:
        found: files and folders.
        part: of the data set.
    """
    what = "companion files of systems (Thumbs.db ...), passed over"
    return [Check(f"{part} {what}".strip(), None, found)] if found else []


def folders_in(root: Path) -> list[Path]:
    """The folders in a folder that no system left, sorted by name: where a data set may lie one level deeper.

    Raises:
        DataError: it may not be read.
    """
    try:
        return sorted(child for child in root.iterdir() if not is_companion(child.name) and child.is_dir())
    except OSError as error:
        raise DataError(f"{root} cannot be listed ({error.strerror or error}); make it readable") from error
