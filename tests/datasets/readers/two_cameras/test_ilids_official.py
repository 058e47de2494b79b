"""The iLIDS-VID reader on the official split file, with 300 made-up people of one frame each."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

import datasets
from datasets.errors import DataError
from tests.datasets.readers import png_folders

NUMBERS = sorted(np.random.default_rng(319).permutation(319)[:300] + 1)


@pytest.fixture(scope="module")
def orders(official_metadata: Path) -> np.ndarray:
    """`ls_set` as released, [10,300]."""
    return loadmat(official_metadata / "ilids_prid" / "splits_ilidsvid.mat")["ls_set"].astype(int)


@pytest.fixture(scope="module")
def root(official_metadata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release as it is unpacked: the split file lies beside i-LIDS-VID; folders made in no order."""
    place = tmp_path_factory.mktemp("ilids-vid")
    folder = place / "train-test people splits"
    folder.mkdir()
    source = official_metadata / "ilids_prid" / "splits_ilidsvid.mat"
    shutil.copy(source, folder / "train_test_splits_ilidsvid.mat")
    shuffled = np.random.default_rng(1).permutation(NUMBERS).tolist()
    return png_folders.ilids(place / "i-LIDS-VID", shuffled)


@pytest.mark.parametrize("number", range(10))
def test_a_row_picks_folders_by_their_sorted_position_and_tests_the_first_half(
    root: Path, orders: np.ndarray, number: int
) -> None:
    split = datasets.load("ilids", root, split=number)
    named = sorted(path.name for path in (root / "sequences" / "cam1").iterdir())
    tested = {f"person{t.person_id:03d}" for t in split.test}
    trained = {f"person{t.person_id:03d}" for t in split.train}
    assert tested == {named[position - 1] for position in orders[number, :150]}
    assert trained == {named[position - 1] for position in orders[number, 150:]}
    assert tested.isdisjoint(trained)
    assert (split.number, split.divisions) == (number, 10)


def test_the_first_row_is_that_of_the_facts(root: Path, orders: np.ndarray) -> None:
    assert orders[0, :4].tolist() == [123, 99, 174, 294]
    split = datasets.load("ilids", root)
    assert {NUMBERS[position - 1] for position in (123, 99, 174, 294)} <= {t.person_id for t in split.test}


def test_official_counts(root: Path) -> None:
    examined = datasets.examine("ilids", root, split=3)
    assert examined.expectation == "official iLIDS-VID"
    counts = examined.require().counts()
    assert (counts["train_ids"], counts["train_tracklets"]) == (150, 300)
    assert (counts["test_ids"], counts["test_tracklets"]) == (150, 300)
    assert (counts["query_tracklets"], counts["gallery_tracklets"], counts["cameras"]) == (150, 150, 2)
    assert (counts["unmatched_queries"], counts["unmatched_queries_removed"]) == (0, 0)


def test_camera_1_asks_and_each_query_has_one_match_under_camera_2(root: Path) -> None:
    split = datasets.load("ilids", root)
    assert {t.camera_id for t in split.query} == {1}
    assert {t.camera_id for t in split.gallery} == {2}
    assert [t.person_id for t in split.query] == [t.person_id for t in split.gallery]
    assert all(t.frames[0].startswith(f"sequences/cam1/person{t.person_id:03d}/cam1_person") for t in split.query)


@pytest.mark.parametrize("number", [0, 9])
def test_csa_trains_on_whom_the_others_test(root: Path, number: int) -> None:
    ours, theirs = (datasets.load(name, root, split=number) for name in ("ilids", "ilids-csa"))
    assert {t.person_id for t in ours.test} == {t.person_id for t in theirs.train}
    assert {t.person_id for t in ours.train} == {t.person_id for t in theirs.test}
    assert (theirs.name, theirs.number) == ("ilids-csa", number)
    assert ours.fingerprint != theirs.fingerprint


def test_every_division_has_a_fingerprint_of_its_own(root: Path) -> None:
    found = {datasets.load(name, root, split=k).fingerprint for name in ("ilids", "ilids-csa") for k in range(10)}
    assert len(found) == 20


def test_the_parent_folder_and_the_sequences_will_do(root: Path) -> None:
    expected = datasets.load("ilids", root)
    for place in (root.parent, root / "sequences"):
        found = datasets.load("ilids", place)
        assert (found.root, found.fingerprint) == (expected.root, expected.fingerprint)


def test_a_person_too_few_is_told_with_both_numbers(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root.parent, tmp_path / "copy")
    lost = NUMBERS[17]
    for camera in (1, 2):
        shutil.rmtree(tmp_path / "copy" / "i-LIDS-VID" / "sequences" / f"cam{camera}" / f"person{lost:03d}")
    with pytest.raises(DataError, match=r"orders 300 people, but 299 are there"):
        datasets.load("ilids", tmp_path / "copy")
