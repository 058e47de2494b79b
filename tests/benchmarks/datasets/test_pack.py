"""From a JPEG to a normalised clip: through a pack, and the way that most published code goes.

Every row makes 16 clips of 32 frames, 256x128 pixels and about 9 kB each, one core and one thread, warm in the page
cache. What counts is CPU time for each frame, taken in turns with the peer in one run (`against_the_peer` is the
median of these ratios), so the number hardly depends on how busy the machine is.

    pytest tests/benchmarks/datasets/test_pack.py --benchmark-only

The bar: a clip through a pack costs at most a third of Pillow + resize + ToTensor + Normalize for each frame.
"""

import io
import json
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torchvision import transforms

from datasets import pack
from datasets.frames.decode_pool import decode_block
from datasets.frames.on_demand import PackedFrames
from datasets.images import jpeg
from datasets.images.encoded import FileBytes
from datasets.images.transforms import IMAGENET_MEAN, IMAGENET_STD, to_tensor
from datasets.seeding import generator
from datasets.tracklet import NumberedFrames, Split, Tracklet

CLIPS, LENGTH, SIZE = 16, 32, (256, 128)
FRAMES = CLIPS * LENGTH
ROUNDS = 5
BAR = 3.0


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """JPEGs with the size and byte count of MARS, and a pack beside them."""
    root = tmp_path_factory.mktemp("mars")
    rng = generator(0, "benchmark pictures")
    for number in range(1, FRAMES + 1):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = np.clip(pixels + rng.normal(0, 5, pixels.shape), 0, 255).astype(np.uint8)
        (root / f"F{number:03d}.jpg").write_bytes(jpeg.encode(noisy, 88, "420"))
    none = np.empty(0, dtype=np.int64)
    tracklets = (Tracklet("a", 1, 1, NumberedFrames("F", FRAMES)),)
    split = Split("mars", root, tracklets, (), none, none, "b" * 32, "1", False)
    pack.write(split, root / "pack", progress=False)
    return split


@pytest.fixture(scope="module")
def paths(split: Split) -> list[Path]:
    return [split.root / name for name in split.train[0].frames]


@pytest.fixture(scope="module")
def peer(paths: list[Path]) -> Callable[[], object]:
    """What torchreid and its relatives do for each frame, each time that it is used."""
    pipeline = transforms.Compose(
        [
            transforms.Resize(SIZE),
            transforms.ToTensor(),
            transforms.Normalize(list(IMAGENET_MEAN), list(IMAGENET_STD)),
        ]
    )

    def clips() -> None:
        for first in range(0, FRAMES, LENGTH):
            some = paths[first : first + LENGTH]
            torch.stack([pipeline(Image.open(path).convert("RGB")) for path in some])

    return clips


def cpu_seconds(action: Callable[[], object]) -> float:
    begun = time.process_time()
    action()
    return time.process_time() - begun


def against(benchmark: BenchmarkFixture, peer: Callable[[], object], action: Callable[[], object]) -> float:
    """How many times less CPU time a frame takes than in the peer; both stand in `extra_info`."""
    peer()
    action()
    pairs = [(cpu_seconds(peer), cpu_seconds(action)) for _ in range(ROUNDS)]
    benchmark.pedantic(action, rounds=ROUNDS)
    theirs, ours = (float(np.median(column)) for column in zip(*pairs, strict=True))
    ratio = float(np.median([one / other for one, other in pairs]))
    benchmark.extra_info["frames_per_s_per_core"] = round(FRAMES / ours)
    benchmark.extra_info["peer_frames_per_s_per_core"] = round(FRAMES / theirs)
    benchmark.extra_info["against_the_peer"] = round(ratio, 2)
    return ratio


def clips_of(frames: PackedFrames, *, channels_last: bool) -> Callable[[], object]:
    def clips() -> None:
        for first in range(0, FRAMES, LENGTH):
            rows = np.arange(first, first + LENGTH, dtype=np.int64)
            pixels, problems = decode_block(frames.source, rows, SIZE, 1.0)
            assert not problems
            to_tensor(pixels, channels_last=channels_last)

    return clips


@pytest.mark.benchmark(group="JPEG to normalised clip, CPU time")
@pytest.mark.parametrize("layout", ["channels last", "planes"])
def test_packed(benchmark: BenchmarkFixture, split: Split, peer: Callable[[], object], layout: str) -> None:
    frames = PackedFrames.of(split.train, split.root, SIZE, fingerprint=split.fingerprint)
    ratio = against(benchmark, peer, clips_of(frames, channels_last=layout == "channels last"))
    benchmark.extra_info["bar"] = BAR
    benchmark.extra_info["bar_met"] = ratio >= BAR


@pytest.mark.benchmark(group="JPEG to normalised clip, CPU time")
def test_from_files(benchmark: BenchmarkFixture, split: Split, peer: Callable[[], object]) -> None:
    frames = PackedFrames(np.array([FRAMES]), SIZE, FileBytes(split.train, split.root))
    against(benchmark, peer, clips_of(frames, channels_last=True))


@pytest.mark.benchmark(group="JPEG to normalised clip, CPU time")
def test_floor_bare_decoding(benchmark: BenchmarkFixture, paths: list[Path], peer: Callable[[], object]) -> None:
    contents = [path.read_bytes() for path in paths]
    out = np.empty((*SIZE, 3), dtype=np.uint8)
    against(benchmark, peer, lambda: [jpeg.decode_into(content, out) for content in contents])


def pillow(content: bytes) -> object:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def inexact(content: bytes) -> object:
    import simplejpeg

    return simplejpeg.decode_jpeg(content, fastdct=True, fastupsample=True)


def torchvision_io(content: bytes) -> object:
    from torchvision.io import decode_jpeg

    return decode_jpeg(torch.frombuffer(bytearray(content), dtype=torch.uint8))


@pytest.mark.benchmark(group="decoders, CPU time")
@pytest.mark.parametrize("decoder", [pillow, jpeg.decode, inexact, torchvision_io])
def test_decoders(
    benchmark: BenchmarkFixture, paths: list[Path], peer: Callable[[], object], decoder: Callable[[bytes], object]
) -> None:
    """How far each is from Pillow's pixels stands beside its speed."""
    contents = [path.read_bytes() for path in paths]
    against(benchmark, peer, lambda: [decoder(content) for content in contents])
    apart = 0
    for content in contents[:32]:
        pixels = np.asarray(decoder(content))
        pixels = pixels.transpose(1, 2, 0) if pixels.shape[0] == 3 else pixels
        apart = max(apart, int(np.abs(pixels.astype(int) - np.asarray(pillow(content)).astype(int)).max()))
    benchmark.extra_info["furthest_from_pillow"] = apart


@pytest.mark.benchmark(group="reading the bytes of 512 frames in random order")
class TestFormats:
    """Why a pack is plain arrays and raw bytes: what reading one frame costs in formats that others keep."""

    def measure(self, benchmark: BenchmarkFixture, read: Callable[[int], bytes], paths: list[Path]) -> None:
        order = generator(0, "order").permutation(FRAMES).tolist()
        assert read(7) == paths[7].read_bytes()
        benchmark.pedantic(lambda: [read(row) for row in order], rounds=20, warmup_rounds=2)
        if benchmark.stats is not None:
            benchmark.extra_info["us_per_frame"] = round(benchmark.stats.stats.median / FRAMES * 1e6, 1)

    def test_pack_one_at_a_time(self, benchmark: BenchmarkFixture, split: Split, paths: list[Path]) -> None:
        opened = pack.open_pack(split.root / "pack")
        self.measure(benchmark, lambda row: bytes(opened.read(np.array([row]))[0]), paths)

    def test_pack_in_blocks(self, benchmark: BenchmarkFixture, split: Split, paths: list[Path]) -> None:
        opened = pack.open_pack(split.root / "pack")
        order = np.sort(generator(0, "order").permutation(FRAMES)).reshape(-1, LENGTH)
        benchmark.pedantic(lambda: [opened.read(rows) for rows in order], rounds=20, warmup_rounds=2)
        if benchmark.stats is not None:
            benchmark.extra_info["us_per_frame"] = round(benchmark.stats.stats.median / FRAMES * 1e6, 1)

    def test_files(self, benchmark: BenchmarkFixture, paths: list[Path]) -> None:
        self.measure(benchmark, lambda row: paths[row].read_bytes(), paths)

    def test_zip(self, benchmark: BenchmarkFixture, paths: list[Path], tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "frames.zip", "w") as archive:
            for path in paths:
                archive.write(path, path.name)
        with zipfile.ZipFile(tmp_path / "frames.zip") as archive:
            self.measure(benchmark, lambda row: archive.read(paths[row].name), paths)

    def test_safetensors(self, benchmark: BenchmarkFixture, paths: list[Path], tmp_path: Path) -> None:
        from safetensors import safe_open
        from safetensors.numpy import save_file

        arrays = {path.name: np.frombuffer(path.read_bytes(), dtype=np.uint8) for path in paths}
        save_file(arrays, tmp_path / "frames.safetensors")
        with safe_open(tmp_path / "frames.safetensors", "np") as file:
            self.measure(benchmark, lambda row: file.get_tensor(paths[row].name).tobytes(), paths)

    def test_hdf5(self, benchmark: BenchmarkFixture, paths: list[Path], tmp_path: Path) -> None:
        with h5py.File(tmp_path / "frames.h5", "w") as file:
            for path in paths:
                file[path.name] = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        with h5py.File(tmp_path / "frames.h5") as file:
            self.measure(benchmark, lambda row: file[paths[row].name][()].tobytes(), paths)


@pytest.mark.benchmark(group="opening the index of a million frames")
class TestOpening:
    """What a process pays before its first frame, at the size of MARS."""

    FRAMES, TRACKLETS = 1_191_003, 20_478

    def test_pack(self, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
        folder = self.grown(tmp_path)

        def first_frame() -> None:
            opened = pack.open_pack(folder)
            assert len(opened.split().test) + len(opened.split().train) == self.TRACKLETS
            opened.read(np.array([self.FRAMES - 1]))

        benchmark.pedantic(first_frame, rounds=3)

    def test_json_header_of_as_many_names(self, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
        """What safetensors begins with: one JSON object with a name, a type, a shape and two offsets for each."""
        header = {f"bbox_test/0001/{n:07d}.jpg": [n * 9_000, (n + 1) * 9_000] for n in range(self.FRAMES)}
        (tmp_path / "header.json").write_text(json.dumps(header))
        del header
        benchmark.pedantic(lambda: json.loads((tmp_path / "header.json").read_bytes()), rounds=1)

    def grown(self, tmp_path: Path) -> Path:
        """A pack of that many frames of one byte: one file many times, so that none has to be written for each."""
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "x").write_bytes(b"x")
        each = np.full(self.TRACKLETS, self.FRAMES // self.TRACKLETS)
        each[: self.FRAMES - int(each.sum())] += 1
        tracklets = tuple(Tracklet(f"{k:05d}", k, 1, ("x",) * int(n)) for k, n in enumerate(each))
        none = np.empty(0, dtype=np.int64)
        half = len(tracklets) // 2
        split = Split("own", tmp_path / "data", tracklets[:half], tracklets[half:], none, none, "c" * 32, "1", False)
        pack.write(split, tmp_path / "pack", progress=False)
        shutil.rmtree(tmp_path / "data")
        return tmp_path / "pack"
