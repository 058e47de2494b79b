"""Two stores used as one agree with the two."""

import numpy as np
import pytest

from datasets.errors import DataError
from datasets.frames.concatenated import FramePair
from datasets.frames.decoded import FrameStore


def _store(lengths: list[int], first: int, size: tuple[int, int] = (2, 1)) -> FrameStore:
    count = sum(lengths)
    frames = np.arange(first, first + count, dtype=np.uint8)[:, None, None, None]
    return FrameStore(np.array(lengths), size, frames=np.broadcast_to(frames, (count, *size, 3)).copy())


def test_rows_of_the_second_follow_those_of_the_first() -> None:
    pair = FramePair(_store([2, 1], 0), _store([3, 2], 100))
    assert pair.lengths.tolist() == [2, 1, 3, 2]
    assert pair.offsets.tolist() == [0, 2, 3, 6, 8]
    assert len(pair) == 4
    found = pair.gather(np.array([[7, 0, 3], [2, 4, 2]]))
    assert found.shape == (2, 3, 2, 1, 3)
    assert found[..., 0, 0, 0].tolist() == [[104, 0, 100], [2, 101, 2]]
    assert pair.clip(1, np.array([0])).ravel()[0] == 2
    assert pair.clip(3, np.array([1, 0]))[:, 0, 0, 0].tolist() == [104, 103]


def test_every_frame_is_reached_both_ways() -> None:
    pair = FramePair(_store([2, 1], 0), _store([3, 2], 100))
    by_row = pair.gather(np.arange(8))
    by_tracklet = np.concatenate([pair.clip(t, np.arange(n)) for t, n in enumerate(pair.lengths)])
    assert np.array_equal(by_row, by_tracklet)


def test_what_does_not_exist_is_refused() -> None:
    pair = FramePair(_store([2], 0), _store([3], 100))
    with pytest.raises(IndexError):
        pair.gather(np.array([5]))
    with pytest.raises(IndexError, match="3 frames"):
        pair.clip(1, np.array([3]))
    with pytest.raises(DataError, match="one size"):
        FramePair(_store([2], 0), _store([3], 100, size=(4, 2)))
