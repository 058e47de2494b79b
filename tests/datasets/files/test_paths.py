"""Frame paths kept as one array of bytes."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import DataError
from datasets.files.paths import ListedFrames, names_array
from datasets.tracklet import Tracklet


def frames() -> ListedFrames:
    return ListedFrames("train/0001/0007/", names_array(["0001_C6_F0002_X30823.jpg", "b.jpg", "ü.jpg"]))


def test_it_is_a_sequence_of_paths() -> None:
    expected = ["train/0001/0007/0001_C6_F0002_X30823.jpg", "train/0001/0007/b.jpg", "train/0001/0007/ü.jpg"]
    assert list(frames()) == expected
    assert [frames()[i] for i in (0, 1, -1)] == expected
    assert frames()[np.int64(1)] == expected[1]
    assert tuple(frames()[1:]) == tuple(expected[1:])
    assert tuple(frames()[::-1]) == tuple(reversed(expected))
    assert expected[2] in frames()
    assert len(frames()) == len(Tracklet("k", 1, 1, frames())) == 3
    for outside in (3, -4):
        with pytest.raises(IndexError, match="of a tracklet with 3 frames"):
            frames()[outside]


def test_equal_paths_are_equal_and_survive_a_worker_process() -> None:
    again = pickle.loads(pickle.dumps(frames()))
    assert again == frames()
    assert hash(again) == hash(frames())
    assert ListedFrames("other/", frames().names) != frames()
    assert ListedFrames(frames().prefix, frames().names[:2]) != frames()
    assert Tracklet("k", 1, 1, again) == Tracklet("k", 1, 1, frames())


def test_a_tracklet_is_a_view_of_the_names_of_all_and_cannot_change_them() -> None:
    everything = names_array([f"{k:04d}.jpg" for k in range(1_000)])
    part = ListedFrames("a/", everything[10:20])
    assert np.shares_memory(part.names, everything)
    assert len(pickle.dumps(part)) < 1_000  # a worker is sent the ten names, not the thousand
    with pytest.raises(ValueError, match="read-only"):
        part.names[0] = b"x"
    everything[0] = b"x"  # the caller's own array stays its own


def test_no_frames_and_other_arrays() -> None:
    assert list(ListedFrames("a/", names_array([]))) == []
    with pytest.raises(DataError, match="expected bytes"):
        ListedFrames("a/", np.zeros((2, 2), dtype="S3"))
    with pytest.raises(DataError, match="NUL"):
        names_array([b"a\0"])


def test_a_name_that_is_no_utf8_still_opens_its_file(tmp_path: Path) -> None:
    odd = b"\xff\xfe.jpg"
    (tmp_path / ListedFrames("", names_array([odd]))[0]).write_bytes(b"here")
    assert [bytes(path) for path in tmp_path.iterdir()] == [bytes(tmp_path) + b"/" + odd]
