"""The PRID-2011 reader on the published split files, with made-up people of one frame each."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

import datasets
from datasets.errors import DataError
from datasets.readers.two_cameras import prid
from tests.datasets.readers import png_folders


@pytest.fixture(scope="module")
def files(official_metadata: Path) -> Path:
    """Folder of the two split files."""
    return official_metadata / "ilids_prid"


@pytest.fixture(scope="module")
def root(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release: 385 people under camera a, 749 under camera b; from 201 on a number stands for two people."""
    place = tmp_path_factory.mktemp("prid2011")
    for name in ("splits_prid.mat", "splits_prid2011.json"):
        shutil.copy(files / name, place / name)
    return png_folders.prid(place / "prid_2011", range(1, 386), range(1, 750))


def test_the_list_of_178_is_that_of_both_published_files(files: Path) -> None:
    chosen = loadmat(files / "splits_prid.mat")["select_idx"].reshape(-1).tolist()
    assert chosen == list(prid.OFFICIAL_LIST)
    first = json.loads((files / "splits_prid2011.json").read_text())[0]
    assert sorted(first["train"] + first["test"]) == [f"person_{person:04d}" for person in prid.OFFICIAL_LIST]
    assert len(prid.OFFICIAL_LIST) == 178
    assert len(prid.OFFICIAL_LEFT_OUT) == 22


@pytest.mark.parametrize("number", range(10))
def test_the_first_half_of_a_row_is_tested_by_either_file(root: Path, files: Path, number: int) -> None:
    split = datasets.load("prid", root, split=number)
    tested, trained = ({t.person_id for t in part} for part in (split.test, split.train))
    orders = loadmat(files / "splits_prid.mat")["ls_set"].astype(int)
    assert tested == {prid.OFFICIAL_LIST[position - 1] for position in orders[number, :89]}
    stored = json.loads((files / "splits_prid2011.json").read_text())[number]
    assert tested == {int(name.removeprefix("person_")) for name in stored["test"]}
    assert trained == {int(name.removeprefix("person_")) for name in stored["train"]}
    assert tested.isdisjoint(trained)


def test_official_counts(root: Path) -> None:
    examined = datasets.examine("prid", root, split=4)
    assert examined.expectation == "official PRID-2011"
    split = examined.require()
    counts = split.counts()
    assert (counts["train_ids"], counts["train_tracklets"], counts["test_ids"]) == (89, 178, 89)
    assert (counts["query_tracklets"], counts["gallery_tracklets"], counts["cameras"]) == (89, 89, 2)
    assert {t.camera_id for t in split.query} == {1}
    assert split.query[0].frames[0].startswith("multi_shot/cam_a/person_")
    assert (split.name, split.number, split.divisions) == ("prid", 4, 10)
    found = {check.what: check.found for check in examined.checks}
    assert found["people of both cameras who are not divided"] == 22
    assert found["people under camera a alone, not read"] == 185
    assert found["people under camera b alone, not read"] == 549


def test_all_200_are_halved_by_hashes_of_their_numbers(root: Path) -> None:
    seen = set()
    for number in range(10):
        split = datasets.load("prid-200", root, split=number)
        tested, trained = ({t.person_id for t in part} for part in (split.test, split.train))
        assert (len(tested), len(trained)) == (100, 100)
        assert tested | trained == set(range(1, 201))
        digests = {
            hashlib.sha256(b"prid-200 seed 0 split %d person %d" % (number, person)).hexdigest(): person
            for person in range(1, 201)
        }
        assert tested == {digests[digest] for digest in sorted(digests)[:100]}
        seen.add(frozenset(tested))
    assert len(seen) == 10


def test_the_200_are_tested_about_equally_often(root: Path) -> None:
    times = np.zeros(201, dtype=int)
    for number in range(10):
        times[[t.person_id for t in datasets.load("prid-200", root, split=number).query]] += 1
    assert times[1:].sum() == 1_000
    assert times[1:].max() <= 10
    assert 1.2 < times[1:].std() < 2.0  # binomial of 10 and a half: 1.58


def test_one_of_the_two_split_files_will_do(root: Path, tmp_path: Path) -> None:
    expected = datasets.load("prid", root, split=2).fingerprint
    for lost in ("splits_prid.mat", "splits_prid2011.json"):
        copy = tmp_path / lost
        shutil.copytree(root.parent, copy)
        (copy / lost).unlink()
        assert datasets.load("prid", copy, split=2).fingerprint == expected


def test_split_files_that_disagree_in_one_division(root: Path, files: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root.parent, copy)
    stored = json.loads((copy / "splits_prid2011.json").read_text())
    stored[7]["train"][0], stored[7]["test"][0] = stored[7]["test"][0], stored[7]["train"][0]
    (copy / "splits_prid2011.json").write_text(json.dumps(stored))
    with pytest.raises(DataError, match=r"splits_prid.mat and .*splits_prid2011.json differ in division 7"):
        datasets.load("prid", copy)


def test_another_list_of_178_is_told(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root.parent, copy)
    (copy / "splits_prid2011.json").unlink()
    content = loadmat(copy / "splits_prid.mat")
    chosen = content["select_idx"].copy()
    chosen[0, -1] = 200  # 198 in the list
    savemat(copy / "splits_prid.mat", {"select_idx": chosen, "ls_set": content["ls_set"]})
    with pytest.raises(DataError, match=r"the split file and the 178 differ is 2, expected 0.*person 198, 200"):
        datasets.load("prid", copy)


def test_numbers_from_201_on_are_never_matched_between_the_cameras(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root.parent, copy)
    (copy / "splits_prid2011.json").unlink()
    content = loadmat(copy / "splits_prid.mat")
    chosen = content["select_idx"].astype(np.uint16)
    chosen[0, 0] = 201
    savemat(copy / "splits_prid.mat", {"select_idx": chosen, "ls_set": content["ls_set"]})
    with pytest.raises(DataError, match="divides people 201, who have no folder under both"):
        datasets.load("prid", copy, counts="any")
