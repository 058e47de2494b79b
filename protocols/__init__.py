"""How it is judged: admission, test-time sampling, distance, ranking, statistics, cost.

A protocol is a file of the folder `catalogue` that assigns `PROTOCOL`; adding one adds a file and edits no other.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from . import ranking, sanity, statistics
from .errors import ProtocolError

if TYPE_CHECKING:
    from .interface import Protocol

__all__ = ["ProtocolError", "load", "names", "ranking", "sanity", "statistics"]

_ASSIGNS = re.compile(r"^PROTOCOL\b[^=\n]*=", re.MULTILINE)


@cache
def names() -> tuple[str, ...]:
    """The names of all protocols, sorted."""
    files = sorted((Path(__file__).parent / "catalogue").glob("*.py"))
    found = [path.stem for path in files if _ASSIGNS.search(path.read_text(encoding="utf-8"))]
    return tuple(stem.replace("_", "-") for stem in found)


def load(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        ProtocolError: there is none; near matches are named. Or its file calls itself something else.
    """
    if name not in names():
        near = get_close_matches(name, names(), n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names())}"
        raise ProtocolError(f"no protocol is called {name!r}; {hint}")
    stem = name.replace("-", "_")
    protocol: Protocol = import_module(f".catalogue.{stem}", __package__).PROTOCOL
    if protocol.name != name:
        raise ProtocolError(f"protocols/catalogue/{stem}.py holds a protocol that calls itself {protocol.name!r}")
    return protocol
