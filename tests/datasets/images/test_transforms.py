"""Augmentation and normalisation."""

import sys

import numpy as np
import pytest
import torch
from torchvision.transforms.functional import normalize
from torchvision.transforms.functional import to_tensor as torchvision_to_tensor

from datasets.errors import DataError
from datasets.images import decode, transforms
from datasets.images.transforms import (
    CAFFE_BGR_MEAN,
    IMAGENET_MEAN,
    IMAGENET_STD,
    ClipTransform,
    to_tensor,
)
from datasets.seeding import generator

ALL = ClipTransform(flip=0.5, pad=2, crop_scale=1.125, crop_probability=0.5, erase=0.5)


def picture_clip(frames: int = 4, height: int = 32, width: int = 16) -> np.ndarray:
    return generator(0, "clip").integers(0, 256, (frames, height, width, 3)).astype(np.uint8)


def still_clip(frames: int = 4) -> np.ndarray:
    return np.repeat(picture_clip(1), frames, axis=0)


PUBLISHED = ["none", "jg", "tkp", "adfd", "csa"]


@pytest.mark.parametrize("transform", [ALL, *map(ClipTransform.published, PUBLISHED)])
def test_shape_and_input_are_kept(transform: ClipTransform) -> None:
    clip = picture_clip()
    before = clip.copy()
    for i in range(20):
        out = transform(clip, generator(i))
        assert out.shape == clip.shape
        assert out.dtype == np.uint8
        assert out.flags.c_contiguous
    assert np.array_equal(clip, before)


def test_a_sample_is_the_same_in_any_order() -> None:
    clip = picture_clip()
    forwards = [ALL(clip, generator(7, "stage", 0, sample)) for sample in range(12)]
    backwards = [ALL(clip, generator(7, "stage", 0, sample)) for sample in reversed(range(12))]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert np.array_equal(one, other)
    assert len({out.tobytes() for out in forwards}) > 8


def test_nothing_asked_nothing_done() -> None:
    clip = picture_clip()
    assert np.array_equal(ClipTransform.published("none")(clip, generator(0)), clip)


def test_certain_flip_mirrors_every_frame() -> None:
    clip = picture_clip()
    assert np.array_equal(ClipTransform(flip=1.0)(clip, generator(0)), clip[:, :, ::-1])


def test_flip_falls_half_the_time() -> None:
    clip = picture_clip(1)
    flipped = sum(not np.array_equal(ClipTransform(flip=0.5)(clip, generator(i)), clip) for i in range(400))
    assert 160 < flipped < 240


@pytest.mark.parametrize("transform", [ClipTransform(flip=0.5), ALL])
def test_a_still_clip_stays_still_when_choices_are_shared(transform: ClipTransform) -> None:
    for i in range(30):
        out = transform(still_clip(), generator(i))
        assert (out == out[:1]).all()


def test_frames_choose_for_themselves_as_in_the_published_code() -> None:
    jg = ClipTransform.published("jg")
    moving = sum(not (out == out[:1]).all() for out in (jg(still_clip(), generator(i)) for i in range(30)))
    assert moving > 25


def test_enlarged_crop_of_a_plain_clip_is_plain() -> None:
    clip = np.full((2, 32, 16, 3), 77, dtype=np.uint8)
    assert np.array_equal(ClipTransform(crop_scale=1.125)(clip, generator(1)), clip)


def test_padded_crop_shifts_and_fills() -> None:
    clip = np.full((1, 32, 16, 3), 77, dtype=np.uint8)
    shifts = set()
    for i in range(200):
        inside = (ClipTransform(pad=2)(clip, generator(i))[0] == 77).all(axis=-1)
        rows, columns = inside.any(axis=1).sum(), inside.any(axis=0).sum()
        assert inside.sum() == rows * columns
        shifts.add((int(rows), int(columns)))
    assert shifts == {(r, c) for r in (30, 31, 32) for c in (14, 15, 16)}


def test_erased_share_lies_in_the_asked_range() -> None:
    clip = np.full((3, 64, 32, 3), 255, dtype=np.uint8)
    shares = []
    for i in range(300):
        erased = (ClipTransform(erase=1.0, erase_area=(0.1, 0.2))(clip, generator(i)) != 255).any(axis=-1)
        assert (erased == erased[:1]).all()
        shares.append(erased[0].mean())
    assert np.mean(np.array(shares) > 0) > 0.99
    assert min(shares) > 0.08
    assert max(shares) < 0.22


def test_a_crop_keeps_the_centre() -> None:
    clip = np.zeros((1, 32, 16, 3), dtype=np.uint8)
    clip[:, 15:17, 7:9] = 255
    out = decode.fit(clip[0], (32, 16), 1.125).astype(float).sum(axis=2)
    rows, columns = np.arange(32) @ out.sum(axis=1), np.arange(16) @ out.sum(axis=0)
    assert rows / out.sum() == pytest.approx(15.5, abs=0.1)
    assert columns / out.sum() == pytest.approx(7.5, abs=0.1)
    picture = picture_clip()[0]
    assert np.array_equal(decode.fit(picture, picture.shape[:2], 1.0), picture)


def test_imagenet_normalisation_agrees_with_torchvision() -> None:
    clip = picture_clip()
    ours = to_tensor(clip)
    theirs = torch.stack(
        [normalize(torchvision_to_tensor(frame), list(IMAGENET_MEAN), list(IMAGENET_STD)) for frame in clip]
    )
    assert ours.shape == (4, 3, 32, 16)
    assert ours.is_contiguous()
    assert torch.equal(ours, theirs)  # to the last bit
    assert torch.equal(to_tensor(torch.from_numpy(clip)), ours)
    assert torch.equal(to_tensor(clip[None]), ours[None])
    assert torch.equal(to_tensor(clip[:, ::-1, ::-1]), ours.flip(-1, -2))  # views too
    assert torch.equal(to_tensor(torch.from_numpy(clip).movedim(0, 1)), ours.transpose(0, 2))
    for frame in range(4):
        assert torch.equal(to_tensor(clip[frame]), ours[frame])  # whatever stands beside it in a batch


def test_every_value_of_every_colour_is_normalised_as_torchvision_does(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    theirs = normalize(torchvision_to_tensor(levels), list(IMAGENET_MEAN), list(IMAGENET_STD))
    half = normalize(torchvision_to_tensor(levels), [0.5] * 3, [0.5] * 3)
    for many in (1 << 20, 1):  # by single operations, and by the compiled loop
        monkeypatch.setattr(transforms, "_MANY", many)
        for channels_last in (False, True):
            assert torch.equal(to_tensor(levels, channels_last=channels_last), theirs)
            assert torch.equal(to_tensor(levels, "half", channels_last=channels_last), half)


@pytest.mark.parametrize("normalise", ["imagenet", "half", "bgr-mean"])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("shape", [(3, 2, 5, 7, 3), (4, 32, 16, 3), (9, 4, 3)])
def test_the_compiled_loop_and_single_operations_give_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, normalise: str, channels_last: bool, shape: tuple[int, ...]
) -> None:
    clip = generator(1, "clip").integers(0, 256, shape).astype(np.uint8)
    clip.reshape(-1)[: min(256, clip.size)] = np.arange(min(256, clip.size))
    single = to_tensor(clip, normalise, channels_last=channels_last)
    monkeypatch.setattr(transforms, "_MANY", 1)
    compiled = to_tensor(clip, normalise, channels_last=channels_last)
    assert torch.equal(compiled, single)
    assert compiled.stride() == single.stride()
    assert torch.equal(to_tensor(clip[..., ::-1, :], normalise), single.flip(-1))
    monkeypatch.setitem(sys.modules, "datasets.images.normalise_numba", None)  # as where numba is not installed
    assert torch.equal(to_tensor(clip, normalise, channels_last=channels_last), single)


@pytest.mark.parametrize("normalise", ["imagenet", "half", "bgr-mean"])
def test_colours_beside_each_other_are_the_same_numbers(normalise: str) -> None:
    clip = picture_clip()
    planes, pixels = (to_tensor(clip, normalise, channels_last=last) for last in (False, True))
    assert torch.equal(planes, pixels)
    assert planes.is_contiguous()
    assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_other_normalisations_on_one_pixel() -> None:
    pixel = np.array([[[10, 20, 30]]], dtype=np.uint8)
    expected = [30 - CAFFE_BGR_MEAN[0], 20 - CAFFE_BGR_MEAN[1], 10 - CAFFE_BGR_MEAN[2]]
    assert to_tensor(pixel, "bgr-mean").flatten().tolist() == pytest.approx(expected)
    assert to_tensor(pixel, "half").flatten().tolist() == pytest.approx([c / 127.5 - 1 for c in (10, 20, 30)])


def test_the_fill_is_nothing_after_normalisation() -> None:
    clip = np.full((1, 64, 32, 3), 255, dtype=np.uint8)
    out = ClipTransform(erase=1.0)(clip, generator(3))
    erased = torch.from_numpy((out != 255).any(axis=-1))
    assert erased.any()
    assert to_tensor(out).movedim(1, -1)[erased].abs().max() < 0.01


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(DataError, match=r"flip=1\.5"):
        ClipTransform(flip=1.5)
    with pytest.raises(DataError, match="crop_scale"):
        ClipTransform(crop_scale=0.9)
    with pytest.raises(DataError, match="erase_area"):
        ClipTransform(erase_area=(0.5, 0.1))
    with pytest.raises(DataError, match="per="):
        ClipTransform(per="batch")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="known are none"):
        ClipTransform.published("fancy")
    with pytest.raises(DataError, match="normalise='zscore'"):
        to_tensor(picture_clip(), "zscore")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="uint8"):
        to_tensor(picture_clip().astype(np.float32))
