"""A variable of a MATLAB file: read, or one sentence that says why not."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from datasets.errors import DataError
from files.formats import matlab

_AGAIN = "copy it again"


def read_variable(path: Path, variable: str, source: str) -> NDArray[Any]:
    """Read a variable as SciPy gives it.

    Args:
        path: the file.
        variable: its name there.
        source: where the file is to be had, for the message.

    Raises:
        DataError: the file is missing or unreadable, or has no such variable.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; {source}")
    found = matlab.read(path, only=[variable], error=DataError, remedy=_AGAIN)
    if variable in found.values:
        return found.values[variable]
    if why := found.others.get(variable):
        raise DataError(f"{path}: the variable {variable!r} cannot be read, as it is {why}; {_AGAIN}")
    there = ", ".join(sorted(found.others)) or "nothing"
    raise DataError(f"{path} must hold the variable {variable!r} but holds {there}; {_AGAIN}")
