"""A data set's fingerprint covers what its frames hold, and what is made of them goes stale when they change."""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import datasets
from datasets import pack, repaired, synthwalk
from datasets.attributes.rap import load_source
from datasets.errors import DataError
from datasets.files import content_digest, content_digest_cache
from datasets.frames.decoded import FrameStore
from datasets.frames.open import open_frames
from datasets.pack.read import PackedBytes, bytes_of
from datasets.repaired import write
from datasets.synthwalk import presets
from datasets.tracklet import Split, Tracklet
from files import digest
from tests.datasets.attributes import rap_folder

FORMATS = ("bmp", "ppm", "tif", "png", "jpg")
SIZE = (16, 8)
OLD = 1_600_000_000  # seconds: long before anything here is written


def image(suffix: str, shade: int) -> bytes:
    """A grey image whose file has the same size for each shade."""
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
    options = {"compress_level": 0} if suffix == "png" else {}
    file = io.BytesIO()
    Image.new("RGB", (8, 16), (shade, shade, shade)).save(file, kind, **options)
    return file.getvalue().ljust(2_000, b"\0") if suffix == "jpg" else file.getvalue()


def own(root: Path, suffix: str = "bmp") -> Path:
    """Two people under two cameras, two frames each."""
    for number, place in enumerate(f"test/{person}/{camera}/1" for person in (1, 2) for camera in (1, 2)):
        (root / place).mkdir(parents=True)
        for frame in (1, 2):
            (root / place / f"{frame:04d}.{suffix}").write_bytes(image(suffix, 40 * number + frame))
    return root


def changed(path: Path, shade: int = 250) -> None:
    """Other pixels in a file of the same size, whose modification time is set back."""
    before = path.stat()
    path.write_bytes(image(path.suffix[1:], shade))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all files had been written long ago: then what was found is remembered."""
    monkeypatch.setattr(content_digest_cache, "SETTLED", -10_000_000_000)


def decoded(split: Split, cache: Path) -> np.ndarray:
    store = open_frames(split.test, split.root, cache, SIZE, fingerprint=split.fingerprint, progress=False)
    return np.array(store.flat())


@pytest.mark.parametrize("remembered", [False, True])
@pytest.mark.parametrize("suffix", FORMATS)
def test_other_pixels_of_equal_size_are_another_data_set(
    suffix: str, remembered: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if remembered:
        settled(monkeypatch)
    root = own(tmp_path / "data", suffix)
    before = datasets.load("own", root)
    pixels = decoded(before, tmp_path / "cache")
    assert pixels[0].max() < 10
    changed(root / before.test[0].frames[0])
    after = datasets.load("own", root)
    assert after.fingerprint != before.fingerprint
    assert decoded(after, tmp_path / "cache")[0].min() > 240
    np.testing.assert_array_equal(decoded(after, tmp_path / "cache")[1:], pixels[1:])


def test_a_copy_is_the_same_data_set_whenever_it_was_made(tmp_path: Path) -> None:
    split = datasets.load("own", own(tmp_path / "data"))
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    for file in (tmp_path / "copy").rglob("*.bmp"):
        os.utime(file, (OLD, OLD))
    assert datasets.load("own", tmp_path / "copy").fingerprint == split.fingerprint
    pack.write(split, tmp_path / "pack", progress=False)
    assert datasets.load("own", tmp_path / "pack").fingerprint == split.fingerprint


def test_frames_that_changed_places_are_another_data_set(tmp_path: Path) -> None:
    split = datasets.load("own", own(tmp_path / "data"))
    one, other = (tmp_path / "data" / split.test[place].frames[0] for place in (0, 3))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert datasets.load("own", tmp_path / "data").fingerprint != split.fingerprint


def test_frames_that_are_remembered_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(monkeypatch)
    root = own(tmp_path / "data")
    read: list[str] = []
    whole = content_digest._pieces

    def pieces(path: str) -> Iterator[bytes]:
        read.append(path)
        return whole(path)

    monkeypatch.setattr(content_digest, "_pieces", pieces)
    first = datasets.load("own", root)
    assert len(read) == 8
    read.clear()
    assert datasets.load("own", root).fingerprint == first.fingerprint
    assert read == []
    (root / first.test[2].frames[1]).touch()  # the same bytes at another time: the tracklet is read, nothing changes
    assert datasets.load("own", root).fingerprint == first.fingerprint
    assert sorted(read) == [f"{root}/{name}" for name in first.test[2].frames]
    read.clear()
    assert datasets.load("own", root, content="read").fingerprint == first.fingerprint
    assert len(read) == 8
    read.clear()
    assert datasets.load("own", root, content="no").fingerprint != first.fingerprint
    assert read == []


def test_files_that_were_written_a_moment_ago_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one tick of a clock a second change need not show in a file's times."""
    told = [(10, 5_000_000_000, 1_000_000_000), (10, 1_000_000_000, 6_000_000_000)]
    assert content_digest_cache.is_settled(told, 8_000_000_001)
    assert not content_digest_cache.is_settled(told, 8_000_000_000)
    monkeypatch.setattr(content_digest_cache, "SETTLED", 3_600_000_000_000)
    root = own(tmp_path / "data")
    split = datasets.load("own", root)
    assert content_digest_cache.load(root).rows == {}
    changed(root / split.test[0].frames[0])
    assert datasets.load("own", root).fingerprint != split.fingerprint


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-40] ^ 1])),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_damaged_memory_is_none(
    spoil: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    monkeypatch.setenv(content_digest_cache.PLACE, str(tmp_path / "cache"))
    root = own(tmp_path / "data")
    wanted = datasets.load("own", root).fingerprint
    (file,) = (tmp_path / "cache" / "contents").iterdir()
    spoil(file)
    assert content_digest_cache.load(root).rows == {}
    assert datasets.load("own", root).fingerprint == wanted


def test_without_a_place_to_remember_in_the_frames_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(monkeypatch)
    root = own(tmp_path / "data")
    wanted = datasets.load("own", root).fingerprint
    (tmp_path / "file").touch()
    monkeypatch.setenv(content_digest_cache.PLACE, str(tmp_path / "file"))
    assert datasets.load("own", root).fingerprint == wanted


def test_a_pack_beside_changed_images_is_told_and_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = own(tmp_path / "data")
    split = datasets.load("own", root)
    pack.write(split, root / "pack", progress=False)
    assert isinstance(bytes_of(split.test, root, datasets.load("own", root).fingerprint), PackedBytes)
    assert capsys.readouterr().err == ""
    changed(root / split.test[3].frames[1])
    after = datasets.load("own", root)
    source = bytes_of(after.test, root, after.fingerprint)
    assert bytes(source.read(np.array([7]))[0]) == image("bmp", 250)  # type: ignore[arg-type]
    assert "the image files are read" in capsys.readouterr().err
    (problem,) = pack.differences(root / "pack", [after])
    assert (problem.kind, problem.file) == ("pack", "test/2/2/1/0002.bmp")
    assert "other bytes than in the pack" in problem.found
    with pytest.raises(DataError, match=r"holds a pack of other data .* remove it"):
        pack.write(after, root / "pack", progress=False)


def test_frames_that_change_while_they_are_packed_or_decoded_are_refused(tmp_path: Path) -> None:
    root = own(tmp_path / "data")
    split = datasets.load("own", root)
    changed(root / split.test[3].frames[1])
    with pytest.raises(DataError, match="frames were changed while they were packed; run the same command again"):
        pack.write(split, root / "pack", progress=False)
    assert not list((root / "pack").glob("shard-*")) and not pack.is_pack(root / "pack")
    for cache in (tmp_path / "cache", None):
        with pytest.raises(DataError, match="frames were changed after the data set was loaded; start the same"):
            FrameStore.build(split.test, root, cache, SIZE, fingerprint=split.fingerprint, progress=False)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["locks"]
    after = datasets.load("own", root)
    pack.write(after, root / "pack", progress=False)
    assert pack.open_pack(root / "pack").fingerprints == (after.fingerprint,)


def test_a_pack_of_the_first_format_is_the_same_data_set(tmp_path: Path) -> None:
    """Its fingerprint was one of names and sizes; what its frames hold is in its index."""
    root = own(tmp_path / "data")
    split, named = datasets.load("own", root), datasets.load("own", root, content="no")
    pack.write(replace(split, fingerprint=named.fingerprint, content=""), root / "pack", progress=False)
    told = json.loads((root / "pack" / "pack.json").read_text())
    del told["sha256"]
    (root / "pack" / "pack.json").write_text(json.dumps({**told, "format": 1}))
    assert named.fingerprint != split.fingerprint
    assert datasets.load("own", root / "pack").fingerprint == split.fingerprint
    assert pack.beside(split) is not None
    changed(root / split.test[0].frames[0])
    assert pack.beside(datasets.load("own", root)) is None


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = presets.preset("tiny", height=32, width=16, train_ids=2, test_ids=3, distractors=1, junk=1)
    return synthwalk.render(world, tmp_path_factory.mktemp("walk") / "set", workers=2, progress=False)


@pytest.mark.parametrize("victim", ["bbox_test/**/*.jpg", "truth/tracklets/**/*.npz"])
def test_a_rendered_set_holds_what_its_manifest_tells(walk: Path, victim: str, tmp_path: Path) -> None:
    root = shutil.copytree(walk, tmp_path / "set")
    before = datasets.load("synthwalk", root)
    assert before.fingerprint == json.loads((root / "truth" / "manifest.json").read_text())["fingerprint"]
    one, other, *_ = sorted(root.glob(victim))
    shutil.copyfile(other, one)
    with pytest.raises(DataError, match=r"content unlike its manifest is 1, expected 0.*manifest\.json tells of other"):
        datasets.load("synthwalk", root)
    freely = datasets.load("synthwalk", root, counts="any")
    assert freely.fingerprint != before.fingerprint


@pytest.mark.parametrize("victim", ["bbox_test/**/*.jpg", "changes/**/*.npz"])
def test_a_repaired_set_holds_what_its_manifest_tells(mars_root: Path, victim: str, tmp_path: Path) -> None:
    source = datasets.load("mars", mars_root, counts="any")
    call = repaired.make("none", source)
    nothing = np.zeros((0,), dtype=bool)
    root = write.write(
        source, call, lambda t, h, w: np.resize(nothing, (len(t), h, w)) & False, tmp_path / "set", calls={}
    )
    assert datasets.load("mars", root).fingerprint == write.fingerprint_of(source.fingerprint, "none", {}, {})
    one, other, *_ = sorted(root.glob(victim))
    shutil.copyfile(other, one)
    with pytest.raises(DataError, match=r"content unlike its manifest is 1.*repaired\.json tells of other frames"):
        datasets.load("mars", root)


def test_images_of_rap_that_changed_are_another_source(tmp_path: Path) -> None:
    root = rap_folder.write(tmp_path / "rap")
    before, _ = load_source(root)
    path = root / before.train[0].frames[0]
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert load_source(root)[0].fingerprint != before.fingerprint


@pytest.mark.parametrize("file", ["tracklets.npy", "names.npy", "keys.npy", "prefixes.npy", "division-0.npy"])
def test_a_flipped_bit_in_the_index_is_told_wherever_the_pack_is_used(
    file: str, mars_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = datasets.load("mars", mars_root, counts="any")
    pack.write(split, mars_root / "pack", progress=False)
    path = mars_root / "pack" / file
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    shutil.copytree(mars_root / "pack", tmp_path / "alone")
    with pytest.raises(DataError, match=rf"{file} differs from its checksum in pack\.json; .*pack the data again"):
        datasets.load("mars", tmp_path / "alone")
    source = bytes_of(split.test, mars_root, split.fingerprint)
    assert not isinstance(source, PackedBytes)
    assert f"{file} differs from its checksum" in capsys.readouterr().err


def test_an_index_that_points_nowhere_is_told(mars_root: Path, tmp_path: Path) -> None:
    """Its checksums are right: whoever wrote it was wrong."""
    split = datasets.load("mars", mars_root, counts="any")
    pack.write(split, tmp_path / "sound", shard_bytes=2_000, progress=False)
    sound = pack.open_pack(tmp_path / "sound")
    cases = {
        "frames.npy": (("shard", 99), ("shard", 2**32 - 1), ("offset", 2**63), ("size", 2**32 - 1), ("offset", 1_999)),
        "tracklets.npy": (("start", 99), ("start", -1)),
    }
    for file, changes in cases.items():
        for field, value in changes:
            shutil.rmtree(tmp_path / "spoilt", ignore_errors=True)
            shutil.copytree(tmp_path / "sound", tmp_path / "spoilt")
            table = np.load(tmp_path / "sound" / file)
            table[field][3] = value
            np.save(tmp_path / "spoilt" / file, table)
            sums = sound.contents.index | {file: digest.sha256(tmp_path / "spoilt" / file)}
            (tmp_path / "spoilt" / "pack.json").write_bytes(replace(sound.contents, index=sums).as_json())
            with pytest.raises(DataError, match=rf"{file} points outside of the"):
                pack.open_pack(tmp_path / "spoilt")


def test_what_a_tracklet_holds_is_the_same_on_every_machine(tmp_path: Path) -> None:
    """Worked: sizes 3 and 0, then the CRC-32 of b"abc" (0x352441C2) and of nothing (0), as eight bytes each."""
    told = b"".join(value.to_bytes(8, "little") for value in (3, 0, 0x352441C2, 0))
    wanted = hashlib.blake2b(told, digest_size=16).digest()
    for name, content in (("one", b"abc"), ("two", b"")):
        (tmp_path / name).write_bytes(content)
    assert content_digest.digests([Tracklet("k", 1, 1, ("one", "two"))], tmp_path) == [wanted]
    assert content_digest.digests([Tracklet("k", 1, 1, ("one", "three"))], tmp_path) != [wanted]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_place_of_a_frame_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    odd = ("pipe", "folder", "nothing", "a\0b", "\ud800")
    held = [content_digest.digests([Tracklet("k", 1, 1, (name,))], tmp_path) for name in odd]
    assert held == [[content_digest.of_frames(np.array([-1]), np.array([0]))]] * len(odd)
