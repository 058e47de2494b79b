"""Fingerprints: one short hash over everything that decides what a data set holds."""

import hashlib

import numpy as np
from numpy.typing import NDArray

DIGITS = 32


def fingerprint(*parts: str | bytes | int | NDArray[np.generic]) -> str:
    """Hash a sequence of parts; the order, the kind and the borders of the parts all count.

    Args:
        parts: text, bytes, whole numbers or arrays. Arrays enter with dtype and shape, in little-endian
            order, so that the result is the same on every machine.

    Returns:
        32 hexadecimal digits of a SHA-256.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            array = np.ascontiguousarray(part)
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            head = f"array {array.dtype.str} {array.shape}\n"
            body = array.reshape(-1).view(np.uint8).data if array.size else b""
        elif isinstance(part, bytes):
            head, body = f"bytes {len(part)}\n", part
        else:
            encoded = _bytes(str(part))
            head, body = f"{type(part).__name__} {len(encoded)}\n", encoded
        digest.update(head.encode())
        digest.update(body)
    return digest.hexdigest()[:DIGITS]


def _bytes(text: str) -> bytes:
    """Text as bytes: names of files that are no UTF-8 as they stand on disk."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
