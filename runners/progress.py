"""Progress on stderr: a bar with an ETA on a terminal, one line at the start and end of a step elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

Bar = tqdm


@contextmanager
def step_bar(title: str, total: int, unit: str, *, done: int = 0) -> "Iterator[tqdm[None]]":
    """A bar for one step of a run.

    Args:
        title: what is being done, in a few words.
        total: how many units there are in all.
        unit: what is counted, such as ``frames``.
        done: how many an earlier, interrupted run had finished.
    """
    started = time.monotonic()
    shown = sys.stderr.isatty()
    if not shown:
        note(f"{title} ..." if not done else f"{title} ... going on from {done} of {total} {unit}")
    # The width is left to the terminal; the smoothing is long because steps differ in length.
    with tqdm(
        total=total,
        initial=done,
        desc=title,
        unit=f" {unit}",
        file=sys.stderr,
        disable=not shown,
        smoothing=0.05,
    ) as bar:
        yield bar
    if not shown:
        note(f"{title}: {total} {unit} in {time.monotonic() - started:.0f} s")


def note(text: str) -> None:
    """One line on stderr that does not break a bar."""
    tqdm.write(text, file=sys.stderr)
