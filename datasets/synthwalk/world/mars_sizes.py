"""How long the tracklets of MARS are, and how many cameras see a person: for worlds of its size and shape.

Facts of the official track tables (tracks_train_info.mat, tracks_test_info.mat): quantiles and totals of the tracklet
lengths of each part, and the number of people under 1 to 6 cameras. With the counts of MARS itself a world has its
frames to the last one (509,914 and 681,089) and its 1,980 queries.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.seeding import stream

Ints = NDArray[np.int64]

_PERMILLE = (
    0,
    1,
    10,
    20,
    50,
    100,
    150,
    200,
    250,
    300,
    400,
    500,
    600,
    700,
    750,
    800,
    850,
    900,
    950,
    980,
    990,
    999,
    1000,
)
_LENGTHS = {
    "train": (5, 6, 7, 9, 11, 13, 15, 16, 18, 20, 27, 36, 50, 75, 90, 100, 117, 145, 186, 240, 277, 480, 900),
    "person": (2, 6, 7, 8, 10, 13, 14, 16, 18, 20, 28, 36, 51, 76, 90, 100, 121, 150, 189, 250, 300, 584, 920),
    "distractor": (6, 6, 7, 7, 9, 10, 12, 13, 15, 17, 22, 29, 36, 49, 58, 69, 83, 100, 133, 187, 224, 449, 734),
    "junk": (6, 6, 7, 7, 8, 9, 10, 11, 13, 14, 15, 18, 20, 24, 28, 30, 39, 53, 85, 129, 147, 224, 226),
}
_FRAMES_AND_TRACKLETS = {
    "train": (509_914, 8_298),
    "person": (509_966, 8_062),
    "distractor": (147_743, 3_248),
    "junk": (23_380, 870),
}
_PEOPLE_UNDER = {"train": (6, 221, 184, 137, 55, 22), "test": (8, 213, 202, 132, 54, 25)}  # 1, 2, ... 6 cameras


def lengths(seed: int, part: str, number: int) -> Ints:
    """Lengths of so many tracklets, with the quantiles and the mean of MARS, in random order.

    Args:
        seed: of the world.
        part: ``train``, or of the test half ``person``, ``distractor`` or ``junk``.
        number: of tracklets.

    Returns:
        int64 [number], frames.
    """
    if not number:
        return np.zeros(0, dtype=np.int64)
    places = (np.arange(number) + 0.5) / number
    typical = exact_math.exp(np.interp(1000 * places, _PERMILLE, exact_math.log(_LENGTHS[part])))
    found = np.rint(typical).astype(np.int64)
    found[-1] = _LENGTHS[part][-1]
    frames, tracklets = _FRAMES_AND_TRACKLETS[part]
    missing = round(number * frames / tracklets) - int(found.sum())
    # Rounding and interpolation leave a per cent or so: the longer half takes it in shares of its length, but for the
    # longest.
    long = found[number // 2 : -1]
    if len(long):
        ends = np.rint(np.cumsum(long) * (missing / long.sum())).astype(np.int64)
        long += np.diff(ends, prepend=0)
    return stream(seed, f"lengths of {part}").permutation(np.maximum(found, 1))


def cameras(seed: int, half: str, people: int) -> Ints:
    """How many of six cameras see each of so many people, in random order.

    Args:
        seed: of the world.
        half: ``train`` or ``test``.
        people: how many.

    Returns:
        int64 [people], 1 to 6.
    """
    share = np.cumsum(_PEOPLE_UNDER[half]) / np.sum(_PEOPLE_UNDER[half])
    places = (np.arange(people) + 0.5) / people
    return (
        stream(seed, f"numbers of cameras of {half}").permutation(np.searchsorted(share, places) + 1).astype(np.int64)
    )
