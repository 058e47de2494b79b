"""Each repairer without learning on footage that can be worked out by hand, and on rendered tracklets."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import repaired, synthwalk
from datasets.errors import DataError
from datasets.images import decode
from datasets.repaired import Footage, Repaired, baselines
from datasets.repaired.baselines import Drop, Inpaint, NoRepair, TemporalMedian
from datasets.repaired.interface import Repairer
from datasets.repaired.oracle import Oracle, OracleCalled
from datasets.seeding import generator
from datasets.synthwalk import presets, truth
from tests.datasets.synthwalk.twins import twin_jpeg

WORLD = presets.preset("tiny", seed=12, height=32, width=16, train_ids=2, test_ids=3, occluded_share=0.8)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> datasets.Split:
    root = synthwalk.render(WORLD, tmp_path_factory.mktemp("walk") / "walk", workers=1, progress=False)
    return datasets.load("synthwalk", root)


def footage_of(source: datasets.Split, tracklet: datasets.Tracklet) -> Footage:
    """A rendered tracklet with what truly stands in front."""
    frames = np.stack([decode.read(source.root / name) for name in tracklet.frames])
    return Footage(tracklet.key, frames, truth.load_truth(source.root, tracklet.key).occluders > 0)


def random_footage(shape: tuple[int, ...], share: float, seed: int) -> Footage:
    rng = generator(seed, "footage")
    return Footage("0001C1T0001", rng.integers(0, 256, (*shape, 3), dtype=np.uint8), rng.random(shape) < share)


def is_untouched(result: Repaired, footage: Footage) -> bool:
    same = np.array_equal(result.frames, footage.frames) and not result.changed.any()
    return same and result.kept.tolist() == list(range(len(footage.frames)))


def test_a_median_of_four_frames_by_hand() -> None:
    values = np.array(  # [T,P] of channel 0
        [
            [10, 10, 5, 10],
            [20, 11, 6, 99],
            [30, 200, 7, 11],
            [41, 7, 8, 98],
        ],
        dtype=np.uint8,
    )
    hidden = np.array([[1, 0, 1, 0], [0, 0, 1, 1], [0, 1, 1, 0], [1, 0, 1, 1]], dtype=bool)
    expected = np.array([[25, 10, 5, 10], [20, 11, 6, 11], [30, 10, 7, 11], [25, 7, 8, 11]], dtype=np.uint8)
    other = 255 - values  # a channel that falls where the first one rises
    others = np.array([[230, 245, 250, 245], [235, 244, 249, 245], [225, 245, 248, 244], [230, 248, 247, 245]])
    frames = np.stack([values, other, values], axis=-1)[:, None]  # [4,1,4,3]
    footage = Footage("k", frames, hidden[:, None])
    result = TemporalMedian().repair(footage)
    assert result.frames[:, 0, :, 0].tolist() == expected.tolist()
    assert result.frames[:, 0, :, 1].tolist() == others.tolist()  # 244.5 is rounded up as well
    assert np.array_equal(result.frames[..., 2], result.frames[..., 0])
    assert np.array_equal(result.changed[:, 0], hidden & [True, True, False, True])  # the third is hidden everywhere
    assert result.kept.tolist() == [0, 1, 2, 3]


def test_the_median_agrees_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    footage = random_footage((9, 6, 5), 0.6, 1)
    seen = np.where(footage.hidden[..., None], np.nan, footage.frames.astype(float))
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="All-NaN"):
        middle = np.floor(np.nanmedian(seen, axis=0) + 0.5)
    expected = np.where(footage.hidden[..., None] & ~np.isnan(middle), middle, footage.frames)
    assert np.isnan(middle).any()
    result = TemporalMedian().repair(footage)
    assert np.array_equal(result.frames, expected)
    monkeypatch.setattr(baselines, "_AT_ONCE", 1)  # pixel by pixel, as a very long tracklet is worked off in pieces
    assert np.array_equal(TemporalMedian().repair(footage).frames, expected)


def test_dropped_frames_by_hand() -> None:
    footage = random_footage((5, 2, 2), 0.0, 2)
    footage.hidden[1, 0, 1] = footage.hidden[4] = True  # one pixel is enough
    result = Drop().repair(footage)
    assert result.kept.tolist() == [0, 2, 3]
    assert np.array_equal(result.frames, footage.frames[[0, 2, 3]])
    assert not result.changed.any()
    assert not result.kept_whole


@pytest.mark.parametrize("name", ("none", "drop", "inpaint", "temporal-median"))
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nothing_hidden_and_all_hidden_stay_as_they_are(name: str, share: float, source: datasets.Split) -> None:
    footage = random_footage((3, 4, 4), share, 3)
    result = repaired.make(name, source).repair(footage)
    assert is_untouched(result, footage)
    assert result.kept_whole == (name == "drop" and share == 1.0)


@pytest.mark.parametrize("name", repaired.names())
def test_whatever_a_repairer_does_the_footage_is_not_written_to(name: str, source: datasets.Split) -> None:
    footage = footage_of(source, source.test[-1])
    footage.hidden[0, 3:9, 2:7] = True
    frames, hidden = footage.frames.copy(), footage.hidden.copy()
    footage.frames.flags.writeable = footage.hidden.flags.writeable = False
    result = repaired.make(name, source).repair(footage)
    assert np.array_equal(footage.frames, frames)
    assert np.array_equal(footage.hidden, hidden)
    again = repaired.make(name, source).repair(Footage(footage.key, frames, hidden))
    assert np.array_equal(result.frames, again.frames)
    if name not in ("oracle",):  # which does not care what is called hidden
        assert not (result.changed & ~hidden[result.kept]).any()
    assert not (result.frames != frames[result.kept])[~result.changed].any()


def test_inpainting_restores_a_slope() -> None:
    rows, columns = np.mgrid[0:32, 0:16]
    slope = (4 * rows + 3 * columns).astype(np.uint8)
    frame = np.stack([slope, 255 - slope, slope // 2 * 2], axis=-1)
    hidden = np.zeros((3, 32, 16), dtype=bool)
    hidden[0, 10:20, 4:12] = hidden[2, 3:6, 2:14] = True
    frames = np.stack([frame] * 3)
    frames[hidden] = 77
    result = Inpaint().repair(Footage("k", frames, hidden))
    assert np.abs(result.frames[..., :2].astype(int) - frame[..., :2]).max() == 0
    assert np.array_equal(result.frames[1], frame)
    assert np.array_equal(result.changed, hidden)


def test_inpainting_needs_something_to_continue() -> None:
    footage = random_footage((2, 8, 8), 0.0, 4)
    footage.hidden[0] = True  # nothing is seen in this frame
    footage.hidden[1, 2:5, 2:5] = True
    result = Inpaint().repair(footage)
    assert np.array_equal(result.frames[0], footage.frames[0])
    assert result.changed.any(axis=(1, 2)).tolist() == [False, True]


def test_the_oracle_gives_the_twins(source: datasets.Split) -> None:
    oracle, called = Oracle(source.root), OracleCalled(source.root)
    touched = 0
    for tracklet in source.test:
        footage = footage_of(source, tracklet)
        twins = np.stack([decode.decode(twin_jpeg(source.root, tracklet.key, t)) for t in range(len(tracklet))])
        perfect, inside = oracle.repair(footage), called.repair(footage)
        assert np.array_equal(perfect.frames, twins)
        assert np.array_equal(perfect.changed, (twins != footage.frames).any(axis=-1))
        assert np.array_equal(inside.changed, perfect.changed & footage.hidden)
        assert np.array_equal(inside.frames[footage.hidden], twins[footage.hidden])
        assert np.array_equal(inside.frames[~footage.hidden], footage.frames[~footage.hidden])
        touched += int(inside.changed.any(axis=(1, 2)).sum())
    assert touched > 20


def test_detection_and_completion_are_apart(source: datasets.Split) -> None:
    tracklet = next(t for t in source.test if footage_of(source, t).hidden.any())
    footage = footage_of(source, tracklet)
    for hidden in (np.zeros_like(footage.hidden), np.ones_like(footage.hidden)):
        told = Footage(footage.key, footage.frames, hidden)
        perfect, inside = Oracle(source.root).repair(told), OracleCalled(source.root).repair(told)
        assert np.array_equal(perfect.frames, Oracle(source.root).repair(footage).frames)
        assert np.array_equal(inside.frames, perfect.frames if hidden.any() else footage.frames)


def cut_short(footage: Footage) -> Footage:
    return Footage(footage.key, footage.frames[1:], footage.hidden[1:])


def enlarged(footage: Footage) -> Footage:
    return Footage(footage.key, footage.frames.repeat(2, axis=1), footage.hidden.repeat(2, axis=1))


def unknown(footage: Footage) -> Footage:
    return Footage("0999C1T0001", footage.frames, footage.hidden)


@pytest.mark.parametrize(
    ("change", "words"),
    [(cut_short, "knows .* frames of tracklet"), (enlarged, r"32x16 pixels, expected 64x16"), (unknown, "0999C1T0001")],
)
def test_an_oracle_of_other_footage_is_refused(
    source: datasets.Split, change: Callable[[Footage], Footage], words: str
) -> None:
    tracklet = next(t for t in source.test if footage_of(source, t).hidden.any())
    with pytest.raises(DataError, match=words):
        Oracle(source.root).repair(change(footage_of(source, tracklet)))


def test_only_a_rendered_set_knows_the_truth(mars_root: Path) -> None:
    source = datasets.load("mars", mars_root, counts="any")
    for name in ("oracle", "oracle-called"):
        with pytest.raises(DataError, match=f"no truth .*{name!r}.*SynthWalk"):
            repaired.make(name, source)
    assert isinstance(repaired.make("none", source), NoRepair)


def test_names(source: datasets.Split) -> None:
    assert repaired.names() == ("drop", "inpaint", "none", "oracle", "oracle-called", "temporal-median")
    for name in repaired.names():
        made = repaired.make(name, source)
        assert made.name == name
        assert isinstance(made, Repairer)
        assert repaired.options(name) == made.options  # a job plans with them before there is a source
    with pytest.raises(DataError, match=r"'temporal_median'; did you mean temporal-median\?"):
        repaired.make("temporal_median", source)
    with pytest.raises(DataError, match="known are drop, inpaint"):
        repaired.make("xyz", source)


def test_planning_loads_nothing_heavy() -> None:
    code = (
        "import sys, datasets.repaired, datasets.repaired.write\n"
        "heavy = {'torch', 'skimage', 'scipy', 'numba'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
