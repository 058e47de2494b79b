"""A machine for tests: its clock moves only as calls are made, at a pace that the test sets. Nothing real is timed."""

from collections.abc import Callable, Iterator
from functools import partial


class Machine:
    """Calls take the seconds that they are said to take, times the pace of that moment."""

    def __init__(self, pace: Callable[[float], float] = lambda now: 1.0) -> None:
        self.now, self.pace = 0.0, pace
        self.calls: list[str] = []

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def call(self, name: str, seconds: float) -> Callable[[], None]:
        """A call that takes so long on a machine that does nothing else."""
        return partial(self._work, name, seconds)

    def _work(self, name: str, seconds: float) -> None:
        self.calls.append(name)
        self.now += seconds * self.pace(self.now)

    def watch(self, call: Callable[[], object]) -> float:
        """Milliseconds of a call of this machine."""
        began = self.now
        call()
        return 1000 * (self.now - began)


class Stopwatch:
    """Makes each call and tells the times it was given, in turn, whatever the call really took; the last one again.

    Its clock moves by what it told, so that budgets of time are spent by made-up calls too.
    """

    def __init__(self, *ms: float) -> None:
        self.told: Iterator[float] = iter(ms)
        self.last, self.now = 1.0, 0.0

    def __call__(self, call: Callable[[], object]) -> float:
        call()
        self.last = next(self.told, self.last)
        self.now += self.last / 1000
        return self.last

    def clock(self) -> float:
        """Seconds told so far."""
        return self.now


def still() -> float:
    """A clock that stands still: no budget of time ever ends."""
    return 0.0
