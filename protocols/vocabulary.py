"""The words that results are recorded with, spelt once: this floor and `runners` write them, `reports` reads them.

Each is a ``Literal`` for the type checker and a tuple of the same words for checks at run time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from .errors import ProtocolError

Metric = Literal["euclidean", "cosine"]
METRICS: tuple[Metric, ...] = get_args(Metric)

Side = Literal["I2V", "I2I", "V2V", "V2I"]
SIDES: tuple[Side, ...] = get_args(Side)
"""Which of query and gallery is an ``I``mage and which a ``V``ideo."""

TestFrames = Literal["all", "snippets", "chunks"]

Rest = Literal["loop", "wrap", "repeat-last", "pad", "drop"]
RESTS: tuple[Rest, ...] = get_args(Rest)
"""What becomes of frames that fill no clip, see `datasets.snippets.snippets`."""

Mean = Literal["clips", "frames"]
MEANS: tuple[Mean, ...] = get_args(Mean)
"""What each counts the same in the mean over several clips."""

CheckName = Literal["rgb", "resnet50", "single-pass", "whole-sequence"]
CHECK_NAMES: tuple[CheckName, ...] = get_args(CheckName)


def check_word(field: str, value: object, words: Iterable[str]) -> None:
    """Refuse a word that is not in use.

    Raises:
        ProtocolError: the words in use are named.
    """
    known = tuple(words)
    if value not in known:
        raise ProtocolError(f"{field}={value!r} is unknown; choose one of {', '.join(one for one in known if one)}")


def check_once(field: str, values: Iterable[str]) -> None:
    """Refuse a list that names something twice.

    Raises:
        ProtocolError: what is named twice.
    """
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ProtocolError(f"{field} name {value!r} twice; name each once")
        seen.add(value)


def check_at_least(field: str, value: int, least: int) -> None:
    """Refuse a number that is too small, or no whole number.

    Raises:
        ProtocolError: the number and the least that is possible.
    """
    if type(value) is not int or value < least:
        raise ProtocolError(f"{field}={value!r} must be a whole number of at least {least}")
