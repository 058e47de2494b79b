"""Names in the order that a person would put them: frame 2 before frame 10."""

import re

_DIGITS = re.compile(r"([0-9]+)")

Key = tuple[str | tuple[int, str], ...]


def natural_key(name: str) -> Key:
    """Sorts by text and numbers in turn; names that differ by leading zeros alone have the same key.

    >>> sorted(["img10", "img9", "img009b"], key=natural_key)
    ['img9', 'img009b', 'img10']
    """
    # Text and digits alternate, so that the same place always holds the same kind.
    return tuple(_number(piece) if place % 2 else piece for place, piece in enumerate(_DIGITS.split(name)))


def _number(digits: str) -> tuple[int, str]:
    """Sorts as the number does, however many digits it has: Python converts no more than 4,300."""
    plain = digits.lstrip("0")
    return len(plain), plain
