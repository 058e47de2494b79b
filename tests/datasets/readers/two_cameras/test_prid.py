"""The PRID-2011 reader: what it refuses, on small folders with one fault each, and SynthWalk in this layout."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat

import datasets
from datasets.errors import DataError
from datasets.images import decode
from datasets.synthwalk import presets, write
from datasets.synthwalk.layouts import prid as arranger
from datasets.synthwalk.layouts import render_as
from tests.datasets.readers import png_folders

LISTED = (1, 2, 4, 5, 6, 8)


def divisions(people: tuple[int, ...] = LISTED) -> list[dict[str, list[str]]]:
    """Ten divisions by name, as torchreid's file holds them."""
    names = [[f"person_{people[position - 1]:04d}" for position in row] for row in png_folders.ten_orders(len(people))]
    half = len(people) // 2
    return [{"test": row[:half], "train": row[half:]} for row in names]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight people of both cameras, six of them listed, and two of one camera each."""
    folder = png_folders.prid(tmp_path / "set" / "prid_2011", range(1, 9), range(1, 9), frames=3)
    png_folders.prid(folder, range(201, 203), range(201, 204))
    (folder / "splits_prid2011.json").write_text(json.dumps(divisions()))
    return folder


def refused(root: Path, *words: str, name: str = "prid") -> str:
    with pytest.raises(DataError) as caught:
        datasets.load(name, root, counts="any")
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


def rewrite(root: Path, change: Callable[[Any], Any]) -> None:
    path = root / "splits_prid2011.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def test_who_is_read(root: Path) -> None:
    split = datasets.load("prid", root, counts="any")
    assert {t.person_id for t in (*split.train, *split.test)} == set(LISTED)
    assert {len(t) for t in split.train} == {3}
    whole = datasets.load("prid-200", root, counts="any")
    assert {t.person_id for t in (*whole.train, *whole.test)} == set(range(1, 9))
    assert whole.name == "prid-200"


def test_the_official_counts_are_the_default(root: Path) -> None:
    for name, people in (("prid", 89), ("prid-200", 100)):
        with pytest.raises(DataError, match=rf"train ids is \d, expected {people}.*counts='any'"):
            datasets.load(name, root)


def test_without_a_split_file_only_all_200_can_be_read(root: Path) -> None:
    before = datasets.load("prid-200", root, counts="any").fingerprint
    (root / "splits_prid2011.json").unlink()
    refused(root, "splits_prid2011.json is missing", "splits_prid.mat", "prid-200")
    assert datasets.load("prid-200", root, counts="any").fingerprint == before


def test_a_listed_person_without_a_folder(root: Path) -> None:
    shutil.rmtree(root / "multi_shot" / "cam_b" / "person_0004")
    refused(root, "divides people 4, who have no folder under both")


def test_a_person_who_is_not_read_may_be_damaged(root: Path) -> None:
    for path in (root / "multi_shot" / "cam_b" / "person_0203").iterdir():
        path.write_bytes(b"")
    datasets.load("prid", root, counts="any")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda splits: splits[:9], ("9 divisions, expected 10",)),
        (lambda splits: {"train": []}, ("is damaged",)),
        (lambda splits: [{**one, "test": ["4"]} for one in splits], ("is damaged", "'4' is no name like person_0001")),
        (lambda splits: [{"train": one["train"]} for one in splits], ("is damaged", "'test'")),
        (lambda splits: [*splits[:9], {"train": splits[9]["train"], "test": splits[9]["train"]}], ("division 9",)),
        (lambda splits: [{"train": one["train"] + one["test"], "test": []} for one in splits], ("division 0",)),
        (lambda splits: [*splits[:5], {**splits[5], "test": splits[5]["test"][:2]}, *splits[6:]], ("division 5",)),
    ],
)
def test_a_damaged_json(root: Path, change: Callable[[Any], Any], words: tuple[str, ...]) -> None:
    rewrite(root, change)
    refused(root, str(root / "splits_prid2011.json"), *words)


def test_a_json_that_is_none(root: Path) -> None:
    (root / "splits_prid2011.json").write_bytes(b"\xff\xfe[")
    refused(root, "splits_prid2011.json is no text in UTF-8")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([1, 2, 4, 5, 6, 8.5], ("'select_idx'",)),
        ([1, 2, 4, 5, 6, np.nan], ("'select_idx'",)),
        ([1, 2, 4, 4, 6, 8], ("'select_idx'", "each once")),
        ([1, 2, 4], ("orders 6 people, but 3",)),
        ([], ("select_idx",)),
    ],
)
def test_a_damaged_mat(root: Path, chosen: list[float], words: tuple[str, ...]) -> None:
    listed = np.array([chosen])
    png_folders.save_orders(root / "splits_prid.mat", png_folders.ten_orders(6), select_idx=listed)
    refused(root, "splits_prid.mat", *words)


def test_the_list_and_the_positions_in_it(root: Path) -> None:
    expected = datasets.load("prid", root, counts="any", split=6).fingerprint
    (root / "splits_prid2011.json").unlink()
    listed = np.array([LISTED], dtype=np.uint8)
    png_folders.save_orders(root.parent / "splits_prid.mat", png_folders.ten_orders(6), select_idx=listed)
    assert datasets.load("prid", root, counts="any", split=6).fingerprint == expected


def test_frames_stand_in_the_order_of_their_numbers_and_gaps_are_counted(root: Path) -> None:
    folder = root / "multi_shot" / "cam_a" / "person_0001"
    for number in ("9999", "10000", "12"):
        png_folders.put(folder / f"{number}.png", png_folders.png())
    examined = datasets.examine("prid", root, counts="any")
    split = examined.require()
    (found,) = (t for t in (*split.train, *split.test) if (t.person_id, t.camera_id) == (1, 1))
    numbers = [Path(frame).stem for frame in found.frames]
    assert numbers == ["0001", "0002", "0003", "12", "9999", "10000"]
    assert {check.what: check.found for check in examined.checks}["gaps in the frame numbers"] == 2


def test_names_and_sizes_that_are_wrong(root: Path) -> None:
    folder = root / "multi_shot" / "cam_a" / "person_0002"
    (folder / "0002.png").write_bytes(b"")
    shutil.copy(folder / "0001.png", folder / "1.png")
    shutil.copy(folder / "0001.png", folder / "copy of 0001.png")
    found = datasets.examine("prid", root, counts="any")
    told = sorted((problem.kind, Path(problem.file).name) for problem in found.problems)
    assert told == [("empty", "0002.png"), ("order", "1.png"), ("order", "copy of 0001.png")]
    assert [check.found for check in found.failed] == [1, 2]


def test_fewer_than_two_people_cannot_be_divided(tmp_path: Path) -> None:
    refused(png_folders.prid(tmp_path / "one", [1], [1, 2]), "1 people under both cameras", name="prid-200")


# SynthWalk ------------------------------------------------------------------------------------------------------------

WORLD = presets.preset("tiny", height=32, width=16, train_ids=9, test_ids=11, motion_share=0.0)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of 20 people in this layout: 14 of both cameras, 12 of them divided."""
    return render_as("prid", WORLD, tmp_path_factory.mktemp("rendered") / "prid", workers=2, progress=False)[0]


def test_every_division_of_a_rendered_set_is_read(rendered: Path) -> None:
    for name, people in (("prid", 6), ("prid-200", 7)):
        prints = set()
        for number in range(10):
            split = datasets.load(name, rendered, split=number)
            assert (split.name, split.synthetic, split.number) == (f"synthwalk-{name}", True, number)
            assert split.counts()["test_ids"] == split.counts()["train_ids"] == people
            prints.add(split.fingerprint)
        assert len(prints) == 10


def test_both_written_split_files_agree_with_an_independent_reading(rendered: Path) -> None:
    content = loadmat(rendered / "splits_prid.mat")
    chosen, orders = content["select_idx"].reshape(-1), content["ls_set"]
    assert orders.shape == (10, 12)
    for stored, order in zip(json.loads((rendered / "splits_prid2011.json").read_text()), orders, strict=True):
        assert stored["test"] == sorted(f"person_{chosen[position - 1]:04d}" for position in order[:6])


def test_numbers_above_the_common_ones_stand_for_two_people(rendered: Path) -> None:
    first, second = (
        {path.name for path in (rendered / "multi_shot" / camera).iterdir()} for camera in ("cam_a", "cam_b")
    )
    shared = sorted(first & second)
    assert len(shared) == 17  # 14 people of both cameras, and three numbers of six people
    examined = datasets.examine("prid-200", rendered)
    assert {check.what: check.found for check in examined.checks}["people under both cameras"] == 14


def test_the_pixels_are_those_of_the_same_world_in_the_layout_of_mars(rendered: Path, tmp_path: Path) -> None:
    def pixels(split: datasets.Split) -> list[str]:
        """A digest of each tracklet's pixels, in the order of person and camera."""
        tracklets = sorted((*split.train, *split.test), key=lambda t: (t.person_id, t.camera_id))
        return [
            hashlib.sha256(b"".join(decode.read(split.root / f).tobytes() for f in t.frames)).hexdigest()
            for t in tracklets
        ]

    source = write.render(arranger.fit(WORLD), tmp_path / "mars", workers=2, progress=False)
    expected = pixels(datasets.load("mars", source))
    found = pixels(datasets.load("prid-200", rendered))
    assert len(found) == 28
    rows = [expected.index(digest) for digest in found]
    assert rows == sorted(rows)  # people keep their order
    assert all(first % 2 == 0 and second == first + 1 for first, second in zip(rows[::2], rows[1::2], strict=True))


def test_the_same_world_is_the_same_set(rendered: Path, tmp_path: Path) -> None:
    again, _ = render_as("prid", WORLD, tmp_path / "again", workers=1, progress=False)
    files = [path.relative_to(rendered) for path in sorted(rendered.rglob("*")) if path.is_file()]
    assert files == [path.relative_to(again) for path in sorted(again.rglob("*")) if path.is_file()]
    assert all((again / path).read_bytes() == (rendered / path).read_bytes() for path in files)


def test_a_frame_lost_from_a_rendered_set_is_told(rendered: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(rendered, copy)
    listed = datasets.load("prid", copy)
    (copy / listed.train[0].frames[-1]).unlink()
    for name in ("prid", "prid-200"):
        with pytest.raises(DataError, match=r"frames of the people divided is \d+, expected \d+"):
            datasets.load(name, copy)


def test_a_manifest_without_the_counts_of_the_layout(rendered: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(rendered, copy)
    manifest = json.loads((copy / "synthwalk.json").read_text())
    del manifest["counts"]["common"]
    (copy / "synthwalk.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"does not say the count 'common'.*render the set again"):
        datasets.load("prid", copy)


def test_a_world_of_too_few_people_is_refused(tmp_path: Path) -> None:
    world = replace(WORLD, train_ids=2, test_ids=2, lookalike_share=0.0)
    with pytest.raises(DataError, match=r"3 of the 4 people.*render more people"):
        render_as("prid", world, tmp_path / "few", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == [".few.rendering.lock"]
