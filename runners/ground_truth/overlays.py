"""Pictures of masks over frames: what was seen, what is truly there, and where the network looked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datasets.frames.decoded import FrameStore
from datasets.images import jpeg
from files.data_uri import jpeg_uri
from protocols.ground_truth import masks

if TYPE_CHECKING:
    from runners.ground_truth.scenes import Scene

PICTURED = 5  # clips that are shown
ENLARGED = 3  # pixels a pixel, so that a browser's smoothing does not blur the mask's own shape away
_STRENGTH = 0.6  # of the colours over the frame
_TRUTH = {"person": (46, 160, 120), "bag": (240, 160, 40), "occluder": (150, 80, 190), "background": (225, 225, 225)}
_OVERLAY = (
    "Each clip's mask is stretched from its lowest value (dark) to its highest (bright), so how strong it is shows in "
    "the densities only."
)

Bytes = NDArray[np.uint8]


def pictures(some: "Sequence[Scene]", seen: dict[str, NDArray[np.float64]], store: FrameStore) -> dict[str, Any]:
    """Rows for the page: frames, truth and every map over the frames, as data URIs.

    Args:
        some: the clips.
        seen: map -> masks ``[len(some), T, h, w]``; each clip's are stretched from their lowest to their highest value.
        store: their frames.
    """
    rows = []
    for place, scene in enumerate(some):
        frames = store.clip(scene.row, scene.frames)  # [T, H, W, 3]
        rows.append(
            {
                "key": scene.tracklet.key,
                "person": scene.tracklet.person_id,
                "frames": [data_uri(frame) for frame in frames],
                "truth": [data_uri(frame) for frame in _coloured(scene.regions)],
                "maps": {name: [data_uri(f) for f in _over(frames, values[place])] for name, values in seen.items()},
            }
        )
    legend = {name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in _TRUTH.items()}
    return {"size": list(store.size), "legend": legend, "overlay": _OVERLAY, "rows": rows}


def _over(frames: Bytes, mask: NDArray[np.float64]) -> Bytes:
    """Masks ``[T, h, w]`` in colours over gray frames ``[T, H, W, 3]``."""
    from matplotlib import colormaps

    large = masks.enlarge(mask, (frames.shape[1], frames.shape[2]))
    low, high = float(large.min()), float(large.max())
    shown = (large - low) / (high - low) if high > low else np.full_like(large, 0.5)
    colours = colormaps["inferno"](shown)[..., :3] * 255
    gray = frames.mean(axis=3, keepdims=True)
    return ((1 - _STRENGTH) * gray + _STRENGTH * colours).round().astype(np.uint8)


def _coloured(regions: masks.Regions) -> Bytes:
    picture = np.zeros((*regions.person.shape, 3), dtype=np.uint8)
    for name, colour in _TRUTH.items():
        picture[getattr(regions, name)] = colour
    return picture


def data_uri(frame: Bytes) -> str:
    """A frame ``[H, W, 3]``, enlarged, as a JPEG in a data URI."""
    large = np.repeat(np.repeat(frame, ENLARGED, axis=0), ENLARGED, axis=1)
    return jpeg_uri(jpeg.encode(large, 85))
