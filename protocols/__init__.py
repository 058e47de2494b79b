"""How it is judged: admission, test-time sampling, distance, ranking, statistics, cost.

    protocols.names()                            every named protocol
    protocols.load("res50-rgb-single-pass")      one of them
    protocols.ranking.rank(...)                  mAP and CMC; `statistics` likewise

A named protocol is a module of `catalogue` that assigns `PROTOCOL`; adding one adds a file and edits no other. Nothing
here imports torch.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from files.errors import did_you_mean

from .errors import ProtocolError

if TYPE_CHECKING:
    from . import colour_baseline, ranking, statistics
    from .interface import Protocol

__all__ = ["ProtocolError", "colour_baseline", "load", "module_of", "names", "ranking", "statistics"]

_LATER = ("ranking", "colour_baseline", "statistics")


def __getattr__(name: str) -> Any:
    """Import a part when it is first asked for: who wants masks alone rests on no ranking."""
    if name in _LATER:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def names() -> tuple[str, ...]:
    """The names of all protocols, sorted.

    Raises:
        ProtocolError: a module of `catalogue` holds no protocol; it is named.
    """
    return tuple(_named())


def load(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        ProtocolError: there is none; near matches are named. Or as `names`.
    """
    known = _named()
    if name not in known:
        hint = did_you_mean(name, known, cutoff=0.4) or f"known: {', '.join(known)}"
        raise ProtocolError(f"no protocol is called {name!r}; {hint}")
    return known[name]


def module_of(name: str) -> str:
    """The module that says what a protocol is; errors as in `load`."""
    return f"{__name__}.catalogue.{load(name).name.replace('-', '_')}"


@cache
def _named() -> dict[str, Protocol]:
    from . import catalogue
    from .discovery import protocols_in

    return protocols_in(catalogue.__name__, list(catalogue.__path__))
