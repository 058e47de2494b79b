"""Write small data sets in the layouts of iLIDS-VID and PRID-2011, by hand, for tests of their readers."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat


def png(seed: int = 0, height: int = 4, width: int = 2) -> bytes:
    """A PNG that differs from seed to seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def put(path: Path, content: bytes) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def ilids(root: Path, people: Iterable[int], *, frames: int = 1) -> Path:
    """The frames of people under both cameras; returns root."""
    content = png()
    for person in people:
        for camera in (1, 2):
            for frame in range(frames):
                name = f"cam{camera}_person{person:03d}_{301 + 7 * frame:05d}.png"
                put(root / "sequences" / f"cam{camera}" / f"person{person:03d}" / name, content)
    return root


def prid(root: Path, cam_a: Iterable[int], cam_b: Iterable[int], *, frames: int = 1) -> Path:
    """The frames of people under camera a and of people under camera b; returns root."""
    content = png()
    for camera, people in (("cam_a", cam_a), ("cam_b", cam_b)):
        for person in people:
            for frame in range(1, frames + 1):
                put(root / "multi_shot" / camera / f"person_{person:04d}" / f"{frame:04d}.png", content)
    return root


def save_orders(path: Path, orders: np.ndarray, **further: np.ndarray) -> Path:
    """Write a split file: ten rows of positions from 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"ls_set": orders, **further})
    return path


def ten_orders(people: int, seed: int = 0) -> np.ndarray:
    """Ten random orders of 1..people, uint16 [10,people]."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(people) + 1 for _ in range(10)]).astype(np.uint16)
