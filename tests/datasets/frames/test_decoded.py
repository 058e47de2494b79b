"""The store of decoded frames."""

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.errors import DataError
from datasets.frames import decoded_file
from datasets.frames.decoded import FrameStore
from datasets.images import decode
from files import digest
from tests.datasets import mars_folder

SIZE = (16, 8)


@pytest.fixture
def split(mars_root: Path) -> datasets.Split:
    return datasets.load("mars", mars_root, counts="any")


def build(split: datasets.Split, cache: Path | None, **changes: object) -> FrameStore:
    options = {"tracklets": split.test, "size": SIZE, "fingerprint": split.fingerprint, **changes}
    return FrameStore.build(root=split.root, cache=cache, progress=False, **options)


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("size", [SIZE, (24, 10)])
def test_the_store_holds_what_decoding_gives(
    split: datasets.Split, tmp_path: Path, cached: bool, size: tuple[int, int]
) -> None:
    store = build(split, tmp_path / "cache" if cached else None, size=size)
    assert len(store) == len(split.test)
    assert store.lengths.tolist() == [2, 3, 2, 5, 1, 2]
    assert store.offsets.tolist() == [0, 2, 5, 7, 12, 13, 15]
    direct = [decode.read(split.root / frame, size) for t in split.test for frame in t.frames]
    assert np.array_equal(store.flat(), np.stack(direct))
    assert np.array_equal(store.clip(3, np.array([4, 0, 0])), np.stack([direct[11], direct[7], direct[7]]))
    assert store.clip(3, np.array([[1, 2], [3, 4]])).shape == (2, 2, *size, 3)


def test_more_frames_than_a_block(tmp_path: Path) -> None:
    root = mars_folder.write(tmp_path / "mars", train=[("0001", 1, 1, 150), ("0003", 1, 1, 131)])
    split = datasets.load("mars", root, counts="any")
    store = build(split, tmp_path / "cache", tracklets=split.train)
    for row, frame in ((0, 0), (0, 149), (1, 0), (1, 130)):
        expected = decode.read(root / split.train[row].frames[frame])
        assert np.array_equal(store.clip(row, np.array([frame]))[0], expected)


def test_the_second_build_decodes_nothing(
    split: datasets.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(split, tmp_path)
    monkeypatch.setattr(decode, "decode_into", lambda *_: pytest.fail("decoded again"))
    second = build(split, tmp_path)
    assert second.path == first.path
    assert np.array_equal(second.flat(), first.flat())


def test_the_cache_is_never_taken_for_another(
    split: datasets.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [
        build(split, tmp_path).path,
        build(split, tmp_path, fingerprint="another").path,
        build(split, tmp_path, size=(8, 16)).path,
        build(split, tmp_path, tracklets=split.test[1:]).path,
        build(split, tmp_path, tracklets=split.test[::-1]).path,
    ]
    monkeypatch.setattr(decode, "version", lambda: "another decoder 1.0")
    paths.append(build(split, tmp_path).path)
    assert len(set(paths)) == 6
    assert sorted(p.name for p in tmp_path.glob("frames-*.npy")) == sorted(p.name for p in paths if p)


def test_a_damaged_cache_is_named_and_made_anew(
    split: datasets.Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = build(split, tmp_path).path
    assert path is not None
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-40] ^= 16  # one bit of one pixel
    longer = whole + b"x"
    for content in (b"", whole[: len(whole) // 2], b"junk" * 100, bytes(flipped), longer):
        path.write_bytes(content)
        assert np.array_equal(build(split, tmp_path).flat(), np.load(path))
        assert path.read_bytes() == whole
        said = capsys.readouterr().err
        assert path.name in said and "decoded anew" in said and said.count("\n") == 1
    for record in ("", "{}", "[]", '{"bytes": 1, "sha256": "0"}'):
        path.with_suffix(".json").write_text(record)
        path.touch()
        assert np.array_equal(build(split, tmp_path).flat(), np.load(path))
        assert "decoded anew" in capsys.readouterr().err


def test_a_sound_cache_is_read_once_in_a_process(
    split: datasets.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build(split, tmp_path).path
    assert path is not None
    decoded_file._checked.clear()  # as in a new process
    read: list[Path] = []
    real = digest.sha256
    monkeypatch.setattr(digest, "sha256", lambda file: read.append(file) or real(file))
    for _ in range(3):
        build(split, tmp_path)
    assert read == [path]


def test_damaged_frames_are_counted_and_named_and_nothing_is_left(split: datasets.Split, tmp_path: Path) -> None:
    cut = split.root / split.test[1].frames[2]
    cut.write_bytes(cut.read_bytes()[:-40])
    gone = split.root / split.test[3].frames[0]
    gone.unlink()
    for cache in (None, tmp_path / "cache"):
        with pytest.raises(DataError) as caught:
            build(split, cache)
        message = str(caught.value)
        assert message.startswith("2 of 15 frames cannot be used")
        assert cut.name in message
        assert gone.name in message
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["locks"]


class FullDisk:
    """A file that has room for its header only."""

    def __init__(self, file: object) -> None:
        self.file = file

    def __enter__(self) -> "FullDisk":
        self.file.__enter__()  # type: ignore[attr-defined]
        return self

    def __exit__(self, *error: object) -> None:
        self.file.__exit__(*error)  # type: ignore[attr-defined]

    def write(self, data: bytes) -> int:
        if memoryview(data).nbytes > 500:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return int(self.file.write(data))  # type: ignore[attr-defined]


def test_a_disk_that_fills_up_leaves_nothing(
    split: datasets.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = Path.open

    def opened(self: Path, *mode: str, **options: str) -> object:
        file = really_open(self, *mode, **options)
        return FullDisk(file) if self.suffix == ".partial" else file

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(DataError, match=r"frames-16x8.*No space left on device.*another cache folder"):
        build(split, tmp_path)
    assert list(tmp_path.glob(".*")) + list(tmp_path.glob("frames-*")) == []


def test_too_little_room_is_said_before_decoding(
    split: datasets.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("usage", (), {"free": 100})
    monkeypatch.setattr(decoded_file.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(decode, "decode_into", lambda *_: pytest.fail("decoded"))
    with pytest.raises(DataError, match="are needed"):
        build(split, tmp_path)


def test_a_cache_folder_that_cannot_be_made_is_named(split: datasets.Split, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"file/cache.*another cache folder"):
        build(split, tmp_path / "file" / "cache")


def test_leftovers_of_a_killed_build_are_removed(split: datasets.Split, tmp_path: Path) -> None:
    path = build(split, tmp_path).path
    assert path is not None
    path.unlink()
    left = tmp_path / f".{path.name}.partial", tmp_path / f".{path.name}.machine.4711.partial"  # now, and formerly
    for one in left:
        one.write_bytes(b"half")
    build(split, tmp_path)
    assert not any(one.exists() for one in left)


def test_a_file_without_a_record_is_not_finished(split: datasets.Split, tmp_path: Path) -> None:
    """Killed between the two: the file has its name, and nothing says what it should hold."""
    path = build(split, tmp_path).path
    assert path is not None
    whole = path.read_bytes()
    path.with_suffix(".json").unlink()
    path.write_bytes(whole[:-1] + b"x")
    assert FrameStore.cached(split.test, split.root, tmp_path, SIZE, fingerprint=split.fingerprint) is None
    build(split, tmp_path)
    assert path.read_bytes() == whole


def test_several_processes_decode_once(split: datasets.Split, tmp_path: Path) -> None:
    """Who comes second waits, and then finds the frames."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "import datasets; from datasets.images import decode; from tests.datasets.frames.test_decoded import build\n"
        "split, real = datasets.load('mars', sys.argv[1], counts='any'), decode.decode_into\n"
        "def slow(*given):\n"
        "    time.sleep(0.02); print('decoded'); return real(*given)\n"
        "decode.decode_into = slow\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "build(split, Path(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", code, str(split.root), str(tmp_path / "cache")]
    several = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for one in several:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in several:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    ends = [one.communicate()[0].count("decoded") for one in several]
    assert sorted(ends) == [0, 0, 15] and all(one.returncode == 0 for one in several)


def test_a_worker_gets_the_name_of_the_file_not_its_content(tmp_path: Path) -> None:
    root = mars_folder.write(tmp_path / "mars", train=[("0001", 1, 1, 100)])
    split = datasets.load("mars", root, counts="any")
    store = build(split, tmp_path / "cache", tracklets=split.train)
    store.flat()
    sent = pickle.dumps(store)
    assert len(sent) < 1_000 < store.flat().nbytes
    assert np.array_equal(pickle.loads(sent).flat(), store.flat())
    in_memory = build(split, None, tracklets=split.train)
    assert np.array_equal(pickle.loads(pickle.dumps(in_memory)).flat(), store.flat())


def test_frames_that_do_not_exist_are_refused(split: datasets.Split) -> None:
    store = build(split, None)
    with pytest.raises(IndexError, match="2 frames"):
        store.clip(0, np.array([0, 2]))
    with pytest.raises(IndexError, match="-1"):
        store.clip(1, np.array([-1]))
    with pytest.raises(DataError, match="no frame"):
        build(split, None, tracklets=[])
    with pytest.raises(DataError, match="0x8"):
        build(split, None, size=(0, 8))


def test_the_centre_of_enlarged_frames_is_one_resize_from_the_file(split: datasets.Split, tmp_path: Path) -> None:
    """ADFD's test crop; kept apart from whole frames in the cache."""
    whole = build(split, tmp_path, size=(32, 16))
    store = build(split, tmp_path, size=(32, 16), crop=1.125)
    assert store.crop == 1.125 and whole.crop == 1.0
    assert store.path != whole.path
    first = decode.decode((split.root / split.test[0].frames[0]).read_bytes())
    larger = decode.resize(first, (36, 18))
    assert np.array_equal(store.flat()[0], larger[2:34, 1:17])
    assert np.array_equal(build(split, None, size=(32, 16), crop=1.125).flat(), store.flat())
    assert pickle.loads(pickle.dumps(store)).crop == 1.125
