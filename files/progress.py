"""Progress on stderr, with what remains: a bar on a terminal, and in logs a line now and then."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from tqdm import tqdm

_LINE_SECONDS: Final = 20.0  # between two lines of a log


class Bar(Protocol):
    """What a loop moves forward."""

    def update(self, n: int) -> object:
        """So many more units are done."""
        ...

    def set_postfix_str(self, s: str, refresh: bool = True) -> object:
        """A few words behind the bar, such as the loss."""
        ...


def progress_bar(items: Iterable[Any] | None = None, *, total: int, desc: str, unit: str, **options: Any) -> Any:
    """A bar of tqdm on stderr, which is a context manager too and goes through `items`.

    Args:
        items: to go through, or None to move the bar by `Bar.update`.
        total: how many units there are.
        desc: what is being done.
        unit: what is counted.
        options: further ones of tqdm, such as ``disable`` (None: unless stderr is a terminal).
    """
    return tqdm(items, total=total, desc=desc, unit=unit, **options)


@contextmanager
def step_bar(title: str, total: int, unit: str, *, done: int = 0) -> Iterator[Bar]:
    """A bar for one step of a run, also for logs.

    Args:
        title: what is being done, in a few words.
        total: how many units there are in all.
        unit: what is counted, such as ``frames``.
        done: how many an earlier, interrupted run had finished.
    """
    if sys.stderr.isatty():
        # Steps differ in length, so the rate is smoothed over many of them.
        with progress_bar(total=total, initial=done, desc=title, unit=f" {unit}", smoothing=0.05) as bar:
            yield bar
        return
    lines = _LogLines(title, total, unit, done)
    yield lines
    lines.end()


def say(text: str) -> None:
    """One line on stderr that does not break a bar."""
    tqdm.write(text, file=sys.stderr)


class _LogLines:
    """A line at the start, one every twenty seconds with what remains, and one at the end."""

    def __init__(self, title: str, total: int, unit: str, done: int) -> None:
        self.title, self.total, self.unit, self.begin, self.done = title, total, unit, done, done
        self.words = ""
        self.started = self.said = time.monotonic()
        say(f"{title} ..." if not done else f"{title} ... going on from {done} of {total} {unit}")

    def update(self, n: int) -> None:
        self.done += n
        now = time.monotonic()
        if now - self.said < _LINE_SECONDS:
            return
        self.said = now
        rate = (self.done - self.begin) / (now - self.started)
        left = max(0, self.total - self.done) / max(rate, 1e-9)
        words = f", {self.words}" if self.words else ""
        share = f"{self.done} of {self.total} {self.unit}"
        say(f"{self.title}: {share} ({rate:.0f}/s, {left:.0f} s left{words})")

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        self.words = s

    def end(self) -> None:
        say(f"{self.title}: {self.total} {self.unit} in {time.monotonic() - self.started:.0f} s")
