"""From the bytes of an image file to RGB pixels: one function, two libraries behind it.

What is done with other colours, depths and formats is decided in `datasets.images.open`.

simplejpeg (libjpeg-turbo) decodes JPEG, Pillow everything else, and JPEG too where there is no simplejpeg; on JPEG
the two agree bit for bit: the tolerance is 0 levels. simplejpeg is the fastest that was measured (`tests/benchmarks/
test_pack.py`); the inexact switches of libjpeg are left off, they gained nothing there and moved pixels by up to 27
levels. Decoders and resizers differ between versions, so `version()` is part of every fingerprint and record.
"""

from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.images import jpeg
from datasets.images import open as pillow_open
from datasets.images.resize import Filter, resize

Pixels = NDArray[np.uint8]  # [H,W,3] RGB


def version() -> str:
    """Names and versions of the decoders, e.g. `simplejpeg 1.9.0, pillow 13.0.0`."""
    return ", ".join(dict.fromkeys((jpeg.library(), f"pillow {installed_version('pillow')}")))


def decode(data: bytes | memoryview) -> Pixels:
    """Decode an image.

    Args:
        data: content of a file, of a format of `datasets.images.open.FORMATS`.

    Returns:
        uint8 [H,W,3], RGB.

    Raises:
        ImageFault: if the image is damaged or cut short, claims to be huge, or is of a kind that is not read; half a
            picture is never returned.
    """
    if jpeg.is_jpeg(data):
        return jpeg.decode(data)
    return pillow_open.decode(data)


def fit(pixels: Pixels, size: tuple[int, int], crop: float = 1.0, filter_: Filter = "bilinear") -> Pixels:
    """Resize to ``crop`` times a size and cut its centre out, which has that size.

    Args:
        pixels: uint8 [H,W,3].
        size: (height, width) of the result.
        crop: 1 or more; ADFD tests at 1.125, on the centre 256x128 of 288x144.
        filter_: see `datasets.images.resize`.
    """
    height, width = size
    larger = (round(height * crop), round(width * crop))
    top, left = (larger[0] - height) // 2, (larger[1] - width) // 2
    return np.ascontiguousarray(resize(pixels, larger, filter_)[top : top + height, left : left + width])


def decode_into(data: bytes | memoryview, out: Pixels, crop: float = 1.0, filter_: Filter = "bilinear") -> None:
    """Decode an image, fitted to the place where its pixels are wanted.

    Args:
        data: content of a file, as for `decode`.
        out: contiguous uint8 [H,W,3]; its size is the one wanted. It holds anything after an error.
        crop, filter_: see `fit`.

    Raises:
        ImageFault: as `decode`.
    """
    if crop == 1 and jpeg.is_jpeg(data) and jpeg.decode_into(data, out):
        return
    out[...] = fit(decode(data), (out.shape[0], out.shape[1]), crop, filter_)


def read(path: Path, size: tuple[int, int] | None = None, crop: float = 1.0) -> Pixels:
    """Read an image file.

    Args:
        path: the file.
        size: (height, width) to resize to; None keeps the image's own.
        crop: see `fit`.

    Returns:
        uint8 [H,W,3], RGB.

    Raises:
        DataError: naming the file, if it is missing, unreadable, damaged or cut short.
    """
    try:
        pixels = decode(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; copy it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); copy it again") from error
    except pillow_open.ImageFault as error:
        raise DataError(error.sentence(path)) from error
    return pixels if size is None else fit(pixels, size, crop)
