"""Arrays as MATLAB 5 files, by SciPy; with a header of one's own they are the same bytes whenever they are written."""

import io
from collections.abc import Mapping
from typing import Any, Final

from numpy.typing import NDArray

_TEXT: Final = 116  # bytes of the header that are free text; SciPy writes the date there


def encode(arrays: Mapping[str, NDArray[Any]], header: bytes | None = None) -> bytes:
    """The bytes of a file.

    Args:
        arrays: by the name of the variable; a vector becomes a column.
        header: its first 116 bytes, or fewer; None for SciPy's, which holds the date.
    """
    from scipy.io import savemat  # a third of a second to import, so not at the top

    content = io.BytesIO()
    write: Any = savemat  # its stubs know no open files
    write(content, dict(arrays), oned_as="column")
    written = content.getvalue()
    return written if header is None else header.ljust(_TEXT)[:_TEXT] + written[_TEXT:]
