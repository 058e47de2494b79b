"""A lock that one process holds on a file; the system drops it when the process dies, however it dies."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from datasets.errors import DataError

_NOTE = 200  # bytes of its holder's note that are read


def take(path: Path, note: str, busy: Callable[[str], str]) -> int:
    """Take the lock, at once or not at all.

    The holder may remove the file before it lets go: whoever opened it meanwhile sees that the name is another file's
    by then, and takes that one.

    Args:
        path: the file, made if absent; its folder is there.
        note: written into it for whoever looks.
        busy: gives the sentence for a lock that another process holds, from that process's note.

    Returns:
        The handle; closing it lets go.

    Raises:
        DataError: another process holds it.
        OSError: the file cannot be written.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_ino == path.stat().st_ino:
                os.ftruncate(handle, 0)
                os.write(handle, note.encode())
                return handle
        except FileNotFoundError:
            pass  # its holder removed it between the two calls
        except BlockingIOError as error:
            held = os.read(handle, _NOTE).decode(errors="replace")
            os.close(handle)
            raise DataError(busy(held)) from error
        os.close(handle)
