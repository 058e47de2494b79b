"""tqdm where it is missing: a line every few seconds on a terminal, with what is done and what remains."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Self, TextIO

_SECONDS = 2.0  # between two lines


class tqdm:
    """As much of tqdm's bar as `files.progress` uses."""

    def __init__(
        self, iterable: Iterable[Any] | None = None, *, total: int, desc: str, unit: str, **options: Any
    ) -> None:
        disable = options.get("disable")
        self.silent = not sys.stderr.isatty() if disable is None else bool(disable)
        self.items, self.total, self.desc, self.unit = iterable, total, desc, unit
        self.done, self.words = 0, ""
        self.began = self.said = time.monotonic()

    @staticmethod
    def write(text: str, file: TextIO | None = None) -> None:
        """One line."""
        stream = file or sys.stdout
        stream.write(f"{text}\n")
        stream.flush()

    def update(self, n: int) -> None:
        """So many more units are done."""
        self.done += n
        now = time.monotonic()
        if self.silent or now - self.said < _SECONDS:
            return
        self.said = now
        left = (now - self.began) * (self.total - self.done) / max(self.done, 1)
        words = f", {self.words}" if self.words else ""
        self.write(
            f"{self.desc}: {self.done} of {self.total} {self.unit.strip()} ({left:.0f} s left{words})", sys.stderr
        )

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        """A few words behind the numbers."""
        self.words = s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        for item in self.items or ():
            yield item
            self.update(1)
