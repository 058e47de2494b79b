"""Frame paths whose names are listed, not counted: the files of one folder in time order, without a string for each."""

import operator
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class ListedFrames(Sequence[str]):
    """The frame paths `prefix + name`, made when asked for.

    Names that carry a camera's clock or a source frame number cannot be counted up like those of MARS
    (`NumberedFrames`). They are kept as the rows of one array of bytes, 24 bytes for a frame of Duke.

    Attributes:
        prefix: what stands before every name, with the slash where it is a folder: `"train/0001/0001/"`.
        names: bytes [F] (dtype `S`) in time order, as the file system encodes them. A view of a larger array is
            welcome: nothing is copied.
    """

    prefix: str
    names: NDArray[np.bytes_]

    def __post_init__(self) -> None:
        if self.names.dtype.kind != "S" or self.names.ndim != 1:
            raise DataError(
                f"{self.prefix}: frame names are an array {self.names.dtype} {list(self.names.shape)}, expected "
                "bytes [F]; the reader of this data set is wrong"
            )
        fixed = self.names.view()
        fixed.flags.writeable = False
        object.__setattr__(self, "names", fixed)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return tuple(self._path(name) for name in self.names[index].tolist())
        position = operator.index(index)  # NumPy integers are welcome too
        if not -len(self.names) <= position < len(self.names):
            raise IndexError(f"frame {index} of a tracklet with {len(self.names)} frames ({self.prefix}...)")
        return self._path(bytes(self.names[position]))

    def __iter__(self) -> Iterator[str]:
        return (self._path(name) for name in self.names.tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ListedFrames):
            return NotImplemented
        return self.prefix == other.prefix and np.array_equal(self.names, other.names)

    def __hash__(self) -> int:
        return hash((self.prefix, tuple(self.names.tolist())))

    def _path(self, name: bytes) -> str:
        return self.prefix + os.fsdecode(name)


def names_array(names: Sequence[bytes | str]) -> NDArray[np.bytes_]:
    """Names as one array of bytes [F], as wide as the longest; decoding it with `os.fsdecode` gives them back.

    Raises:
        DataError: for a name with a NUL at its end, which such an array cannot hold (no file system can either).
    """
    encoded = [os.fsencode(name) for name in names]
    result: NDArray[Any] = np.array(encoded or [b""], dtype=bytes)[: len(encoded)]
    for name, kept in zip(encoded, result.tolist(), strict=True):
        if name != kept:
            raise DataError(f"{os.fsdecode(name)!r} is no file name: it ends with a NUL")
    return result
