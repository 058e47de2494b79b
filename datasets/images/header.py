"""What the bytes of an image file say of themselves without being decoded: its size, and whether it is whole.

JPEG (ITU-T T.81, annex B): segments up to the frame header give the size, and a whole file ends in the marker EOI. PNG
(ISO/IEC 15948): every chunk carries a checksum, and the last one is IEND. Other formats are left to Pillow.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Self

from datasets.images.open import ImageFault, check_size, one_error, open_image, several_pictures

FAULTS = ("truncated", "damaged", "unsupported")
"""What may be wrong with an image file."""

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_END_OF_IMAGE = b"\xff\xd9"
_START_OF_SCAN = 0xDA
_FILL = 0xFF
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF; the three are tables
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_IHDR, _ACTL = 13, 8  # bytes of these chunks of PNG


@dataclass(frozen=True, slots=True)
class Header:
    """What was seen.

    Attributes:
        size: (height, width) in pixels; None where the file does not get so far.
        fault: ``truncated``, ``damaged``, or ``unsupported`` for a whole file of a kind that is not read; empty for a
            file that looks whole.
        found: the fault as the rest of a sentence that begins with the file.
        remedy: what to do about it.
    """

    size: tuple[int, int] | None
    fault: str = ""
    found: str = ""
    remedy: str = "copy it again"

    @classmethod
    def of_fault(cls, fault: ImageFault, size: tuple[int, int] | None = None) -> Self:
        """What an image that cannot be used says."""
        return cls(size, fault.kind, str(fault), fault.remedy)


def read_header(data: bytes) -> Header:
    """Look at an image file.

    A JPEG carries no checksum, so one that is whole but has bytes changed in its middle is found by decoding alone;
    of a PNG changed bytes are found here.

    Args:
        data: all bytes of the file, at least one.
    """
    if data.startswith(_JPEG):
        header = _jpeg(data)
    elif data.startswith(_PNG):
        header = _png(data)
    else:
        return _other(data)
    if header.size is not None:
        try:
            check_size(*header.size)
        except ImageFault as fault:
            return Header.of_fault(fault)
    return header


def _jpeg(data: bytes) -> Header:
    size: tuple[int, int] | None = None
    position, end = len(_JPEG), len(data)
    while position + 4 <= end:
        if data[position] != _FILL:
            return Header(size, "damaged", f"has no JPEG marker at byte {position}, where one must stand")
        marker = data[position + 1]
        if marker == _FILL:
            position += 1
            continue
        if marker in _ALONE:
            position += 2
            continue
        if marker in _FRAME_HEADERS and position + 9 <= end:
            height, width = struct.unpack_from(">HH", data, position + 5)
            size = (height, width)
        if marker == _START_OF_SCAN:
            if size is None or not min(size):
                return Header(None, "damaged", "has no size in its JPEG header")
            # 0xFF is followed by 0x00 within a scan, so this marker is never a part of the pixels.
            if data.endswith(_END_OF_IMAGE) or data.find(_END_OF_IMAGE, position) > 0:
                return Header(size)
            return Header(size, "truncated", f"stops after {end:,} bytes without the end marker of JPEG")
        position += 2 + int.from_bytes(data[position + 2 : position + 4])
    return Header(size, "truncated", f"stops after {end:,} bytes within its JPEG header")


def _png(data: bytes) -> Header:
    size: tuple[int, int] | None = None
    position, end = len(_PNG), len(data)
    while position + 12 <= end:
        length, kind = struct.unpack_from(">I4s", data, position)
        after = position + 12 + length
        if after > end:
            break
        body = memoryview(data)[position + 4 : after - 4]
        if zlib.crc32(body) != struct.unpack_from(">I", data, after - 4)[0]:
            name = kind.decode("ascii", errors="replace")
            return Header(size, "damaged", f"has changed bytes in its PNG chunk {name}: the checksum does not fit")
        if kind == b"IHDR" and length == _IHDR:
            width, height = struct.unpack_from(">II", data, position + 8)
            size = (height, width)
        if kind == b"acTL" and length == _ACTL:
            pictures = struct.unpack_from(">I", data, position + 8)[0]
            if pictures > 1:
                return Header.of_fault(several_pictures(pictures), size)
        if kind == b"IEND":
            return Header(size) if size is not None else Header(None, "damaged", "has no size in its PNG header")
        position = after
    return Header(size, "truncated", f"stops after {end:,} bytes without the end chunk of PNG")


def _other(data: bytes) -> Header:
    try:
        with open_image(data) as image, one_error():
            size = (image.height, image.width)
            image.verify()
    except ImageFault as fault:
        return Header.of_fault(fault)
    return Header(size)
