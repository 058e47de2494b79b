"""Tracklets whose hidden pixels were dealt with, and data sets of them on disk.

    from datasets import repaired
    from datasets.repaired import write
    repairer = repaired.make("temporal-median", split)
    write.write(split, repairer, hidden, "data/median", calls={"tau": 0.89})
    datasets.load("mars", "data/median")     # or "synthwalk": the manifest says what it is

The repairers by name need no learning. A learned one enters by the same protocol, `interface.Repairer`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from datasets.errors import DataError
from datasets.repaired.baselines import Drop, Inpaint, NoRepair, TemporalMedian
from datasets.repaired.interface import Footage, Repaired, Repairer
from datasets.repaired.oracle import Oracle, OracleCalled
from datasets.tracklet import Split
from files.errors import did_you_mean

__all__ = ["Footage", "Repaired", "Repairer", "make", "names", "options"]

_MAKERS: Mapping[str, Callable[[Split], Repairer]] = {
    NoRepair.name: lambda _: NoRepair(),
    Drop.name: lambda _: Drop(),
    TemporalMedian.name: lambda _: TemporalMedian(),
    Inpaint.name: lambda _: Inpaint(),
    Oracle.name: lambda source: Oracle(source.root),
    OracleCalled.name: lambda source: OracleCalled(source.root),
}


def names() -> tuple[str, ...]:
    """The repairers without learning, sorted."""
    return tuple(sorted(_MAKERS))


def options(name: str) -> Mapping[str, Any]:
    """What decides the work of a repairer of that name besides its source: `Repairer.options` before there is one."""
    return Inpaint().options if name == Inpaint.name else {}


def make(name: str, source: Split) -> Repairer:
    """A repairer without learning.

    Args:
        name: one of `names()`.
        source: what it is to repair; the oracles take the truth that lies there.

    Raises:
        DataError: for an unknown name, naming near ones, and for an oracle where nobody knows the truth.
    """
    if name not in _MAKERS:
        hint = did_you_mean(name.lower(), _MAKERS, most=2, cutoff=0.5) or f"known are {', '.join(names())}."
        raise DataError(f"there is no repairer without learning called {name!r}; {hint}")
    return _MAKERS[name](source)
