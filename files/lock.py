"""The project's one lock: held by one process at a time, dropped by the system when its owner dies, however it dies.

`filelock` holds it: `flock` on Linux and macOS, `LockFileEx` on Windows, and where neither is offered a marker with the
owner's process number, which a later comer removes when that process is gone.  The lock's file is never removed here:
whoever opened it before would lock a file that nobody else sees, and two processes would be inside at once.
"""

import os
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a system without flock: the marker that takes its place will do
    import filelock

_AT_ONCE = 0.15  # seconds: a marker that a dead owner left takes a second try
_ASK_AGAIN = 0.05
_PATIENCE = 1.0  # seconds of waiting before it is said that one waits
_NOTE = 200  # bytes of an owner's note that are read


@contextmanager
def held(
    path: Path, *, busy: Callable[[str], Exception] | None = None, waiting: Callable[[str], object] | None = None
) -> Iterator[None]:
    """Hold a lock while the block runs.

    Where it can be got at once or not at all (`busy`), and where it is waited for (no `busy`), whatever the lock
    protects has to be looked at again inside: another process may have finished it meanwhile.

    Args:
        path: of the lock; the file is made, with its folder, and stays. Beside it lies ``<name>.owner``, a
            note of who holds it, while it is held.
        busy: gives the error for a lock that another process holds, from that process's note (such as ``4711 on
            machine``; empty where there is none). Without it the lock is waited for.
        waiting: is told the owner's note, once, when waiting takes longer than a second.

    Raises:
        Exception: what `busy` gives.
        OSError: the file cannot be made.
    """
    lock = filelock.FileLock(path, poll_interval=_ASK_AGAIN)
    try:
        lock.acquire(timeout=_PATIENCE if busy is None else _AT_ONCE)
    except filelock.Timeout:
        if busy is not None:
            raise busy(owner_of(path)) from None
        if waiting is not None:
            waiting(owner_of(path))
        lock.acquire(timeout=-1)
    note = _note_beside(path)
    try:
        with suppress(OSError):  # it is there for people only
            note.write_text(f"{os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        try:
            with suppress(OSError):
                note.unlink(missing_ok=True)
        finally:
            lock.release()


def owner_of(path: Path) -> str:
    """The note of who holds a lock, or held it when it was killed; empty where there is none."""
    try:
        with _note_beside(path).open("rb") as file:
            return " ".join(file.read(_NOTE).decode(errors="replace").split())
    except OSError:
        return ""


def _note_beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner")
