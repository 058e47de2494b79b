"""Decoding: one function for all formats, and nothing half-decoded."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.errors import DataError
from datasets.images import decode
from datasets.images.open import ImageFault
from tests.datasets.mars_folder import picture


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("size", [(16, 8), (64, 32), (37, 19), (256, 128)])
def test_jpeg_agrees_with_pillow_bit_for_bit(size: tuple[int, int]) -> None:
    data = picture(1, *size)
    assert np.array_equal(decode.decode(data), pillow(data))


def test_chroma_subsampled_and_grey_jpeg_agree_with_pillow() -> None:
    ramp = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    colour = np.stack([ramp, ramp[::-1], 255 - ramp], axis=-1)
    for pixels in (colour, ramp):
        data = encoded(pixels, "JPEG")
        assert decode.decode(data).shape == (64, 48, 3)
        assert np.array_equal(decode.decode(data), pillow(data))


def test_png_is_exact() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 10, 3), dtype=np.uint8)
    assert np.array_equal(decode.decode(encoded(pixels, "PNG")), pixels)


def test_resize_is_skipped_at_the_right_size_and_is_pillows_otherwise() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    assert decode.resize(pixels, (64, 32)) is pixels
    small = decode.resize(pixels, (16, 8))
    assert small.shape == (16, 8, 3)
    # antialiased: an average over the area, so far less noisy than the source
    assert small.astype(float).std() < pixels.astype(float).std() / 2
    plain = np.full((64, 32, 3), 93, dtype=np.uint8)
    assert (decode.resize(plain, (17, 9)) == 93).all()


def test_a_jpeg_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    data, path = picture(3, 32, 16), tmp_path / "cut.jpg"
    for length in range(0, len(data) - 1, 41):
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"cut\.jpg (cannot be decoded|is no image).*; copy it again$"):
            decode.read(path)


def test_a_jpeg_of_a_sampling_without_a_name_is_refused(tmp_path: Path) -> None:
    data = bytearray(picture(3, 32, 16))
    data[data.index(b"\xff\xc0") + 11] = 0x14
    (tmp_path / "odd.jpg").write_bytes(data)
    with pytest.raises(DataError, match=r"odd\.jpg cannot be decoded"):
        decode.read(tmp_path / "odd.jpg")
    with pytest.raises(ImageFault, match="cannot be decoded"):
        decode.decode_into(bytes(data), np.empty((32, 16, 3), dtype=np.uint8))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\xff\xd8\xff"])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"odd\.jpg"):
        decode.read(tmp_path / "odd.jpg")


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jpg is missing"):
        decode.read(tmp_path / "none.jpg")
    with pytest.raises(DataError, match="cannot be read"):
        decode.read(tmp_path)


def test_the_decoders_are_named_with_their_versions() -> None:
    assert decode.version().count(".") >= 2
    assert decode.version().startswith("simplejpeg ")
