"""Pieces of work timed in turns, so that a busy machine disturbs all of them alike: read the ratios."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Times:
    """Medians over the rounds, in seconds.

    Attributes:
        wall: by the clock on the wall.
        cpu: of all threads of this process together.
    """

    wall: float
    cpu: float


def in_turns(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Each work once untimed, then all of them in turns.

    Args:
        works: by name.
        rounds: how often each is timed.
    """
    for work in works.values():
        work()
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            seen[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: Times(median(w for w, _ in each), median(c for _, c in each)) for name, each in seen.items()}


def told(found: Mapping[str, Times], floor: str) -> dict[str, str]:
    """Each work's medians and its ratios to one of them, in words."""
    base = found[floor]
    return {
        name: f"wall {one.wall * 1e3:.0f} ms ({one.wall / base.wall:.2f} x), cpu {one.cpu * 1e3:.0f} ms "
        f"({one.cpu / base.cpu:.2f} x)"
        for name, one in found.items()
    }  # fmt: skip


def ratio(one: Times, floor: Times) -> float:
    """By wall or by processor time, whichever is lower: other work on the machine only ever adds to one of them."""
    return min(one.wall / floor.wall, one.cpu / floor.cpu)
