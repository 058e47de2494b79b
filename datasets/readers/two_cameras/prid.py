"""PRID-2011: two cameras over a street, ten divisions of 89 and 89 of the 178 people that the literature uses.

    prid_2011/multi_shot/cam_a/person_0001/0001.png            (cam_b likewise; single_shot is not used)
    splits_prid2011.json or splits_prid.mat                    beside or in prid_2011; compared where both are there

Source: M. Hirzer, C. Beleznai, P. M. Roth, H. Bischof, "Person Re-Identification by Descriptive and Discriminative
Classification", SCIA 2011. Persons 1 to 200 were seen by both cameras. Higher numbers stand for people of one camera
alone: person 201 of cam_a is somebody else than person 201 of cam_b, so numbers are never matched beyond 200.

Papers say "more than 21 frames under both cameras", but by the asserts of a published loader 183 people have 21 or
more, and 178 have 27 or more. So the list is a fact of its own: `select_idx` of the .mat and the names in the .json
agree on it. `ls_set` of the .mat, 10 x 178, holds positions in that list; the first 89 of a row are TEST, and so says
the .json.

Other choices in print: RCN, ASTPN and CSA take all 200 people and draw ten halves of 100 themselves. None of their
divisions were released (CSA's even holds position -1, which picks person 200 twice), so `prid-200` here has ten of its
own: in division k the people are put in the order of the SHA-256 of the text ``prid-200 seed 0 split k person p`` (k
from 0, p without leading zeros), and the first half is tested. Some published numbers are of division 0 alone.

Camera a gives the queries, camera b the gallery; each query has one match; camera ids are 1 and 2.
"""

import hashlib
import re
from pathlib import Path

import numpy as np

from datasets import identifiers
from datasets.checks import Check, Examination
from datasets.errors import DataError
from datasets.files.image_files import name_some
from datasets.files.manifest import Counts, Manifest, expectation_of, read_manifest
from datasets.files.matlab import read_variable
from datasets.readers.two_cameras.folders import Layout, Release, open_release
from datasets.readers.two_cameras.splits import (
    DIVISIONS,
    Division,
    Reading,
    division,
    examine_division,
    find_beside,
    halves,
    told_by,
)
from files.formats import json

OFFICIAL_COMMON = 200
OFFICIAL_LEFT_OUT = (
    6,
    19,
    31,
    52,
    57,
    62,
    71,
    94,
    106,
    120,
    136,
    138,
    139,
    142,
    145,
    158,
    159,
    166,
    183,
    190,
    199,
    200,
)
"""People of both cameras who are not among the 178."""
OFFICIAL_LIST = tuple(person for person in range(1, OFFICIAL_COMMON + 1) if person not in OFFICIAL_LEFT_OUT)
OFFICIAL_VERSION = "2011"
LAYOUT = Layout(
    title="PRID-2011",
    sequences="multi_shot",
    cameras=("cam_a", "cam_b"),
    person=re.compile(r"person_([0-9]{4,9})"),
    frame=re.compile(r"(?P<number>[0-9]{1,18})\.png"),
    example="multi_shot/cam_a/person_0001/0001.png",
)
MAT_FILE = "splits_prid.mat"
JSON_FILE = "splits_prid2011.json"

_AGAIN = "copy it again"
_INCOMPLETE = (
    "this is not a complete PRID-2011: copy it again, or read your own data in this layout with counts='any' "
    "(--counts any)"
)


def examine(root: Path, *, split: int = 0, counts: Counts | None = None, check_images: bool = True) -> Examination:
    """Read a folder in the layout of PRID-2011, the 178 people of the literature, and check it.

    Args:
        root: the folder that holds `multi_shot`, or its parent.
        split: which of the ten divisions, from 0.
        counts: what to compare with: the `official` figures, the `manifest` of a rendered set, or `any`. None takes
            the manifest where there is one and the official figures otherwise.
        check_images: ask for the size of every frame. Without it sizes do not enter the fingerprint.

    Raises:
        DataError: if a folder or both split files are missing, unreadable or contradict each other. What can be read
            but is not as expected is a failed check instead.
    """
    release, manifest, expectation, common = _open(root, split, counts)
    divisions = _listed(release, common)
    listed = sorted((*divisions[0].train, *divisions[0].test))
    official = expectation == "official"
    people = told_by(manifest, "people") if expectation == "manifest" else len(OFFICIAL_LIST) if official else None
    checks = (
        *_check_people(release, common, manifest, expectation),
        Check("people of both cameras who are not divided", None, len(set(common) - set(listed))),
        *((_check_list(listed),) if official else ()),
    )
    frames = told_by(manifest, "frames") if expectation == "manifest" else None
    reading = Reading(
        name="prid",
        version=OFFICIAL_VERSION,
        number=split,
        expectation=expectation,
        people=people,
        frames=frames,
        frames_named="frames of the people divided",
        remedy=_remedy(manifest, expectation),
        check_images=check_images,
        manifest=manifest,
        checks=checks,
    )
    return examine_division(release, divisions[split], reading)


def examine_200(root: Path, *, split: int = 0, counts: Counts | None = None, check_images: bool = True) -> Examination:
    """As `examine`, with all 200 people of both cameras in ten halves drawn here; no split file is needed.

    Arguments as in `examine`.

    Raises:
        DataError: if a folder is missing, or there are not two people to divide.
    """
    release, manifest, expectation, common = _open(root, split, counts)
    if len(common) < 2:
        raise DataError(
            f"{release.root / LAYOUT.sequences} holds {len(common)} people under both cameras, expected two at least; "
            f"{_remedy(manifest, expectation)}"
        )
    told = told_by(manifest, "common") if expectation == "manifest" else None
    frames = told_by(manifest, "common_frames") if expectation == "manifest" else None
    reading = Reading(
        name="prid-200",
        version=OFFICIAL_VERSION,
        number=split,
        expectation=expectation,
        people=OFFICIAL_COMMON if expectation == "official" else told,
        frames=frames,
        frames_named="frames of the people divided" + ("" if manifest else " (40,033 by GLTR's Table 1)"),
        remedy=_remedy(manifest, expectation),
        check_images=check_images,
        manifest=manifest,
        checks=_check_people(release, common, manifest, expectation),
    )
    return examine_division(release, draw(common, split), reading)


def draw(people: list[int], number: int) -> Division:
    """A division of `prid-200`: the same on every machine and under every version of NumPy.

    Args:
        people: person numbers.
        number: of the division, from 0.
    """

    def place(person: int) -> bytes:
        return hashlib.sha256(f"prid-200 seed 0 split {number} person {person}".encode()).digest()

    order = sorted(people, key=place)
    half = len(order) // 2
    return division(order[half:], order[:half])


def _open(root: Path, split: int, counts: Counts | None) -> tuple[Release, Manifest | None, Counts, list[int]]:
    """The folders, what they are compared with, and the people of both cameras."""
    if not 0 <= split < DIVISIONS:
        raise DataError(f"PRID-2011 has {DIVISIONS} divisions, so split {split} does not exist; ask for 0 to 9")
    expectation_of(counts, None)  # an unknown word is told before anything is read
    release = open_release(Path(root), LAYOUT)
    manifest = read_manifest(release.root, counts, "prid")
    highest = told_by(manifest, "common") or OFFICIAL_COMMON
    common = [person for person in release.common if person <= highest]
    return release, manifest, expectation_of(counts, manifest), common


def _remedy(manifest: Manifest | None, expectation: Counts) -> str:
    return _INCOMPLETE if manifest is None or expectation == "official" else manifest.remedy


def _check_people(
    release: Release, common: list[int], manifest: Manifest | None, expectation: Counts
) -> tuple[Check, ...]:
    told = {"official": OFFICIAL_COMMON, "manifest": told_by(manifest, "common"), "any": None}[expectation]
    first, second = (len(folders) - len(common) for folders in release.folders)
    return (
        Check("people under both cameras", told, len(common), _remedy(manifest, expectation)),
        Check("people under camera a alone, not read", None, first),
        Check("people under camera b alone, not read", None, second),
    )


def _check_list(listed: list[int]) -> Check:
    others = sorted(set(listed) ^ set(OFFICIAL_LIST))
    names = name_some([str(person) for person in others])
    told = f"the split file does not divide the 178 people of the literature (person {names}); {_AGAIN}"
    return Check("people in whom the split file and the 178 differ", 0, len(others), told if others else "")


def _listed(release: Release, common: list[int]) -> list[Division]:
    """The ten divisions of the split file; the same of both where both are there."""
    root = release.root
    matlab, named = find_beside(root, (MAT_FILE,)), find_beside(root, (JSON_FILE,))
    found = {}
    if matlab is not None:
        found[matlab] = _read_mat(matlab)
    if named is not None:
        found[named] = _read_json(named)
    if not found:
        raise DataError(
            f"{root / JSON_FILE} is missing, and so is {MAT_FILE} (both were looked for beside it too): the ten "
            "divisions are no part of PRID-2011 but come with published code, the .json with torchreid "
            "(KaiyangZhou/deep-person-reid); copy one of them there, or read 'prid-200', which needs none"
        )
    first, *others = found.values()
    for other in others:
        for number, (one, two) in enumerate(zip(first, other, strict=True)):
            if one != two:
                raise DataError(
                    f"{matlab} and {named} differ in division {number}; remove the one that is not original"
                )
    absent = sorted({*first[0].train, *first[0].test} - set(common))
    if absent:
        raise DataError(
            f"{next(iter(found))} divides people {name_some([str(person) for person in absent])}, who have no folder "
            f"under both of {' and '.join(LAYOUT.cameras)} in {root / LAYOUT.sequences}; copy the folders again"
        )
    return first


def _read_mat(path: Path) -> list[Division]:
    stored = read_variable(path, "select_idx", _AGAIN).reshape(-1)
    chosen = identifiers.whole_numbers(stored, f"{path}: the entries of 'select_idx'", _AGAIN)
    if not chosen.size or len(np.unique(chosen)) != len(chosen):
        raise DataError(f"{path}: 'select_idx' must hold numbers of people, each once; {_AGAIN}")
    return halves(read_variable(path, "ls_set", _AGAIN), chosen.tolist(), path)


def _read_json(path: Path) -> list[Division]:
    stored = json.read(path, error=DataError, remedy=_AGAIN)
    try:
        found = [division(*([_number(name) for name in one[half]] for half in ("train", "test"))) for one in stored]
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{path} is damaged ({type(error).__name__}: {error}), expected a list of {DIVISIONS} divisions with "
            f"'train' and 'test', each a list of names like person_0001; {_AGAIN}"
        ) from error
    if len(found) != DIVISIONS:
        raise DataError(f"{path} holds {len(found)} divisions, expected {DIVISIONS}; {_AGAIN}")
    people = sorted({*found[0].train, *found[0].test})
    for number, one in enumerate(found):
        if not one.test or not one.train or sorted((*one.train, *one.test)) != people:
            raise DataError(
                f"{path}: division {number} does not divide the {len(people)} people of division 0, each once, into "
                f"'train' and 'test'; {_AGAIN}"
            )
    return found


def _number(name: str) -> int:
    match = LAYOUT.person.fullmatch(name)
    if match is None:
        raise ValueError(f"{identifiers.shown(str(name))} is no name like person_0001")
    return int(match[1])
