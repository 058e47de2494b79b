"""iLIDS-VID: 300 people, two cameras of an airport hall, ten official divisions of 150 and 150.

    i-LIDS-VID/sequences/cam1/person001/cam1_person001_00317.png         (cam2 likewise)
    train-test people splits/train_test_splits_ilidsvid.mat              beside or in i-LIDS-VID

Source: T. Wang, S. Gong, X. Zhu, S. Wang, "Person Re-Identification by Video Ranking", ECCV 2014, and the release's
split file: `ls_set`, 10 x 300, each row an order of 1..300. A value v is the v-th folder in SORTED order, not person
number v (the numbers go up to 319 with gaps); loaders that take the folders as `os.listdir` gives them get another
division on another file system. The first 150 of a row are TEST, the last 150 are trained on: so read torchreid, TKP,
STMP and AP3D. The released code of CSA takes them the other way round, which is `ilids-csa` here; its accuracies are of
other divisions and not to be compared with the rest. RCN and ASTPN drew halves of their own.

Camera 1 gives the queries, camera 2 the gallery; each query has one match. Frames stand in the order of the
number in their name, which counts the frames of the source video.
"""

import re
from pathlib import Path

from datasets.checks import Check, Examination
from datasets.errors import DataError
from datasets.files.image_files import name_some
from datasets.files.manifest import Counts, expectation_of, read_manifest
from datasets.files.matlab import read_variable
from datasets.readers.two_cameras.folders import Layout, Release, open_release
from datasets.readers.two_cameras.splits import DIVISIONS, Reading, examine_division, find_beside, halves, told_by

OFFICIAL_PEOPLE = 300
OFFICIAL_VERSION = "2014"
LAYOUT = Layout(
    title="iLIDS-VID",
    sequences="sequences",
    cameras=("cam1", "cam2"),
    person=re.compile(r"person([0-9]{3,9})"),
    frame=re.compile(r"cam(?P<camera>[0-9])_person(?P<person>[0-9]{3,9})_(?P<number>[0-9]{1,18})\.png"),
    example="sequences/cam1/person001/cam1_person001_00317.png",
)
SPLIT_FOLDER = "train-test people splits"
SPLIT_FILE = "train_test_splits_ilidsvid.mat"

_OFFICIAL = {"official": OFFICIAL_PEOPLE, "any": None}
_NAMES = (SPLIT_FILE, "splits_ilidsvid.mat")
_INCOMPLETE = (
    "this is not a complete iLIDS-VID: copy it again, or read your own data in this layout with counts='any' "
    "(--counts any)"
)


def examine(root: Path, *, split: int = 0, counts: Counts | None = None, check_images: bool = True) -> Examination:
    """Read a folder in the layout of iLIDS-VID, and check it.

    Args:
        root: the folder that holds `sequences`, or its parent.
        split: which of the ten divisions, from 0: row of the split file.
        counts: what to compare with: the `official` figures, the `manifest` of a rendered set, or `any`. None takes
            the manifest where there is one and the official figures otherwise.
        check_images: ask for the size of every frame. Without it sizes do not enter the fingerprint.

    Raises:
        DataError: if a folder or the split file is missing, unreadable or contradicts the other. What can be read but
            is not as expected is a failed check instead.
    """
    return _examine(root, split, counts, check_images, exchanged=False)


def examine_csa(root: Path, *, split: int = 0, counts: Counts | None = None, check_images: bool = True) -> Examination:
    """As `examine`, with the halves exchanged: the first 150 people of a row are trained on, as in CSA's code.

    Source: `dapengchen123/video_reid`, the released code of "Video Person Re-identification with Competitive
    Snippet-similarity Aggregation and Co-attentive Snippet Embedding", CVPR 2018.

    Arguments and errors as in `examine`.
    """
    return _examine(root, split, counts, check_images, exchanged=True)


def _examine(root: Path, split: int, counts: Counts | None, check_images: bool, *, exchanged: bool) -> Examination:
    if not 0 <= split < DIVISIONS:
        raise DataError(f"iLIDS-VID has {DIVISIONS} divisions, so split {split} does not exist; ask for 0 to 9")
    expectation_of(counts, None)  # an unknown word is told before anything is read
    release = open_release(Path(root), LAYOUT)
    manifest = read_manifest(release.root, counts, "ilids")
    expectation = expectation_of(counts, manifest)
    source = _split_file(release.root)
    orders = read_variable(source, "ls_set", "copy it from the release")
    single = sorted(person for camera in release.single for person in camera)
    if single and orders.shape[-1] != len(release.common):
        raise DataError(
            f"{release.root / LAYOUT.sequences}: {name_some([str(one) for one in single])} lack a folder under one of "
            f"the cameras, so that {len(release.common)} people are left where {source.name} orders "
            f"{orders.shape[-1]}; copy the folders again"
        )
    divided = halves(orders, release.common, source)[split]
    people = told_by(manifest, "people") if expectation == "manifest" else _OFFICIAL[expectation]
    remedy = _INCOMPLETE if manifest is None or expectation == "official" else manifest.remedy
    reading = Reading(
        name="ilids-csa" if exchanged else "ilids",
        version=OFFICIAL_VERSION,
        number=split,
        expectation=expectation,
        people=people,
        frames=told_by(manifest, "frames") if expectation == "manifest" else None,
        frames_named="frames of all people" if manifest else "frames of all people (a user counted about 42,459)",
        remedy=remedy,
        check_images=check_images,
        manifest=manifest,
        checks=_check_people(release, single, people, remedy),
    )
    return examine_division(release, divided.reversed() if exchanged else divided, reading)


def _check_people(release: Release, single: list[int], people: int | None, remedy: str) -> tuple[Check, ...]:
    official = people == OFFICIAL_PEOPLE
    names = name_some([str(person) for person in single])
    alone = f"people without a folder under one of the cameras: {names}; copy it again" if single else ""
    return (
        Check("people under both cameras", people, len(release.common), remedy),
        Check("people under one camera only", 0, len(single), alone),
        Check(f"highest person number{' (319 in the release)' if official else ''}", None, max(release.common)),
    )


def _split_file(root: Path) -> Path:
    found = find_beside(root, _NAMES, (SPLIT_FOLDER,))
    if found is None:
        raise DataError(
            f"{root / SPLIT_FOLDER / SPLIT_FILE} is missing, and so it is in {root}, beside it and as {_NAMES[1]}: the "
            "ten official divisions come with the release of iLIDS-VID in a folder of that name; copy it there"
        )
    return found
