"""Enlarged crops come from the files' own pixels: resampled once; where files have the size wanted, nothing moves."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.errors import DataError
from datasets.frames.concatenated import FramePair
from datasets.frames.decoded import FrameStore
from datasets.frames.on_demand import PackedFrames
from datasets.frames.subset import FrameSelection
from datasets.images import decode
from datasets.images.resize import FILTERS, resize
from datasets.images.transforms import ClipTransform
from datasets.seeding import generator
from tests.datasets import mars_folder

OWN, OTHER = (16, 8), (12, 6)  # of the files, and another one


@pytest.fixture
def split(mars_root: Path) -> datasets.Split:
    return datasets.load("mars", mars_root, counts="any")


def original(store: FrameStore, frame: int) -> np.ndarray | None:
    """A frame of tracklet 3, whose first row is 7."""
    return store.original(7 + frame)


def stores(split: datasets.Split, size: tuple[int, int], **options: object) -> list[FrameStore]:
    given = {"fingerprint": split.fingerprint, **options}
    decoded = FrameStore.build(split.test, split.root, None, size, progress=False, **given)
    return [decoded, PackedFrames.of(split.test, split.root, size, **given)]


def test_a_store_of_the_files_size_has_no_other_originals(split: datasets.Split) -> None:
    for store in stores(split, OWN):
        assert [store.original(row) for row in (0, 3, 0)] == [None, None, None]


def test_a_store_of_another_size_gives_the_files_pixels(split: datasets.Split) -> None:
    paths = [split.root / frame for t in split.test for frame in t.frames]
    for store in stores(split, OTHER):
        for row in (0, 14, 0):
            assert np.array_equal(store.original(row), decode.read(paths[row]))
        kept = np.arange(len(paths)) % 2 == 1
        assert np.array_equal(FrameSelection(store, kept).original(2), decode.read(paths[5]))
        assert np.array_equal(FramePair(store, store).original(15 + 4), decode.read(paths[4]))


def test_a_damaged_file_is_named(split: datasets.Split) -> None:
    store = stores(split, OTHER)[0]
    path = split.root / split.test[0].frames[1]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=f"{path.name}.*copy it again"):
        store.original(1)
    path.unlink()
    with pytest.raises(DataError, match=f"{path.name} is missing; copy it again"):
        store.original(1)


@pytest.mark.parametrize("filter_", FILTERS)
@pytest.mark.parametrize("per", ["clip", "frame"])
def test_an_enlarged_crop_is_one_resampling_of_the_file(split: datasets.Split, filter_: str, per: str) -> None:
    """All crops of the once enlarged file are tried: the transform's is one of them, and flipped where it flips."""
    change = ClipTransform(flip=0.5, crop_scale=1.5, per=per, resize=filter_)
    store = stores(split, OTHER, resize=filter_)[0]
    seen = set()
    for seed in range(8):
        clip = change(store.clip(3, np.array([1, 4])), generator(seed), lambda t: store.original([8, 11][t]))
        for frame, row in zip(clip, (8, 11), strict=True):
            file = store.original(row)
            where = [
                (flipped, top, left)
                for flipped in (False, True)
                for top in range(18 - 12 + 1)
                for left in range(9 - 6 + 1)
                if np.array_equal(
                    resize(file[:, ::-1] if flipped else file, (18, 9), filter_)[top : top + 12, left : left + 6], frame
                )
            ]
            assert len(where) == 1
            seen.add(where[0])
    assert len(seen) > 4 and {flipped for flipped, _, _ in seen} == {False, True}


def test_frames_of_the_files_size_are_enlarged_as_ever(split: datasets.Split) -> None:
    change = ClipTransform(flip=0.5, crop_scale=1.125, crop_probability=0.5, per="frame")
    for store in stores(split, OWN):
        clip = store.clip(3, np.arange(5))
        for seed in range(6):
            alone = change(clip, generator(seed))
            assert np.array_equal(change(clip, generator(seed), partial(original, store)), alone)


def test_the_cache_tells_filters_apart(split: datasets.Split, tmp_path: Path) -> None:
    built = {
        name: FrameStore.build(
            split.test, split.root, tmp_path, OTHER, fingerprint=split.fingerprint, resize=name, progress=False
        )
        for name in FILTERS
    }
    assert len({store.path for store in built.values()}) == 3
    direct = decode.read(split.root / split.test[0].frames[0])
    for name, store in built.items():
        assert store.resize == name
        assert np.array_equal(store.flat()[0], resize(direct, OTHER, name))
    same = [FrameStore.build(split.test, split.root, tmp_path, OWN, fingerprint=split.fingerprint, resize=name,
                             progress=False).flat() for name in FILTERS]  # fmt: skip
    assert np.array_equal(same[0], same[1]) and np.array_equal(same[0], same[2])


def test_two_filters_form_no_batch(split: datasets.Split) -> None:
    one, other = (stores(split, OTHER, resize=name)[0] for name in FILTERS[:2])
    with pytest.raises(DataError, match="resized by bilinear and by bicubic, form no batch"):
        FramePair(one, other)


def test_mars_folder_has_files_of_the_size_that_these_tests_think(split: datasets.Split) -> None:
    assert decode.read(split.root / split.test[0].frames[0]).shape[:2] == OWN
    assert mars_folder.__doc__
