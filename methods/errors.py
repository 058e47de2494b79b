"""The one error of this floor, and the sentence that every unknown name is answered with."""

import difflib
from collections.abc import Iterable


class MethodError(ValueError):
    """A method, a card, an option or a checkpoint cannot be used as it is.

    The message is one sentence that names what is wrong and where, what was expected, and what to do. The
    command line prints it alone and exits with code 2.
    """


def unknown(kind: str, name: object, known: Iterable[str]) -> MethodError:
    """The error for a name that does not exist, with near matches first.

    Example:
        >>> print(unknown("option", "dilation", ["dilations", "branches"]))
        unknown option 'dilation': did you mean 'dilations'? (known: branches, dilations)
    """
    names = sorted(known)
    name = str(name)[:200]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    hint = f": did you mean {' or '.join(map(repr, near))}?" if near else ""
    return MethodError(f"unknown {kind} {name!r}{hint} (known: {', '.join(names) or 'none'})")
