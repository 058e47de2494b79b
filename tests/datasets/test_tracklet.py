"""The data model."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import DataError
from datasets.tracklet import NumberedFrames, Split, Tracklet
from tests.places import HOUSE


def tracklet(key: str, person: int, camera: int, frames: int) -> Tracklet:
    return Tracklet(key, person, camera, NumberedFrames(f"{key}F", frames))


def split_of(train: list[Tracklet], test: list[Tracklet], query: list[int], gallery: list[int]) -> Split:
    return Split("toy", Path(), tuple(train), tuple(test), np.array(query), np.array(gallery), "0" * 32, "1", True)


def test_numbered_frames_are_a_sequence_of_names() -> None:
    frames = NumberedFrames("bbox_train/0001/0001C1T0001F", 12)
    assert len(frames) == 12
    assert frames[0] == "bbox_train/0001/0001C1T0001F001.jpg"
    assert frames[-1] == frames[11] == frames[np.int64(11)] == "bbox_train/0001/0001C1T0001F012.jpg"
    assert list(frames) == [frames[i] for i in range(12)]
    assert frames[10:] == (frames[10], frames[11])
    assert frames[::-5] == (frames[11], frames[6], frames[1])
    assert frames[3] in frames
    with pytest.raises(IndexError, match="12 frames"):
        frames[12]
    with pytest.raises(IndexError):
        frames[-13]


def test_a_long_tracklet_costs_no_more_memory_than_a_short_one() -> None:
    short, long = NumberedFrames("a" * 30, 1), NumberedFrames("a" * 30, 920)
    assert sys.getsizeof(long) == sys.getsizeof(short)
    assert abs(len(pickle.dumps(long)) - len(pickle.dumps(short))) < 4


def test_labels_follow_the_sorted_person_ids_not_their_order() -> None:
    train = [tracklet("a", 901, 1, 1), tracklet("b", 5, 1, 1), tracklet("c", 17, 2, 1), tracklet("d", 5, 2, 1)]
    split = split_of(train, [], [], [])
    assert split.train_labels.tolist() == [2, 0, 1, 0]
    assert split.train_labels.dtype == np.int64
    assert split.num_train_ids == 3


def test_counts_of_a_world_small_enough_to_count_by_hand() -> None:
    test = [
        tracklet("j", -1, 1, 2),
        tracklet("d", 0, 2, 3),
        tracklet("a1", 2, 1, 2),
        tracklet("a2", 2, 2, 5),
        tracklet("b1", 4, 1, 1),
        tracklet("b2", 4, 1, 2),
        tracklet("c1", 6, 1, 7),
        tracklet("c2", 6, 3, 1),
        tracklet("c3", 6, 3, 1),
    ]
    # person 4 is seen by one camera only; person 2's queries are each other's only match
    split = split_of([tracklet("t", 1, 5, 10)], test, [2, 3, 4, 6], list(range(9)))
    counts = split.counts()
    assert counts["train_ids"] == counts["train_tracklets"] == 1
    assert counts["train_frames"] == 10
    assert counts["test_ids"] == counts["query_ids"] == 3
    assert counts["test_tracklets"] == counts["gallery_tracklets"] == 9
    assert counts["test_frames"] == counts["gallery_frames"] == 24
    assert (counts["query_tracklets"], counts["query_frames"]) == (4, 15)
    assert (counts["junk_tracklets"], counts["junk_frames"]) == (1, 2)
    assert (counts["distractor_tracklets"], counts["distractor_frames"]) == (1, 3)
    assert counts["cameras"] == 4
    assert counts["unmatched_queries"] == 1  # person 4
    assert counts["unmatched_queries_removed"] == 3  # person 4, and both of person 2
    assert [t.key for t in split.query] == ["a1", "a2", "b1", "c1"]


def test_a_row_outside_the_test_tracklets_is_refused() -> None:
    with pytest.raises(DataError, match="query row"):
        split_of([], [tracklet("a", 2, 1, 1)], [1], [0])


def test_the_data_model_needs_no_torch() -> None:
    modules = (
        "pack, frames.open, frames.decoded, frames.on_demand, sampling.clips, sampling.snippets, sampling.batches, "
        "seeding, images.transforms, images.decode, inspection.contact_sheet, readers.mars.reader, "
        "readers.duke.reader, readers.ls_vid.reader, readers.own.reader, readers.two_cameras.ilids, "
        "readers.two_cameras.prid"
    )
    imports = "; ".join(f"import datasets.{name}" for name in modules.split(", "))
    code = f"import sys; {imports}; print('torch' in sys.modules)"
    root = HOUSE
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "False"
