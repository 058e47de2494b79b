"""Plain TIFF files of one grey picture, written tag by tag: depths and signs that no library writes."""

import struct

import numpy as np

_UNSIGNED = {8: "u1", 16: "u2", 32: "u4"}


def tiff(pixels: np.ndarray, bits: int, *, photometric: int = 1, sample: int = 1, order: str = "<") -> bytes:
    """One picture [H,W].

    Args:
        pixels: values of so many bits; 12 bits need an even number of columns.
        bits: 8, 12, 16 or 32.
        photometric: 1 where 0 is black, 0 where it is white.
        sample: 1 whole numbers, 2 with a sign.
        order: `<` or `>`.
    """
    height, width = pixels.shape
    if bits == 12:
        pairs = pixels.reshape(-1, 2).astype(np.int64)
        triples = [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255]
        data = np.stack(triples, axis=1).astype(np.uint8).tobytes()
    else:
        data = pixels.astype(order + _UNSIGNED[bits]).tobytes()
    shorts = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 277: 1, 278: height, 339: sample}
    longs = {273: 8, 279: len(data)}
    out = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8 + len(data)) + data
    out += struct.pack(f"{order}H", len(shorts) + len(longs))
    for tag in sorted(shorts | longs):
        if tag in shorts:
            out += struct.pack(f"{order}HHIHH", tag, 3, 1, shorts[tag], 0)
        else:
            out += struct.pack(f"{order}HHII", tag, 4, 1, longs[tag])
    return out + bytes(4)
