"""How kernels are compiled: without the interpreter's lock, and cached under the digest of all kernels.

Numba's own cache asks only whether the file of the outermost kernel has changed. Kernels here call each
other across files, so an edit of one would leave the others running its old machine code, and the bytes of
a world would depend on what happened to be cached.

Where Numba is not installed (`AVAILABLE` is false) kernels stay as they are, far too slow to be run, and `plain` draws
in their place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

try:
    import numba
    import numba.core.config
except ImportError:
    AVAILABLE = False
else:
    AVAILABLE = True

_HERE: Final = Path(__file__).resolve().parent
KERNELS: Final = ("compiling.py", "materials.py", "cloth.py", "raster.py", "exposure.py")
"""Files whose code runs compiled."""


def _cache_folder() -> str:
    """Where machine code is kept: NUMBA_CACHE_DIR, else beside the sources, else the user's cache."""
    digest = hashlib.sha256(b"\0".join((_HERE / name).read_bytes() for name in KERNELS)).hexdigest()[:16]
    settings: Any = numba.core.config
    if settings.CACHE_DIR:
        return str(Path(settings.CACHE_DIR) / f"kernels-{digest}")
    base = _HERE / "__pycache__"
    if not os.access(base if base.exists() else _HERE, os.W_OK):
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reproid"
    return str(base / f"kernels-{digest}")


_FOLDER: Final = _cache_folder() if AVAILABLE else ""


def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel at its first call; float64 keeps its order of operations (no fast-math)."""
    if not AVAILABLE:
        return kernel
    settings: Any = numba.core.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = _FOLDER
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(kernel)
    finally:
        settings.CACHE_DIR = before
