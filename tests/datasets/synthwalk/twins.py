"""The unoccluded twin of a frame, also where nothing stands in front of it."""

from pathlib import Path

from datasets.synthwalk.truth import load_truth


def twin_jpeg(root: Path, key: str, frame: int) -> bytes:
    """The JPEG of a frame (from 0) without what stands in front of the person."""
    twin = load_truth(root, key).twins[frame]
    if twin is not None:
        return twin
    (found,) = root.glob(f"bbox_*/{key[:4]}/{key}F{frame + 1:03d}.jpg")
    return found.read_bytes()
