"""Bars and notes of several processes on the one screen of the command: the workers send them, the command draws.

So bars of two processes never overwrite each other, lines never mix, and a table in place (`runners.cli.live_table`)
stays whole.
"""

import contextvars
import io
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.queues import SimpleQueue
from typing import Any, Final

from runners.progress import Bar, note, step_bar

_SEND_SECONDS: Final = 0.2  # between two messages of one bar
_LOOK_SECONDS: Final = 0.05  # between two looks at an empty queue
_END_SECONDS: Final = 2.0  # for the last messages of a process that was ended

Message = tuple[Any, ...]
Queue = SimpleQueue[Message]


class SentScreen:
    """The screen of a worker, see `runners.progress.Screen`; what it shows is sent to the command."""

    def __init__(self, queue: "Queue", worker: int) -> None:
        """Send through a queue.

        Args:
            queue: that `DrawnScreen` reads.
            worker: tells this process from the others.
        """
        self._queue, self._worker = queue, worker
        self._numbers = itertools.count()

    @contextmanager
    def bar(self, title: str, total: int, unit: str, done: int) -> Iterator[Bar]:
        """A bar on the command's screen. Arguments as in `runners.progress.Screen.bar`."""
        name = (self._worker, next(self._numbers))
        self._queue.put(("begin", name, title, total, unit, done))
        bar = _SentBar(self._queue, name)
        whole = False
        try:
            yield bar
            whole = True
        finally:
            bar.send()
            self._queue.put(("end", name, whole))

    def note(self, text: str) -> None:
        """A line."""
        self._queue.put(("note", text))


class _SentBar:
    """A bar of which every few steps are sent."""

    def __init__(self, queue: "Queue", name: tuple[int, int]) -> None:
        self._queue, self._name = queue, name
        self._steps, self._words, self._sent = 0, "", time.monotonic()

    def update(self, n: int) -> None:
        self._steps += n
        if time.monotonic() - self._sent > _SEND_SECONDS:
            self.send()

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        self._words = s

    def send(self) -> None:
        """Send what has gathered."""
        if self._steps:
            self._queue.put(("move", self._name, self._steps, self._words))
        self._steps, self._sent = 0, time.monotonic()


class SentLines(io.TextIOBase):
    """Standard error of a worker: whole lines become notes, and no library takes it for a terminal."""

    def __init__(self, screen: SentScreen) -> None:
        """Lines for a screen."""
        self._screen, self._text = screen, ""

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Keep a text until its line ends."""
        *lines, self._text = (self._text + text).split("\n")
        for line in lines:
            if line.strip():
                self._screen.note(line.rstrip())
        return len(text)


class DrawnScreen:
    """Draws what workers send, in a thread of the command, on the screen that is in use where it begins."""

    def __init__(self, queue: "Queue") -> None:
        """Begin to draw.

        Args:
            queue: that the workers' `SentScreen` write to.
        """
        self._queue = queue
        self._bars: dict[tuple[int, int], tuple[AbstractContextManager[Bar], Bar]] = {}
        self._said: set[str] = set()
        self._closing = False
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=lambda: context.run(self._draw), name="bars of workers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Draw what was sent until now, and end all bars; the workers have ended."""
        self._closing = True
        self._thread.join(_END_SECONDS)  # a process that was killed may have left half a message

    def _draw(self) -> None:
        while not (self._queue.empty() and self._closing):
            if self._queue.empty():
                time.sleep(_LOOK_SECONDS)
            else:
                self._show(*self._queue.get())
        for name in list(self._bars):
            self._end(name, whole=False)

    def _show(self, what: str, *given: Any) -> None:
        if what == "begin":
            name, title, total, unit, done = given
            drawn = step_bar(title, total, unit, done=done)
            self._bars[name] = drawn, drawn.__enter__()
        elif what == "move":
            name, steps, words = given
            bar = self._bars[name][1]
            bar.set_postfix_str(words, refresh=False)
            bar.update(steps)
        elif what == "end":
            self._end(*given)
        elif given[0] not in self._said:  # what every worker finds out is said once
            self._said.add(given[0])
            note(given[0])

    def _end(self, name: tuple[int, int], whole: bool) -> None:
        drawn, _ = self._bars.pop(name)
        cut_off = None if whole else InterruptedError("the step did not end")
        drawn.__exit__(type(cut_off) if cut_off else None, cut_off, None)
