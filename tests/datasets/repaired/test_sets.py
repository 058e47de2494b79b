"""Repaired data sets on disk: what is in them, how close they are to their source, how they are read."""

import json
import shutil
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

import datasets
from datasets import repaired, synthwalk
from datasets.errors import DataError
from datasets.images import decode, jpeg
from datasets.repaired import Repaired
from datasets.repaired import write as writing
from datasets.repaired.interface import Footage, untouched
from datasets.synthwalk import presets, truth
from datasets.tracklet import Split, Tracklet
from tests.datasets.synthwalk.twins import twin_jpeg

CALLS = {"by": "test"}
# Changed frames are encoded anew with quality 100 and no subsampling of colour. Measured on the preset `tiny`
# at 64x32 and 256x128: at most 5 of 255 levels off, 0.06 to 0.14 on average, inside and outside alike.
WORST, MEAN = 6, 0.2


def nothing(tracklet: Tracklet, height: int, width: int) -> np.ndarray:
    return np.zeros((len(tracklet), height, width), dtype=bool)


def truly(split: Split) -> writing.Hidden:
    """What truly stands in front."""
    return lambda tracklet, height, width: truth.load_truth(split.root, tracklet.key).occluders > 0


def frames_of(split: Split) -> list[tuple[Tracklet, list[bytes]]]:
    return [(t, [(split.root / name).read_bytes() for name in t.frames]) for t in (*split.train, *split.test)]


def write(source: Split, repairer: object, hidden: writing.Hidden, root: Path, **options: object) -> Split:
    """Write quietly and read what was written; the manifest's counts are checked by the reader."""
    writing.write(source, repairer, hidden, root, **{"calls": CALLS, "progress": False, **options})
    return datasets.load("mars", root)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Split:
    root = tmp_path_factory.mktemp("walk") / "walk"
    synthwalk.render(
        presets.preset("tiny", seed=13, train_ids=4, test_ids=5, occluded_share=0.8), root, workers=1, progress=False
    )
    return datasets.load("synthwalk", root)


@pytest.fixture
def mars(mars_root: Path) -> Split:
    return datasets.load("mars", mars_root, counts="any")


def test_no_repair_is_the_source_to_the_byte(walk: Split, tmp_path: Path) -> None:
    split = write(walk, repaired.make("none", walk), truly(walk), tmp_path / "none")
    assert split.train == walk.train  # keys, people, cameras, frame names
    assert split.test == walk.test
    assert split.query_index.tolist() == walk.query_index.tolist()
    assert split.gallery_index.tolist() == walk.gallery_index.tolist()
    assert (split.name, split.synthetic) == ("synthwalk", True)
    assert split.version == f"{synthwalk.VERSION}, repaired by none"
    assert split.fingerprint != walk.fingerprint
    assert frames_of(split) == frames_of(walk)
    for name in ("train_name.txt", "test_name.txt"):
        assert (split.root / "info" / name).read_bytes() == (walk.root / "info" / name).read_bytes()
    for name in ("tracks_train_info", "tracks_test_info", "query_IDX"):
        here, there = (loadmat(root / "info" / f"{name}.mat") for root in (split.root, walk.root))
        variable = next(key for key in there if not key.startswith("__"))
        assert np.array_equal(here[variable], there[variable])
    assert not (split.root / "truth").exists()


def levels_off(walk: Split, split: Split, wanted: Callable[[Tracklet, int], np.ndarray]) -> tuple[np.ndarray, ...]:
    """Absolute differences from the wanted pixels inside and outside of what was changed, in changed frames."""
    inside, outside = [], []
    for tracklet in (*walk.train, *walk.test):
        changed, kept = writing.read_changes(split.root, tracklet.key)
        assert kept.tolist() == list(range(len(tracklet)))
        for t in range(len(tracklet)):
            source, written = (decode.read(s.root / tracklet.frames[t]).astype(int) for s in (walk, split))
            if not changed[t].any():
                assert (split.root / tracklet.frames[t]).read_bytes() == (walk.root / tracklet.frames[t]).read_bytes()
                continue
            inside.append(np.abs(wanted(tracklet, t) - written)[changed[t]])
            outside.append(np.abs(source - written)[~changed[t]])
    assert len(inside) > 50
    return np.concatenate(inside), np.concatenate(outside)


def test_the_oracle_restores_the_twins(walk: Split, tmp_path: Path) -> None:
    split = write(walk, repaired.make("oracle", walk), nothing, tmp_path / "oracle")

    def twin(tracklet: Tracklet, t: int) -> np.ndarray:
        return decode.decode(twin_jpeg(walk.root, tracklet.key, t)).astype(int)

    inside, outside = levels_off(walk, split, twin)
    assert max(inside.max(), outside.max()) <= WORST
    assert max(inside.mean(), outside.mean()) < MEAN


def test_outside_of_what_was_changed_the_source_stays(walk: Split, tmp_path: Path) -> None:
    """Even where the repairer gives back rubbish there."""

    class Rubbish:
        name = "rubbish"

        def __init__(self) -> None:
            self.options: dict[str, object] = {}

        def repair(self, footage: Footage) -> Repaired:
            return Repaired(np.full_like(footage.frames, 99), footage.hidden, untouched(footage).kept)

    split = write(walk, Rubbish(), truly(walk), tmp_path / "rubbish")
    inside, outside = levels_off(walk, split, lambda tracklet, t: np.full((64, 32, 3), 99))
    assert max(inside.max(), outside.max()) <= WORST
    assert max(inside.mean(), outside.mean()) < MEAN


def hidden_in_toy(tracklet: Tracklet, height: int, width: int) -> np.ndarray:
    """One frame of three, two of five, and the only one."""
    hidden = nothing(tracklet, height, width)
    hidden[{"0001C1T0001": [0], "0002C2T0002": [1, 3], "0004C1T0001": [0]}.get(tracklet.key, []), 2, 3] = True
    return hidden


def test_dropped_frames_leave_no_gap(mars: Split, tmp_path: Path) -> None:
    split = write(mars, repaired.make("drop", mars), hidden_in_toy, tmp_path / "drop")
    assert [len(t) for t in split.train] == [2, 2, 4]
    assert [len(t) for t in split.test] == [2, 3, 2, 3, 1, 2]
    counts = {"train_frames": 8, "test_frames": 13, "query_frames": 7, "gallery_frames": 13, "junk_frames": 2}
    assert {name: split.counts()[name] for name in counts} == counts
    for name, value in mars.counts().items():
        if name not in counts:
            assert split.counts()[name] == value, name
    assert split.test[3].frames[2] == "bbox_test/0002/0002C2T0002F003.jpg"
    for here, there in ((0, 0), (1, 2), (2, 4)):
        written, source = ((s.root / s.test[3].frames[t]).read_bytes() for s, t in ((split, here), (mars, there)))
        assert written == source
    folder = sorted(path.name for path in (split.root / "bbox_test" / "0002").iterdir())
    assert folder == [f"0002C{c}T000{c}F00{t}.jpg" for c, length in ((1, 2), (2, 3)) for t in range(1, length + 1)]
    assert loadmat(split.root / "info" / "tracks_test_info.mat")["track_test_info"].tolist() == [
        [1, 2, -1, 1],
        [3, 5, 0, 2],
        [6, 7, 2, 1],
        [8, 10, 2, 2],
        [11, 11, 4, 1],
        [12, 13, 4, 3],
    ]
    names = (split.root / "info" / "train_name.txt").read_text().split()
    assert names == [f"0001C1T0001F00{t}.jpg" for t in (1, 2)] + [f"0001C2T0002F00{t}.jpg" for t in (1, 2)] + [
        f"0003C1T0001F00{t}.jpg" for t in (1, 2, 3, 4)
    ]
    changed, kept = writing.read_changes(split.root, "0002C2T0002")
    assert kept.tolist() == [0, 2, 4]
    assert changed.shape == (3, 16, 8)
    manifest = json.loads((split.root / "repaired.json").read_text())
    assert manifest["totals"] == {
        "train": totals(frames=8, frames_left_out=1),
        "test": totals(frames=13, frames_left_out=2, tracklets_kept_whole=1),
    }


def test_frames_may_be_left_out_and_painted_at_once(mars: Split, tmp_path: Path) -> None:
    class Both(repaired.reference.NoRepair):
        """Keeps every second frame and paints the left half of the last one of them."""

        def repair(self, footage: Footage) -> Repaired:
            kept = np.arange(len(footage.frames))[::2]
            changed = np.zeros_like(footage.hidden[kept])
            changed[-1, :, :4] = True
            return Repaired(np.full_like(footage.frames[kept], 30), changed, kept)

    split = write(mars, Both(), nothing, tmp_path / "both")
    assert [len(t) for t in split.test] == [1, 2, 1, 3, 1, 1]
    last = decode.read(split.root / split.test[3].frames[2]).astype(int)
    source = decode.read(mars.root / mars.test[3].frames[4])
    assert np.abs(last[:, :4] - 30).max() <= WORST
    assert np.abs(last[:, 4:] - source[:, 4:]).max() <= WORST
    changed, kept = writing.read_changes(split.root, mars.test[3].key)
    assert kept.tolist() == [0, 2, 4]
    assert changed.sum(axis=(1, 2)).tolist() == [0, 0, 64]


def totals(**changes: float) -> dict[str, float]:
    names = ("frames", "changed_frames", "changed_pixel_share", "frames_left_out", "tracklets_kept_whole")
    return {**dict.fromkeys(names, 0), **changes}


def test_the_manifest_says_what_was_done(mars: Split, tmp_path: Path) -> None:
    calls = {"tau": 0.89, "scorer": "a/b"}
    split = write(mars, repaired.make("temporal-median", mars), hidden_in_toy, tmp_path / "median", calls=calls)
    manifest = json.loads((split.root / "repaired.json").read_text())
    assert manifest["source"] == {"name": "mars", "version": "2016", "fingerprint": mars.fingerprint}
    assert manifest["repairer"] == {"name": "temporal-median", "options": {}}
    assert manifest["calls"] == calls
    assert manifest["counts"] == mars.counts()
    assert manifest["fingerprint"] == split.fingerprint
    assert manifest["fingerprint"] == writing.fingerprint_of(mars.fingerprint, "temporal-median", {}, calls)
    assert manifest["totals"] == {  # 0004C1T0001 has one frame, so nothing shows what is hidden there
        "train": totals(frames=9, changed_frames=1, changed_pixel_share=round(1 / (9 * 128), 6)),
        "test": totals(frames=15, changed_frames=2, changed_pixel_share=round(2 / (15 * 128), 6)),
    }


def test_a_set_without_truth_goes_round(walk: Split, tmp_path: Path) -> None:
    plain = shutil.copytree(walk.root, tmp_path / "plain", ignore=shutil.ignore_patterns("truth"))
    source = datasets.load("mars", plain, counts="any")
    assert (source.name, source.synthetic, source.test) == ("mars", False, walk.test)
    split = write(source, repaired.make("temporal-median", source), truly(walk), tmp_path / "median")
    assert (split.name, split.version, split.synthetic) == ("mars", "2016, repaired by temporal-median", False)
    assert split.counts() == source.counts()
    assert datasets.examine("mars", split.root).expectation == "its manifest"
    assert datasets.load("mars", split.root, counts="any").fingerprint == split.fingerprint
    with pytest.raises(DataError, match="repaired mars, not SynthWalk"):
        datasets.load("synthwalk", split.root)
    with pytest.raises(DataError, match=r"repaired set.*official ones; leave counts='official'"):
        datasets.load("mars", split.root, counts="official")


def test_a_repaired_set_may_be_repaired_again(walk: Split, tmp_path: Path) -> None:
    first = write(walk, repaired.make("drop", walk), truly(walk), tmp_path / "drop")
    kept = {t.key: writing.read_changes(first.root, t.key)[1] for t in (*walk.train, *walk.test)}
    assert sum(len(t) for t in first.test) < sum(len(t) for t in walk.test)

    def still(tracklet: Tracklet, height: int, width: int) -> np.ndarray:
        return truly(walk)(tracklet, height, width)[kept[tracklet.key]]

    second = write(first, repaired.make("temporal-median", first), still, tmp_path / "both")
    assert datasets.load("synthwalk", second.root).fingerprint == second.fingerprint
    assert [len(t) for t in second.test] == [len(t) for t in first.test]
    assert second.version == f"{walk.version}, repaired by drop, repaired by temporal-median"
    assert len({walk.fingerprint, first.fingerprint, second.fingerprint}) == 3
    with pytest.raises(DataError, match="no truth"):
        repaired.make("oracle", first)


def test_threads_do_not_change_a_byte(walk: Split, tmp_path: Path) -> None:
    trees = []
    for workers in (1, 4):
        root = tmp_path / str(workers)
        write(walk, repaired.make("temporal-median", walk), truly(walk), root, workers=workers)
        trees.append({p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()})
    assert trees[0] == trees[1]
    assert len(trees[0]) > 300


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_than_a_tracklet_a_thread_is_in_memory(mars: Split, tmp_path: Path, workers: int) -> None:
    born: list[weakref.ref[np.ndarray]] = []
    alive: list[int] = []

    class Watching(repaired.reference.NoRepair):
        def repair(self, footage: Footage) -> Repaired:
            born.append(weakref.ref(footage.frames))
            alive.append(sum(frames() is not None for frames in born))
            return super().repair(footage)

    write(mars, Watching(), nothing, tmp_path / "set", workers=workers)
    assert len(alive) == 9
    assert max(alive) <= workers


@pytest.mark.parametrize(
    "changes",
    [
        {"source_fingerprint": "b"},
        {"repairer_name": "drop"},
        {"options": {"seed": 1}},
        {"calls": {"tau": 0.9}},
        {"calls": {"tau": 0.89, "of": "x"}},
    ],
)
def test_what_the_fingerprint_knows(changes: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"source_fingerprint": "a", "repairer_name": "none", "options": {"seed": 0, "size": [2, 1]}}
    given |= {"calls": {"tau": 0.89}}
    before = writing.fingerprint_of(**given)
    assert len(before) == 32
    assert writing.fingerprint_of(**{**given, "options": {"size": (2, 1), "seed": 0}}) == before
    assert writing.fingerprint_of(**{**given, **changes}) != before
    monkeypatch.setattr(jpeg.simplejpeg, "__version__", "0.0.1")
    assert writing.fingerprint_of(**given) != before


def test_a_set_of_another_encoder_is_another_set(mars: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "set"
    write(mars, repaired.make("none", mars), nothing, root)
    monkeypatch.setattr(jpeg.simplejpeg, "__version__", "0.0.1")
    with pytest.raises(DataError, match=r"holds another repaired set \(by none.*JPEG encoder\).*remove the folder"):
        write(mars, repaired.make("none", mars), nothing, root)


def test_what_is_there_is_not_written_again(mars: Split, tmp_path: Path) -> None:
    root = tmp_path / "set"
    write(mars, repaired.make("none", mars), nothing, root)

    def never(tracklet: Tracklet, height: int, width: int) -> np.ndarray:
        raise AssertionError("written again")

    stamp = (root / "repaired.json").stat().st_mtime_ns
    assert writing.write(mars, repaired.make("none", mars), never, root, calls=CALLS) == root
    assert (root / "repaired.json").stat().st_mtime_ns == stamp
    with pytest.raises(AssertionError):
        writing.write(mars, repaired.make("none", mars), never, tmp_path / "else", calls=CALLS, progress=False)


def test_a_changed_set_is_refused_by_its_reader(mars: Split, tmp_path: Path) -> None:
    split = write(mars, repaired.make("none", mars), nothing, tmp_path / "set")
    path = split.root / "repaired.json"
    whole = path.read_text()
    manifest = json.loads(whole)
    path.write_text(json.dumps({**manifest, "counts": {**manifest["counts"], "test_frames": 16}}))
    with pytest.raises(DataError, match=r"test frames is 15, expected 16.*write it again"):
        datasets.load("mars", split.root)
    wrong = [{**manifest, "synthetic": 1}, {**manifest, "counts": {}}, {**manifest, "fingerprint": None}, []]
    wrong += [{k: v for k, v in manifest.items() if k != gone} for gone in ("name", "version", "counts")]
    for content in ("", "{", whole[:-9], *map(json.dumps, wrong)):
        path.write_text(content)
        with pytest.raises(DataError, match=r"repaired\.json .*(expected|as) .*JSON.*again") as caught:
            datasets.load("mars", split.root)
        assert "\n" not in str(caught.value)


def test_changes_that_cannot_be_read_are_named(mars: Split, tmp_path: Path) -> None:
    split = write(mars, repaired.make("none", mars), nothing, tmp_path / "set")
    with pytest.raises(DataError, match=r"0009C1T0001\.npz is missing.*no repaired set, or tracklet"):
        writing.read_changes(split.root, "0009C1T0001")
    path = split.root / "changes" / "00-1" / "00-1C1T0001.npz"
    whole = path.read_bytes()
    for length in range(0, len(whole), 41):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"00-1C1T0001\.npz (is damaged|cannot be read)"):
            writing.read_changes(split.root, "00-1C1T0001")


class Wrong:
    """A repairer that gives back what does not fit."""

    name = "wrong"

    def __init__(self, **changes: object) -> None:
        self.options: dict[str, object] = {}
        self.changes = changes

    def repair(self, footage: Footage) -> Repaired:
        return replace(untouched(footage), **self.changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frames": np.zeros((3, 16, 8, 3), dtype=np.float32)}, r"frames are float32 \[3, 16, 8, 3\], expected uint8"),
        ({"frames": np.zeros((3, 8, 16, 3), dtype=np.uint8)}, r"expected uint8 \[3, 16, 8, 3\]"),
        ({"frames": np.zeros((2, 16, 8, 3), dtype=np.uint8)}, r"frames are uint8 \[2, 16, 8, 3\]"),
        ({"changed": np.zeros((3, 16, 9), dtype=bool)}, r"changed is bool \[3, 16, 9\], expected bool \[3, 16, 8\]"),
        ({"changed": np.zeros((3, 16, 8), dtype=np.uint8)}, r"changed is uint8"),
        ({"changed": None}, "changed is NoneType"),
        ({"kept": np.array([0, 2, 1])}, r"kept is \[0, 2, 1\], expected rising frame numbers from 0 to 2"),
        ({"kept": np.array([0, 1, 1])}, "rising"),
        ({"kept": np.array([0, 1, 3])}, "rising frame numbers from 0 to 2"),
        ({"kept": np.array([-1, 0, 1])}, "rising"),
        ({"kept": np.array([0, 1, 2], dtype=np.int32)}, r"kept is int32 \[3\], expected int64"),
        ({"kept": [0, 1, 2]}, "kept is list"),
        ({"kept": np.zeros(0, dtype=np.int64)}, "at least one frame"),
    ],
)
def test_a_wrong_repair_is_named(mars: Split, tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=rf"the repairer 'wrong' gave tracklet 0001C1T0001 .*{words}"):
        write(mars, Wrong(**changes), nothing, tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        (lambda t, h, w: np.zeros((len(t), w, h), dtype=bool), r"bool \[3, 8, 16\], expected bool \[3, 16, 8\]"),
        (lambda t, h, w: np.zeros((len(t), h, w)), r"float64 \[3, 16, 8\]"),
        (lambda t, h, w: None, "NoneType"),
    ],
)
def test_wrong_hidden_pixels_are_named(mars: Split, tmp_path: Path, hidden: writing.Hidden, words: str) -> None:
    with pytest.raises(DataError, match=f"hidden pixels of tracklet 0001C1T0001 are {words}"):
        write(mars, repaired.make("none", mars), hidden, tmp_path / "set")


def test_a_source_that_does_not_fit_is_named(mars: Split, tmp_path: Path) -> None:
    none = repaired.make("none", mars)
    elsewhere = replace(mars, name="other", train=(Tracklet("a", 1, 1, ("cam1/person001/0001.png",)),))
    with pytest.raises(DataError, match=r"other: tracklet a starts with cam1/.*MARS layout"):
        write(elsewhere, none, nothing, tmp_path / "set")
    for calls in ({"tau": float("nan")}, {"tau": np.float32(0.5)}, {"tau": {1, 2}}):
        with pytest.raises(DataError, match="calls of the repairer 'none' cannot be written as JSON"):
            write(mars, none, nothing, tmp_path / "set", calls=calls)
    with pytest.raises(DataError, match="workers is 0"):
        write(mars, none, nothing, tmp_path / "set", workers=0)
    assert not list(tmp_path.glob("*set*"))
    frame = mars.root / mars.train[1].frames[1]
    frame.write_bytes(frame.read_bytes()[:200])
    with pytest.raises(DataError, match=r"0001C2T0002F002\.jpg cannot be decoded"):
        write(mars, none, nothing, tmp_path / "set")
