"""Random numbers that depend on what they are for, never on the order or the worker that asks.

Augmentation of a clip is keyed by (seed, stage, epoch, sample): the clip is the same with one loader thread
or eight, and after a run was killed and taken up again.
"""

import hashlib

import numpy as np


def generator(*key: int | str) -> np.random.Generator:
    """A generator that is a function of its key alone.

    Args:
        key: whole numbers and text, e.g. `generator(seed, "train", epoch, sample)`. 1 and "1" differ,
            and so do ("ab", "c") and ("a", "bc").

    Returns:
        A counter-based (Philox) generator. Different keys give independent streams.

    Raises:
        TypeError: if the key is empty or a part is neither a whole number nor text.
    """
    if not key:
        raise TypeError("a generator needs a key, such as a seed; there is no default one")
    digest = hashlib.sha256()
    for part in key:
        if isinstance(part, str):
            text = part.encode()
            digest.update(b"s%d:" % len(text) + text)
        elif isinstance(part, int | np.integer) and not isinstance(part, bool):
            digest.update(b"i%d;" % int(part))
        else:
            raise TypeError(f"a key is made of whole numbers and text, not {type(part).__name__}")
    words = np.frombuffer(digest.digest()[:16], dtype="<u8")
    return np.random.Generator(np.random.Philox(key=words))
