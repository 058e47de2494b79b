"""Packs whose bytes were spoilt at random: one sentence, or what was packed; never anything else."""

import json
import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import pack
from datasets.errors import DataError
from datasets.pack import file_format
from datasets.pack.read import bytes_of
from datasets.tracklet import Split
from runners.data import main
from tests.datasets import mars_folder

CASES = int(os.environ.get("FUZZ_CASES", "60"))
SEED = int(os.environ.get("FUZZ_SEED", "14"))
Spoil = Callable[[Path, random.Random], None]


def flip(folder: Path, draw: random.Random) -> None:
    path, content = one_of(folder, draw)
    for _ in range(draw.choice((1, 1, 1, 4, 40))):
        if content:
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def insert(folder: Path, draw: random.Random) -> None:
    path, content = one_of(folder, draw)
    at = draw.randrange(len(content) + 1)
    content[at:at] = draw.randbytes(draw.choice((1, 2, 8, 300)))
    path.write_bytes(content)


def delete(folder: Path, draw: random.Random) -> None:
    path, content = one_of(folder, draw)
    at = draw.randrange(len(content) + 1)
    del content[at : at + draw.choice((1, 2, 8, 300))]
    path.write_bytes(content)


def truncate(folder: Path, draw: random.Random) -> None:
    path, content = one_of(folder, draw)
    path.write_bytes(content[: draw.randrange(len(content) + 1)])


def swap(folder: Path, draw: random.Random) -> None:
    one, other = draw.sample(sorted(folder.iterdir()), 2)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def remove(folder: Path, draw: random.Random) -> None:
    draw.choice(sorted(folder.iterdir())).unlink()


def tell_otherwise(folder: Path, draw: random.Random) -> None:
    """A number or word of `pack.json` becomes another one, and it stays JSON."""
    path = folder / "pack.json"
    words = path.read_text().split("\n")
    at = draw.choice([place for place, line in enumerate(words) if ": " in line])
    name, _, value = words[at].partition(": ")
    comma = "," if value.endswith(",") else ""
    words[at] = f"{name}: {draw.choice(VALUES)}{comma}" if value.rstrip(",") not in "[{" else words[at]
    path.write_text("\n".join(words))


VALUES = ("0", "1", "-1", "7", "2.5", "1e400", "null", "true", '""', '"x"', "[]", "{}", "9" * 30, "[[1]]", '"../../x"')
KINDS: tuple[Spoil, ...] = (flip, flip, flip, insert, delete, truncate, swap, remove, tell_otherwise, tell_otherwise)


def one_of(folder: Path, draw: random.Random) -> tuple[Path, bytearray]:
    """Small files are as interesting as large ones, and `pack.json` more than others."""
    path = draw.choice([*sorted(folder.iterdir()), folder / "pack.json"])
    return path, bytearray(path.read_bytes())


def every(split: Split) -> list[object]:
    told = [(t.key, t.person_id, t.camera_id, tuple(t.frames)) for t in (*split.train, *split.test)]
    return [split.fingerprint, split.query_index.tolist(), split.gallery_index.tolist(), len(split.train), told]


def spoil(sound: Path, folder: Path, draw: random.Random) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    kind = draw.choice(KINDS)
    kind(folder, draw)


def same_files(one: Path, other: Path) -> bool:
    """Whether two packs say the same; spaces between the words of `pack.json` say nothing."""
    held: list[dict[str, object]] = []
    for folder in (one, other):
        held.append({path.name: path.read_bytes() for path in folder.iterdir()})
        with suppress(OSError, ValueError, RecursionError):
            told = json.loads((folder / "pack.json").read_text())
            held[-1]["pack.json"] = json.dumps(told, sort_keys=True)  # in Python 1 equals true
    return held[0] == held[1]


class Checked:
    """A sound pack, and what must come of a spoilt copy in its place or beside the images."""

    def __init__(self, root: Path, tmp_path: Path) -> None:
        self.split = datasets.load("mars", root, counts="any")
        self.sound, self.alone, self.beside = tmp_path / "sound", tmp_path / "alone", root / "pack"
        pack.write(self.split, self.sound, shard_bytes=2_000, progress=False)
        (self.sound / file_format.LOCK).unlink(missing_ok=True)  # nobody reads what it holds
        tracklets = (*self.split.train, *self.split.test)
        self.bytes = [(root / name).read_bytes() for t in tracklets for name in t.frames]

    def alone_in_its_place(self, draw: random.Random, capsys: pytest.CaptureFixture[str]) -> None:
        spoil(self.sound, self.alone, draw)
        same = same_files(self.sound, self.alone)
        try:
            found = datasets.load("mars", self.alone, counts="any")
            assert every(found) == every(self.split)
            source = bytes_of((*found.train, *found.test), found.root)
            read = source.read(np.arange(len(source)))
            for row, content in enumerate(read):
                assert isinstance(content, DataError) or bytes(content) == self.bytes[row]
        except DataError as error:
            assert not same
            assert "\n" not in str(error)
        wanted = (0,) if same else (1, 2)
        named = ["--dataset", "mars", "--counts", "any"]
        assert main(["verify", str(self.alone), *named, "--frame-size", "16x8"]) in wanted
        assert main(["stats", str(self.alone), *named]) in (0, 2)
        again = ["pack", str(self.alone), *named, "--out", str(self.alone / "again")]
        assert main(again) in (0, 1, 2)
        capsys.readouterr()

    def beside_the_images(self, draw: random.Random, capsys: pytest.CaptureFixture[str]) -> None:
        spoil(self.sound, self.beside, draw)
        same = same_files(self.sound, self.beside)
        found = datasets.load("mars", self.split.root, counts="any")
        assert every(found) == every(self.split)
        capsys.readouterr()
        source = bytes_of((*found.train, *found.test), found.root, found.fingerprint)
        used = hasattr(source, "pack")
        for row, content in enumerate(source.read(np.arange(len(source)))):
            assert bytes(content) == self.bytes[row] if not isinstance(content, DataError) else used
        told = capsys.readouterr().err
        there = pack.is_pack(self.beside)
        assert used or not there or "the image files are read" in told
        code = main(["verify", str(self.split.root), "--dataset", "mars", "--counts", "any", "--frame-size", "16x8"])
        assert code == (0 if same or not (self.beside / "pack.json").is_file() else 1)
        packing = ["pack", str(self.split.root), "--dataset", "mars", "--counts", "any"]
        assert main(packing) in (0, 2)
        capsys.readouterr()


def test_a_spoilt_pack_gives_one_sentence_or_what_was_packed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked, draw = Checked(mars_folder.write(tmp_path / "mars"), tmp_path), random.Random(SEED)
    for case in range(CASES):
        (checked.alone_in_its_place if case % 2 else checked.beside_the_images)(draw, capsys)
