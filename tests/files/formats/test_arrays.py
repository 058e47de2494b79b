"""Arrays on disk: what NumPy wrote comes back, and bad bytes end in one sentence of the caller's class."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from files.errors import FileError
from files.formats import arrays

ARRAYS: list[Any] = [
    np.arange(12, dtype=np.int32).reshape(3, 4),
    np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    np.float32(3.5),
    np.zeros((0, 7), np.float16),
    np.array(["a", "äß"]),
    np.array([(1, 2.5)], dtype=[("id", "<i4"), ("größe", "<f8")]),
    np.arange(4, dtype=">i2"),
]


class OwnError(ValueError):
    """Stands for the error of a floor."""


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(np.asarray(array).dtype))
@pytest.mark.parametrize("mmap", [False, True])
def test_what_numpy_writes_comes_back(tmp_path: Path, array: Any, mmap: bool) -> None:
    path = tmp_path / "a.npy"
    np.save(path, array)
    back = arrays.load_npy(path, mmap=mmap)
    assert back.dtype == np.asarray(array).dtype
    np.testing.assert_array_equal(back, array)
    np.savez_compressed(tmp_path / "a.npz", x=array, y=np.arange(3))
    both = arrays.load_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(both["x"], array)
    np.testing.assert_array_equal(both["y"], [0, 1, 2])


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_npy_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version)
    np.testing.assert_array_equal(arrays.load_npy(tmp_path / "a.npy"), array)


def header(text: str) -> bytes:
    raw = text.encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(raw)) + raw


def test_lengths_as_python_2_wrote_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1L, 2L), }\n") + bytes(8))
    np.testing.assert_array_equal(arrays.load_npy(path), np.zeros((1, 2), np.float32))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\7\0",
        b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1),
        b"\x93NUMPY\3\0" + struct.pack("<I", 2) + b"\xff\xff",
        header("[]"),
        header("{'descr': '<f4', 'fortran_order': False}"),
        header("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }\n") + bytes(4),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': [1], }\n") + bytes(4),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (True,), }\n") + bytes(4),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n") + bytes(5),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n") + bytes(8),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "(" * 300),
        header("{'descr': '<q9', 'fortran_order': False, 'shape': (1,), }\n"),
        header("{"),
        header("\n  x\n y"),
        header("'" * 3),
    ],
)
def test_a_damaged_array_is_told_in_the_words_of_the_caller(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    for mmap in (False, True):
        with pytest.raises(OwnError, match=r"a\.npy cannot be read as a NumPy array .*; sew it up$"):
            arrays.load_npy(path, mmap=mmap, error=OwnError, remedy="sew it up")


def test_a_member_that_claims_more_than_its_bytes_can_hold_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999,), }\n"))
    with pytest.raises(FileError, match=r"its header says 39,999,999,996"):
        arrays.load_npz(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_numpy_would_not_write_is_refused(tmp_path: Path, method: int) -> None:
    """Each way of compressing has an error of its own, and a bound of its own on what its bytes can hold."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x.npy", bytes(100))
    content = bytearray(path.read_bytes())
    content[52] ^= 255  # among the compressed bytes
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"a\.npz cannot be read as NumPy arrays \(\.npz\) \(x\.npy is compressed in"):
        arrays.load_npz(path)


def test_a_missing_file_and_a_missing_name(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"a\.npy is missing"):
        arrays.load_npy(tmp_path / "a.npy")
    with pytest.raises(FileError, match=r"a\.npz is missing"):
        arrays.load_npz(tmp_path / "a.npz")
    with pytest.raises(FileError, match=r"no array 'q' \(it holds g\)"):
        arrays.require({"g": np.zeros(1)}, ("g", "q"), tmp_path / "a.npz")


@settings(max_examples=300, derandomize=True, deadline=None)
@given(data=st.data())
def test_whatever_bytes_change_one_sentence_comes_or_an_array(data: st.DataObject) -> None:
    import tempfile

    packed = io.BytesIO()
    np.savez_compressed(packed, ids=np.arange(40), names=np.array(["a", "b"]))
    content = bytearray(packed.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
        try:
            arrays.load_npz(path)
        except FileError as error:
            assert "a.npz cannot be read as NumPy arrays" in str(error)
