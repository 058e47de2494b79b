"""Packs: what is written is what is read, and what is damaged is told."""

import os
import pickle
import shutil
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import pack
from datasets.checks import Problem
from datasets.errors import DataError
from datasets.files.paths import ListedFrames, names_array
from datasets.pack import file_format, writer
from datasets.pack.file_format import PackReport
from datasets.pack.read import Pack
from datasets.repaired import write as repaired
from datasets.repaired.baselines import TemporalMedian
from datasets.tracklet import Split, Tracklet
from tests.datasets import mars_folder
from tests.datasets.images.test_open import REFUSED

SHARD = 2_000  # bytes: a few frames of the small set


@pytest.fixture
def split(mars_root: Path) -> Split:
    return datasets.load("mars", mars_root, counts="any")


def write(split: Split, folder: Path, shard_bytes: int = SHARD) -> PackReport:
    return pack.write(split, folder, shard_bytes=shard_bytes, progress=False)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def every(split: Split) -> list[tuple[object, ...]]:
    return [(t.key, t.person_id, t.camera_id, tuple(t.frames)) for t in (*split.train, *split.test)]


def files(split: Split) -> list[bytes]:
    return [(split.root / name).read_bytes() for t in (*split.train, *split.test) for name in t.frames]


def test_a_pack_gives_back_the_split_and_every_byte(split: Split, tmp_path: Path) -> None:
    report = write(split, tmp_path / "pack")
    opened = pack.open_pack(tmp_path / "pack")
    contents = files(split)
    assert (report.frames, report.bytes, report.resumed_shards) == (24, sum(map(len, contents)), 0)
    assert len(opened.contents.shards) == report.shards > 2
    again = opened.split()
    assert every(again) == every(split)
    assert again.counts() == split.counts()
    for name in ("query_index", "gallery_index", "train_labels"):
        np.testing.assert_array_equal(getattr(again, name), getattr(split, name))
    for name in ("name", "version", "fingerprint", "synthetic", "number", "divisions"):
        assert getattr(again, name) == getattr(split, name)
    assert [bytes(each) for each in opened.read(np.arange(24))] == contents
    order = np.array([23, 0, 0, 7, 6, 8])
    assert [bytes(each) for each in opened.read(order)] == [contents[row] for row in order]
    assert [opened.name(row) for row in (0, 9, 23)] == [
        "bbox_train/0001/0001C1T0001F001.jpg",
        "bbox_test/00-1/00-1C1T0001F001.jpg",
        "bbox_test/0004/0004C3T0002F002.jpg",
    ]


def test_the_files_hold_what_the_docstring_says(split: Split, tmp_path: Path) -> None:
    """Read with NumPy alone, as somebody without this suite would."""
    write(split, tmp_path / "pack")
    frames = np.load(tmp_path / "pack" / "frames.npy")
    tracklets = np.load(tmp_path / "pack" / "tracklets.npy")
    assert tracklets["start"].tolist() == [0, 3, 5, 9, 11, 14, 16, 21, 22]
    assert tracklets["person"].tolist() == [1, 1, 3, -1, 0, 2, 2, 4, 4]
    assert tracklets["camera"].tolist() == [1, 2, 1, 1, 2, 1, 2, 1, 3]
    shards = [path.read_bytes() for path in sorted((tmp_path / "pack").glob("shard-*.bin"))]
    for row, wanted in zip(frames, files(split), strict=True):
        found = shards[row["shard"]][row["offset"] : row["offset"] + row["size"]]
        assert found == wanted
        assert zlib.crc32(found) == row["crc32"]
    assert all(len(shard) <= SHARD for shard in shards)
    assert sum(map(len, shards)) == sum(map(len, files(split)))  # nothing between the frames
    rows = np.load(tmp_path / "pack" / "division-0.npy")
    assert rows.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 2, 3, 5, 0, 1, 2, 3, 4, 5]


def test_a_data_set_is_read_from_its_pack_alone(split: Split, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    write(split, folder)
    wanted = every(split)
    shutil.rmtree(split.root)
    examined = datasets.examine("mars", folder)
    assert not examined.failed
    assert every(examined.require()) == wanted
    assert {check.what: check.found for check in examined.checks}["train_frames"] == 9
    with pytest.raises(DataError, match="a pack of mars, not of duke: read it as 'mars'"):
        datasets.load("duke", folder)
    with pytest.raises(DataError, match="not with official counts"):
        datasets.load("mars", folder, counts="official")


def test_a_repaired_set_is_not_made_of_a_pack(split: Split, tmp_path: Path) -> None:
    write(split, tmp_path / "pack")
    packed = datasets.load("mars", tmp_path / "pack")
    with pytest.raises(DataError, match=r"pack is a pack, but .*: read the folder that was packed"):
        repaired.write(packed, TemporalMedian(), lambda *_: np.zeros(1, dtype=bool), tmp_path / "set", calls={})
    assert not (tmp_path / "set").exists()


def test_a_frame_larger_than_a_shard_has_one_of_its_own(split: Split, tmp_path: Path) -> None:
    assert write(split, tmp_path / "pack", 1).shards == 24
    opened = pack.open_pack(tmp_path / "pack")
    assert [bytes(each) for each in opened.read(np.arange(24))] == files(split)
    assert write(split, tmp_path / "one", 10**9).shards == 1


def test_a_second_call_writes_nothing(split: Split, tmp_path: Path) -> None:
    first = write(split, tmp_path / "pack")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "pack").iterdir()}
    again = write(split, tmp_path / "pack")
    assert again.resumed_shards == again.shards == first.shards
    assert (again.frames, again.bytes) == (first.frames, first.bytes)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "pack").iterdir()} == before


def test_divisions_share_their_frames(split: Split, tmp_path: Path) -> None:
    """Ten divisions of iLIDS-VID are not ten copies of it."""
    halves = (split.test, split.train)
    turned = Split(
        split.name, split.root, *halves, np.array([1]), np.array([0, 1]), "f" * 32, split.version, False, 3, 10
    )
    first = pack.write(split, tmp_path / "one", shard_bytes=SHARD, progress=False)
    both = pack.write([split, turned], tmp_path / "both", shard_bytes=SHARD, progress=False)
    assert (both.frames, both.bytes) == (first.frames, first.bytes)
    opened = pack.open_pack(tmp_path / "both")
    assert opened.fingerprints == (split.fingerprint, "f" * 32)
    assert every(opened.split(0)) == every(split)
    assert every(opened.split(3)) == every(turned)
    assert opened.split(3).query[0].key == turned.query[0].key
    assert (opened.split(3).number, opened.split(3).divisions) == (3, 10)
    with pytest.raises(DataError, match="holds divisions 0, 3, not division 1"):
        opened.split(1)
    with pytest.raises(DataError, match="twice"):
        pack.write([split, split], tmp_path / "twice")


@pytest.mark.parametrize(
    ("packed", "asked"), [("synthwalk-ilids", "ilids-csa"), ("synthwalk-duke", "mars"), ("duke", "own")]
)
def test_a_pack_is_not_read_as_another_data_set(split: Split, tmp_path: Path, packed: str, asked: str) -> None:
    write(replace(split, name=packed), tmp_path / "pack")
    rightly = packed.removeprefix("synthwalk-")
    assert len(datasets.load(rightly, tmp_path / "pack").test) == len(split.test)
    with pytest.raises(DataError, match=f"pack of {packed}, not of {asked}: read it as '{rightly}'"):
        datasets.load(asked, tmp_path / "pack")


def test_names_that_cannot_be_counted_up_come_back(tmp_path: Path) -> None:
    names = ["Ä_C1_F0001.jpg", "Ä_C1_F0107.jpg", os.fsdecode(b"\xff\xfe.jpg")]
    (tmp_path / "data" / "a b").mkdir(parents=True)
    for number, name in enumerate(names):
        (tmp_path / "data" / "a b" / name).write_bytes(mars_folder.picture(number))
    (tmp_path / "data" / "alone.jpg").write_bytes(mars_folder.picture(9))
    tracklets = (
        Tracklet("ключ", 1, 7, ListedFrames("a b/", names_array(names))),
        Tracklet("alone", 2, 7, ("alone.jpg",)),
        Tracklet("nothing", 2, 8, ()),
    )
    none = np.empty(0, dtype=np.int64)
    split = Split("own", tmp_path / "data", tracklets, (), none, none, "a" * 32, "1", False)
    write(split, tmp_path / "pack")
    opened = pack.open_pack(tmp_path / "pack")
    assert every(opened.split()) == every(split)
    assert [bytes(each) for each in opened.read(np.arange(4))] == files(split)


def test_the_pack_beside_the_data_is_used_while_it_is_fresh(split: Split, capsys: pytest.CaptureFixture[str]) -> None:
    assert pack.beside(split) is None
    write(split, split.root / "pack")
    found = pack.beside(datasets.load("mars", split.root, counts="any"))
    assert found is not None and found.folder == split.root / "pack"
    assert capsys.readouterr().err == ""
    (split.root / split.train[0].frames[0]).write_bytes(mars_folder.picture(99) + b" ")
    changed = datasets.load("mars", split.root, counts="any")
    assert pack.beside(changed) is None
    told = capsys.readouterr().err
    assert f"fingerprint {split.fingerprint}, expected {changed.fingerprint}" in told
    assert "remove it and pack again" in told
    assert told.count("\n") == 1


def test_a_file_of_that_name_which_is_something_else_does_not_matter(split: Split) -> None:
    (split.root / "pack.json").write_text('{"colour": "blue"}')
    assert every(datasets.load("mars", split.root, counts="any")) == every(split)
    assert pack.beside(split) is None


def test_a_pack_that_is_not_finished_is_not_read(split: Split, tmp_path: Path) -> None:
    write(split, tmp_path / "pack")
    (tmp_path / "pack" / "pack.json").unlink()
    with pytest.raises(DataError, match=r"so .* holds no pack"):
        pack.open_pack(tmp_path / "pack")
    (tmp_path / "pack" / "packing.json").touch()
    with pytest.raises(DataError, match="unfinished pack; run the same"):
        pack.open_pack(tmp_path / "pack")
    assert pack.beside(split) is None


Fault = Callable[[Path], object]


def flip(path: Path, at: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def test_a_sound_pack_has_no_problem(split: Split, tmp_path: Path) -> None:
    write(split, tmp_path / "pack")
    assert pack.verify(tmp_path / "pack") == []


@pytest.mark.parametrize(
    ("fault", "kind", "file"),
    [
        (lambda p: flip(p / "shard-00001.bin", 0), "damaged", "bbox_train/"),
        (lambda p: cut(p / "shard-00001.bin"), "truncated", "shard-00001.bin"),
        (lambda p: (p / "shard-00001.bin").unlink(), "missing", "shard-00001.bin"),
        (lambda p: flip(p / "frames.npy"), "damaged", "frames.npy"),
        (lambda p: flip(p / "names.npy"), "damaged", "names.npy"),
        (lambda p: flip(p / "division-0.npy"), "damaged", "division-0.npy"),
        (lambda p: (p / "keys.npy").unlink(), "damaged", "keys.npy"),
    ],
)
def test_one_wrong_byte_anywhere_is_found(split: Split, tmp_path: Path, fault: Fault, kind: str, file: str) -> None:
    write(split, tmp_path / "pack")
    fault(tmp_path / "pack")
    (problem,) = pack.verify(tmp_path / "pack")
    assert (problem.kind, problem.file.startswith(file)) == (kind, True)
    assert "write it again" in problem.remedy


def test_the_damaged_frame_itself_is_named(split: Split, tmp_path: Path) -> None:
    write(split, tmp_path / "pack")
    opened = pack.open_pack(tmp_path / "pack")
    for row in (1, 11, 12):
        where = opened.frames[row]
        flip(tmp_path / "pack" / f"shard-{where['shard']:05d}.bin", int(where["offset"]) + 30)
    problems = pack.verify(tmp_path / "pack")
    assert [problem.file for problem in problems] == [opened.name(row) for row in (1, 11, 12)]
    assert all(isinstance(problem, Problem) and problem.kind == "damaged" for problem in problems)
    read = opened.read(np.arange(24))
    assert [row for row, content in enumerate(read) if isinstance(content, DataError)] == [1, 11, 12]
    assert opened.name(11) in str(read[11]) and "its checksum differs" in str(read[11])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda p: cut(p / "shard-00000.bin"), r"shard-00000\.bin has [\d,]+ bytes, expected"),
        (lambda p: (p / "shard-00000.bin").unlink(), r"shard-00000\.bin cannot be read \(No such file"),
        (lambda p: (p / "pack.json").write_text("{"), r"pack\.json cannot be read as JSON"),
        (lambda p: flip(p / "pack.json", 300), r"pack\.json (is damaged|cannot be read as JSON) "),
        (lambda p: (p / "pack.json").write_text('{"format": 9}'), "is of format 9, this version reads formats 1 and 2"),
        (lambda p: np.save(p / "frames.npy", np.zeros(3)), r"frames\.npy holds float64 \[3\], expected 24 rows"),
        (lambda p: (p / "tracklets.npy").write_bytes(b"\x93NUM"), r"tracklets\.npy cannot be read"),
    ],
)
def test_a_pack_that_cannot_be_opened_is_one_sentence(split: Split, tmp_path: Path, fault: Fault, words: str) -> None:
    write(split, tmp_path / "pack")
    fault(tmp_path / "pack")
    with pytest.raises(DataError, match=words) as caught:
        pack.open_pack(tmp_path / "pack")
    assert "\n" not in str(caught.value)
    assert "pack the data again" in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda path: path.unlink(), r"F002\.jpg is missing; copy it again; .*verify` lists all"),
        (lambda path: path.write_bytes(b""), r"F002\.jpg has 0 bytes; copy it again"),
        (cut, r"F002\.jpg stops after \d+ bytes without .*; copy it again; .*verify` lists .*--accept truncated"),
        (lambda path: path.write_bytes(b"no image"), r"F002\.jpg is no image: it begins with .*--accept damaged"),
        (
            lambda path: path.write_bytes(REFUSED["animated GIF"][0]),
            r"F002\.jpg holds 2 pictures, expected one frame a file; .*--accept unsupported",
        ),
    ],
)
def test_what_is_no_whole_image_is_not_packed(split: Split, tmp_path: Path, fault: Fault, words: str) -> None:
    """The reader saw sound files; they changed since. What was finished before them is kept."""
    path = split.root / split.test[3].frames[1]
    content = path.read_bytes()
    fault(path)
    with pytest.raises(DataError, match=words) as caught:
        write(split, tmp_path / "pack")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "pack" / "pack.json").exists()
    assert not list((tmp_path / "pack").glob("*.partial"))
    path.write_bytes(content)
    write(split, tmp_path / "pack")
    write(split, tmp_path / "whole")
    assert tree(tmp_path / "pack") == tree(tmp_path / "whole")


def test_images_with_an_accepted_fault_are_packed_and_counted(split: Split, tmp_path: Path) -> None:
    cut(split.root / split.test[3].frames[1])
    cut(split.root / split.test[5].frames[0])
    (split.root / split.test[4].frames[0]).write_bytes(b"no image")
    split = datasets.load("mars", split.root, counts="any")
    with pytest.raises(DataError, match="--accept damaged"):
        pack.write(split, tmp_path / "pack", accept=["truncated"], progress=False)
    report = pack.write(split, tmp_path / "pack", accept=["truncated", "damaged"], progress=False)
    assert report.accepted == 3
    assert [bytes(each) for each in pack.open_pack(tmp_path / "pack").read(np.arange(24))] == files(split)


def test_places_that_cannot_hold_a_pack(split: Split, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    write(replace(split, fingerprint="0" * 32), tmp_path / "other")
    for name, words in (
        ("file", "cannot be written"),
        ("full", "is not empty and holds no pack; name another folder"),
        ("other", rf"a pack of other data \(fingerprint {'0' * 32}, expected {split.fingerprint}\); remove it"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            write(split, tmp_path / name)
        assert "\n" not in str(caught.value)
    assert tree(tmp_path / "full") == {"thesis.tex": b"x"}
    assert not (tmp_path / "other" / file_format.WRITING).exists()
    with pytest.raises(DataError, match="256 MB"):
        write(split, tmp_path / "pack", 0)


def test_a_pack_can_be_packed_again_without_the_images(split: Split, tmp_path: Path) -> None:
    """With other shards, say; the same frames in the end."""
    write(split, tmp_path / "small")
    shutil.rmtree(split.root)
    write(datasets.load("mars", tmp_path / "small"), tmp_path / "large", writer.SHARD_BYTES)
    one, other = pack.open_pack(tmp_path / "small"), pack.open_pack(tmp_path / "large")
    assert len(other.contents.shards) == 1
    assert [bytes(each) for each in other.read(np.arange(24))] == [bytes(each) for each in one.read(np.arange(24))]


def test_a_worker_process_gets_the_name_of_the_pack(split: Split, tmp_path: Path) -> None:
    write(split, tmp_path / "pack")
    opened: Pack = pack.open_pack(tmp_path / "pack")
    opened.read(np.arange(24))
    sent = pickle.dumps(opened)
    assert len(sent) < 500
    assert [bytes(each) for each in pickle.loads(sent).read(np.arange(24))] == files(split)


def test_tracklets_that_the_pack_does_not_hold_are_refused(split: Split, tmp_path: Path) -> None:
    write(split, tmp_path / "pack")
    opened = pack.open_pack(tmp_path / "pack")
    assert opened.rows_of(split.test[3:5]).tolist() == [16, 17, 18, 19, 20, 21]
    for other in (
        Tracklet("unknown", 1, 1, split.test[0].frames),
        Tracklet(split.test[0].key, 1, 1, split.test[1].frames),
        Tracklet(split.test[0].key, 1, 1, tuple(split.test[0].frames)[::-1]),
    ):
        with pytest.raises(DataError, match=f"does not hold the tracklet {other.key} with its"):
            opened.rows_of([other])
