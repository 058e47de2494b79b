"""Descriptors on disk: round trips, kills in the middle, damage of every file, sets that belong to something else."""

import json
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from runners.errors import RunError
from runners.evaluation import descriptor_set
from runners.evaluation.descriptor_set import Tracklets, Writer, partial_of, read, write
from tests.places import HOUSE

ABOUT = {"dataset": {"name": "made-up", "version": "1", "fingerprint": "ab" * 16}, "arm": "gltr", "seed": 0}


def tracklets(rows: int = 6) -> Tracklets:
    numbers = np.arange(rows, dtype=np.int64)
    return Tracklets(
        np.array([f"{n:04d}C{n % 2 + 1}" for n in numbers]), numbers // 2, numbers % 2 + 1, numbers + 3, numbers < 2,
        np.ones(rows, dtype=bool),
    )  # fmt: skip


def values(rows: int = 6, dim: int = 4) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, dim)).astype(np.float32)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write(tmp_path / "a.descriptors", values(), tracklets(), ABOUT, "f0")


def test_what_is_written_is_read(whole: Path):
    found = read(whole, fingerprint="f0")
    np.testing.assert_array_equal(found.features, values())
    assert isinstance(found.features, np.memmap) and not found.features.flags.writeable
    assert found.about == ABOUT
    for name, array in tracklets().arrays().items():
        np.testing.assert_array_equal(getattr(found.tracklets, name), array)
    assert sorted(path.name for path in whole.iterdir()) == ["descriptors.json", "features.npy", "tracklets.npz"]
    assert list(whole.parent.iterdir()) == [whole]


def test_rows_in_any_order_give_the_same_bytes(whole: Path, tmp_path: Path):
    writer = Writer(tmp_path / "b.descriptors", 6, 4, "f0")
    for rows in ([5, 1], [0], [4, 3, 2], [1]):
        writer.put(np.array(rows), values()[rows])
    writer.finish(tracklets(), ABOUT)
    for name in ("features.npy", "descriptors.json"):
        assert (tmp_path / "b.descriptors" / name).read_bytes() == (whole / name).read_bytes()


KILLED = """
import os, sys
import numpy as np
from pathlib import Path
from runners.evaluation.descriptor_set import Writer
writer = Writer(Path(sys.argv[1]), 6, 4, "f0")
writer.put(np.arange(3), np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)[:3])
writer.note()
writer.put(np.array([3]), np.zeros((1, 4), dtype=np.float32))  # not noted: it must be made again
os.kill(os.getpid(), 9)
"""


def test_a_killed_run_is_gone_on_with_and_never_read_as_whole(tmp_path: Path, whole: Path):
    folder = tmp_path / "killed.descriptors"
    done = subprocess.run([sys.executable, "-c", KILLED, folder], check=False, cwd=HOUSE)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(RunError, match="never finished"):
        read(folder)
    with pytest.raises(RunError, match="never finished"):
        read(partial_of(folder))
    writer = Writer(folder, 6, 4, "f0")
    assert writer.done.tolist() == [True, True, True, False, False, False]
    rows = np.flatnonzero(~writer.done)
    writer.put(rows, values()[rows])
    writer.finish(tracklets(), ABOUT)
    assert (folder / "features.npy").read_bytes() == (whole / "features.npy").read_bytes()


@pytest.mark.parametrize(("rows", "dim", "fingerprint"), [(6, 4, "other"), (5, 4, "f0"), (6, 3, "f0")])
def test_what_something_else_left_is_not_gone_on_with(tmp_path: Path, rows: int, dim: int, fingerprint: str):
    first = Writer(tmp_path / "a.descriptors", 6, 4, "f0")
    first.put(np.arange(6), values())
    first.note()
    assert not Writer(tmp_path / "a.descriptors", rows, dim, fingerprint).done.any()


@pytest.mark.parametrize("name", ["features.npy", "done.npy", "descriptors.json"])
def test_a_damaged_partial_set_starts_anew(tmp_path: Path, name: str):
    first = Writer(tmp_path / "a.descriptors", 6, 4, "f0")
    first.put(np.arange(6), values())
    first.note()
    (partial_of(tmp_path / "a.descriptors") / name).write_bytes(b"\x93NUMPY")
    assert not Writer(tmp_path / "a.descriptors", 6, 4, "f0").done.any()


def test_a_set_that_is_not_all_there_is_not_finished(tmp_path: Path):
    writer = Writer(tmp_path / "a.descriptors", 6, 4, "f0")
    writer.put(np.arange(5), values()[:5])
    with pytest.raises(RunError, match="1 of 6 descriptors are missing"):
        writer.finish(tracklets(), ABOUT)
    writer.put(np.array([5]), np.full((1, 4), np.nan))
    with pytest.raises(RunError, match="row 5 is not finite"):
        writer.finish(tracklets(), ABOUT)
    writer.put(np.array([5]), values()[5:])
    with pytest.raises(RunError, match="6 descriptors, but 7 tracklets"):
        writer.finish(tracklets(7), ABOUT)
    assert not (tmp_path / "a.descriptors").exists()


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 8)


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))


def _other_people(file: Path) -> None:
    arrays = tracklets().arrays()
    np.savez(file, **(arrays | {"person": arrays["person"] + 1}))


def _fewer(file: Path) -> None:
    np.savez(file, **tracklets(5).arrays())


def _without_camera(file: Path) -> None:
    np.savez(file, **{name: array for name, array in tracklets().arrays().items() if name != "camera"})


def _nan(file: Path) -> None:
    broken = values()
    broken[2, 1] = np.nan
    np.save(file, broken)


def _doubles(file: Path) -> None:
    np.save(file, values().astype(np.float64))


def _other_version(file: Path) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 2}))


def _not_done(file: Path) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | {"done": 3}))


@pytest.mark.parametrize(
    ("name", "harm", "says"),
    [
        ("features.npy", _cut, "features.npy cannot be read"),
        ("features.npy", _flip, "some bytes are not what was written"),
        ("features.npy", _nan, "row 2 is not finite"),
        ("features.npy", _doubles, "expected float32 of shape .6, 4., found float64"),
        ("features.npy", Path.unlink, "lacks features.npy"),
        ("tracklets.npz", _cut, "tracklets.npz cannot be read"),
        ("tracklets.npz", _other_people, "tracklets.npz: is not what was written"),
        ("tracklets.npz", _fewer, "expected 6 values of key"),
        ("tracklets.npz", _without_camera, "expected 6 values of camera, found none"),
        ("tracklets.npz", Path.unlink, "lacks tracklets.npz"),
        ("descriptors.json", _cut, "descriptors.json cannot be read as JSON"),
        ("descriptors.json", _other_version, "expected reproid-descriptors version 1, found version 2"),
        ("descriptors.json", _not_done, "descriptors.json: lacks rows"),
        ("descriptors.json", Path.unlink, "no set of descriptors"),
    ],
)  # fmt: skip
def test_damage_is_told_in_one_sentence(whole: Path, name: str, harm, says: str):
    harm(whole / name)
    with pytest.raises(RunError, match=says) as error:
        read(whole)
    assert "\n" not in str(error.value)


def test_a_set_of_other_weights_is_refused(whole: Path):
    with pytest.raises(RunError, match="was made from f0, but f1 is wanted"):
        read(whole, fingerprint="f1")


@pytest.mark.parametrize(("shape", "folder"), [((0, 4), "a.descriptors"), ((4,), "a.descriptors"), ((6, 4), "a")])
def test_what_is_no_set_is_not_written(tmp_path: Path, shape, folder: str):
    with pytest.raises(RunError, match=r"at least one|must be|ends in"):
        write(tmp_path / folder, np.zeros(shape, dtype=np.float32), tracklets(), ABOUT, "f0")
    assert not list(tmp_path.iterdir())


def test_reading_takes_the_memory_of_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """40 MB of descriptors; NumPy reports its own memory to tracemalloc."""
    monkeypatch.setattr(descriptor_set, "_BLOCK_BYTES", 1 << 20)
    rows, dim = 10_000, 1000
    writer = Writer(tmp_path / "a.descriptors", rows, dim, "f0")
    tracemalloc.start()
    for start in range(0, rows, 250):
        writer.put(np.arange(start, start + 250), np.full((250, dim), start, dtype=np.float32))
    writer.finish(tracklets(rows), ABOUT)
    read(tmp_path / "a.descriptors")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6
