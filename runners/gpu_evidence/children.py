"""Parts run in processes of their own, which are ended when their time is up: a crash or a hang costs one part only."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from runners.errors import NotPossible

Clock = Callable[[], float]
DONE = "done"
"""Kind of the last object: whatever the process still does, nothing more is waited for."""
_ENDING = 3.0  # seconds that a process gets to end by itself once it closed its side


def run_child(
    command: Sequence[str],
    seconds: float,
    take: Callable[[dict[str, Any]], float | None],
    *,
    clock: Clock = time.monotonic,
    environment: dict[str, str] | None = None,
) -> str:
    """Run a command that sends JSON objects, one a line, into the descriptor that its last argument names.

    Args:
        command: without that last argument.
        seconds: that it may take.
        take: gets each object as it comes; what it returns is the number of seconds within which the next one has to
            come, None for no such limit.
        clock: seconds that only grow.
        environment: of the process; that of this one if not given.

    Returns:
        Nothing if it ended by itself and well, else why it ended.

    Raises:
        NotPossible: the system hands no descriptors to a child and ends no process groups (Windows).
    """
    if os.name != "posix":
        raise NotPossible("parts are run in processes of their own as Linux and macOS have them; run this there.")
    read, write = os.pipe()
    child = subprocess.Popen(
        [*command, str(write)], pass_fds=[write], start_new_session=True, env=environment, stdin=subprocess.DEVNULL
    )
    os.close(write)
    end = next_by = clock() + seconds
    lines = _Lines(read)
    try:
        while (line := lines.next(min(end, next_by) - clock())) is not None:
            record = json.loads(line)
            if record["kind"] == DONE:
                break
            limit = take(record)
            next_by = end if limit is None else clock() + limit
        return _outcome(child, min(max(end - clock(), 0.1), _ENDING))
    except TimeoutError:
        return f"stopped: its {seconds:.0f} s were used up" if clock() >= end else "stopped: one item took too long"
    finally:
        os.close(read)
        _end(child)


class _Lines:
    """Whole lines out of a descriptor, with a limit of time for each."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor, self.kept = descriptor, b""

    def next(self, seconds: float) -> bytes | None:
        """The next line; None at the end.

        Raises:
            TimeoutError: it did not come in time.
        """
        end = time.monotonic() + seconds
        while b"\n" not in self.kept:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
            got = os.read(self.descriptor, 1 << 16)
            if not got:
                return None
            self.kept += got
        line, _, self.kept = self.kept.partition(b"\n")
        return line


def _outcome(child: "subprocess.Popen[bytes]", seconds: float) -> str:
    try:
        code = child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return ""  # it has sent all it had; what is left of it is ended
    return "" if code == 0 else f"its process ended with exit code {code}"


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End the process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):  # one that hangs in a driver is left to the system
        child.wait(timeout=_ENDING)


def remove_behind(folder: str) -> None:
    """Remove a folder by a process that nobody waits for: tens of thousands of small files can take half a minute."""
    code = "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"
    subprocess.Popen(
        [sys.executable, "-c", code, folder], start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


class Sender:
    """The other side: writes objects into a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.pipe = os.fdopen(descriptor, "wb", buffering=0)

    def __call__(self, record: dict[str, Any]) -> None:
        """Send one object, whole."""
        data = json.dumps(record, allow_nan=False).encode() + b"\n"
        while data:
            data = data[self.pipe.write(data) or 0 :]
