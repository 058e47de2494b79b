"""How many processes work side by side, and how many threads each of them has."""

from files.cores import usable_cores
from runners.errors import RunError

MOST_BY_DEFAULT = 4
MOST = 64


def choose_workers(wanted: int | None, device: str) -> int:
    """How many processes work side by side.

    Args:
        wanted: what the user asked for; None for as many as there are cores on a CPU, at most `MOST_BY_DEFAULT`, and
            one on a GPU, which is busy with one.
        device: such as ``cpu``.

    Raises:
        RunError: less than one, or a huge number.
    """
    if wanted is None:
        return min(usable_cores(), MOST_BY_DEFAULT) if device == "cpu" else 1
    if not 1 <= wanted <= MOST:
        raise RunError(f"--workers {wanted}: expected how many processes work side by side, 1 to {MOST}.")
    return wanted


def threads_of_each(workers: int, threads: int) -> int:
    """Threads that each of several processes computes with.

    It follows from the machine and from the number asked for alone, never from what is left to be made: the number of
    threads is in every fingerprint.

    Args:
        workers: how many processes there are.
        threads: that one process alone would have; they never have more.
    """
    return threads if workers == 1 else max(1, min(threads, usable_cores() // workers))
