"""Tasks for workers of a pool, and a command that begins some; a process of its own imports this without torch."""

import os
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from runners.errors import ArmRejected, TrainingFailed
from runners.progress import note, step_bar
from runners.workers.pool import Pool
from runners.workers.schedule import Task


class Unpicklable(Exception):
    """It cannot be made again from its message."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def work(factor: Any, given: Any) -> Any:
    """What a task does, by its name."""
    what, value = given
    if what == "times":
        return factor * value
    if what == "bar":
        with step_bar(f"bar {value}", 3, "frames") as bar:
            bar.update(3)
        note("the same note")
        print("a line on stderr", file=sys.stderr)
        warnings.warn("a warning", stacklevel=1)
    if what == "rejected":
        raise ArmRejected("the arm is not admitted.", "a reason")
    if what == "failed":
        raise TrainingFailed("the loss is not finite.")
    if what == "unpicklable":
        raise Unpicklable("a", "fault")
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "sleep":
        (Path(value) / f"{os.getpid()}").write_text("")
        time.sleep(600)
    return None


def task(number: int, what: str, value: Any = None) -> Task:
    """A task that shares nothing."""
    return Task(number, frozenset({str(number)}), given=(what, value))


if __name__ == "__main__":
    from runners.cli.exit_codes import guarded

    @guarded
    def main(_: Any = None) -> int:
        """Two workers that sleep."""
        pool = Pool(2, 1, work, None)
        pool.begin([task(number, "sleep", sys.argv[1]) for number in range(2)])
        try:
            pool.result(0)
        finally:
            pool.close()
        return 0

    signal.signal(signal.SIGINT, signal.default_int_handler)  # as on a terminal: a job in the background ignores it
    sys.exit(main([]))
