"""Which clips go to a network together."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def in_batches(real: Ints, most: int) -> list[Ints]:
    """Clips in groups of like length, so that a group times its longest stays near ``most`` frames."""
    order = np.argsort(real, kind="stable")
    groups: list[list[int]] = [[]]
    for clip in order:
        if groups[-1] and (len(groups[-1]) + 1) * int(real[clip]) > most:
            groups.append([])
        groups[-1].append(int(clip))
    return [np.array(group, dtype=np.int64) for group in groups]
