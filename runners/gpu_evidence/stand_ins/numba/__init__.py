"""Numba where it is missing: SynthWalk's renderer is replaced by that in plain NumPy, other kernels cannot be had.

Whoever else compiles has another road for the case that its import fails: ranking counts in NumPy, and pixels are
normalised by torch.
"""

from collections.abc import Callable
from typing import Any

Kernel = Callable[..., Any]

_RENDERER = "datasets.synthwalk.renderer."


def njit(**options: object) -> Callable[[Kernel], Kernel]:
    """A decorator that gives a kernel's plain counterpart.

    Raises:
        ImportError: by the decorator, for kernels of anything but the renderer.
    """
    return _counterpart


def _counterpart(kernel: Kernel) -> Kernel:
    if not kernel.__module__.startswith(_RENDERER):
        raise ImportError(f"Numba is not installed, and nothing stands in for {kernel.__module__}.{kernel.__name__}")
    return _render_frames if kernel.__name__ == "render_frames" else kernel  # the others are called by that one alone


def _render_frames(*arguments: Any) -> Any:
    from runners.gpu_evidence.stand_ins.plain_renderer import pool  # it imports what is being declared here

    return pool.render_frames(*arguments)
