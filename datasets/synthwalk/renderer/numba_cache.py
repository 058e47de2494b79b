"""How kernels are compiled: without the interpreter's lock, and cached under the digest of all kernels.

Numba's own cache asks only whether the file of the outermost kernel has changed. Kernels here call each
other across files, so an edit of one would leave the others running its old machine code, and the bytes of
a world would depend on what happened to be cached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from files import numba_cache

_HERE: Final = Path(__file__).resolve().parent
KERNELS: Final = ("numba_cache.py", "materials.py", "cloth.py", "rasteriser.py", "frames.py")
"""Files whose code runs compiled."""


def _name() -> str:
    """Of the folder for machine code: it follows the code of all kernels."""
    return "kernels-" + hashlib.sha256(b"\0".join((_HERE / name).read_bytes() for name in KERNELS)).hexdigest()[:16]


_NAME: Final = _name()


def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel at its first call; float64 keeps its order of operations (no fast-math)."""
    return numba_cache.compiled(kernel, beside=_HERE, name=_NAME)
