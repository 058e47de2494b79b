"""Kernels that Numba compiles, and where their machine code is kept: also where nothing may be written.

Numba refuses to compile a kernel for its cache where it finds no folder for it (a read-only checkout and a read-only
home, as in many containers). Here the code is then kept in a folder of the user's own among the temporary ones, and
where that cannot be made either, it is compiled anew in every process.
"""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import numba
import numba.core.config

Kernel = Callable[..., Any]

_SETTINGS: Any = numba.core.config
_jit: Final[Callable[..., Callable[[Kernel], Kernel]]] = partial(numba.njit, nogil=True, error_model="numpy")


def compiled(kernel: Kernel, *, beside: Path | None = None, name: str = "kernels") -> Kernel:
    """Compile a kernel at its first call, without the interpreter's lock; floats keep their order of operations.

    Args:
        kernel: the function.
        beside: a folder of sources, below whose ``__pycache__`` a folder `name` is tried first. Without it, what Numba
            chooses: beside the kernel's own file.
        name: of the folder for machine code, where one is chosen here.
    """
    for place in _places(beside, name):
        with _kept_in(place):
            try:
                return _jit(cache=True)(kernel)
            except (RuntimeError, OSError):  # "cannot cache function": it cannot be written there
                continue
    return _jit()(kernel)


def _places(beside: Path | None, name: str) -> Iterator[Path | None]:
    """Folders to be tried, None for Numba's own choice."""
    if _SETTINGS.CACHE_DIR:
        yield Path(_SETTINGS.CACHE_DIR) / name
    elif beside is None:
        yield None
    else:
        yield beside / "__pycache__" / name
    with suppress(RuntimeError):  # nobody's home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reproid" / name
    own = _own_temporary()
    if own is not None:
        yield own / name


def _own_temporary() -> Path | None:
    """A folder that nobody else may write, for what lies there is run."""
    folder = Path(tempfile.gettempdir()) / f"reproid-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        return None
    return folder if os.name == "nt" or not found.st_mode & 0o022 else None


class _kept_in:
    """Numba's setting while a kernel is declared."""

    def __init__(self, place: Path | None) -> None:
        self.place = place

    def __enter__(self) -> None:
        self.before = _SETTINGS.CACHE_DIR
        if self.place is not None:
            _SETTINGS.CACHE_DIR = str(self.place)

    def __exit__(self, *error: object) -> None:
        _SETTINGS.CACHE_DIR = self.before
