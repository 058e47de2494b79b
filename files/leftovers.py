"""What a killed process leaves: temporary files and folders that carry its number, removed by the next one.

On Windows they stay: Python has no way there to ask for a process that would not end it.
"""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

SCRATCH: Final = "reproid-"
"""Begin of the names of this suite's folders in the system's temporary folder; the owner's number follows."""
_TEMPORARY = re.compile(r"\..+\.(?P<owner>\d+)(?:\.partial)?")
_SCRATCH = re.compile(rf"{SCRATCH}(?P<owner>\d+)-.*")


def remove(folder: Path) -> list[Path]:
    """Remove what dead processes of this machine left in a folder: ``.<name>.<number>``, with or without ``.partial``.

    A folder that cannot be read or written is left as it is.

    Returns:
        What was removed.
    """
    return _remove(folder, _TEMPORARY)


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A temporary folder that goes away with its object; those of dead processes of this user go away first."""
    _remove(Path(tempfile.gettempdir()), _SCRATCH)
    return tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-", ignore_cleanup_errors=True)


def _remove(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    removed = []
    with contextlib.suppress(OSError):
        for entry in list(folder.iterdir()):
            found = pattern.fullmatch(entry.name)
            with contextlib.suppress(OSError):  # another process was quicker, or it is not ours
                if found and not is_running(int(found["owner"])) and _is_own(entry):
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
                    removed.append(entry)
    return removed


def _is_own(entry: Path) -> bool:
    return not hasattr(os, "getuid") or entry.lstat().st_uid == os.getuid()


def is_running(process: int) -> bool:
    """Whether there is a process of this number on this machine; on Windows any number counts as one."""
    if not 0 < process < 2**31:
        return False
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
