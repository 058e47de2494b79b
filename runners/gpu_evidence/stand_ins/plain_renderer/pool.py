"""Plain rendering in processes: callers use threads, and NumPy's many short calls hold the interpreter's lock."""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

from runners.gpu_evidence.stand_ins.plain_renderer import frames


def render_frames(*arguments: Any) -> Any:
    """`frames.render_frames` in another process; the calling thread waits for it."""
    return _pool().submit(frames.render_frames, *arguments).result()


@cache
def _pool() -> ProcessPoolExecutor:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ProcessPoolExecutor(cores, get_context("spawn"))  # a fork could copy locks that other threads hold
