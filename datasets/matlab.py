"""One variable of a MATLAB 5 file, or one sentence that says why not."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    from scipy.io import loadmat  # a third of a second to import, so not at the top

    if not path.is_file():
        raise DataError(f"{path} is missing; {source}")
    try:
        content: dict[str, Any] = loadmat(str(path))
    except Exception as error:  # SciPy answers a damaged file with a dozen kinds of error
        raise DataError(
            f"{path} is not a readable MATLAB 5 file ({type(error).__name__}: {error}); copy it again"
        ) from error
    if variable not in content:
        there = ", ".join(sorted(name for name in content if not name.startswith("__"))) or "nothing"
        raise DataError(f"{path} must hold the variable {variable!r} but holds {there}; copy it again")
    return np.asarray(content[variable])
