"""JPEG in one place: by simplejpeg, and by Pillow where that is not installed.

Both decode to the same pixels. Their encoders differ in some bytes, so `library` enters whatever depends on these.
"""

import io
from importlib.metadata import version as installed_version
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.images import open as image_opening

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

Pixels = NDArray[np.uint8]  # [H,W,3] RGB
_START = b"\xff\xd8\xff"
_WRONG = (LookupError, MemoryError, RuntimeError, ValueError)
"""What simplejpeg answers bad bytes with; a sampling of colours that it has no name for is a KeyError."""


def library() -> str:
    """What encodes and decodes, such as ``simplejpeg 1.9.0``."""
    name = "pillow" if simplejpeg is None else "simplejpeg"
    return f"{name} {installed_version(name)}"


def is_jpeg(data: bytes | memoryview) -> bool:
    """Whether these bytes begin as a JPEG does."""
    return bytes(data[:3]) == _START if simplejpeg is None else bool(simplejpeg.is_jpeg(data))


def decode(data: bytes | memoryview) -> Pixels:
    """RGB pixels ``[H,W,3]`` uint8.

    Raises:
        ImageFault: it is damaged, cut short or claims to be huge; half a picture is never returned.
    """
    if simplejpeg is None:
        return image_opening.decode(data)
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        image_opening.check_size(height, width)
        pixels: Pixels = simplejpeg.decode_jpeg(data, colorspace="RGB")
    except image_opening.ImageFault:
        raise
    except _WRONG as error:
        raise image_opening.fault_of(error) from error
    return pixels


def decode_into(data: bytes | memoryview, out: Pixels) -> bool:
    """Decode straight to where the pixels are wanted: neither memory nor a copy is needed for them.

    Args:
        data: content of a JPEG file.
        out: contiguous uint8 [H,W,3]. It holds anything after an error.

    Returns:
        Whether that was possible; not for a picture of another size, and not without simplejpeg.

    Raises:
        ImageFault: it is damaged or cut short.
    """
    if simplejpeg is None:
        return False
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if (height, width, 3) != out.shape:
            return False
        simplejpeg.decode_jpeg(data, colorspace="RGB", buffer=out)
    except _WRONG as error:
        raise image_opening.fault_of(error) from error
    return True


def encode(pixels: Pixels, quality: int, subsampling: Literal["420", "444"] = "444") -> bytes:
    """The bytes of a JPEG of RGB pixels ``[H,W,3]`` uint8; ``420`` keeps colours at half the resolution."""
    pixels = np.ascontiguousarray(pixels)
    if simplejpeg is None:
        buffer = io.BytesIO()
        chroma = ":".join(subsampling)
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=chroma)
        return buffer.getvalue()
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality, "RGB", subsampling)
    return encoded
