"""Frames decoded when asked for, from files or from a pack: the pixels of the decoded store, bit for bit."""

import io
import pickle
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import datasets
from datasets import pack
from datasets.errors import DataError
from datasets.frames import on_demand
from datasets.frames import open as opening
from datasets.frames.concatenated import FramePair
from datasets.frames.decoded import FrameStore
from datasets.frames.on_demand import PackedFrames
from datasets.frames.open import open_frames
from datasets.frames.subset import FrameSelection
from datasets.images import decode
from datasets.tracklet import Split
from tests.datasets import mars_folder

SIZE = (16, 8)
LENGTHS = [2, 3, 2, 5, 1, 2]


@pytest.fixture(params=["files", "pack", "pack alone"])
def split(request: pytest.FixtureRequest, mars_root: Path, tmp_path: Path) -> Split:
    found = datasets.load("mars", mars_root, counts="any")
    if request.param == "files":
        return found
    alone = request.param == "pack alone"
    pack.write(found, tmp_path / "alone" if alone else mars_root / "pack", shard_bytes=2_000, progress=False)
    if not alone:
        return found
    shutil.rmtree(mars_root)
    return datasets.load("mars", tmp_path / "alone")


def stores(split: Split, size: tuple[int, int] = SIZE, crop: float = 1.0) -> tuple[FrameStore, PackedFrames]:
    options = {"fingerprint": split.fingerprint, "crop": crop}
    decoded = FrameStore.build(split.test, split.root, None, size, progress=False, **options)
    return decoded, PackedFrames.of(split.test, split.root, size, **options)


@pytest.mark.parametrize(("size", "crop"), [(SIZE, 1.0), ((24, 10), 1.0), ((32, 16), 1.125), (SIZE, 1.125)])
def test_the_same_pixels_however_they_are_asked_for(split: Split, size: tuple[int, int], crop: float) -> None:
    decoded, asked = stores(split, size, crop)
    wanted = decoded.flat()
    assert len(asked) == len(decoded)
    assert asked.lengths.tolist() == LENGTHS and asked.offsets.tolist() == decoded.offsets.tolist()
    assert (asked.size, asked.crop, asked.path) == (size, crop, None)
    flat = asked.flat()
    assert (len(flat), flat.shape, flat.dtype) == (15, wanted.shape, np.uint8)
    for index in (
        slice(None), slice(3, 9), slice(9, 3, -2), slice(0, 0), 4, np.int64(-1), [0, 14, 0, 3],
        np.array([[5, 5], [1, 7]]), np.arange(15) % 2 == 0, np.empty((0, 3), dtype=np.int64),
    ):  # fmt: skip
        np.testing.assert_array_equal(flat[index], wanted[index])
    np.testing.assert_array_equal(np.asarray(flat), wanted)
    rows = np.array([[14, 0, 0], [2, 2, 13]])
    np.testing.assert_array_equal(asked.gather(rows), decoded.gather(rows))
    np.testing.assert_array_equal(
        asked.clip(3, np.array([[4, 0], [4, 4]])), decoded.clip(3, np.array([[4, 0], [4, 4]]))
    )
    for wrong in (15, -16, [3, 99]):
        with pytest.raises(IndexError):
            flat[wrong]
    with pytest.raises(IndexError, match="5 frames"):
        asked.clip(3, np.array([5]))


@pytest.mark.parametrize("step", [1, 4, 15, 100])
@pytest.mark.parametrize("begin", [0, 4, 15])
def test_blocks_come_in_order_and_miss_nothing(split: Split, step: int, begin: int) -> None:
    for store in stores(split):
        blocks = list(store.blocks(step, begin))
        assert [len(block) for block in blocks[:-1]] == [step] * (len(blocks) - 1)
        assert len(blocks) == -(-(15 - begin) // step)
        joined = np.concatenate([*blocks, np.empty((0, *SIZE, 3), dtype=np.uint8)])
        np.testing.assert_array_equal(joined, np.asarray(store.flat())[begin:])


def test_the_next_block_is_decoded_while_the_last_is_looked_at(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame once, and never in the thread that asks."""
    _, asked = stores(split)
    real, seen, second = on_demand.decode_block, [], threading.Event()

    def noting(source: object, rows: np.ndarray, *rest: object) -> object:
        seen.append((threading.current_thread(), rows.tolist()))
        if len(seen) > 1:
            second.set()
        return real(source, rows, *rest)

    monkeypatch.setattr(on_demand, "decode_block", noting)
    blocks = asked.blocks(4)
    next(blocks)
    assert second.wait(600)  # nobody asked for it yet
    list(blocks)
    assert threading.current_thread() not in {thread for thread, _ in seen}
    assert sorted(row for _, rows in seen for row in rows) == list(range(15))


def test_a_frame_that_pads_a_clip_is_decoded_once(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    _, asked = stores(split)
    real, count = decode.decode_into, [0]

    def counting(*args: object) -> None:
        count[0] += 1
        real(*args)

    monkeypatch.setattr(decode, "decode_into", counting)
    assert asked.gather(np.array([[6, 5, 5, 5], [7, 8, 8, 8]])).shape == (2, 4, *SIZE, 3)
    assert count == [4]


def test_many_frames_are_decoded_by_several_threads_to_the_same(tmp_path: Path) -> None:
    root = mars_folder.write(tmp_path / "mars", train=[("0001", 1, 1, 150), ("0003", 1, 1, 131)])
    split = datasets.load("mars", root, counts="any")
    decoded = FrameStore.build(split.train, root, None, SIZE, fingerprint="x", progress=False)
    asked = PackedFrames.of(split.train, root, SIZE, fingerprint="x")
    rows = np.random.default_rng(0).permutation(281)[:200].reshape(10, 20)
    np.testing.assert_array_equal(asked.gather(rows), decoded.gather(rows))


def test_pairs_and_selections_are_made_of_them_too(split: Split) -> None:
    decoded, asked = stores(split)
    keep = np.arange(15) % 3 != 1
    one, other = FrameSelection(decoded, keep), FrameSelection(asked, keep)
    np.testing.assert_array_equal(one.flat(), other.flat())
    np.testing.assert_array_equal(one.clip(1, np.array([0, 1])), other.clip(1, np.array([0, 1])))
    rows = np.array([[29, 0], [15, 14]])
    np.testing.assert_array_equal(FramePair(asked, decoded).gather(rows), FramePair(decoded, decoded).gather(rows))


def test_a_worker_process_gets_no_pixels(split: Split) -> None:
    decoded, asked = stores(split)
    there = pickle.loads(pickle.dumps(asked))
    np.testing.assert_array_equal(there.flat()[:], decoded.flat())
    assert there.crop == asked.crop


def test_damaged_frames_are_counted_and_named(mars_root: Path) -> None:
    split = datasets.load("mars", mars_root, counts="any")
    cut, gone = (split.root / split.test[row].frames[frame] for row, frame in ((1, 2), (3, 0)))
    cut.write_bytes(cut.read_bytes()[:-40])
    gone.unlink()
    asked = PackedFrames.of(split.test, split.root, SIZE, fingerprint="x")
    asked.gather(np.array([0, 1]))
    for look in (lambda: asked.gather(np.arange(15)), lambda: list(asked.blocks(15))):
        with pytest.raises(DataError, match=r"^2 of 15 frames cannot be used: ") as caught:
            look()
        assert cut.name in str(caught.value) and gone.name in str(caught.value)
    with pytest.raises(DataError, match="no frame to decode"):
        PackedFrames.of([], split.root, SIZE, fingerprint="x")
    with pytest.raises(DataError, match="0x8"):
        PackedFrames.of(split.test, split.root, (0, 8), fingerprint="x")


def test_a_damaged_pack_gives_no_pixels(mars_root: Path) -> None:
    split = datasets.load("mars", mars_root, counts="any")
    pack.write(split, mars_root / "pack", progress=False)
    shard = mars_root / "pack" / "shard-00000.bin"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    for form in (
        lambda: FrameStore.build(split.test, split.root, None, SIZE, fingerprint=split.fingerprint, progress=False),
        lambda: PackedFrames.of(split.test, split.root, SIZE, fingerprint=split.fingerprint).flat()[:],
    ):
        with pytest.raises(DataError, match=r"1 of 15 frames cannot be used: .*its checksum differs.*pack the data"):
            form()


def test_the_limit_decides_the_form_and_what_is_decoded_already_is_used(
    split: Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = 15 * 16 * 8 * 3

    def opened(limit: int) -> FrameStore:
        return open_frames(
            split.test, split.root, tmp_path / "cache", SIZE, fingerprint=split.fingerprint, decoded_limit=limit,
            progress=False,
        )  # fmt: skip

    assert type(opened(needed - 1)) is PackedFrames
    told = capsys.readouterr().err
    assert "decoded when asked for" in told and "--decoded-limit" in told
    assert not (tmp_path / "cache").exists()
    decoded = opened(needed)
    assert type(decoded) is FrameStore
    assert decoded.path is not None and decoded.path.is_file()
    assert type(opened(0)) is FrameStore
    decoded.path.write_bytes(decoded.path.read_bytes()[:100])
    assert type(opened(0)) is PackedFrames
    assert opening.DECODED_LIMIT == 8e9


def test_pictures_of_other_formats_are_decoded_where_they_are_wanted() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    for kind in ("PNG", "BMP"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        out = np.zeros((*SIZE, 3), dtype=np.uint8)
        decode.decode_into(memoryview(buffer.getvalue()), out)
        np.testing.assert_array_equal(out, pixels)
    small = np.zeros((8, 4, 3), dtype=np.uint8)
    decode.decode_into(mars_folder.picture(4), small)
    np.testing.assert_array_equal(small, decode.resize(decode.decode(mars_folder.picture(4)), (8, 4)))
    for damaged in (mars_folder.picture(4)[:-30], b"", b"\xff\xd8\xff"):
        with pytest.raises((ValueError, OSError)):
            decode.decode_into(damaged, np.zeros((*SIZE, 3), dtype=np.uint8))
