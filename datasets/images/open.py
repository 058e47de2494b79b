"""The one place where Pillow opens the bytes of an image: which formats, how many pixels, and what a pixel means.

What is decided here holds for folders, packs and checks alike:

- The number of pixels is looked at before memory is taken for them; `MOST_PIXELS` is a frame of 8K video.
- One file is one frame: an animation or a file of several pages is refused, not cut to its first.
- Grey of 16 bits (infrared, thermal, depth) is divided by 257, of 12 bits by its 4,095: the range of the format, not of
  the picture. Floats and whole numbers of 32 bits have no range of their own and are refused.
- An alpha channel is dropped, not painted onto a colour. Palettes, CMYK and YCbCr become RGB; profiles are not applied.
- The EXIF orientation of JPEG, PNG and WebP is ignored: frames of video are stored upright. That of TIFF is a part of
  the format and is applied (by Pillow).

Whatever a damaged file makes of the libraries, one error comes out.
"""

import contextlib
import functools
import io
import warnings
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

Pixels = NDArray[np.uint8]  # [H,W,3] RGB

MOST_PIXELS: Final = 2**25
"""Pixels of one frame: 7680 x 4320 are a little fewer."""
FORMATS: Final = ("PNG", "BMP", "TIFF", "PPM", "WEBP", "GIF", "JPEG", "MPO", "JPEG2000", "AVIF")
"""What Pillow is let open: formats of single pictures. Others it knows start programs, or take any bytes for theirs."""

_SIXTEEN = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_REFUSED: Final = {
    "I": ("whole numbers of 32 bits or with a sign, whose range nobody knows", "convert it to 8 or 16 bits"),
    "F": ("floats, whose range nobody knows", "convert it to 8 or 16 bits"),
    "LAB": ("colours in L*a*b*", "convert it to RGB"),
    "HSV": ("colours in HSV", "convert it to RGB"),
}
_BITS, _PHOTOMETRIC = 258, 262  # tags of TIFF
_MIN_IS_WHITE = 0
_SHOWN = 8  # bytes of a file that is no image
_LONGEST = 160  # characters of a library's message
_AGAIN = "copy it again"

# Damaged files make Pillow warn, into the middle of a table, of what is told as a problem or refused here.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageFault(ValueError):
    """The bytes of an image cannot be used; `str` is the rest of a sentence that begins with the file.

    Attributes:
        kind: ``damaged``, or ``unsupported`` for a whole file of a kind that is not read.
        remedy: what to do.
    """

    def __init__(self, found: str, *, kind: str = "damaged", remedy: str = _AGAIN) -> None:
        super().__init__(found)
        self.kind = kind
        self.remedy = remedy

    def sentence(self, name: object) -> str:
        """The whole sentence about a file."""
        return f"{name} {self}; {self.remedy}"


def fault_of(error: BaseException) -> ImageFault:
    """An error of a library as the one error of this module."""
    if isinstance(error, MemoryError):
        return ImageFault("cannot be decoded (its pixels take more memory than there is)")
    said = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
    return ImageFault(f"cannot be decoded ({said})")


@contextlib.contextmanager
def one_error() -> Iterator[None]:
    """Whatever Pillow answers damaged bytes with, as an `ImageFault`; nothing but their reading belongs inside.

    Raises:
        ImageFault: whatever went wrong in between.
    """
    try:
        yield
    except ImageFault:
        raise
    except Exception as error:  # each of its formats has its own: KeyError, IndexError, struct.error, zlib.error, ...
        raise fault_of(error) from error


def check_size(height: int, width: int) -> None:
    """Refuse a picture without pixels, and one with more than a frame can have.

    Raises:
        ImageFault: naming the size.
    """
    if height < 1 or width < 1:
        raise ImageFault(f"claims to be {height}x{width} pixels, which is no picture")
    if height * width > MOST_PIXELS:
        raise ImageFault(
            f"claims to be {height}x{width} pixels, more than the {MOST_PIXELS:,} pixels of an 8K frame",
            remedy="copy it again, or store a smaller picture",
        )


def open_image(data: bytes | memoryview) -> Image.Image:
    """Open an image without decoding it. Close it after use.

    Args:
        data: content of a file.

    Raises:
        ImageFault: it is no image of `FORMATS`, too large, several pictures in one, or of pixels without a range.
    """
    with one_error():
        try:
            image = Image.open(io.BytesIO(data), formats=_formats())
        except UnidentifiedImageError as error:
            raise ImageFault(f"is no image: it begins with the bytes {bytes(data[:_SHOWN]).hex(' ')}") from error
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ImageFault(
                f"claims to have more than the {MOST_PIXELS:,} pixels of an 8K frame",
                remedy="copy it again, or store a smaller picture",
            ) from error
    try:
        check_size(image.height, image.width)
        _check_kind(image)
    except ImageFault:
        image.close()
        raise
    return image


def decode(data: bytes | memoryview) -> Pixels:
    """Decode an image by Pillow: uint8 [H,W,3], RGB.

    Raises:
        ImageFault: as `open_image`, and where it is damaged or cut short; half a picture is never returned.
    """
    with open_image(data) as image:
        deep = image.mode in _SIXTEEN or image.mode == "I"  # Pillow scales the 16-bit greys of PPM to 0 to 65,535
        with one_error():
            image.load()
            pixels = np.asarray(image if deep else image.convert("RGB"))
            largest, min_is_white = _range(image)
        if not deep:
            return pixels
        grey = _in_range(pixels, largest)
        return np.repeat((255 - grey if min_is_white else grey)[..., None], 3, axis=2)


def _check_kind(image: Image.Image) -> None:
    with one_error():
        pictures = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))  # the others of MPO are previews
    if pictures > 1:
        raise several_pictures(pictures)
    if image.mode in _REFUSED and (image.mode, image.format) != ("I", "PPM"):
        told, remedy = _REFUSED[image.mode]
        raise ImageFault(f"holds {told}, expected grey or RGB of 8 or 16 bits", kind="unsupported", remedy=remedy)


def several_pictures(pictures: int) -> ImageFault:
    """What is wrong with a file of several pictures."""
    found = f"holds {pictures} pictures, expected one frame a file"
    return ImageFault(found, kind="unsupported", remedy="write each into a file of its own")


def _range(image: Image.Image) -> tuple[int, bool]:
    """The largest value of a grey picture of more than 8 bits, and whether 0 is white in it."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (16,))
    largest = 4_095 if (bits[0] if isinstance(bits, tuple) else bits) == 12 else 65_535
    return largest, tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE


def _in_range(values: NDArray[np.generic], largest: int) -> Pixels:
    """Values from 0 to `largest` as 0 to 255, rounded."""
    wide = np.clip(values.astype(np.int64), 0, largest)
    return ((wide * 255 + largest // 2) // largest).astype(np.uint8)


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)
