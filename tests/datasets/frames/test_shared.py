"""The divisions of a data set share one store of frames: the same pixels, decoded once."""

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.frames.decoded import FrameStore
from datasets.frames.on_demand import PackedFrames
from datasets.frames.shared import SharedFrames, open_shared
from datasets.synthwalk import presets
from datasets.synthwalk.layouts import render_as

SIZE = (32, 32)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn people under two cameras each, divided ten times."""
    world = dataclasses.replace(presets.PRESETS["tiny"], train_ids=4, test_ids=4, junk=0, distractors=0)
    root, _ = render_as("ilids", world, tmp_path_factory.mktemp("data") / "pairs", progress=False)
    return root


@pytest.mark.parametrize("limit", [10**9, 0])
def test_every_half_of_every_division_has_the_pixels_of_a_store_of_its_own(
    pairs: Path, tmp_path: Path, limit: int
) -> None:
    """Decoded once (a high limit) and decoded when asked for (none) alike."""
    whole = datasets.load("ilids", pairs, split=0)
    for number in (0, 4, 9):
        split = datasets.load("ilids", pairs, split=number)
        for half in (split.train, split.test):
            own = FrameStore.build(half, split.root, None, SIZE, fingerprint=split.fingerprint, progress=False)
            shared = open_shared(half, whole, tmp_path, SIZE, decoded_limit=limit)
            assert isinstance(shared, SharedFrames)
            assert isinstance(shared.base, PackedFrames) is (limit == 0)
            assert np.array_equal(shared.lengths, own.lengths) and np.array_equal(shared.offsets, own.offsets)
            assert np.array_equal(np.asarray(shared.flat()), own.flat())
            assert shared.flat().shape == own.flat().shape and len(shared.flat()) == len(own.flat())
            assert np.array_equal(np.concatenate(list(shared.blocks(7, 3))), own.flat()[3:])
            rows = np.array([[5, 0], [int(own.offsets[-1]) - 1, 5]])
            assert np.array_equal(shared.gather(rows), own.gather(rows))
            last = len(own) - 1
            assert np.array_equal(shared.clip(last, np.array([0, 1, 0])), own.clip(last, np.array([0, 1, 0])))
            with pytest.raises(IndexError):
                shared.clip(last, np.array([int(own.lengths[last])]))
    assert len(list(tmp_path.glob("*.npy"))) == (0 if limit == 0 else 1)


def test_a_worker_process_gets_the_file_not_the_frames(pairs: Path, tmp_path: Path) -> None:
    split = datasets.load("ilids", pairs, split=3)
    shared = open_shared(split.test, datasets.load("ilids", pairs), tmp_path, SIZE)
    assert shared is not None
    sent = pickle.dumps(shared)
    assert len(sent) < 5000
    assert np.array_equal(np.asarray(pickle.loads(sent).flat()), np.asarray(shared.flat()))


def test_frames_that_differ_are_not_shared(pairs: Path, tmp_path: Path) -> None:
    split, whole = (datasets.load("ilids", pairs, split=number) for number in (1, 0))
    shorter = dataclasses.replace(split.test[0], frames=split.test[0].frames[1:])
    assert open_shared((shorter, *split.test[1:]), whole, tmp_path, SIZE) is None
    fewer = dataclasses.replace(whole, train=(), query_index=whole.query_index, gallery_index=whole.gallery_index)
    assert open_shared(whole.train, fewer, tmp_path, SIZE) is None
    assert not list(tmp_path.iterdir())
