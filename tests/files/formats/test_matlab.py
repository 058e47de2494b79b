"""MATLAB files: read in a child process, so that none ends the command, and with the axes that MATLAB shows."""

import base64
import hashlib
import itertools
import os
import signal
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

from files.errors import FileError
from files.formats import matlab, matlab_write

# 296 bytes that end the process in scipy.io.loadmat by a segmentation fault
DEADLY = base64.b64decode(
    "TUFUTEFCIDUuMCBNQVQtZmlsZSBQbGF0Zm9ybTogcG9zaXgsIENyZWF0ZWQgb246IE1vbiBOb3YgMzAgMDI6MTI6MTQgMjAyNgAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU0OAAAAoAAAAAYAAAAIAAAADAAAAAAA"
    "AAAFAAAACAAAAAYAAAAEAAAAAQAAAA8AAAB0AAAAAAAFAAAACAAAAAYAAAAEAAAAAQAAAA8AAAB0cmFja190ZXN0DQAAAA4AAAAC"
    "AAAABQAAAAcAAAAMAAAADQAAAA8AAAD/////AAAAAAIAAAACAAAABAAAAAQAAAABAAAAAgAAAAEAAAACAAAAAQAAAAMAAAA="
)

CONTENT = {
    "features": np.arange(12, dtype=np.float32).reshape(4, 3),
    "ids": np.array([[3, -1, 0, 7]], dtype=np.int16),
    "word": "tracklet",
    "cells": np.array([["a.png", np.array([[1.5]])]], dtype=object),
    "complex": np.array([[1 + 2j]]),
    "nothing": np.zeros((0, 4)),
}


def same(one: Any, other: Any) -> None:
    assert one.dtype.kind == other.dtype.kind and one.shape == other.shape
    if one.dtype == object:
        for mine, theirs in zip(one.reshape(-1), other.reshape(-1), strict=True):
            same(mine, theirs)
    else:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("compressed", [False, True])
def test_variables_are_those_of_scipy(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "ä b.mat"
    savemat(path, {**CONTENT, "struct": {"x": 1.0, "y": "text"}}, do_compression=compressed)
    found, theirs = matlab.read(path).values, loadmat(str(path))
    assert set(found) == {*CONTENT, "struct"}
    for name in CONTENT:
        same(found[name], theirs[name])
    one = found["struct"]
    assert one.shape == (1, 1) and one.dtype.names == ("x", "y")
    assert one[0, 0]["x"].item() == 1 and one[0, 0]["y"].item() == "text"
    assert matlab.read(path, only=["ids", "absent"]).values.keys() == {"ids"}
    assert matlab.read(path, only=["ids"]).others["features"] == "not asked for"


def test_what_is_left_out_is_told_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "sparse.mat"
    savemat(path, {"sparse": csc_matrix(np.eye(3)), "dense": np.eye(2)})
    found = matlab.read(path)
    assert set(found.values) == {"dense"} and "full(...)" in found.others["sparse"]


def test_a_file_that_ends_the_reader_is_one_sentence_and_the_next_is_read(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.mat", tmp_path / "bad.mat"
    savemat(good, {"x": np.eye(2)})
    bad.write_bytes(DEADLY)
    for _ in range(2):
        with pytest.raises(FileError, match=r"bad.mat cannot be read as a MATLAB file .*; copy it"):
            matlab.read(bad, remedy="copy it")
        np.testing.assert_array_equal(matlab.read(good).values["x"], np.eye(2))


def test_a_reader_that_was_killed_meanwhile_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"x": np.eye(2)})
    matlab.read(path)
    first = matlab._CHILD.process
    assert first is not None
    matlab.read(path)
    assert matlab._CHILD.process is first  # one child serves many files
    os.kill(first.pid, signal.SIGKILL)
    np.testing.assert_array_equal(matlab.read(path).values["x"], np.eye(2))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import time; time.sleep(60)", "not read within"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended the process"),
        ("print('x' * 99)", "ended the process"),
    ],
)
def test_a_reader_that_hangs_dies_or_babbles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    path, worker = tmp_path / "a.mat", tmp_path / "worker.py"
    savemat(path, {"x": np.eye(2)})
    worker.write_text(code)
    monkeypatch.setattr(matlab, "_WORKER", worker)
    monkeypatch.setattr(matlab, "_PATIENCE", 0.3)
    monkeypatch.setattr(matlab, "_CHILD", matlab._Child())
    with pytest.raises(FileError, match=words):
        matlab.read(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_was_forked_off_has_a_reader_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"x": np.arange(50_000)})
    matlab.read(path)
    mine = matlab._CHILD.process
    child = os.fork()
    if not child:
        try:
            for _ in range(3):
                assert matlab.read(path).values["x"].sum() == 1249975000
            os._exit(0)
        except BaseException:
            os._exit(1)
    for _ in range(3):
        assert matlab.read(path).values["x"].sum() == 1249975000
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert matlab._CHILD.process is mine


def test_threads_take_turns(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.mat" for number in range(8)]
    for number, path in enumerate(paths):
        savemat(path, {"x": np.full((200, 200), number)})
    found: dict[int, int] = {}
    threads = [
        threading.Thread(target=lambda n=n, p=p: found.update({n: int(matlab.read(p).values["x"][0, 0])}))
        for n, p in enumerate(paths)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: number for number in range(8)}


def test_what_claims_more_than_its_size_may_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.mat"
    written = bytearray(matlab_write.encode({"x": np.zeros((4, 4))}, b"MATLAB 5.0 MAT-file"))
    at = written.index(np.array([4, 4], dtype="<i4").tobytes())
    written[at : at + 8] = np.array([50_000, 50_000], dtype="<i4").tobytes()
    path.write_bytes(written)
    with pytest.raises(FileError, match="claims to hold more than the 512 MB"):
        matlab.read(path)


def test_absent_and_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no\.mat is missing, expected a MATLAB file"):
        matlab.read(tmp_path / "no.mat")
    with pytest.raises(FileError, match="directory"):
        matlab.read(tmp_path)


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    matlab.save(path, {"x": np.eye(3), "ids": np.arange(3)})
    found = matlab.read(path).values
    np.testing.assert_array_equal(found["x"], np.eye(3))
    assert found["ids"].shape == (3, 1)


MATRICES = {
    "track_train_info": np.arange(20, dtype=np.int32).reshape(5, 4),
    "query_IDX": np.array([[1, 5, 9]], dtype=np.uint16),
    "ab": np.array([[7]], dtype=np.uint16),
    "nothing": np.zeros((0, 4), dtype=np.int32),
    "real": np.linspace(-1, 1, 6).reshape(3, 2),
    "bytes": np.array([[1, 2, 3, 4, 250]], dtype=np.uint8),
}


def test_a_header_of_ones_own_makes_the_bytes_those_of_every_day(tmp_path: Path) -> None:
    """Recorded: what SciPy writes may not change either, or rendered worlds would get other bytes."""
    written = matlab_write.encode(MATRICES, b"MATLAB 5.0 MAT-file, on no day")
    assert hashlib.sha256(written).hexdigest()[:16] == "d0997646191155c3"
    (tmp_path / "a.mat").write_bytes(written)
    found = matlab.read(tmp_path / "a.mat").values
    for name, values in MATRICES.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


class Matlab73:
    """A file as MATLAB writes it with -v7.3: HDF5 behind a block of its own, axes turned around."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = h5py.File(path, "w", userblock_size=512)
        self.places = self.file.create_group("#refs#")
        self.names = itertools.count()

    def put(self, group: Any, name: str, value: Any) -> Any:
        if isinstance(value, str):
            made = group.create_dataset(name, data=np.array([[ord(one)] for one in value], dtype=np.uint16))
            kind = "char"
        elif isinstance(value, list):
            made = group.create_dataset(name, data=np.array([[self.refer(one)] for one in value], dtype=h5py.ref_dtype))
            kind = "cell"
        elif isinstance(value, dict):
            made, kind = group.create_group(name), "struct"
            for field, inner in value.items():
                self.put(made, field, inner)
        else:
            made = group.create_dataset(name, data=np.asarray(value).T)
            kind = {"f8": "double", "f4": "single", "i4": "int32", "c16": "double"}[np.asarray(value).dtype.str[1:]]
        made.attrs["MATLAB_class"] = np.bytes_(kind)
        return made

    def refer(self, value: Any) -> Any:
        return self.put(self.places, f"r{next(self.names)}", value).ref

    def close(self) -> Path:
        self.file.close()
        with self.path.open("r+b") as stream:
            stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
        return self.path


def test_version_7_3_has_the_axes_that_matlab_shows(tmp_path: Path) -> None:
    made = Matlab73(tmp_path / "a.mat")
    features = np.arange(12, dtype=np.float32).reshape(4, 3)
    made.put(made.file, "features", features)
    made.put(made.file, "numbers", np.arange(6, dtype=np.int32).reshape(2, 3))
    made.put(made.file, "word", "trackletö")
    made.put(made.file, "cells", ["a.png", np.eye(2), ["deep"]])
    made.put(made.file, "struct", {"name": "x", "row": np.arange(3.0)[None]})
    array = made.file.create_group("array")
    array.attrs["MATLAB_class"] = np.bytes_("struct")
    for field, values in (("id", [1.0, 2.0]), ("name", ["one", "two"])):
        refs = [[made.refer(np.array([[one]]) if field == "id" else one)] for one in values]
        array.create_dataset(field, data=np.array(refs, dtype=h5py.ref_dtype))
    nothing = made.put(made.file, "nothing", np.array([0.0, 4.0]))
    nothing.attrs["MATLAB_empty"] = np.uint8(1)
    pair = np.array([[(1, 2)]], dtype=[("real", "f8"), ("imag", "f8")])
    made.file.create_dataset("complex", data=pair).attrs["MATLAB_class"] = np.bytes_("double")
    found = matlab.read(made.close())
    assert not found.others
    np.testing.assert_array_equal(found.values["features"], features)
    assert found.values["features"].dtype == np.float32
    assert found.values["numbers"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found.values["word"].tolist() == ["trackletö"]
    cells = found.values["cells"]
    assert cells.shape == (1, 3) and cells[0, 0].item() == "a.png" and cells[0, 2][0, 0].item() == "deep"
    np.testing.assert_array_equal(cells[0, 1], np.eye(2))
    struct = found.values["struct"]
    assert struct.shape == (1, 1) and struct[0, 0]["name"].item() == "x" and struct[0, 0]["row"].shape == (1, 3)
    people = found.values["array"]
    assert people.shape == (1, 2) and [one.item() for one in people["name"][0]] == ["one", "two"]
    assert [one.item() for one in people["id"][0]] == [1, 2]
    assert found.values["nothing"].shape == (0, 4)
    assert found.values["complex"].item() == 1 + 2j


def test_in_version_7_3_no_other_file_is_read_and_nothing_huge_or_endless(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.eye(3)
    made = Matlab73(tmp_path / "a.mat")
    made.file["link"] = h5py.ExternalLink("other.h5", "/secret")
    made.file["soft"] = h5py.SoftLink("/fine")
    made.put(made.file, "fine", np.eye(2))
    made.file.create_dataset("huge", shape=(10**6, 10**6), dtype="f8", chunks=(1000, 1000))
    made.file.create_dataset(
        "outside", shape=(3, 3), dtype="f8", external=[(str(tmp_path / "other.h5"), 0, h5py.h5f.UNLIMITED)]
    )
    loop = made.file.create_dataset("loop", shape=(1, 1), dtype=h5py.ref_dtype)
    loop.attrs["MATLAB_class"] = np.bytes_("cell")
    loop[0, 0] = loop.ref
    sparse = made.file.create_group("sparse")
    sparse.attrs["MATLAB_sparse"] = np.uint64(3)
    found = matlab.read(made.close())
    assert set(found.values) == {"fine"}
    for name, words in {
        "link": "a link", "soft": "a link", "huge": "claims to hold more", "outside": "-v7", "loop": "too deep",
        "sparse": "full(...)",
    }.items():  # fmt: skip
        assert words in found.others[name], name


def test_a_damaged_file_of_version_7_3_is_one_sentence(tmp_path: Path) -> None:
    made = Matlab73(tmp_path / "a.mat")
    made.put(made.file, "x", np.eye(20))
    whole = made.close().read_bytes()
    made.path.write_bytes(whole[:900])
    with pytest.raises(FileError, match="cannot be read as a MATLAB file"):
        matlab.read(made.path)
