"""Progress on stderr, with what remains: a bar on a terminal, a line now and then elsewhere.

A command that draws a screen of its own takes both over with `shown_on`, so that they do not break each other's lines.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

from files import progress
from files.progress import Bar

__all__ = ["Bar", "Screen", "note", "shown_on", "step_bar"]


class Screen(Protocol):
    """What a command draws on while its steps run."""

    def bar(self, title: str, total: int, unit: str, done: int) -> AbstractContextManager[Bar]:
        """A bar among whatever else is drawn.

        Args:
            title: what is being done.
            total: how many units there are.
            unit: what is counted.
            done: units that are done already.
        """
        ...

    def note(self, text: str) -> None:
        """One line above it."""
        ...


class Silent:
    """A screen that shows nothing, and its bars."""

    def bar(self, title: str, total: int, unit: str, done: int) -> AbstractContextManager[Bar]:
        """Nothing is drawn. Arguments as in `Screen.bar`."""
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
    """A bar for one step of a run, on the screen in use. Arguments as in `files.progress.step_bar`."""
    screen = _screen.get()
    if screen is not None:
        with screen.bar(title, total, unit, done) as drawn:
            yield drawn
        return
    with progress.step_bar(title, total, unit, done=done) as bar:
        yield bar


def note(text: str) -> None:
    """One line on stderr that does not break a bar."""
    screen = _screen.get()
    if screen is not None:
        screen.note(text)
        return
    progress.say(text)
