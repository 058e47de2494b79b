"""The one error of this floor, and the sentence that every unknown name is answered with."""

from collections.abc import Iterable

from files.errors import did_you_mean


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
    near = did_you_mean(name, names, quoted=True)
    return MethodError(f"unknown {kind} {name!r}{near and f': {near}'} (known: {', '.join(names) or 'none'})")
