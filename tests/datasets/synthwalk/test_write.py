"""The rendered data set: layout facts, the reader, determinism, and that nothing half-written stays."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import simplejpeg

import datasets
from datasets import synthwalk
from datasets.errors import DataError
from datasets.readers.mars.reader import OFFICIAL_COUNTS
from datasets.synthwalk import presets, write
from datasets.synthwalk.world import population
from tests.places import HOUSE

SMALL = presets.preset("tiny", seed=7, height=32, width=16, train_ids=4, test_ids=6, distractors=2, junk=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered tiny world."""
    return synthwalk.render(SMALL, tmp_path_factory.mktemp("synthwalk") / "small", workers=2)


def contents(root: Path) -> dict[str, str]:
    """Digest of every file below root."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_mars_reader_needs_no_special_case(root: Path) -> None:
    for name in ("mars", "synthwalk"):
        split = datasets.load(name, root)
        assert split.synthetic
        assert split.fingerprint == synthwalk.fingerprint(SMALL)
    counts = split.counts()
    assert (counts["train_ids"], counts["test_ids"]) == (4, 6)
    assert (counts["distractor_tracklets"], counts["junk_tracklets"]) == (2, 2)
    assert counts["unmatched_queries"] == 0


def test_names_follow_mars(root: Path) -> None:
    split = datasets.load("synthwalk", root)
    assert all(t.person_id % 2 == 1 for t in split.train)
    assert all(t.person_id % 2 == 0 for t in split.test if t.person_id > 0)
    assert {t.frames[0].split("/")[1] for t in split.test if t.person_id <= 0} == {"00-1", "0000"}
    for tracklet in split.train + split.test:
        for number, frame in enumerate(tracklet.frames, 1):
            assert Path(frame).name == f"{tracklet.key}F{number:03d}.jpg"
    numbers: dict[str, list[int]] = {}
    for tracklet in split.train + split.test:
        numbers.setdefault(tracklet.key[:4], []).append(int(tracklet.key[7:11]))
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values()), "numbers run on over cameras"


@pytest.mark.parametrize("half", ["train", "test"])
def test_matlab_rows_are_contiguous_one_based_and_inclusive(root: Path, half: str) -> None:
    rows = scipy.io.loadmat(root / "info" / f"tracks_{half}_info.mat")[f"track_{half}_info"]
    raw = (root / "info" / f"{half}_name.txt").read_bytes()
    names = raw.decode("ascii").split("\r\n")
    assert names.pop() == ""
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert rows.dtype == np.int32
    assert rows[0, 0] == 1
    assert rows[-1, 1] == len(names)
    assert (rows[1:, 0] == rows[:-1, 1] + 1).all()
    for first, last, person, camera in rows.tolist():
        piece = names[first - 1 : last]
        assert {name[:4] for name in piece} == {"00-1" if person == -1 else f"{person:04d}"}
        assert {name[5] for name in piece} == {str(camera)}
        assert piece[0].endswith("F001.jpg")
    order = [name[:11] for name in names if name.endswith("F001.jpg")]
    assert order == sorted(order, key=lambda name: (name != "00-1" and name[:4] != "00-1", name[:4] != "0000", name))


def test_one_query_for_each_person_and_camera_of_those_seen_twice(root: Path) -> None:
    index = scipy.io.loadmat(root / "info" / "query_IDX.mat")["query_IDX"]
    assert index.dtype == np.uint16
    assert index.shape[0] == 1
    assert (np.diff(index[0].astype(int)) > 0).all()
    split = datasets.load("synthwalk", root)
    seen: dict[int, set[int]] = {}
    for tracklet in split.test:
        if tracklet.person_id > 0:
            seen.setdefault(tracklet.person_id, set()).add(tracklet.camera_id)
    expected = {(person, camera) for person, cameras in seen.items() if len(cameras) > 1 for camera in cameras}
    asked = [(t.person_id, t.camera_id) for t in split.query]
    assert len(asked) == len(set(asked))
    assert set(asked) == expected


def test_frames_are_jpegs_of_the_stated_size(root: Path) -> None:
    split = datasets.load("synthwalk", root)
    for tracklet in split.train + split.test:
        for frame in tracklet.frames:
            picture = simplejpeg.decode_jpeg((root / frame).read_bytes())
            assert picture.shape == (32, 16, 3)
            assert picture.std() > 2


def test_bytes_do_not_depend_on_workers(root: Path, tmp_path: Path) -> None:
    again = synthwalk.render(SMALL, tmp_path / "again", workers=3)
    assert contents(again) == contents(root)


def test_a_tracklet_does_not_depend_on_the_others(root: Path) -> None:
    from datasets.synthwalk.renderer.tracklet import open_studio, render_tracklet

    tracks = population.populate(SMALL).test
    shot = render_tracklet(open_studio(SMALL), tracks[-1])
    jpeg = simplejpeg.encode_jpeg(shot.frames[0], shot.quality, "RGB", "420")
    assert (root / "bbox_test" / tracks[-1].folder / f"{tracks[-1].key}F001.jpg").read_bytes() == jpeg


def test_seed_and_every_parameter_change_the_fingerprint() -> None:
    base = synthwalk.fingerprint(SMALL)
    changes = {"seed": 8, "height": 48, "train_ids": 5, "occluded_share": 0.5, "camera_spread": 0.9, "name": "x"}
    found = {synthwalk.fingerprint(replace(SMALL, **{key: value})) for key, value in changes.items()}
    assert len(found | {base}) == len(changes) + 1


def test_the_same_world_is_not_rendered_twice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr(write, "_write", never)
    assert synthwalk.render(SMALL, root) == root


def test_another_world_or_a_partial_one_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"another SynthWalk.*remove the folder"):
        synthwalk.render(replace(SMALL, seed=8), root)
    partial = tmp_path / "partial"
    (partial / "bbox_train").mkdir(parents=True)
    with pytest.raises(DataError, match="holds no complete SynthWalk"):
        synthwalk.render(SMALL, partial)
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(DataError, match="is a file"):
        synthwalk.render(SMALL, file)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"height": 512}, "any size from 16 x 8 up to 256 x 128"),
        ({"width": 4}, "any size"),
        ({"train_ids": 0}, "train_ids"),
        ({"cameras": 12}, "cameras is 12"),
        ({"length_max": 5000}, "length_max"),
        ({"occluded_share": 1.5}, "occluded_share is 1.5"),
        ({"cameras_per_person": ((2, 0.5),)}, "add up to 1"),
        ({"cameras_per_person": ((9, 1.0),)}, "more than the 3 cameras"),
        ({"version": "0"}, "version"),
    ],
)
def test_bad_parameters_end_with_one_sentence(change: dict[str, object], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        synthwalk.render(replace(SMALL, **change), tmp_path / "never")  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_unknown_presets_and_parameters_name_what_there_is() -> None:
    with pytest.raises(DataError, match="embedded, embedded-1, tiny, mars-size"):
        presets.preset("huge")
    with pytest.raises(DataError, match="no parameter 'hight'"):
        presets.preset("tiny", hight=64)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put, calls = write.put, []

    def full(path: str, data: bytes) -> None:
        calls.append(path)
        if len(calls) > 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        put(path, data)

    monkeypatch.setattr(write, "put", full)
    with pytest.raises(DataError, match="disk is full"):
        synthwalk.render(SMALL, tmp_path / "full")
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "blocker"
    blocker.write_text("not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        synthwalk.render(SMALL, blocker / "inside")


def test_killed_anywhere_nothing_readable_is_left(tmp_path: Path) -> None:
    target = tmp_path / "killed"
    program = (
        "from pathlib import Path; from datasets import synthwalk\n"
        "from dataclasses import replace\n"
        "world = synthwalk.preset('tiny', train_ids=60, test_ids=60, height=32, width=16)\n"
        f"synthwalk.render(world, Path({str(target)!r}), workers=1)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=HOUSE)
    deadline = time.monotonic() + 600
    while not list(tmp_path.glob(".killed.partial-*/bbox_*/*/*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    assert len(list(tmp_path.glob(".killed.partial-*"))) == 1, "the partial folder waits to be swept"
    synthwalk.render(SMALL, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".killed.rendering.lock", "killed"]
    assert datasets.load("synthwalk", target).counts()["train_ids"] == 4


@pytest.mark.parametrize(
    ("name", "people", "tracklets", "frames", "medians", "queries"),
    [
        ("embedded", (600, 160), (1_200, 704), (10_947, 6_328), (8, 8), 676),
        ("embedded-1", (108, 100), (451, 485), (10_666, 11_785), (18, 19), 314),
    ],
)
def test_default_worlds_have_the_sizes_that_their_page_states(
    name: str,
    people: tuple[int, int],
    tracklets: tuple[int, int],
    frames: tuple[int, int],
    medians: tuple[int, int],
    queries: int,
) -> None:
    """Counts of the table in the page of SynthWalk."""
    drawn = population.populate(presets.preset(name))
    halves = (drawn.train, drawn.test)
    assert tuple(len({t.person for t in half if t.person > 0}) for half in halves) == people
    assert tuple(map(len, halves)) == tracklets
    assert tuple(sum(t.length for t in half) for half in halves) == frames
    assert tuple(np.median([t.length for t in half]) for half in halves) == medians
    assert len(drawn.queries) == queries


def test_in_the_default_world_a_training_person_is_seen_by_two_cameras_once_each() -> None:
    drawn = population.populate(presets.preset("embedded"))
    seen = Counter((t.person, t.camera) for t in drawn.train)
    assert set(seen.values()) == {1}
    assert set(Counter(person for person, _ in seen).values()) == {2}
    most = Counter(t.person for t in drawn.test if t.person > 0).values()
    assert set(most) == {4, 5}


@pytest.fixture(scope="module")
def as_large_as_mars() -> population.Population:
    return population.populate(presets.preset("mars-size"))


def test_mars_size_has_the_counts_of_mars(as_large_as_mars: population.Population) -> None:
    people = as_large_as_mars
    found = {
        "train_ids": len({track.person for track in people.train}),
        "train_tracklets": len(people.train),
        "train_frames": sum(track.length for track in people.train),
        "test_ids": len({track.person for track in people.test if track.person > 0}),
        "test_tracklets": len(people.test),
        "test_frames": sum(track.length for track in people.test),
        "query_ids": len({people.test[row].person for row in people.queries}),
        "query_tracklets": len(people.queries),
        "distractor_frames": sum(track.length for track in people.test if track.person == 0),
        "junk_frames": sum(track.length for track in people.test if track.person == -1),
    }
    assert found == {name: OFFICIAL_COUNTS[name] for name in found}
    assert max(track.number for track in people.tracks) < 10_000


@pytest.mark.parametrize(
    ("part", "shortest", "median", "longest", "shares"),
    [
        ("train", 5, 36, 900, (0.0, 1.0, 18.0, 47.1, 65.9)),
        ("person", 2, 36, 920, (0.0, 1.3, 17.9, 46.3, 65.4)),
        ("distractor", 6, 29, 734, (0.0, 2.1, 26.1, 54.0, 77.7)),
        ("junk", 6, 18, 226, (0.0, 4.1, 41.3, 80.3, 92.2)),
    ],
)
def test_mars_size_has_the_lengths_of_mars(
    as_large_as_mars: population.Population,
    part: str,
    shortest: int,
    median: int,
    longest: int,
    shares: tuple[float, ...],
) -> None:
    """The table of the official metadata: percent of tracklets below 4, 8, 16, 32 and 64 frames."""
    there = as_large_as_mars.train if part == "train" else as_large_as_mars.test
    lengths = np.array([track.length for track in there if part in {"train", track.role}])
    assert (lengths.min(), np.median(lengths), lengths.max()) == (shortest, median, longest)
    found = [100 * (lengths < below).mean() for below in (4, 8, 16, 32, 64)]
    assert found == pytest.approx(shares, abs=2)
