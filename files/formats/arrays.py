"""NumPy's .npy and .npz: the header is held against the size of the file before memory is taken for it.

Source: ``numpy.lib.format`` (versions 1 to 3 of .npy), and the ZIP format, whose deflate reaches 1,032 : 1 at best.
"""

import ast
import io
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from files.errors import COPY_AGAIN, FileError, unreadable

LONGEST_HEADER: Final = 2**16
"""Bytes of a header: a plain array needs a hundred, a structured one a few thousand."""
BEST_DEFLATE: Final = 1032
"""No byte of a deflated member becomes more bytes than this."""
_ARRAY: Final = "a NumPy array (.npy)"
_ARCHIVE: Final = "NumPy arrays (.npz)"
_BLOCK: Final = 16 * 2**20  # bytes that are read at once
_VERSIONS: Final = {(1, 0): (2, "latin1"), (2, 0): (4, "latin1"), (3, 0): (4, "utf-8")}
"""Bytes that count those of the header, and its encoding."""
_LONG: Final = re.compile(r"(?<=\d)L(?=[,)])")
"""How Python 2 wrote some lengths: ``(10L, 3L)``."""
_WRONG: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile answer bad bytes with, as fuzzing showed; all of it comes from the bytes of the file."""


def load_npy(
    path: Path, *, mmap: bool = False, error: type[Exception] = FileError, remedy: str = COPY_AGAIN
) -> NDArray[Any]:
    """The array of a .npy file.

    Args:
        path: the file.
        mmap: map it instead of reading it; it is read-only then.
        error: class of the error.
        remedy: what to do, as the end of its sentence.

    Raises:
        error: it is absent, cut, longer than its header says, holds Python objects, or is no .npy.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            shape, fortran, dtype = _header(file)
            at = file.tell()
            wanted = math.prod(shape) * dtype.itemsize
            if size - at != wanted:
                raise ValueError(f"{size - at:,} bytes of numbers, and its header says {wanted:,}")
            if mmap and wanted:
                return np.memmap(path, dtype=dtype, mode="r", offset=at, shape=shape, order="F" if fortran else "C")
            return _numbers(file, shape, fortran, dtype)
    except FileNotFoundError:
        raise error(f"{path} is missing, expected {_ARRAY}; {remedy}") from None
    except _WRONG as wrong:
        raise error(unreadable(path, _ARRAY, wrong, remedy)) from wrong


def load_npz(path: Path, *, error: type[Exception] = FileError, remedy: str = COPY_AGAIN) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz file by name.

    Raises:
        error: it is absent, cut, or no .npz; or one of its members is damaged, encrypted, claims more than its bytes
            can hold, holds Python objects, or is no array.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename.removesuffix(".npy") for member in members]
            if len(set(names)) < len(names):
                raise ValueError("two of its members have one name")
            return {name: _member(archive, member) for name, member in zip(names, members, strict=True)}
    except FileNotFoundError:
        raise error(f"{path} is missing, expected {_ARCHIVE}; {remedy}") from None
    except _WRONG as wrong:
        raise error(unreadable(path, _ARCHIVE, wrong, remedy)) from wrong


def require(
    arrays: Mapping[str, NDArray[Any]],
    names: tuple[str, ...],
    path: Path,
    *,
    error: type[Exception] = FileError,
    remedy: str = COPY_AGAIN,
) -> None:
    """Ask for arrays by name.

    Args:
        arrays: as `load_npz` gives them.
        names: that must be there.
        path: the file, for the message.
        error: class of the error.
        remedy: what to do, as the end of its sentence.

    Raises:
        error: one is absent; those that are there are named.
    """
    absent = [name for name in names if name not in arrays]
    if absent:
        there = ", ".join(sorted(arrays)) or "nothing"
        raise error(f"{path} has no array {' and none '.join(map(repr, absent))} (it holds {there}); {remedy}")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """One array of an archive."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is compressed in a way that NumPy does not write")
    if member.file_size > BEST_DEFLATE * max(member.compress_size, 1) + LONGEST_HEADER:
        raise ValueError(f"{member.filename} claims {member.file_size:,} bytes in {member.compress_size:,}")
    with cast("io.BufferedIOBase", archive.open(member)) as file:  # as its stubs do not say
        shape, fortran, dtype = _header(file)
        wanted = math.prod(shape) * dtype.itemsize
        there = member.file_size - file.tell()
        if there != wanted:
            raise ValueError(f"{member.filename} has {there:,} bytes of numbers, and its header says {wanted:,}")
        array = _numbers(file, shape, fortran, dtype)
        if file.read(1):  # reads to the end, which checks the checksum
            raise ValueError(f"{member.filename} goes on behind its numbers")
        return array


def _header(file: io.BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type of numbers."""
    version = np.lib.format.read_magic(file)
    if version not in _VERSIONS:
        raise ValueError(f"version {version[0]}.{version[1]} of .npy is not known")
    counting, encoding = _VERSIONS[version]
    length = int.from_bytes(_exactly(file, counting), "little")
    if length > LONGEST_HEADER:
        raise ValueError(f"its header has {length:,} bytes, more than {LONGEST_HEADER:,}")
    told = _literal(_exactly(file, length).decode(encoding))
    if not isinstance(told, dict) or told.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header does not give type, order and shape")
    shape, fortran = told["shape"], told["fortran_order"]
    if type(shape) is not tuple or any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"the shape {shape} is none")
    if type(fortran) is not bool:
        raise ValueError(f"the order {fortran} is none")
    dtype = np.lib.format.descr_to_dtype(told["descr"])
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    return shape, fortran, dtype


def _exactly(file: io.BufferedIOBase, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("it ends within its header")
    return data


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except SyntaxError:
        return ast.literal_eval(_LONG.sub("", text))


def _numbers(file: io.BufferedIOBase, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What stands behind a header."""
    array = np.empty(shape[::-1] if fortran else shape, dtype)
    if array.nbytes:
        _fill(file, array)
    return array.T if fortran else array


def _fill(file: io.BufferedIOBase, array: NDArray[Any]) -> None:
    place = array.reshape(-1).view(np.uint8).data
    at = 0
    while at < len(place):
        got = file.readinto(place[at : at + _BLOCK])
        if not got:
            raise ValueError(f"it ends {len(place) - at:,} bytes too early")
        at += got
