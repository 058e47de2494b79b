"""Random streams that know their place: one generator for each thing in the world, in any order."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, kind: str, *place: int) -> np.random.Generator:
    """A counter-based generator for one purpose at one place.

    The order in which streams are asked for never matters, so neither does the number of workers.

    Args:
        seed: of the world.
        kind: the purpose, such as "appearance" or "path".
        place: whole numbers, such as person, camera and tracklet.
    """
    text = "/".join([str(seed), kind, *map(str, place)])
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.Philox(key=key))
