"""What each data set is, before it is there: size, how it is judged, whom to ask, and what must be respected.

Counts were taken from the metadata where these could be obtained, else from the papers. This suite downloads no data
set; how to get one, and what may be done with it, is between its owners and you.
"""

from dataclasses import asdict, dataclass
from typing import Any

import datasets

PEOPLE = (
    "Read the terms that come with a release, keep copies and pictures within your group, publish faces only where the "
    "terms allow it, try to identify nobody, and delete what its owners withdraw."
)
"""What to respect about recordings of real people."""


@dataclass(frozen=True, slots=True)
class DataSetEntry:
    """One data set.

    Attributes:
        title: its usual name.
        source: where it was published.
        people, tracklets, cameras, frames: as published, distractors and junk of MARS not counted as people; None where
            that depends on the data or is not known.
        metrics: what its papers report.
        ask: where it is from, and what its owners ask for.
        note: what the name stands for, where there are several of one release.
        frame_size: (height, width) of every official frame; None where they differ or are not known.
    """

    title: str
    source: str
    people: int | None
    tracklets: int | None
    cameras: int | None
    frames: int | None
    metrics: str
    ask: str
    note: str = ""
    frame_size: tuple[int, int] | None = None


_ILIDS = (
    "from its authors at Queen Mary University of London, cut from recordings of an airport that belong to the UK Home "
    "Office: both have terms"
)
_PRID = "from its authors at Graz University of Technology, for research"

ENTRIES = {
    "synthwalk": DataSetEntry(
        "SynthWalk",
        "rendered by this suite",
        None,
        None,
        None,
        None,
        "mAP, CMC",
        "nobody is shown and nobody need be asked: `python -m runners.data render FOLDER`",
        "any size; the only one with truth about occlusion, masks and attributes",
    ),
    "mars": DataSetEntry(
        "MARS",
        "Zheng et al., ECCV 2016",
        1_259,
        20_478,
        6,
        1_191_003,
        "mAP, CMC",
        "from its authors, with the terms of the release",
        frame_size=(256, 128),
    ),
    "duke": DataSetEntry(
        "DukeMTMC-VideoReID",
        "Wu et al., CVPR 2018",
        1_812,
        4_832,
        8,
        815_420,
        "mAP, CMC",
        "withdrawn by its owners in 2019 (people were recorded without consent), so do not look for it or pass it "
        "on; a copy you already hold is bound by CC BY-NC-SA 4.0 with attribution",
    ),
    "ilids": DataSetEntry(
        "iLIDS-VID",
        "Wang et al., ECCV 2014",
        300,
        600,
        2,
        None,
        "CMC",
        _ILIDS,
        "official: the first half of a row is tested",
    ),
    "ilids-csa": DataSetEntry(
        "iLIDS-VID, halves reversed",
        "Chen et al., CVPR 2018",
        300,
        600,
        2,
        None,
        "CMC",
        _ILIDS,
        "as CSA reads the split file: the second half of a row is tested",
    ),
    "prid": DataSetEntry(
        "PRID-2011", "Hirzer et al., SCIA 2011", 178, 356, 2, None, "CMC", _PRID, "the 178 people of the literature"
    ),
    "prid-200": DataSetEntry(
        "PRID-2011, 200 people",
        "Hirzer et al., SCIA 2011",
        200,
        400,
        2,
        40_033,
        "CMC",
        _PRID,
        "all people seen by both cameras, random halves as RCN, ASTPN and CSA took them",
    ),
    "ls-vid": DataSetEntry(
        "LS-VID",
        "Li et al., ICCV 2019 (GLTR)",
        3_772,
        14_943,
        15,
        2_982_685,
        "mAP, CMC",
        "from its authors, after a signed release agreement that binds everyone you let see it",
    ),
    "own": DataSetEntry(
        "Your own recordings",
        "a folder or a CSV",
        None,
        None,
        None,
        None,
        "mAP, CMC",
        "ask the people that it shows",
        "<part>/<person>/<camera>/<tracklet>/<frames>, or a CSV: person,camera,tracklet,path",
    ),
}


def entry(name: str) -> DataSetEntry | None:
    """What is known of a data set; None for one that is not in the catalogue."""
    return ENTRIES.get(name)


def listed() -> list[dict[str, Any]]:
    """Every data set that can be read, in the order of the catalogue, as plain data with its number of divisions."""
    order = {name: place for place, name in enumerate(ENTRIES)}
    names = sorted(datasets.names(), key=lambda name: (order.get(name, len(order)), name))
    blank = DataSetEntry("", "", None, None, None, None, "", "")
    return [
        {"name": name, "divisions": datasets.num_splits(name), **asdict(ENTRIES.get(name, blank))} for name in names
    ]
