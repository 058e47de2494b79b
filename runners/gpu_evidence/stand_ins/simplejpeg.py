"""simplejpeg where it is missing, by Pillow: the same pixels, but other bytes, so it says its own name."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]  # [H,W,3] RGB

_START = b"\xff\xd8\xff"


def is_jpeg(data: bytes | memoryview) -> bool:
    """Whether these bytes begin as a JPEG does."""
    return bytes(data[:3]) == _START


def decode_jpeg_header(data: bytes | memoryview) -> tuple[int, int]:
    """Height and width.

    Raises:
        ValueError: it is no JPEG, or its header is damaged.
    """
    with _opened(data) as image:
        return image.height, image.width


def decode_jpeg(data: bytes | memoryview, colorspace: str = "RGB", buffer: Pixels | None = None) -> Pixels:
    """RGB pixels [H,W,3], in `buffer` where there is one.

    Raises:
        ValueError: it is damaged or cut short.
    """
    with _opened(data) as image, _as_value_error():
        pixels = np.asarray(image.convert(colorspace))
    if buffer is None:
        return pixels
    buffer[...] = pixels
    return buffer


def encode_jpeg(image: Pixels, quality: int = 85, colorspace: str = "RGB", colorsubsampling: str = "444") -> bytes:
    """The bytes of a JPEG of RGB pixels [H,W,3]."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=quality, subsampling=":".join(colorsubsampling))
    return content.getvalue()


def _opened(data: bytes | memoryview) -> Image.Image:
    with _as_value_error():
        return Image.open(io.BytesIO(data), formats=("JPEG",))


@contextmanager
def _as_value_error() -> Iterator[None]:
    """simplejpeg answers bad bytes with a ValueError; Pillow has a dozen others."""
    try:
        yield
    except Exception as error:  # KeyError, IndexError, struct.error, SyntaxError, ... as the bytes are damaged
        raise ValueError(str(error)) from error


__version__ = PIL.__version__
__name__ = "pillow"  # who encodes: it stands in the record and in the fingerprint of what was rendered
