"""Bars with the remaining time in one place: tqdm's, and where that is not installed lines on a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, Self

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None

_SECONDS = 2.0  # between two lines


class Bar(Protocol):
    """What a loop moves forward."""

    def update(self, n: int) -> object:
        """So many more units are done."""
        ...

    def set_postfix_str(self, s: str, refresh: bool = True) -> object:
        """A few words behind the bar."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> object: ...
    def __iter__(self) -> Iterator[Any]: ...


def bar(items: Iterable[Any] | None = None, *, total: int, desc: str, unit: str, **options: Any) -> Bar:
    """A bar on stderr; see tqdm for the options.

    Args:
        items: to go through, or None to move the bar by `Bar.update`.
        total: how many units there are.
        desc: what is being done.
        unit: what is counted.
        options: further ones of tqdm, such as ``disable`` (None: unless stderr is a terminal).
    """
    if tqdm is not None:
        made: Bar = tqdm(items, total=total, desc=desc, unit=unit, **options)
        return made
    disable = options.get("disable")
    return _Lines(items, total, desc, unit, silent=not sys.stderr.isatty() if disable is None else bool(disable))


def say(text: str) -> None:
    """One line on stderr that does not break a bar."""
    if tqdm is not None:
        tqdm.write(text, file=sys.stderr)
    else:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class _Lines:
    """A line every few seconds: how far it is and how long it takes yet."""

    def __init__(self, items: Iterable[Any] | None, total: int, desc: str, unit: str, *, silent: bool) -> None:
        self.items, self.total, self.desc, self.unit, self.silent = items, total, desc, unit, silent
        self.done, self.words = 0, ""
        self.began = self.said = time.monotonic()

    def update(self, n: int) -> None:
        self.done += n
        now = time.monotonic()
        if self.silent or now - self.said < _SECONDS:
            return
        self.said = now
        left = (now - self.began) * (self.total - self.done) / max(self.done, 1)
        words = f", {self.words}" if self.words else ""
        say(f"{self.desc}: {self.done} of {self.total} {self.unit.strip()} ({left:.0f} s left{words})")

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        self.words = s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        for item in self.items or ():
            yield item
            self.update(1)
