"""JPEG in one place: by simplejpeg. Encoders differ in some bytes, so `library` enters whatever depends on these."""

from typing import Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from datasets.images.open import ImageFault, check_size, fault_of

Pixels = NDArray[np.uint8]  # [H,W,3] RGB
_WRONG = (LookupError, MemoryError, RuntimeError, ValueError)
"""What simplejpeg answers bad bytes with; a sampling of colours that it has no name for is a KeyError."""


def library() -> str:
    """What encodes and decodes, such as ``simplejpeg 1.9.0``."""
    return f"{simplejpeg.__name__} {simplejpeg.__version__}"


def is_jpeg(data: bytes | memoryview) -> bool:
    """Whether these bytes begin as a JPEG does."""
    return bool(simplejpeg.is_jpeg(data))


def decode(data: bytes | memoryview) -> Pixels:
    """RGB pixels ``[H,W,3]`` uint8.

    Raises:
        ImageFault: it is damaged, cut short or claims to be huge; half a picture is never returned.
    """
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        check_size(height, width)
        pixels: Pixels = simplejpeg.decode_jpeg(data, colorspace="RGB")
    except ImageFault:
        raise
    except _WRONG as error:
        raise fault_of(error) from error
    return pixels


def decode_into(data: bytes | memoryview, out: Pixels) -> bool:
    """Decode straight to where the pixels are wanted: neither memory nor a copy is needed for them.

    Args:
        data: content of a JPEG file.
        out: contiguous uint8 [H,W,3]. It holds anything after an error.

    Returns:
        Whether that was possible; not for a picture of another size.

    Raises:
        ImageFault: it is damaged or cut short.
    """
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if (height, width, 3) != out.shape:
            return False
        simplejpeg.decode_jpeg(data, colorspace="RGB", buffer=out)
    except _WRONG as error:
        raise fault_of(error) from error
    return True


def encode(pixels: Pixels, quality: int, subsampling: Literal["420", "444"] = "444") -> bytes:
    """The bytes of a JPEG of RGB pixels ``[H,W,3]`` uint8; ``420`` keeps colours at half the resolution."""
    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "RGB", subsampling)
    return encoded
