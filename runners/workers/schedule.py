"""In which order tasks that share work are given to processes, so that none waits for what another is making."""

import statistics
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Task:
    """One piece of work for one process.

    Attributes:
        key: names it, once in a schedule.
        needs: names of all that it makes where nobody did before, what it shares with other tasks among them.
        kind: tasks of one kind take about as long.
        first: somebody waits for it before all others.
        given: what the work on it is given.
        result: whether somebody waits for what it gives, or it is only of use to other tasks.
    """

    key: Hashable
    needs: frozenset[str]
    kind: Hashable = ""
    first: bool = False
    given: Any = field(default=None, compare=False)
    result: bool = True


@dataclass
class Schedule:
    """Tasks that wait, run and are done; knows nothing of processes.

    Attributes:
        waiting: in the order in which their results are wanted.
        running: given out.
        done: how many results are there.
    """

    waiting: list[Task]
    running: list[Task] = field(default_factory=list)
    done: int = 0
    _made: set[str] = field(default_factory=set)
    _wanted: Counter[str] = field(init=False)  # by how many waiting tasks

    def __post_init__(self) -> None:
        self._wanted = Counter(name for task in self.waiting for name in task.needs)

    def start(self) -> Task | None:
        """The task to be run now; None where none is left, or each would wait for what a running one makes.

        Of those that can run, the one comes first that most others wait for; of equal ones the first in order.
        """
        in_the_making = {name for task in self.running for name in task.needs} - self._made
        free = [task for task in self.waiting if not task.needs & in_the_making]
        if not free:
            return None
        chosen = max(free, key=lambda task: (task.first, self._waiting_for(task)))  # max keeps the first of equals
        self.waiting.remove(chosen)
        self._wanted.subtract(chosen.needs)
        self.running.append(chosen)
        return chosen

    def end(self, task: Task) -> None:
        """A running task is done, and with it all that it needs."""
        self.running.remove(task)
        self._made |= task.needs
        self.done += task.result

    def _waiting_for(self, task: Task) -> int:
        """How many others need one thing that it makes, at most."""
        return max((self._wanted[name] - 1 for name in task.needs - self._made), default=0)


def seconds_left(schedule: Schedule, took: Mapping[Hashable, Sequence[float]], workers: int) -> float | None:
    """About how long the rest takes; None as long as most of it is of kinds that no task has ended of.

    Args:
        schedule: what is left.
        took: kind -> seconds that its tasks took, each.
        workers: how many processes there are.
    """
    left = [*schedule.running, *schedule.waiting]
    known = [task for task in left if task.kind in took]
    if len(known) * 2 < len(left) or not took:
        return None
    typical = statistics.median(statistics.fmean(times) for times in took.values())
    each = [statistics.fmean(took[task.kind]) if task.kind in took else typical for task in left]
    return max(sum(each) / workers, *each, 0.0)
