"""One variable of a MATLAB 5 file: read, or one sentence that says why not; and written, with the bytes of SciPy.

SciPy reads whatever MATLAB writes. Where it is not installed, `datasets.matlab_plain` reads what the MARS layout needs.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets import matlab_plain
from datasets.errors import DataError


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
    content = read_variables(path)
    if variable not in content:
        there = ", ".join(sorted(content)) or "nothing"
        raise DataError(f"{path} must hold the variable {variable!r} but holds {there}; copy it again")
    return content[variable]


def read_variables(path: Path) -> dict[str, NDArray[Any]]:
    """All variables of a file by name.

    Raises:
        DataError: the file is no readable MATLAB 5 file.
    """
    try:
        content = _load(path)
    except Exception as error:  # SciPy answers a damaged file with a dozen kinds of error
        raise DataError(
            f"{path} is not a readable MATLAB 5 file ({type(error).__name__}: {error}); copy it again"
        ) from error
    return {name: np.asarray(value) for name, value in content.items() if not name.startswith("__")}


def _load(path: Path) -> dict[str, Any]:
    try:
        from scipy.io import loadmat  # a third of a second to import, so not at the top
    except ImportError:
        return dict(matlab_plain.read(path.read_bytes()))
    content: dict[str, Any] = loadmat(str(path))
    return content
