"""Progress on stderr, with what remains: a bar on a terminal, a line now and then elsewhere.

A command that draws a screen of its own takes both over with `shown_on`, so that they do not break each other's lines.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

from datasets.files import progress

_LINE_SECONDS = 20.0


class Bar(Protocol):
    """What a step moves forward."""

    def update(self, n: int) -> object:
        """So many more units are done."""
        ...

    def set_postfix_str(self, s: str, refresh: bool = True) -> object:
        """A few words behind the bar, such as the loss."""
        ...


class Screen(Protocol):
    """What a command draws on while its steps run."""

    def bar(self, title: str, total: int, unit: str, done: int) -> AbstractContextManager[Bar]:
        """A bar among whatever else is drawn."""
        ...

    def note(self, text: str) -> None:
        """One line above it."""
        ...


class Silent:
    """A screen that shows nothing, and its bars."""

    def bar(self, title: str, total: int, unit: str, done: int) -> AbstractContextManager[Bar]:
        """Nothing is drawn."""
        return nullcontext(self)

    def note(self, text: str) -> None:
        """Nothing is said."""

    def update(self, n: int) -> None:
        """Nothing moves."""

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        """Nothing is said."""


_screen: ContextVar[Screen | None] = ContextVar("screen", default=None)


@contextmanager
def shown_on(screen: Screen) -> Iterator[None]:
    """Bars and notes of everything within go to this screen."""
    before = _screen.set(screen)
    try:
        yield
    finally:
        _screen.reset(before)


@contextmanager
def step_bar(title: str, total: int, unit: str, *, done: int = 0) -> Iterator[Bar]:
    """A bar for one step of a run.

    Args:
        title: what is being done, in a few words.
        total: how many units there are in all.
        unit: what is counted, such as ``frames``.
        done: how many an earlier, interrupted run had finished.
    """
    screen = _screen.get()
    if screen is not None:
        with screen.bar(title, total, unit, done) as drawn:
            yield drawn
        return
    if sys.stderr.isatty():
        # Steps differ in length, so the rate is smoothed over many of them.
        with progress.bar(total=total, initial=done, desc=title, unit=f" {unit}", smoothing=0.05) as bar:
            yield bar
        return
    lines = _Lines(title, total, unit, done)
    yield lines
    lines.end()


def note(text: str) -> None:
    """One line on stderr that does not break a bar."""
    screen = _screen.get()
    if screen is not None:
        screen.note(text)
        return
    progress.say(text)


class _Lines:
    """For logs: a line at the start, one every twenty seconds with what remains, and one at the end."""

    def __init__(self, title: str, total: int, unit: str, done: int) -> None:
        self.title, self.total, self.unit, self.begin, self.done = title, total, unit, done, done
        self.words = ""
        self.started = self.said = time.monotonic()
        note(f"{title} ..." if not done else f"{title} ... going on from {done} of {total} {unit}")

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
        note(f"{self.title}: {share} ({rate:.0f}/s, {left:.0f} s left{words})")

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        self.words = s

    def end(self) -> None:
        note(f"{self.title}: {self.total} {self.unit} in {time.monotonic() - self.started:.0f} s")
