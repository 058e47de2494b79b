"""MATLAB files, version 4 to 7.3: read in a child process, checked there, and handed back as plain arrays.

`scipy.io.loadmat` can be brought down by a damaged file: the whole process ends with a segmentation fault. So files
are opened in a child (`files.formats.matlab_worker`), which is started at the first file, kept for the next ones, held
to a limit of memory and time, and started again where a file ended it. Version 7.3 is HDF5; there its axes are turned
around and are turned back, so that an array is what MATLAB shows.

Numbers keep their type. Text is an array of strings, cells an object array, a struct a structured array of objects:
as SciPy gives them.
"""

import atexit
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from files import atomic
from files.errors import COPY_AGAIN, FileError, reason, unreadable
from files.formats import matlab_write

_EXPECTED: Final = "a MATLAB file (.mat)"
_WORKER: Final = Path(__file__).with_name("matlab_worker.py")
_LEAST: Final = 512_000_000  # bytes that any file may hold
_FACTOR: Final = 32  # times its size that a larger file may hold: compression gains no more on real descriptors
_SPARE: Final = 1_000_000_000  # bytes for libraries, beside three copies of what a file holds
_PATIENCE: Final = 120.0  # seconds, and one more a megabyte
_PLAIN: Final = re.compile(r"[<>|=]?[biufcU]\d{1,6}")
_QUIET: Final = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


@dataclass(frozen=True)
class Variables:
    """What a file holds.

    Attributes:
        values: arrays by name.
        others: names of variables that were left out, and why.
    """

    values: Mapping[str, NDArray[Any]]
    others: Mapping[str, str]


def read(
    path: Path,
    *,
    only: Collection[str] | None = None,
    error: type[Exception] = FileError,
    remedy: str = COPY_AGAIN,
) -> Variables:
    """Read a MATLAB file.

    Args:
        path: the file.
        only: names of the variables to be read; those that are absent are left out. Default: all.
        error: class of the error.
        remedy: what to do, as the end of its sentence.

    Raises:
        error: it is absent, cut or damaged, claims more than a file of its size may hold, or is no MATLAB file.
    """
    try:
        if not path.is_file() and path.exists():
            raise error(unreadable(path, _EXPECTED, "it is a directory or no plain file", remedy))
        with path.open("rb"):
            size = path.stat().st_size
    except FileNotFoundError:
        raise error(f"{path} is missing, expected {_EXPECTED}; {remedy}") from None
    except OSError as failure:
        raise error(unreadable(path, _EXPECTED, failure, remedy)) from failure
    most = max(_LEAST, _FACTOR * size)
    request = {
        "path": os.fsencode(path.absolute()).hex(),
        "only": None if only is None else sorted(only),
        "most": most,
        "memory": 3 * most + _SPARE,
    }
    try:
        tree, data = _CHILD.ask(request, _PATIENCE + size / 1e6)
        if "absent" in tree:
            raise error(f"{path} needs the package {tree['absent']} to be read: install it with pip")
        if "refused" in tree:
            raise _Unreadable(tree["refused"])
        return Variables({name: _array(node, data) for name, node in tree["values"].items()}, dict(tree["others"]))
    except _Unreadable as failure:
        raise error(unreadable(path, _EXPECTED, str(failure), remedy)) from None


def save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as a MATLAB 5 file; a vector becomes a column.

    Raises:
        OSError: it cannot be written.
    """
    atomic.write_bytes(path, matlab_write.encode(arrays))


class _Unreadable(Exception):
    """Why a file cannot be read, as a part of a sentence."""


class _Child:
    """The child process, if one runs, and the way to ask it; for all threads of one process."""

    def __init__(self) -> None:
        self.forget()
        atexit.register(self.end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """A process that was forked off has no child of its own yet, and leaves that of the other one alone."""
        process: subprocess.Popen[bytes] | None = getattr(self, "process", None)
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            process.returncode = 0  # it is not ours to be waited for
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()

    def ask(self, request: Mapping[str, Any], patience: float) -> tuple[dict[str, Any], bytearray]:
        """Send a request and wait for its reply; what ends a child that has served before is tried in a fresh one."""
        line = json.dumps(request).encode("ascii") + b"\n"
        with self.lock:
            fresh = self.process is None or self.process.poll() is not None
            try:
                return self._asked(line, patience)
            except _Unreadable:
                if fresh:
                    raise
            return self._asked(line, patience)

    def _asked(self, line: bytes, patience: float) -> tuple[dict[str, Any], bytearray]:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(patience, give_up)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(line)
            sizes = _exactly(process.stdout, 16)
            text = _exactly(process.stdout, int.from_bytes(sizes[:8], "little"))
            data = _exactly(process.stdout, int.from_bytes(sizes[8:], "little"))
            tree: dict[str, Any] = json.loads(text)
            return tree, data
        except (OSError, EOFError, ValueError, RecursionError, MemoryError) as failure:
            self.end()
            if late.is_set():
                raise _Unreadable(f"it was not read within {patience:.0f} s") from None
            raise _Unreadable("reading it ended the process that reads") from failure
        except BaseException:
            self.end()  # its reply would be taken for that to the next request
            raise
        finally:
            timer.cancel()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self.process is None or self.process.poll() is not None:
            self.end()
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-P", str(_WORKER)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    bufsize=0,  # a process that is forked off meanwhile must not send half a request once more
                    env={**os.environ, **_QUIET, "HDF5_PLUGIN_PRELOAD": "::"},
                )
            except OSError as failure:
                raise _Unreadable(f"no process could be started to read it: {reason(failure)}") from failure
        return self.process

    def end(self) -> None:
        """End the child, if one runs."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.wait()


_CHILD: Final = _Child()


def _exactly(pipe: Any, size: int) -> bytearray:
    """So many bytes.

    Raises:
        EOFError: the other end was closed before.
    """
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        got = pipe.readinto(view[at:])
        if not got:
            raise EOFError(f"{size - at} bytes are missing")
        at += got
    return data


def _array(node: Mapping[str, Any], data: bytearray) -> NDArray[Any]:
    shape = tuple(node["shape"])
    if "cells" in node:
        cells = np.empty(len(node["cells"]), dtype=object)
        for place, one in enumerate(node["cells"]):
            cells[place] = _array(one, data)
        return cells.reshape(shape)
    if "struct" in node:
        rows = np.empty(len(node["rows"]), dtype=[(name, object) for name in node["struct"]])
        for place, row in enumerate(node["rows"]):
            rows[place] = tuple(_array(one, data) for one in row)
        return rows.reshape(shape)
    if not _PLAIN.fullmatch(node["dtype"]):
        raise _Unreadable(f"of the type {node['dtype']}")
    dtype = np.dtype(node["dtype"])
    count = int(np.prod(shape, dtype=np.int64))
    if not count:
        return np.empty(shape, dtype)
    return np.frombuffer(data, dtype=dtype, count=count, offset=node["at"]).reshape(shape)
