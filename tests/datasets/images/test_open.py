"""What a pixel of each kind of image becomes, and which images are refused before memory is taken for them."""

import contextlib
import io
import resource
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from datasets.images import decode
from datasets.images import open as image_opening
from datasets.images.header import read_header
from datasets.images.open import ImageFault
from tests.datasets.images.tiffs import tiff
from tests.datasets.mars_folder import picture

GREY = np.arange(48 * 24, dtype=np.int64).reshape(48, 24)  # 0 to 1,151
WIDE = (GREY * 57).astype(np.uint16)  # 0 to 65,607 - wraps nowhere: the last is 65,607 - 65,536 = 71
WIDE[-1, -1] = 65_535
COLOUR = np.random.default_rng(0).integers(0, 256, (48, 24, 3), dtype=np.uint8)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def rounded(values: np.ndarray, largest: int) -> np.ndarray:
    """As written down in the plain: 0 is 0, the largest value is 255."""
    return np.floor(values.astype(np.float64) * 255 / largest + 0.5).astype(np.uint8)


PGM = b"P5\n24 48\n65535\n" + WIDE.astype(">u2").tobytes()
RANGES = {
    "PNG": (encoded(Image.fromarray(WIDE), "PNG"), WIDE, 65_535),
    "TIFF": (tiff(WIDE, 16), WIDE, 65_535),
    "TIFF, large end first": (tiff(WIDE, 16, order=">"), WIDE, 65_535),
    "TIFF, white is 0": (tiff(WIDE, 16, photometric=0), 65_535 - WIDE.astype(np.int64), 65_535),
    "TIFF, 12 bits": (tiff(WIDE // 16, 12), WIDE // 16, 4_095),
    "TIFF, 8 bits": (tiff(WIDE // 257, 8), WIDE // 257, 255),
    "JPEG 2000": (encoded(Image.fromarray(WIDE), "JPEG2000"), WIDE, 65_535),
    "PGM": (PGM, WIDE, 65_535),
}


@pytest.mark.parametrize("name", RANGES)
def test_greys_are_scaled_by_the_range_of_their_format(name: str) -> None:
    data, values, largest = RANGES[name]
    assert not read_header(data).fault
    pixels = decode.decode(data)
    assert (pixels == pixels[..., :1]).all()
    assert np.abs(pixels[..., 0].astype(int) - rounded(values, largest)).max() == 0


def test_sixteen_bits_are_divided_by_257() -> None:
    data = encoded(Image.fromarray(np.array([[0, 257, 3000, 40_000, 65_535]], dtype=np.uint16)), "PNG")
    assert decode.decode(data)[0, :, 0].tolist() == [0, 1, 12, 156, 255]


def lab() -> Image.Image:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.applyTransform(
        Image.fromarray(COLOUR), ImageCms.buildTransform(*profiles, inMode="RGB", outMode="LAB")
    )


def several(form: str) -> bytes:
    first, second = Image.fromarray(COLOUR), Image.fromarray(COLOUR[::-1])
    return encoded(first, form, save_all=True, append_images=[second])


REFUSED = {
    "float TIFF": (encoded(Image.fromarray((WIDE / 65_535).astype(np.float32)), "TIFF"), "floats"),
    "32-bit TIFF": (encoded(Image.fromarray(GREY.astype(np.int32)), "TIFF"), "32 bits"),
    "16-bit TIFF with a sign": (tiff(WIDE, 16, sample=2), "with a sign"),
    "unsigned 32-bit TIFF": (tiff(GREY, 32), "32 bits"),
    "PFM": (b"Pf\n24 48\n-1.0\n" + GREY.astype("<f4").tobytes(), "floats"),
    "L*a*b* TIFF": (encoded(lab(), "TIFF"), "L*a*b*"),
    "animated GIF": (several("GIF"), "2 pictures"),
    "animated PNG": (several("PNG"), "2 pictures"),
    "animated WebP": (several("WEBP"), "2 pictures"),
    "TIFF of two pages": (several("TIFF"), "2 pictures"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_range_or_several_frames_is_refused_with_or_without_decoding(name: str) -> None:
    data, words = REFUSED[name]
    header = read_header(data)
    assert header.fault == "unsupported"
    assert words in header.found
    with pytest.raises(ImageFault, match="expected") as caught:
        decode.decode(data)
    assert caught.value.kind == "unsupported"
    assert caught.value.sentence("a.png").startswith("a.png holds ")
    assert not caught.value.sentence("a.png").endswith("copy it again")


def other_kinds() -> dict[str, bytes]:
    """A picture in every mode that a format has."""
    found = {}
    for form in ("PNG", "TIFF", "BMP", "WEBP", "GIF", "JPEG2000"):
        for mode in ("1", "L", "P", "LA", "PA", "RGBA", "CMYK", "YCbCr"):
            with contextlib.suppress(OSError, KeyError, ValueError):
                found[f"{form} {mode}"] = encoded(Image.fromarray(COLOUR).convert(mode), form)
    return found


OTHERS = other_kinds()


@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_of_pixels_become_what_pillow_makes_of_them(name: str) -> None:
    with Image.open(io.BytesIO(OTHERS[name])) as opened:
        expected = np.asarray(opened.convert("RGB"))
    assert np.array_equal(decode.decode(OTHERS[name]), expected)
    assert not read_header(OTHERS[name]).fault


def test_alpha_is_dropped_not_painted() -> None:
    clear = np.dstack([COLOUR, np.zeros((48, 24), dtype=np.uint8)])
    assert np.array_equal(decode.decode(encoded(Image.fromarray(clear), "PNG")), COLOUR)


@pytest.mark.parametrize(("form", "turned"), [("JPEG", False), ("PNG", False), ("WEBP", False), ("TIFF", True)])
def test_only_tiff_is_turned_by_its_orientation(form: str, turned: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(COLOUR), form, exif=exif)
    shape = (24, 48) if turned else (48, 24)
    assert decode.decode(data).shape[:2] == shape
    assert read_header(data).size == shape


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def claiming(form: str, height: int, width: int) -> bytes:
    """A small file whose header says another size."""
    if form == "PNG":
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    if form == "JPEG":
        data = bytearray(picture(1, 48, 24))
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = struct.pack(">HH", height, width)
        return bytes(data)
    if form == "BMP":
        data = bytearray(encoded(Image.fromarray(COLOUR), "BMP"))
        data[18:26] = struct.pack("<ii", width, height)
        return bytes(data)
    if form == "GIF":
        data = bytearray(encoded(Image.fromarray(COLOUR), "GIF"))
        data[6:10] = struct.pack("<HH", width, height)
        return bytes(data)
    return f"P6\n{width} {height}\n255\n".encode() + bytes(99)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "PPM"])
@pytest.mark.parametrize("size", [(30_000, 30_000), (65_000, 2_000), (8_192, 4_097)])
def test_a_file_that_claims_to_be_huge_is_refused_before_memory_is_taken(form: str, size: tuple[int, int]) -> None:
    data = claiming(form, *size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = read_header(data)
        with pytest.raises(ImageFault, match="claims to") as caught:
            decode.decode(data)
    assert header.fault == caught.value.kind == "damaged"
    assert "33,554,432 pixels of an 8K frame" in header.found
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kilobytes; decoded it were 100 MB


def test_a_frame_of_8k_is_not_too_large() -> None:
    image_opening.check_size(4_320, 7_680)
    for size in ((0, 5), (5, 0), (-1, 5)):
        with pytest.raises(ImageFault, match="no picture"):
            image_opening.check_size(*size)


@pytest.mark.filterwarnings("ignore")  # pytest shows what the module itself silences
@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP", "PPM", "JPEG2000"])
def test_changed_bytes_anywhere_end_in_the_one_error_or_in_pixels(form: str) -> None:
    whole = picture(2, 48, 24) if form == "JPEG" else encoded(Image.fromarray(COLOUR), form)
    draw = np.random.default_rng(5)
    for _ in range(150):
        data = bytearray(whole)
        for place in draw.integers(0, min(len(data), 400), draw.integers(1, 4)):
            data[place] = draw.integers(0, 256)
        content = bytes(data[: draw.integers(1, len(data) + 1)] if draw.random() < 0.3 else data)
        read_header(content)
        try:
            pixels = decode.decode(content)
        except ImageFault as fault:
            assert "\n" not in fault.sentence("x")
        else:
            assert pixels.dtype == np.uint8
            assert pixels.shape[2] == 3
