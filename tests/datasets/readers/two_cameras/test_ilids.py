"""The iLIDS-VID reader: what it refuses, on small folders with one fault each, and SynthWalk in this layout."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.errors import DataError
from datasets.frames.decoded import FrameStore
from datasets.images import decode
from datasets.synthwalk import presets, write
from datasets.synthwalk.layouts import ilids as arranger
from datasets.synthwalk.layouts import render_as
from datasets.tracklet import Split, Tracklet
from tests.datasets import mars_folder
from tests.datasets.readers import png_folders

PEOPLE = (1, 2, 4, 7, 8, 11)
SPLITS = Path("train-test people splits") / "train_test_splits_ilidsvid.mat"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six people, three frames each."""
    folder = png_folders.ilids(tmp_path / "set" / "i-LIDS-VID", PEOPLE, frames=3)
    png_folders.save_orders(folder.parent / SPLITS, png_folders.ten_orders(len(PEOPLE)))
    return folder


def load(root: Path, **options: object) -> Split:
    return datasets.load("ilids", root, counts="any", **options)


def refused(root: Path, *words: str) -> str:
    with pytest.raises(DataError) as caught:
        load(root)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


def problems(root: Path) -> list[tuple[str, str]]:
    """Kind and file; each kind must be counted by a failed check too."""
    examined = datasets.examine("ilids", root, counts="any")
    found = [(problem.kind, problem.file) for problem in examined.problems]
    assert sum(check.found for check in examined.failed) == len(found)
    assert all(problem.remedy for problem in examined.problems)
    with pytest.raises(DataError):
        examined.require()
    return found


def frame(root: Path, camera: int = 1, person: int = 4, number: int = 308) -> Path:
    return (
        root / "sequences" / f"cam{camera}" / f"person{person:03d}" / f"cam{camera}_person{person:03d}_{number:05d}.png"
    )


def relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def test_the_official_counts_are_the_default(root: Path) -> None:
    with pytest.raises(DataError, match=r"train ids is 3, expected 150.*counts='any'"):
        datasets.load("ilids", root)


def test_frames_stand_in_the_order_of_their_numbers_whatever_their_width(root: Path) -> None:
    folder = frame(root).parent
    shutil.rmtree(folder)
    for number in ("99998", "100000", "00007", "512"):
        png_folders.put(folder / f"cam1_person004_{number}.png", png_folders.png())
    split = load(root)
    (found,) = (t for t in (*split.train, *split.test) if (t.person_id, t.camera_id) == (4, 1))
    assert [Path(path).stem.rpartition("_")[2] for path in found.frames] == ["00007", "512", "99998", "100000"]


def test_what_a_system_leaves_behind_is_no_frame(root: Path) -> None:
    before = load(root)
    for name in ("Thumbs.db", "._cam1_person004_00301.png", ".DS_Store"):
        png_folders.put(frame(root).parent / name, b"x")
    examined = datasets.examine("ilids", root, counts="any")
    assert examined.require().fingerprint == before.fingerprint
    counted = {check.what: check.found for check in examined.checks}
    assert counted["companion files of systems (Thumbs.db ...), passed over"] == 3
    assert counted["files that are no frames"] == 0


def test_a_zero_byte_frame(root: Path) -> None:
    frame(root).write_bytes(b"")
    assert problems(root) == [("empty", relative(frame(root), root))]
    refused(root, "images empty is 1, expected 0", "person004")


def test_a_frame_that_is_a_link_to_nowhere(root: Path) -> None:
    frame(root).unlink()
    frame(root).symlink_to(root / "gone.png")
    assert problems(root) == [("missing", relative(frame(root), root))]


def test_a_folder_without_frames(root: Path) -> None:
    for path in frame(root).parent.iterdir():
        path.rename(path.with_suffix(".jpg"))
    (kind, file), *others = problems(root)
    assert (kind, file, others) == ("missing", "sequences/cam1/person004", [])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cam2_person004_00308.png", "camera"),
        ("cam1_person007_00308.png", "person"),
        ("cam1_person004_00308 (1).png", "order"),
        ("cam1_person004_308.png", "order"),
        ("00308.png", "order"),
        ("cam1_person004_9999999999999999999.png", "order"),
        ("cam1_person004_٣٠٨.png", "order"),
    ],
)
def test_a_name_that_does_not_belong_there(root: Path, name: str, kind: str) -> None:
    shutil.copy(frame(root), frame(root).with_name(name))
    assert problems(root) == [(kind, f"sequences/cam1/person004/{name}")]


def test_a_missing_camera(root: Path) -> None:
    shutil.rmtree(root / "sequences" / "cam2")
    refused(root, str(root / "sequences" / "cam2"), "is missing", "cam1 and cam2")


def test_a_person_under_one_camera_only(root: Path) -> None:
    shutil.rmtree(frame(root, camera=2).parent)
    refused(root, ": 4 lack a folder", "5 people are left", "orders 6")


def test_a_further_person_under_one_camera_is_told(root: Path) -> None:
    png_folders.put(root / "sequences" / "cam1" / "person300" / "cam1_person300_00001.png", png_folders.png())
    refused(root, "people under one camera only is 1, expected 0", "300")


def test_two_folders_of_a_person(root: Path) -> None:
    shutil.copytree(frame(root).parent, frame(root).parent.with_name("person0004"))
    refused(root, "person0004 and person004", "two folders of person 4")


def test_what_is_no_folder_of_a_person_is_counted(root: Path) -> None:
    (root / "sequences" / "cam1" / "person99999999999999999999").mkdir()
    (root / "sequences" / "cam2" / "Person012").mkdir()
    png_folders.put(root / "sequences" / "cam2" / "person013", b"a file")
    examined = datasets.examine("ilids", root, counts="any")
    assert len(examined.require().query) == 3
    assert {check.what: check.found for check in examined.checks}["things that are no folders of people"] == 3


def test_without_a_split_file(root: Path) -> None:
    (root.parent / SPLITS).unlink()
    refused(root, SPLITS.as_posix(), "is missing", "come with the release")


def test_the_split_file_of_the_set_comes_before_that_of_its_parent(root: Path) -> None:
    before = load(root).fingerprint
    other = png_folders.ten_orders(len(PEOPLE), seed=1)
    png_folders.save_orders(root / "splits_ilidsvid.mat", other)
    assert load(root).fingerprint != before


def test_two_split_files_that_differ(root: Path) -> None:
    second = png_folders.save_orders(root.parent / "splits_ilidsvid.mat", png_folders.ten_orders(6, seed=1))
    refused(root, str(second), "differ")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda orders: orders[:9], ("[9, 6]", "expected 10 rows")),
        (lambda orders: orders[:, :5], ("orders 5 people, but 6 are there",)),
        (lambda orders: np.where(orders == 6, 0, orders), ("row 1", "1 to 6")),
        (lambda orders: np.vstack([orders[:9], orders[9:] * 0 + 3]), ("row 10",)),
        (lambda orders: orders + 0.5, ("row 1",)),
    ],
)
def test_a_damaged_split_file(root: Path, damage: Callable[[np.ndarray], np.ndarray], words: tuple[str, ...]) -> None:
    path = png_folders.save_orders(root.parent / SPLITS, damage(png_folders.ten_orders(len(PEOPLE))))
    refused(root, str(path), *words)


def test_a_split_file_without_the_variable_or_no_such_file_at_all(root: Path) -> None:
    (root.parent / SPLITS).write_bytes(b"not found")
    refused(root, "train_test_splits_ilidsvid.mat", "cannot be read as a MATLAB file")


@pytest.mark.parametrize("place", ["", "sequences/cam1/person004", "elsewhere"])
def test_a_folder_that_is_something_else(root: Path, place: str) -> None:
    refused(root / place / "x", "not a folder")
    (root / "empty").mkdir()
    refused(root / "empty", "not in the layout of iLIDS-VID", "sequences/cam1")


def test_divisions_are_counted_from_0_to_9(root: Path) -> None:
    with pytest.raises(DataError, match="split 10 does not exist"):
        load(root, split=10)


def longer(root: Path) -> None:
    frame(root).write_bytes(frame(root).read_bytes() + b"\0")


def renamed(root: Path) -> None:
    frame(root).rename(frame(root, number=309))


def other_halves(root: Path) -> None:
    png_folders.save_orders(root.parent / SPLITS, png_folders.ten_orders(len(PEOPLE), seed=1))


@pytest.mark.parametrize("change", [longer, renamed, other_halves])
def test_the_fingerprint_changes_with(root: Path, change: Callable[[Path], None]) -> None:
    before = load(root).fingerprint
    change(root)
    assert load(root).fingerprint != before


def test_the_fingerprint_does_not_depend_on_the_place_or_the_order_within_a_half(root: Path, tmp_path: Path) -> None:
    before = load(root).fingerprint
    orders = png_folders.ten_orders(len(PEOPLE))
    png_folders.save_orders(root.parent / SPLITS, np.hstack([orders[:, 2::-1], orders[:, 3:]]))
    root.parent.rename(tmp_path / "moved")
    assert load(tmp_path / "moved").fingerprint == before


def test_without_images_sizes_stay_unknown(root: Path) -> None:
    with_sizes, without = load(root), load(root, check_images=False)
    assert with_sizes.counts() == without.counts()
    assert with_sizes.fingerprint != without.fingerprint
    frame(root).write_bytes(b"")
    assert load(root, check_images=False).fingerprint == without.fingerprint


# SynthWalk ------------------------------------------------------------------------------------------------------------

WORLD = presets.preset("tiny", height=32, width=16, train_ids=7, test_ids=6, motion_share=0.0)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of 13 people, which is made even, in this layout."""
    return render_as("ilids", WORLD, tmp_path_factory.mktemp("rendered") / "ilids", workers=2, progress=False)[0]


def pixels_of(split: Split) -> set[str]:
    """One digest of all pixels for each tracklet."""
    return {
        hashlib.sha256(b"".join(decode.read(split.root / frame).tobytes() for frame in t.frames)).hexdigest()
        for t in (*split.train, *split.test)
    }


def test_every_division_of_a_rendered_set_is_read(rendered: Path) -> None:
    tested = set()
    for number in range(10):
        for name in ("ilids", "ilids-csa"):
            examined = datasets.examine(name, rendered, split=number)
            split = examined.require()
            assert (split.name, split.synthetic, split.number) == (f"synthwalk-{name}", True, number)
            assert split.counts()["test_ids"] == split.counts()["train_ids"] == 7
        tested.add(tuple(sorted({t.person_id for t in split.test})))
    assert len(tested) > 5
    assert len({datasets.load("ilids", rendered, split=k).fingerprint for k in range(10)}) == 10


def test_the_pixels_are_those_of_the_same_world_in_the_layout_of_mars(rendered: Path, tmp_path: Path) -> None:
    source = write.render(arranger.fit(WORLD), tmp_path / "mars", workers=2, progress=False)
    expected = pixels_of(datasets.load("mars", source))
    assert len(expected) == 28
    assert pixels_of(datasets.load("ilids", rendered)) == expected


def test_a_rendered_set_has_what_makes_the_layout_hard(rendered: Path) -> None:
    split = datasets.load("ilids", rendered)
    people = sorted({t.person_id for t in (*split.train, *split.test)})
    assert people[-1] > len(people)  # numbers with gaps: positions and numbers differ
    numbers = [int(Path(path).stem.rpartition("_")[2]) for t in split.test for path in t.frames[:1]]
    assert min(numbers) > 1  # frames are numbered by their source
    assert (rendered / SPLITS).is_file()


def test_frames_are_decoded_to_their_size(rendered: Path) -> None:
    split = datasets.load("ilids", rendered)
    store = FrameStore.build(split.test, split.root, None, (32, 16), fingerprint=split.fingerprint, progress=False)
    first = decode.read(split.root / split.test[3].frames[0])
    assert first.shape == (32, 16, 3)
    assert np.array_equal(store.clip(3, np.array([0]))[0], first)


def test_a_frame_lost_from_a_rendered_set_is_told(rendered: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(rendered, copy)
    next(path for path in sorted((copy / "sequences").rglob("*.png"))).unlink()
    with pytest.raises(DataError, match=r"frames of all people is \d+, expected \d+; files were changed"):
        datasets.load("ilids", copy)


def test_a_set_of_another_layout_is_named(rendered: Path) -> None:
    with pytest.raises(DataError, match="not in the MARS layout"):
        datasets.load("mars", rendered)
    with pytest.raises(DataError, match="layout of PRID-2011"):
        datasets.load("prid", rendered)


def test_a_world_of_any_size_fits() -> None:
    world = arranger.fit(presets.PRESETS["mars-size"])
    world.check()
    assert (world.train_ids + world.test_ids) % 2 == 0
    assert (world.cameras, world.distractors, world.junk) == (2, 0, 0)


def test_more_than_999_people_get_longer_numbers(tmp_path: Path) -> None:
    root = mars_folder.write(tmp_path / "mars")
    source = datasets.load("mars", root, counts="any")
    frames = source.train[0].frames[:1]
    crowd = tuple(Tracklet(f"{p}c{c}", p, c, frames) for p in range(1, 1_003) for c in (1, 2))
    folder = tmp_path / "arranged"
    counts = arranger.arrange(replace(source, train=(), test=crowd), folder, seed=3)
    assert (counts["people"], counts["frames"], counts["train_ids"]) == (1_002, 2_004, 501)
    names = sorted(path.name for path in (folder / "sequences" / "cam1").iterdir())
    assert {len(name) for name in names} == {len("person0001")}
    split = datasets.load("ilids", folder, counts="any", split=9)
    assert (split.num_train_ids, len(split.query), len(split.gallery)) == (501, 501, 501)
