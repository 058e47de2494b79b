"""Many threads that write to one place at once."""

import threading
from collections.abc import Callable

from datasets.errors import DataError

RACERS = 8


def race(write: Callable[[], object]) -> list[str]:
    """How each of `RACERS` threads ended that all ran ``write`` at once: ``written``, or what it was refused with."""
    ends: list[str] = []

    def run() -> None:
        try:
            write()
            ends.append("written")
        except DataError as error:
            ends.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends
