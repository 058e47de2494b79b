"""Filters against plain NumPy ones that know nothing of Pillow or OpenCV, and against values worked by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from datasets.errors import DataError
from datasets.images.resize import FILTERS, resize

SIZES = [(256, 128), (100, 41), (64, 32), (17, 9), (33, 60), (1, 1)]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def grey(row: list[int], width: int) -> list[int]:
    """A picture of one row, in the wanted width."""
    pixels = np.repeat(np.array(row, dtype=np.uint8)[None, :, None], 3, axis=2)
    out = resize(pixels, (1, width), "opencv-linear")
    assert (out == out[..., :1]).all()
    return out[0, :, 0].tolist()


def along(values: np.ndarray, new: int, weights: Callable[[np.ndarray, float], np.ndarray], wide: float) -> np.ndarray:
    """One side of float64 ``[N, ...]``: weights of all old pixels for each new one, from the distance of centres.

    ``wide`` says how far a filter reaches where pixels are not enlarged; it grows with the factor.
    """
    old = len(values)
    factor = old / new
    stretch = max(factor, 1.0) if wide else 1.0
    rows = []
    for place in range(new):
        centre = (place + 0.5) * factor
        weight = weights((np.arange(old) + 0.5 - centre) / stretch, stretch)
        rows.append(np.tensordot(weight / weight.sum(), values, axes=1))
    return np.array(rows)


def hat(distance: np.ndarray, _: float) -> np.ndarray:
    return np.maximum(0, 1 - np.abs(distance))


def keys(distance: np.ndarray, _: float) -> np.ndarray:
    """Keys' cubic convolution with a = -1/2."""
    x = np.abs(distance)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def antialiased(pixels: np.ndarray, size: tuple[int, int], weights: Callable[..., np.ndarray]) -> np.ndarray:
    """First across, rounded to bytes, then down, as Pillow does."""
    across = along(pixels.astype(float).transpose(1, 0, 2), size[1], weights, 1.0).transpose(1, 0, 2)
    return along(np.clip(np.rint(across), 0, 255), size[0], weights, 1.0)


def four_neighbours(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear between pixel centres, edges repeated, whatever the factor."""
    (tall, wide), (height, width) = pixels.shape[:2], size
    y, x = ((np.arange(n) + 0.5) * old / n - 0.5 for n, old in ((height, tall), (width, wide)))
    y, x = np.clip(y, 0, tall - 1), np.clip(x, 0, wide - 1)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    low, right = np.minimum(top + 1, tall - 1), np.minimum(left + 1, wide - 1)
    b, a = (y - top)[:, None, None], (x - left)[None, :, None]
    values = pixels.astype(float)
    upper = values[top][:, left] * (1 - a) + values[top][:, right] * a
    lower = values[low][:, left] * (1 - a) + values[low][:, right] * a
    return upper * (1 - b) + lower * b


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("source", [(90, 47), (128, 64), (40, 21)])
def test_each_filter_is_its_definition_but_for_rounding(source: tuple[int, int], size: tuple[int, int]) -> None:
    pixels = noise(*source)
    expected = {
        "bilinear": antialiased(pixels, size, hat),
        "bicubic": np.clip(antialiased(pixels, size, keys), 0, 255),
        "opencv-linear": four_neighbours(pixels, size),
    }
    for name in FILTERS:
        found = resize(pixels, size, name)
        assert found.shape == (*size, 3) and found.dtype == np.uint8
        assert np.abs(found - expected[name]).max() <= 1.6, name  # each pass rounds, a half up or down
        assert found.size < 100 or abs((found - expected[name]).mean()) < 0.3, name


def test_opencvs_values_worked_by_hand() -> None:
    """Centres at half pixels; 11-bit weights; halves upwards; beyond the edge nothing but the edge."""
    assert grey([0, 255], 4) == [0, 64, 191, 255]  # at -1/4, 1/4, 3/4, 5/4
    assert grey([0, 255], 3) == [0, 128, 255]
    assert grey([10, 20, 40], 2) == [13, 35]  # 12.5 and 35
    assert grey([7, 9], 1) == [8]
    assert grey([0, 0, 10, 20, 0, 200, 255, 0], 2) == [
        5,
        228,
    ]  # between 0 and 10, between 200 and 255: four pixels apart
    assert grey([5], 3) == [5, 5, 5]


def test_opencv_rounds_each_row_before_it_adds() -> None:
    """A column 0, 255 enlarged to four rows: below the first centre both neighbours are the first row."""
    pixels = np.zeros((2, 1, 3), dtype=np.uint8)
    pixels[0] = 1
    out = resize(pixels, (4, 1), "opencv-linear")[:, 0, 0].tolist()
    # (512 * 128 >> 16) + (1536 * 128 >> 16) = 1 + 3, + 2 >> 2 = 1; then 3/4 and 1/4 of a row
    assert out == [1, 1, 0, 0]


def test_opencv_does_not_smooth_what_is_made_smaller_and_pillow_does() -> None:
    pixels = noise(256, 128)
    spread = {name: resize(pixels, (32, 16), name).astype(float).std() for name in FILTERS}
    assert spread["bilinear"] < spread["bicubic"] < spread["opencv-linear"] / 2
    # halving is the mean of four, in OpenCV too
    fours = pixels.reshape(128, 2, 64, 2, 3).astype(int).sum(axis=(1, 3))
    assert np.array_equal(resize(pixels, (128, 64), "opencv-linear"), (fours + 2) >> 2)


@pytest.mark.parametrize("name", FILTERS)
def test_the_right_size_is_left_alone_and_a_plain_picture_stays_plain(name: str) -> None:
    pixels = noise(64, 32)
    assert resize(pixels, (64, 32), name) is pixels
    plain = np.full((50, 30, 3), 93, dtype=np.uint8)
    for size in SIZES:
        assert (resize(plain, size, name) == 93).all()
    assert np.array_equal(resize(pixels[:, ::-1], (100, 41), name)[:, ::-1].shape, (100, 41, 3))


def test_an_unknown_filter_is_named() -> None:
    with pytest.raises(DataError, match="resize='lanczos' is unknown; take one of bilinear, bicubic, opencv-linear"):
        resize(noise(4, 4), (2, 2), "lanczos")
