"""Tracklet lengths and cameras of the official releases, taken from their metadata files.

MARS: `tracks_train_info.mat`, `tracks_test_info.mat`, `query_IDX.mat`. DukeMTMC-VideoReID: the published test index
(`info_test.txt`); of its training half none could be obtained. A copy with all the right totals and other lengths is
another copy.
"""

from dataclasses import dataclass

from datasets.checks import Check
from datasets.inspection.statistics import SHORTER_THAN, Census, SplitStatistics

_REMEDY = "the totals alone do not make it the official release: take names, tables and images from one original copy"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one part must hold.

    Attributes:
        shortest, longest: frames.
        below: tracklets with fewer than 4, 8, 16, 32 and 64 frames (`census.SHORTER_THAN`).
        cameras: tracklets of camera 1, 2, ...
    """

    shortest: int
    longest: int
    below: tuple[int, ...]
    cameras: tuple[int, ...]


FIGURES = {
    "mars": {
        "train": Figures(5, 900, (0, 86, 1_494, 3_906, 5_467), (1_816, 1_957, 1_321, 750, 1_880, 574)),
        "test": Figures(2, 920, (3, 209, 2_647, 6_188, 8_602), (2_271, 3_725, 1_495, 1_024, 2_240, 1_425)),
        "distractors": Figures(6, 734, (0, 69, 847, 1_754, 2_525), (326, 1_666, 96, 259, 532, 369)),
        "junk": Figures(6, 226, (0, 36, 359, 699, 802), (110, 149, 14, 99, 145, 353)),
        "query": Figures(2, 880, (2, 31, 391, 939, 1_321), (524, 456, 319, 191, 384, 106)),
    },
    "duke": {
        "query": Figures(6, 3_147, (0, 2, 4, 9, 29), (135, 117, 49, 41, 61, 110, 81, 108)),
        "gallery": Figures(1, 9_324, (1, 6, 11, 53, 122), (432, 411, 191, 157, 216, 378, 239, 612)),
    },
}


def check_figures(name: str, found: Census) -> list[Check]:
    """Hold a census against the official figures; nothing where there are none.

    Args:
        name: of the data set, as in `datasets.names`.
        found: its census.
    """
    checks: list[Check] = []
    for part_name, figures in FIGURES.get(name, {}).items():
        part = found.part(part_name)
        if part is not None:
            checks += _compare(part, figures)
    return checks


def _compare(part: SplitStatistics, figures: Figures) -> list[Check]:
    compared = {
        "shortest tracklet": (figures.shortest, part.shortest),
        "longest tracklet": (figures.longest, part.longest),
    }
    for frames, expected in zip(SHORTER_THAN, figures.below, strict=True):
        compared[f"tracklets below {frames} frames"] = (expected, part.below(frames))
    for camera, expected in enumerate(figures.cameras, start=1):
        compared[f"tracklets of camera {camera}"] = (expected, part.cameras.get(camera, 0))
    return [Check(f"{part.name} {what}", expected, value, _REMEDY) for what, (expected, value) in compared.items()]
