"""Times of a call beside those of a reference, in turns, so that a busy machine slows both alike.

Two figures come of it: milliseconds, which hold for the minute in which they were taken, and the ratio to the
reference, which a load that is there for both leaves alone. Calls are repeated until both have settled: until the
quartiles of the single ratios, and of the single times, lie within a tenth of their medians. Where the time ends before
that, the figure says that it has not settled; nobody should read a rank off it.

Weights and activations of the other network pass through the caches between two calls of one, as they do in a process
that does other work too; a network that is called again and again without a break is somewhat quicker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Call = Callable[[], object]
Watch = Callable[[Call], float]
Clock = Callable[[], float]

WITHIN = 0.10
"""How far quartiles of a settled figure may be from its median, as a share of that."""
FEWEST, MOST = 3, 200
ENOUGH = 5
"""Pairs below which nothing counts as settled: quartiles of fewer are too near their extremes by chance."""
WARM_UP_SHARE = 0.25
LEAST_SHARE = 0.5
"""Of the time, that is spent in any case: a few calls may lie within one moment in which the machine did other work."""
MOST_WARM_UP = 100


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of single calls, in the order they were taken.

    Attributes:
        samples: ms each; warm-up calls are not among them.
        warm_up: calls before the first sample (allocation, autotuning, caches).
    """

    samples: tuple[float, ...]
    warm_up: int

    @property
    def p50(self) -> float:
        """Median, ms."""
        return float(np.percentile(self.samples, 50))

    @property
    def p95(self) -> float:
        """95th percentile, ms; with few samples near the slowest."""
        return float(np.percentile(self.samples, 95))


@dataclass(frozen=True, slots=True)
class Turns(Timing):
    """Milliseconds of two calls that were made in turns; the warm-up is that of each.

    Attributes:
        reference: of the reference, each taken right before or right after the sample in the same place.
    """

    reference: tuple[float, ...]

    @property
    def reference_p50(self) -> float:
        """Median of the reference, ms."""
        return float(np.percentile(self.reference, 50))

    @property
    def ratios(self) -> tuple[float, ...]:
        """Time of the call over that of the reference, pair by pair."""
        return tuple(one / other for one, other in zip(self.samples, self.reference, strict=True))

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return float(np.percentile(self.ratios, 50))

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile of the ratios."""
        low, high = np.percentile(self.ratios, (25, 75))
        return float(low), float(high)

    @property
    def settled(self) -> bool:
        """Whether the ratio has settled."""
        return settled(self.ratios)

    @property
    def ms_settled(self) -> bool:
        """Whether the milliseconds have settled too: those of both calls, and their ratio."""
        return self.settled and settled(self.samples) and settled(self.reference)

    def as_dict(self) -> dict[str, Any]:
        """The ratio with all that it rests on, for a record; the call's own times stand elsewhere in it."""
        return {
            "ratio": self.ratio,
            "ratio_quartiles": list(self.quartiles),
            "settled": self.settled,
            "ms_settled": self.ms_settled,
            "reference_ms_p50": self.reference_p50,
            "reference_samples_ms": [round(ms, 4) for ms in self.reference],
        }


def settled(values: Sequence[float]) -> bool:
    """Whether there are enough values, and their quartiles lie within `WITHIN` of the median."""
    if len(values) < ENOUGH:
        return False
    low, middle, high = np.percentile(values, (25, 50, 75))
    return bool(low >= (1 - WITHIN) * middle and high <= (1 + WITHIN) * middle)


def in_turns(
    one: Call,
    other: Call,
    watch: Watch,
    seconds: float,
    *,
    fewest: int = FEWEST,
    most: int = MOST,
    warm_up_share: float = WARM_UP_SHARE,
    until: Callable[[Turns], bool] = lambda turns: turns.ms_settled,
    clock: Clock = time.perf_counter,
) -> Turns:
    """Times a call and a reference again and again, each pair back to back and in alternating order.

    Ends once the figures have settled, after half of the time at the earliest, or when the time is spent. ``fewest``
    pairs are taken also where that takes longer: with calls of c and r seconds it ends after
    max(seconds, (fewest + 1) (c + r)) and at most one pair.

    Args:
        one: the call.
        other: the reference.
        watch: milliseconds of one call, such as `latency.watch` gives.
        seconds: to spend, a share of them to warm up.
        fewest: pairs, whatever they take.
        most: pairs.
        warm_up_share: of the seconds; both are called once at least.
        until: whether what was taken so far is enough.
        clock: seconds that only grow.
    """
    begun = clock()
    warm_up = 0
    while warm_up < 1 or (warm_up < MOST_WARM_UP and clock() - begun < warm_up_share * seconds):
        watch(one), watch(other)
        warm_up += 1
    above: list[float] = []
    below: list[float] = []
    while len(above) < fewest or (len(above) < most and clock() - begun < seconds):
        if len(above) % 2:
            below.append(watch(other))
            above.append(watch(one))
        else:
            above.append(watch(one))
            below.append(watch(other))
        if clock() - begun < LEAST_SHARE * seconds or len(above) < fewest:
            continue
        if until(Turns(tuple(above), warm_up, tuple(below))):
            break
    return Turns(tuple(above), warm_up, tuple(below))
