"""What is told of an image file without decoding it, held against Pillow and against injected faults."""

import io

import numpy as np
import pytest
from PIL import Image

from datasets.images.header import read_header

PIXELS = np.random.default_rng(3).integers(0, 256, (40, 24, 3), dtype=np.uint8)


def encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    data = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(data, kind, **options)
    return data.getvalue()


def with_thumbnail() -> bytes:
    """A JPEG with a smaller, whole JPEG inside its EXIF segment, size, end marker and all."""
    inner = io.BytesIO()
    Image.fromarray(PIXELS[:8, :8]).save(inner, "JPEG")
    body = b"Exif\0\0" + inner.getvalue()
    plain = encoded("JPEG")
    return plain[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body + plain[2:]


WHOLE = {
    "baseline": encoded("JPEG", quality=90),
    "progressive": encoded("JPEG", progressive=True),
    "gray": encoded("JPEG", "L"),
    "four colours": encoded("JPEG", "CMYK"),
    "restart markers": encoded("JPEG", restart_marker_rows=1),
    "thumbnail inside": with_thumbnail(),
    "bytes after the end": encoded("JPEG") + b"\0" * 100,
    "fill bytes": encoded("JPEG")[:2] + b"\xff\xff" + encoded("JPEG")[2:],
    "png": encoded("PNG"),
    "png with a palette": encoded("PNG", "P"),
    "gray png": encoded("PNG", "L"),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_have_the_size_that_pillow_finds(name: str) -> None:
    with Image.open(io.BytesIO(WHOLE[name])) as image:
        expected = (image.height, image.width)
    header = read_header(WHOLE[name])
    assert header.size == expected == (40, 24)
    assert (header.fault, header.found) == ("", "")


@pytest.mark.parametrize("name", [name for name in WHOLE if name not in ("bytes after the end", "bmp", "tiff")])
def test_a_file_cut_anywhere_is_no_whole_file(name: str) -> None:
    data = WHOLE[name]
    for end in range(3, len(data) - 1, 7):
        assert read_header(data[:end]).fault in ("truncated", "damaged"), end
    assert read_header(data[: len(data) * 3 // 4]).fault == "truncated"


def test_every_changed_byte_of_a_png_is_found() -> None:
    data = bytearray(WHOLE["gray png"])
    for place in range(8, len(data)):
        data[place] ^= 0x55
        assert read_header(bytes(data)).fault, place
        data[place] ^= 0x55


@pytest.mark.parametrize("data", [b"\0" * 500, b"<html>not found</html>", b"\xff", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_named_so(data: bytes) -> None:
    header = read_header(data)
    assert header.size is None
    assert header.fault in ("truncated", "damaged")
    assert header.found


def test_zeros_after_the_cut_do_not_hide_it() -> None:
    data = WHOLE["baseline"]
    half = data[: len(data) // 2]
    assert read_header(half + b"\0" * (len(data) - len(half))).fault == "truncated"
