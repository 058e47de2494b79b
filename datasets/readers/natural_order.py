"""Names in the order that a person would put them: frame 2 before frame 10."""

import re

_DIGITS = re.compile(r"([0-9]+)")

Key = tuple[str | int, ...]


def natural_key(name: str) -> Key:
    """Sorts by text and numbers in turn; names that differ by leading zeros alone have the same key.

    >>> sorted(["img10", "img9", "img009b"], key=natural_key)
    ['img9', 'img009b', 'img10']
    """
    # Text and digits alternate, so that the same place always holds the same kind.
    return tuple(int(piece) if place % 2 else piece for place, piece in enumerate(_DIGITS.split(name)))
