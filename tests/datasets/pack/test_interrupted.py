"""Writing a pack: killed at every step, continued, done twice at once, and refused by the disk."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import pack
from datasets.errors import DataError
from datasets.images import encoded
from datasets.pack import file_format, writer
from datasets.pack.file_format import PackReport
from datasets.tracklet import Split
from files import digest
from tests.datasets import mars_folder
from tests.datasets.racing import race

SHARD = 4_500


def write(source: Split, folder: Path) -> PackReport:
    return pack.write(source, folder, shard_bytes=SHARD, progress=False)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def source(mars_root: Path) -> Split:
    return datasets.load("mars", mars_root, counts="any")


KILLED_AT_EVERY_STEP = """
import io, itertools, os, signal, sys
from pathlib import Path
import datasets
from datasets.pack import writer
from tests.datasets.pack.test_interrupted import write

def armed(moment):
    # The process dies before its n-th change of the disk; of what it writes, half is there by then.
    left = [moment]
    def counted(name, half):
        real = getattr(*name)
        def wrapped(*args, **options):
            left[0] -= 1
            if left[0] == 0:
                half(real, *args)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)
        setattr(*name, wrapped)
    def half_frame(real, shard, content):
        real(shard, content[: len(content) // 2])
        shard._handle.flush()
    def half_file(real, path, content, **options):
        path.with_name(path.name + ".partial").write_bytes(content[: len(content) // 2])
    nothing = lambda real, *args: None
    counted((writer._OpenShard, "add"), half_frame)
    counted((writer.file_format, "put_whole"), half_file)
    counted((Path, "replace"), nothing)
    counted((Path, "unlink"), nothing)
    counted((os, "fsync"), nothing)

source = datasets.load("mars", sys.argv[1], counts="any")
for moment in itertools.count(1):
    child = os.fork()
    if child == 0:
        armed(moment)
        write(source, Path(sys.argv[2]) / f"{moment:03d}")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    assert os.WTERMSIG(status) == signal.SIGKILL
"""


def test_killed_before_every_change_of_the_disk_it_ends_with_the_same_bytes(source: Split, tmp_path: Path) -> None:
    write(source, tmp_path / "whole")
    whole = tree(tmp_path / "whole")
    (tmp_path / "killed").mkdir()
    command = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(source.root), str(tmp_path / "killed")]
    subprocess.run(command, check=True, timeout=900)
    folders = sorted((tmp_path / "killed").iterdir())
    assert len(folders) > 24 + 5 * len(list((tmp_path / "whole").glob("*.bin")))  # frames, and the steps of each shard
    assert tree(folders.pop()) == whole  # the last one was not killed
    resumed = []
    for folder in folders:
        if (folder / "pack.json").exists():
            assert pack.verify(folder) == []
        else:
            with pytest.raises(DataError, match="unfinished pack"):
                pack.open_pack(folder)
        resumed.append(write(source, folder).resumed_shards)
        assert tree(folder) == whole
    assert resumed == sorted(resumed)  # who was killed later has less to do
    assert resumed[0] == 0 and len(set(resumed)) == len(list((tmp_path / "whole").glob("*.bin"))) + 1


SLOWLY = """
import sys, time
from pathlib import Path
import datasets
from datasets.pack import writer
from tests.datasets.pack.test_interrupted import write
add = writer._OpenShard.add
def slow(shard, content):
    time.sleep(0.01)
    add(shard, content)
writer._OpenShard.add = slow
source = datasets.load("mars", sys.argv[1], counts="any")
print("ready", flush=True)
write(source, Path(sys.argv[2]))
"""


def test_killed_from_outside_again_and_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    people = [(f"{person:04d}", camera, 1, 8) for person in range(1, 20, 2) for camera in (1, 2)]
    source = datasets.load("mars", mars_folder.write(tmp_path / "mars", train=people), counts="any")
    write(source, tmp_path / "whole")
    moments, killed = random.Random(3), 0
    for _ in range(4):
        command = [sys.executable, "-c", SLOWLY, str(source.root), str(tmp_path / "killed")]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.0, 0.4))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        killed += running.returncode == -signal.SIGKILL
    assert killed >= 2
    write(source, tmp_path / "killed")
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")


class Stop(BaseException):
    """Stands for the end of the process: nobody catches it."""


def stopped_after(shards: int, source: Split, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a pack with so many finished shards."""
    close, count = writer._OpenShard.close, [0]

    def closing(shard: writer._OpenShard) -> object:
        if count[0] == shards:
            raise Stop
        count[0] += 1
        return close(shard)

    with monkeypatch.context() as patch:
        patch.setattr(writer._OpenShard, "close", closing)
        with pytest.raises(Stop):
            write(source, folder)


def test_finished_frames_are_not_read_again(source: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_after(2, source, tmp_path / "pack", monkeypatch)
    done = sum(len(np.load(path)) for path in (tmp_path / "pack").glob("shard-*.npy"))
    real, seen = encoded._read, []
    monkeypatch.setattr(encoded, "_read", lambda path: seen.append(path) or real(path))
    assert write(source, tmp_path / "pack").resumed_shards == 2
    assert len(seen) == 24 - done < 24


@pytest.mark.parametrize("lost", ["shard-00001.bin", "shard-00001.npy", "shard-00001.json"])
@pytest.mark.parametrize("how", ["gone", "empty", "flipped"])
def test_a_finished_shard_that_the_disk_lost_is_written_again(
    source: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str, how: str
) -> None:
    """After a power failure files may be empty, wrong or gone that were written in good order."""
    write(source, tmp_path / "whole")
    stopped_after(3, source, tmp_path / "pack", monkeypatch)
    path = tmp_path / "pack" / lost
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if how == "empty" else bytes(content))
    assert write(source, tmp_path / "pack").resumed_shards == 1
    assert tree(tmp_path / "pack") == tree(tmp_path / "whole")


def test_data_that_changed_meanwhile_begin_anew(source: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_after(2, source, tmp_path / "pack", monkeypatch)
    first = source.root / source.train[0].frames[0]
    first.write_bytes(first.read_bytes() + b"more")
    changed = datasets.load("mars", source.root, counts="any")
    assert write(changed, tmp_path / "pack").resumed_shards == 0
    write(changed, tmp_path / "whole")
    assert tree(tmp_path / "pack") == tree(tmp_path / "whole")
    assert bytes(pack.open_pack(tmp_path / "pack").read(np.array([0]))[0]).endswith(b"more")


def test_other_shards_begin_anew_and_leave_none_behind(
    source: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(4, source, tmp_path / "pack", monkeypatch)
    assert pack.write(source, tmp_path / "pack", progress=False).resumed_shards == 0
    assert [path.name for path in (tmp_path / "pack").glob("shard-*")] == ["shard-00000.bin"]
    assert pack.verify(tmp_path / "pack") == []


def test_a_second_writer_is_told_and_harms_nothing(
    source: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, tmp_path / "whole")
    inside, go, real = threading.Event(), threading.Event(), encoded._read

    def waiting(path: str) -> object:
        inside.set()
        assert go.wait(600)
        return real(path)

    monkeypatch.setattr(encoded, "_read", waiting)
    first = threading.Thread(target=write, args=(source, tmp_path / "pack"))
    first.start()
    try:
        assert inside.wait(600)
        with pytest.raises(DataError, match=r"another process \(.*\) is writing the pack .* right now; wait"):
            write(source, tmp_path / "pack")
    finally:
        go.set()
        first.join()
    assert tree(tmp_path / "pack") == tree(tmp_path / "whole")


def test_many_writers_at_once_leave_one_whole_pack(source: Split, tmp_path: Path) -> None:
    write(source, tmp_path / "whole")
    ends = race(lambda: write(source, tmp_path / "pack"))
    assert "written" in ends
    assert all(end == "written" or "right now" in end for end in ends)
    assert tree(tmp_path / "pack") == tree(tmp_path / "whole")


def test_the_lock_of_a_killed_writer_is_free_and_its_file_stays(tmp_path: Path) -> None:
    """Who removed the file would let two writers in: one that holds the removed file, one that makes a new one."""
    code = (
        "import sys; from pathlib import Path; from datasets.pack import writer\n"
        "with writer._alone(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "in\n"
        with pytest.raises(DataError, match=rf"another process \({other.pid} on "), writer._alone(tmp_path):
            pass
    finally:
        other.kill()
        other.communicate()
    lock = (tmp_path / file_format.LOCK).stat().st_ino
    with writer._alone(tmp_path):
        assert str(os.getpid()) in (tmp_path / file_format.WRITING).read_text()
        with pytest.raises(DataError, match="right now"), writer._alone(tmp_path):
            pass
    assert (tmp_path / file_format.LOCK).stat().st_ino == lock


Refuse = Callable[[int], None]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full .*it goes on behind the last finished shard"),
        (errno.EACCES, r"cannot be written \(Permission denied\)"),
    ],
)
def test_a_disk_that_refuses_is_one_sentence_and_leaves_nothing_half_written(
    source: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    write(source, tmp_path / "whole")
    close, count = writer._OpenShard.close, [0]

    def refusing(shard: writer._OpenShard) -> object:
        count[0] += 1
        if count[0] == 3:
            raise OSError(number, os.strerror(number))
        return close(shard)

    with monkeypatch.context() as patch:
        patch.setattr(writer._OpenShard, "close", refusing)
        with pytest.raises(DataError, match=words) as caught:
            write(source, tmp_path / "pack")
    assert "\n" not in str(caught.value)
    names = sorted(path.name for path in (tmp_path / "pack").iterdir())
    assert names == [
        "packing.json",
        file_format.LOCK,
        *(f"shard-0000{k}.{kind}" for k in (0, 1) for kind in ("bin", "json", "npy")),
    ]
    for shard in (0, 1):
        note = json.loads((tmp_path / "pack" / f"shard-0000{shard}.json").read_text())
        assert digest.sha256(tmp_path / "pack" / note["file"]) == note["sha256"]
    (tmp_path / "pack" / "shard-00001.json").write_text("[" * 100_000)  # is not believed
    assert write(source, tmp_path / "pack").resumed_shards == 1
    assert tree(tmp_path / "pack") == tree(tmp_path / "whole")
