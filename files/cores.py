"""How many processor cores this process may use: an affinity mask or a container may leave it fewer than there are."""

import os


def usable_cores() -> int:
    """Number of cores, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
