"""The reader of a user's own data in folders: what it makes of them, what it tells and what it refuses."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import synthwalk
from datasets.errors import DataError
from datasets.frames.decoded import FrameStore
from datasets.images import decode
from datasets.synthwalk import presets
from tests.datasets.readers.png_folders import png, put

FRAMES = ("img9.png", "img10.png", "img11.png")


def tracklet(root: Path, place: str, names: tuple[str, ...] = FRAMES) -> None:
    for number, name in enumerate(names):
        put(root / place / name, png(number))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two persons to train on; to test on one of two cameras, one of one camera, a distractor and junk."""
    folder = tmp_path / "mine"
    for place in ("train/1/1/a", "train/1/2/a", "train/12/1/a"):
        tracklet(folder, place)
    for place in ("test/3/1/b10", "test/3/1/b9", "test/3/2/a", "test/7/1/a", "test/0/2/x", "test/-1/1/y"):
        tracklet(folder, place)
    return folder


def load(root: Path, **options: object) -> datasets.Split:
    return datasets.load("own", root, **options)


def refused(root: Path, *words: str, **options: object) -> None:
    with pytest.raises(DataError) as caught:
        load(root, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def told(root: Path) -> list[tuple[str, str]]:
    """Kind and file of the problems; the set is refused for them."""
    examined = datasets.examine("own", root)
    assert examined.failed
    assert sum(check.found for check in examined.failed) == len(examined.problems)
    with pytest.raises(DataError):
        examined.require()
    return [(problem.kind, problem.file) for problem in examined.problems]


def test_train_and_test(root: Path) -> None:
    split = load(root)
    assert [(t.person_id, t.camera_id) for t in split.train] == [(1, 1), (1, 2), (12, 1)]
    assert [t.key for t in split.test] == [
        "test/-1/1/y",
        "test/0/2/x",
        "test/3/1/b9",
        "test/3/1/b10",
        "test/3/2/a",
        "test/7/1/a",
    ]
    assert [t.key for t in split.query] == ["test/3/1/b9", "test/3/2/a"]  # the first of each pair, by nature
    assert split.gallery_index.tolist() == [0, 1, 2, 3, 4, 5]
    assert (split.name, split.number, split.divisions, split.synthetic) == ("own", 0, 1, False)
    counts = split.counts()
    assert (counts["distractor_tracklets"], counts["junk_tracklets"], counts["unmatched_queries"]) == (1, 1, 0)


def test_frames_stand_in_natural_order(root: Path) -> None:
    assert [Path(frame).name for frame in load(root).train[0].frames] == list(FRAMES)


def test_query_and_gallery(root: Path) -> None:
    (root / "test").rename(root / "gallery")
    (root / "query" / "3").mkdir(parents=True)
    (root / "gallery" / "3" / "1").rename(root / "query" / "3" / "1")
    split = load(root)
    assert [t.key for t in split.query] == ["query/3/1/b9", "query/3/1/b10"]
    assert [t.key for t in split.gallery] == ["gallery/-1/1/y", "gallery/0/2/x", "gallery/3/2/a", "gallery/7/1/a"]
    assert len(split.test) == 6


def test_a_set_that_nobody_is_trained_on_can_be_read(root: Path) -> None:
    shutil.rmtree(root / "train")
    split = load(root)
    assert (len(split.train), split.num_train_ids, len(split.query)) == (0, 0, 2)
    assert split.counts()["train_frames"] == 0


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (("train",), ("has train", "query and gallery, or test")),
        (("train", "query"), ("has query and train",)),
        (("test", "gallery"), ("either test, or query and gallery",)),
    ],
)
def test_parts_that_cannot_be_judged(tmp_path: Path, parts: tuple[str, ...], words: tuple[str, ...]) -> None:
    for part in parts:
        tracklet(tmp_path / "mine", f"{part}/1/1/a")
    refused(tmp_path / "mine", *words)


def test_nobody_seen_by_two_cameras(tmp_path: Path) -> None:
    for place in ("test/1/1/a", "test/1/1/b", "test/2/2/a", "test/0/1/a", "test/0/2/a"):
        tracklet(tmp_path / "mine", place)
    refused(tmp_path / "mine", "no person was seen by two cameras", "5 test tracklets")


def test_a_query_of_nobody(tmp_path: Path) -> None:
    for place in ("query/0/1/a", "gallery/1/1/a"):
        tracklet(tmp_path / "mine", place)
    refused(tmp_path / "mine", "query/0/1/a", "person 0", "move it to the gallery")


def test_names_are_numbered_in_natural_order_over_all_parts(tmp_path: Path) -> None:
    for place in ("train/anna/hall/a", "train/carl/yard/a", "test/bert/hall/a", "test/bert/yard/a", "test/0/hall/a"):
        tracklet(tmp_path / "mine", place)
    examined = datasets.examine("own", tmp_path / "mine")
    split = examined.require()
    assert [(t.person_id, t.camera_id) for t in split.train] == [(1, 1), (3, 2)]
    assert [(t.person_id, t.camera_id) for t in split.test] == [(0, 1), (2, 1), (2, 2)]
    assert {check.what: check.found for check in examined.checks}["people with names in place of numbers"] == 3


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("train/anna/1/a", ("anna", "1, 3, 7, 12", "all are names or all are whole numbers")),
        ("train/-2/1/a", ("person -2", "above 0, or 0 for a distractor and -1 for junk")),
        ("train/8/-1/a", ("camera -1", "0 or more")),
        ("train/007/1/a", ("person 7", "007 and 7")),
        ("train/8/east/a", ("both a camera", "east")),
    ],
)
def test_labels_that_contradict_each_other(root: Path, place: str, words: tuple[str, ...]) -> None:
    tracklet(root, place)
    refused(root, *words)


def test_a_person_trained_on_and_tested(root: Path) -> None:
    tracklet(root, "train/3/1/a")
    refused(root, "people in train and test is 1, expected 0", "3 are")


def test_distractors_are_not_trained_on(root: Path) -> None:
    tracklet(root, "train/0/1/a")
    refused(root, "training tracklets of nobody is 1, expected 0")


def test_what_is_no_image_is_left_out_and_counted(root: Path) -> None:
    before = load(root)
    for place in ("train/1/1/a/notes.txt", "train/1/1/a/._img9.png", "train/README", "test/3/1/b9/Thumbs.db"):
        put(root / place, b"x")
    (root / "train" / ".cache").mkdir()
    examined = datasets.examine("own", root)
    assert examined.require().fingerprint == before.fingerprint
    counted = {check.what: check.found for check in examined.checks}
    assert counted["files that are no images"] == 2
    assert counted["companion files of systems (Thumbs.db ...), passed over"] == 3  # the hidden folder too


def test_endings_in_upper_case_and_of_several_kinds(root: Path) -> None:
    tracklet(root, "train/12/2/a", ("1.PNG", "2.jpeg", "3.BMP"))
    (found,) = (t for t in load(root).train if t.key == "train/12/2/a")
    assert [Path(frame).name for frame in found.frames] == ["1.PNG", "2.jpeg", "3.BMP"]


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("test/3/2/a/img009.png", ("order", "test/3/2/a/img9.png")),
        ("test/3/2/a/img9.jpg", ("order", "test/3/2/a/img9.png")),
        ("test/3/2/1.png", ("place", "test/3/2")),
        ("test/3/1.png", ("place", "test/3")),
        ("test/1.png", ("place", "test")),
        ("test/3/2/b/c/1.png", ("missing", "test/3/2/b")),
        ("test/3/2/b/1.txt", ("missing", "test/3/2/b")),
    ],
)
def test_one_file_in_a_wrong_place(root: Path, place: str, problem: tuple[str, str]) -> None:
    put(root / place, png())
    assert told(root) == [problem]


def test_a_zero_byte_image_and_a_link_to_nowhere(root: Path) -> None:
    (root / "test/3/2/a/img9.png").write_bytes(b"")
    (root / "train/1/1/a/img11.png").unlink()
    (root / "train/1/1/a/img11.png").symlink_to(root / "gone.png")
    assert sorted(told(root)) == [("empty", "test/3/2/a/img9.png"), ("missing", "train/1/1/a/img11.png")]


def test_links_to_folders_are_followed(root: Path, tmp_path: Path) -> None:
    before = load(root).fingerprint
    (root / "train").rename(tmp_path / "elsewhere")
    (root / "train").symlink_to(tmp_path / "elsewhere")
    assert load(root).fingerprint == before


def longer(root: Path) -> None:
    with (root / "test/3/2/a/img9.png").open("ab") as file:
        file.write(b"\0")


def other_camera(root: Path) -> None:
    (root / "test/3/2").rename(root / "test/3/4")


def other_name(root: Path) -> None:
    (root / "train/1/1/a/img9.png").rename(root / "train/1/1/a/img8.png")


def other_part(root: Path) -> None:
    (root / "train/12").rename(root / "test/12")


@pytest.mark.parametrize("change", [longer, other_camera, other_name, other_part])
def test_the_fingerprint_changes_with(root: Path, change: Callable[[Path], None]) -> None:
    before = load(root)
    change(root)
    after = load(root)
    assert (after.fingerprint, after.version) != (before.fingerprint, before.version)


def test_the_fingerprint_does_not_depend_on_the_place_nor_on_sizes_where_none_are_asked(root: Path) -> None:
    before, unseen = load(root).fingerprint, load(root, check_images=False).fingerprint
    root.rename(root.with_name("moved"))
    assert load(root.parent).fingerprint == before  # the folder around it will do too
    longer(root.with_name("moved"))
    assert load(root.with_name("moved"), check_images=False).fingerprint == unseen != before


def test_folders_that_are_none(root: Path) -> None:
    refused(root / "nowhere", "neither a folder nor a CSV")
    refused(root / "train", "holds neither tracklets.csv nor one of the folders train, query, gallery, test")
    (root.parent / "second" / "test").mkdir(parents=True)
    refused(root.parent, "it holds several", "second")
    refused(root.parent / "second", "holds no folder of a tracklet", "<person>/<camera>/<tracklet>")


def test_there_are_no_counts_to_compare_with(root: Path) -> None:
    assert datasets.examine("own", root, counts="any").expectation == "nothing: any counts will do"
    for counts in ("official", "manifest"):
        refused(root, f"no {counts} counts", counts=counts)
    with pytest.raises(DataError, match="split 1 does not exist"):
        load(root, split=1)


def test_a_rendered_world_as_a_folder_and_as_a_csv_holds_the_same_pixels(tmp_path: Path) -> None:
    world = presets.preset("tiny", height=32, width=16, train_ids=3, test_ids=4, motion_share=0.0)
    source = datasets.load("synthwalk", synthwalk.render(world, tmp_path / "source", workers=2, progress=False))
    rows = ["person,camera,tracklet,path,part,frame"]
    for part, tracklets in (("train", source.train), ("test", source.test)):
        for one in tracklets:
            folder = tmp_path / "mine" / part / str(one.person_id) / str(one.camera_id) / one.key
            folder.mkdir(parents=True)
            for number, frame in enumerate(one.frames):
                os.link(source.root / frame, folder / f"{number}.jpg")
                rows.append(f"{one.person_id},{one.camera_id},{one.key},{frame},{part},{-number}")
    (source.root / "mine.csv").write_text("\n".join(rows[:1] + rows[:0:-1]))
    folders, table = load(tmp_path / "mine"), load(source.root / "mine.csv")
    assert folders.counts() == table.counts()
    assert folders.query_index.tolist() == table.query_index.tolist()
    expected = {one.key: one for one in (*source.train, *source.test)}
    for one, other in zip((*folders.train, *folders.test), (*table.train, *table.test), strict=True):
        assert one.key == other.key
        original = expected[one.key.rpartition("/")[2]]
        assert list(other.frames) == list(original.frames)[::-1]  # numbered backwards
        assert len(one.frames) == len(original.frames)
        assert all(map(os.path.samefile, paths(folders, one), paths(source, original)))
    store = FrameStore.build(folders.test, folders.root, None, (32, 16), fingerprint="x", progress=False)
    frame = decode.read(source.root / expected[folders.test[-1].key.rpartition("/")[2]].frames[2])
    assert np.array_equal(store.clip(len(folders.test) - 1, np.array([2]))[0], frame)


def paths(split: datasets.Split, one: datasets.Tracklet) -> list[Path]:
    return [split.root / frame for frame in one.frames]
