"""Matrices of numbers as MATLAB 5 files of the same bytes whenever they are written: SciPy's, but for its date.

Source: "MAT-File Format", The MathWorks, level 5. A file is a header of 128 bytes and a row of elements; an element is
a type, a number of bytes, and that many bytes, filled up to a multiple of eight.
"""

import struct
from typing import Any, Final

from numpy.typing import NDArray

_TEXT: Final = 116  # bytes of the header that are free text
_DATA: Final = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_CLASSES: Final = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_INT8, _INT32, _UINT32, _MATRIX = 1, 5, 6, 14


def write(name: str, values: NDArray[Any], header: bytes) -> bytes:
    """The bytes of a file with one matrix: those that SciPy writes, with a text of one's own in place of the date.

    Args:
        name: of the variable.
        values: [rows, columns], of whole or real numbers.
        header: its first 116 bytes, or fewer.
    """
    kinds = {dtype: kind for kind, dtype in _DATA.items()}
    classes = {dtype: kind for kind, dtype in _CLASSES.items()}
    dtype = f"{values.dtype.kind}{values.dtype.itemsize}"
    matrix = (
        _element(_UINT32, struct.pack("<II", classes[dtype], 0))
        + _element(_INT32, struct.pack(f"<{values.ndim}i", *values.shape))
        + _element(_INT8, name.encode("ascii"))
        + _element(kinds[dtype], values.astype(f"<{dtype}").tobytes(order="F"))
    )
    return header.ljust(_TEXT)[:_TEXT] + bytes(8) + b"\x00\x01IM" + struct.pack("<II", _MATRIX, len(matrix)) + matrix


def _element(kind: int, content: bytes) -> bytes:
    if 0 < len(content) <= 4:
        return struct.pack("<HH", kind, len(content)) + content.ljust(4, b"\0")
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)
