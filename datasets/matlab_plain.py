"""Matrices of numbers in MATLAB 5 files, without SciPy: all that the metadata of the MARS layout needs.

Source: "MAT-File Format", The MathWorks, level 5. A file is a header of 128 bytes and a row of elements; an element is
a type, a number of bytes, and that many bytes, filled up to a multiple of eight.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_HEADER: Final = 128
_TEXT: Final = 116  # bytes of the header that are free text
_DATA: Final = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_CLASSES: Final = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_COMPLEX: Final = 0x0800


def read(data: bytes) -> dict[str, NDArray[Any]]:
    """All real matrices of numbers in the bytes of a file; other variables are passed over.

    Raises:
        ValueError, struct.error, zlib.error: it is no such file, or damaged.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[126:_HEADER])
    if order is None:
        raise ValueError("it does not begin with the header of a MATLAB 5 file")
    found: dict[str, NDArray[Any]] = {}
    for element in _elements(data[_HEADER:], order):
        kind, content = element if element[0] != _COMPRESSED else next(_elements(zlib.decompress(element[1]), order))
        named = _matrix(content, order) if kind == _MATRIX else None
        if named is not None:
            found[named[0]] = named[1]
    return found


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Type and content of each element; those of up to four bytes are packed into eight."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start, filled = at + 8, size if kind == _COMPRESSED else -(-size // 8) * 8
        if kind >> 16:
            kind, size, start, filled = kind & 0xFFFF, kind >> 16, at + 4, 4
        content = data[start : start + size]
        if len(content) < size:
            raise ValueError(f"it ends within an element of {size} bytes")
        yield kind, content
        at = start + filled


def _matrix(content: bytes, order: str) -> tuple[str, NDArray[Any]] | None:
    flags, shape, name, *values = _elements(content, order)
    what = struct.unpack_from(f"{order}I", flags[1])[0]
    wanted = _CLASSES.get(what & 0xFF)
    if wanted is None or what & _COMPLEX:
        return None
    numbers = np.frombuffer(values[0][1], dtype=order + _DATA[values[0][0]])
    rows = np.frombuffer(shape[1], dtype=f"{order}i4")
    return name[1].decode("ascii"), numbers.astype(wanted).reshape(rows, order="F")


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
