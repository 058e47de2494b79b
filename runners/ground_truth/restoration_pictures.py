"""Frames beside what a repairer made of them and what was really there, chosen by rules and not by eye."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.images import jpeg
from files.data_uri import jpeg_uri

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

AMPLIFICATION = 4  # of absolute differences, so that an error of 64 grey levels is white
_HIGH = 192  # rows that a picture has at least; a browser's smoothing would blur small ones
_RULE = (
    "Chosen by rules, one tracklet once where there are enough: the largest, the median and the smallest gain in PSNR; "
    "the most hidden frame that was called and the most hidden one that was not, where there are such; one with the "
    "median hidden share."
)


@dataclass(frozen=True, eq=False)
class Shown:
    """The occluded frames of a repair, ``[M]`` in everything.

    Attributes:
        tracklets: of which each is.
        keys, persons: of that tracklet.
        numbers: of the frame in it, from 0.
        hidden: share of the person that has something in front.
        called: whether a region of it was called occluded.
        gains: PSNR inside the occluded pixels minus that of the raw frame, in dB.
        occluded, repaired, truth: ``[M, H, W, 3]``.
    """

    tracklets: NDArray[np.int64]
    keys: NDArray[np.str_]
    persons: NDArray[np.int64]
    numbers: NDArray[np.int64]
    hidden: Floats
    called: NDArray[np.bool_]
    gains: Floats
    occluded: Bytes
    repaired: Bytes
    truth: Bytes


def pictures(shown: Shown) -> dict[str, Any]:
    """Rows for the page: occluded, repaired and true frame, and how repaired and true differ, as data URIs."""
    rows = []
    for why, at in chosen(shown):
        difference = np.abs(shown.repaired[at].astype(np.int16) - shown.truth[at]) * AMPLIFICATION
        rows.append(
            {
                "key": str(shown.keys[at]),
                "person": int(shown.persons[at]),
                "frame": int(shown.numbers[at]),
                "hidden_share": float(shown.hidden[at]),
                "called": bool(shown.called[at]),
                "why": why,
                "gain": float(shown.gains[at]),
                "occluded": _uri(shown.occluded[at]),
                "repaired": _uri(shown.repaired[at]),
                "truth": _uri(shown.truth[at]),
                "difference": _uri(np.minimum(difference, 255).astype(np.uint8)),
            }
        )
    size = list(shown.truth.shape[1:3])
    return {"size": size, "amplification": AMPLIFICATION, "rule": _RULE, "rows": rows}


def chosen(shown: Shown) -> list[tuple[str, int]]:
    """Frames to be shown, each with its rule; a rule that nothing is left for is dropped.

    A rule takes the first frame of its own order whose tracklet is not shown yet, or failing that the first frame that
    is not.
    """
    gains, hidden = shown.gains, shown.hidden
    if not len(gains):
        return []
    orders = {
        "largest gain": -gains,
        "median gain": np.abs(gains - np.median(gains)),
        "smallest gain": gains,
        "most hidden, called": np.where(shown.called, -hidden, np.inf),
        "most hidden, not called": np.where(shown.called, np.inf, -hidden),
        "median hidden share": np.abs(hidden - np.median(hidden)),
    }
    picks: list[tuple[str, int]] = []
    for why, order in orders.items():
        free = np.isfinite(order)
        free[[at for _, at in picks]] = False
        fresh = free & ~np.isin(shown.tracklets, [shown.tracklets[at] for _, at in picks])
        left = np.flatnonzero(fresh if fresh.any() else free)
        if len(left):
            picks.append((why, int(left[np.argmin(order[left])])))
    return picks


def _uri(frame: Bytes) -> str:
    times = max(1, _HIGH // frame.shape[0])
    large = np.repeat(np.repeat(frame, times, axis=0), times, axis=1)
    return jpeg_uri(jpeg.encode(large, 90))
