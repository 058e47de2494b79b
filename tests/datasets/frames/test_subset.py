"""A selection of frames agrees with the store that it selects from."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.errors import DataError
from datasets.frames.decoded import FrameStore
from datasets.frames.subset import FrameSelection

SIZE = (16, 8)
KEEP = np.array([0, 0, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 0], dtype=bool)  # of 2, 3, 2, 5, 1, 2 frames


@pytest.fixture(params=["memory", "disk"])
def store(mars_root: Path, tmp_path: Path, request: pytest.FixtureRequest) -> FrameStore:
    split = datasets.load("mars", mars_root, counts="any")
    cache = None if request.param == "memory" else tmp_path / "cache"
    return FrameStore.build(split.test, split.root, cache, SIZE, fingerprint="f", progress=False)


def test_kept_frames_by_hand(store: FrameStore) -> None:
    selection = FrameSelection(store, KEEP)
    assert selection.tracklets.tolist() == [1, 3, 5]
    assert selection.lengths.tolist() == [2, 5, 1]
    assert selection.offsets.tolist() == [0, 2, 7, 8]
    assert selection.rows.tolist() == [2, 4, 7, 8, 9, 10, 11, 13]
    assert len(selection) == 3
    assert selection.size == SIZE
    assert np.array_equal(selection.flat(), store.flat()[KEEP])
    assert np.array_equal(selection.clip(0, np.array([1, 0, 1])), store.clip(1, np.array([2, 0, 2])))
    assert np.array_equal(selection.clip(2, np.array([[0]])), store.clip(5, np.array([[0]])))
    rows = np.array([[7, 0], [2, 6]])
    assert np.array_equal(selection.gather(rows), store.flat()[np.array([[13, 2], [7, 11]])])


def test_all_kept_is_the_store_itself(store: FrameStore) -> None:
    selection = FrameSelection(store, np.ones(15, dtype=bool))
    assert selection.lengths.tolist() == store.lengths.tolist()
    assert selection.tracklets.tolist() == list(range(6))
    assert np.array_equal(selection.flat(), store.flat())


def test_a_tracklet_without_frames_is_no_tracklet() -> None:
    frames = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1).repeat(3, axis=3)
    store = FrameStore(np.array([0, 2, 0, 1, 0]), (1, 1), frames=frames)
    selection = FrameSelection(store, np.array([False, True, True]))
    assert selection.tracklets.tolist() == [1, 3]
    assert selection.clip(1, np.array([0])).ravel().tolist() == [2, 2, 2]


def test_what_was_not_kept_cannot_be_asked_for(store: FrameStore) -> None:
    selection = FrameSelection(store, KEEP)
    for wrong in (2, -1):  # two frames are kept; the next row is another tracklet's
        with pytest.raises(IndexError, match=f"tracklet 0 keeps 2 frames.*{wrong}"):
            selection.clip(0, np.array([wrong]))
    with pytest.raises(IndexError):
        selection.gather(np.array([8]))


def test_it_travels_to_a_worker_process(store: FrameStore) -> None:
    selection = FrameSelection(store, KEEP)
    there = pickle.loads(pickle.dumps(selection))
    assert np.array_equal(there.clip(1, np.array([4])), selection.clip(1, np.array([4])))
    assert there.base.path == store.path


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (np.ones(14, dtype=bool), r"bool \[14\], expected bool \[15\]"),
        (np.ones(15, dtype=np.int64), r"int64 \[15\], expected bool"),
        (np.ones((15, 1), dtype=bool), r"\[15, 1\]"),
        (np.zeros(15, dtype=bool), "none of the 15 frames"),
    ],
)
def test_a_wrong_selection_is_refused(store: FrameStore, keep: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        FrameSelection(store, keep)
