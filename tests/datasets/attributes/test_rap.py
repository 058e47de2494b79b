"""RAP in a made-up copy of its layout: the real one needs a licence, so no real file was read here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import attributes
from datasets.attributes import GROUPS, rap, rap_columns
from datasets.errors import DataError
from datasets.images import decode
from tests.datasets.attributes import rap_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return rap_folder.write(tmp_path / "rap")


def test_an_image_is_a_tracklet_and_a_person(root: Path) -> None:
    split, annotation = rap.load_source(root)
    assert [t.person_id for t in split.train] == list(rap_folder.TRAIN)
    assert [t.person_id for t in split.test] == list(rap_folder.TEST)
    assert (len(split.query_index), split.gallery_index.tolist()) == (0, [0, 1])
    assert split.num_train_ids == 5
    for tracklet in (*split.train, *split.test):
        name = rap_folder.IMAGES[tracklet.person_id - 1]
        assert list(tracklet.frames) == [f"RAP_dataset/{name}"]
        assert tracklet.camera_id == int(name[3:5])
        pixels = decode.read(split.root / tracklet.frames[0])
        assert pixels.shape == (9, 3 + tracklet.person_id, 3), "the picture that was written for that row"
    found = annotation.require_join((*split.train, *split.test))
    assert (found.joined, found.unused) == (7, 1)


def test_the_66_are_picked_by_name_in_the_groups_of_the_paper(root: Path) -> None:
    annotation = attributes.load(root)
    assert [(group.name, len(group.columns)) for group in annotation.groups] == list(
        zip(GROUPS, (4, 6, 21, 14, 13, 8), strict=True)
    )
    assert len(annotation.attributes) == 66
    labels = rap_folder.labels()
    for name, spelled in (("Female", "Female"), ("Hat", "hs-Hat"), ("Backpack", "attach-Backpack"),
                          ("top color: red", "up-Red"), ("bottom color: red", "low-Red"),
                          ("shoe color: red", "shoes-Red")):  # fmt: skip
        place = annotation.attributes.index(annotation.attribute(name))
        expected = labels[:, rap_folder.NAMES.index(spelled)]
        np.testing.assert_array_equal(annotation.codes[:, place], expected, err_msg=name)
    # An image is a person of its own, so its targets are its labels.
    columns = [column.name for column in annotation.columns]
    targets = annotation.people_targets(np.arange(1, 9))
    np.testing.assert_array_equal(targets[:, columns.index("Hat")], labels[:, rap_folder.NAMES.index("hs-Hat")])


def test_what_was_found_and_left_out_is_said(root: Path) -> None:
    told = " | ".join(attributes.load(root).notices)
    assert (
        "8 images and 71 attributes, which is neither RAP v1 (41,585 x 92) nor v2 (84,928 x 152): unknown size" in told
    )
    assert "found 66 of the 66" in told
    assert "5 other attributes are left out: BodyFat, Customer, action-Calling, faceFront, occlusionLeft" in told
    assert "the first of 5 partitions is taken: 5 for training, 2 test" in told
    assert "1 images are in neither half" in told


def test_other_spellings_and_missing_names(tmp_path: Path) -> None:
    """Without prefixes, in capitals, with the word colour; what cannot be found is named."""
    names = ["FEMALE", "Hat", "ub-ColorBlack", "lb_colour-white", "Shoes-Color-Brown", "TSHIRT", "Black", "age17_30"]
    annotation = attributes.load(rap_folder.write(tmp_path, rap_folder.parts(names=names)))
    assert [a.name for a in annotation.attributes] == [
        "Female", "Age17-30", "Hat", "TShirt", "top color: black", "bottom color: white", "shoe color: brown"
    ]  # fmt: skip
    told = " | ".join(annotation.notices)
    assert "found 7 of the 66" in told
    assert "AgeLess16, Age31-45, BaldHead" in told
    assert "1 other attributes are left out: Black" in told, "a bare colour could be of three things"
    assert "'attachments': the group is dropped" in told


def test_the_names_of_the_paper_are_66() -> None:
    assert len(rap_columns.WANTED) == len({wanted.name for wanted in rap_columns.WANTED}) == 66


@pytest.mark.parametrize("kind", ["other order", "no names", "unknown names", "partition of structs"])
def test_fields_are_read_by_name_or_else_by_order(tmp_path: Path, root: Path, kind: str) -> None:
    expected, _ = rap.load_source(root)
    fields = rap_folder.parts()
    struct: Any = None
    if kind == "other order":
        fields = {"name": fields["imagesname"], "x": 1, "partition_attribute": fields["partition"],
                  "attribute": fields["attribute_eng"], "label": fields["label"]}  # fmt: skip
    elif kind == "no names":
        struct = np.empty((1, 7), dtype=object)
        struct[0, :] = list(fields.values())
    elif kind == "unknown names":
        fields = {f"f{place}": value for place, value in enumerate(fields.values())}
    else:
        halves = {"test_index": np.array([rap_folder.TEST]), "train_index": np.array([rap_folder.TRAIN])}
        fields["partition"] = rap_folder.cells([halves] * 5)
    split, annotation = rap.load_source(rap_folder.write(tmp_path / "other" / "rap", fields, struct=struct))
    assert [t.key for t in split.train] == [t.key for t in expected.train]
    assert [t.key for t in split.test] == [t.key for t in expected.test]
    assert len(annotation.attributes) == 66
    by_order = kind in {"no names", "unknown names"}
    assert any("told by their order" in told for told in annotation.notices) is by_order


def short(field: str) -> Callable[[], dict[str, Any]]:
    """The fields, one of them without its last entry."""
    return lambda: {**rap_folder.parts(), field: rap_folder.parts()[field][:-1]}


def partition(train: list[Any], test: list[Any]) -> Callable[[], dict[str, Any]]:
    return lambda: rap_folder.parts(partition=rap_folder.cells([rap_folder.pair(train, test)]))


def wrong_label() -> dict[str, Any]:
    fields = rap_folder.parts()
    fields["label"][2, rap_folder.NAMES.index("hs-Hat")] = 2
    return fields


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (short("imagesname"), r"labels are 8 x 71, but there are 7 image names and 71 English"),
        (short("attribute_eng"), r"labels are 8 x 71, but there are 8 image names and 70 English"),
        (short("label"), r"labels are 7 x 71, but there are 8 image names"),
        (partition([0, 1], [2]), r"partition 1 names image 0, expected 1 to 8"),
        (partition([1, 2], [9]), r"partition 1 names image 9, expected 1 to 8"),
        (partition([1, 2], [2, 3]), r"1 images in both halves .the first is index 2."),
        (partition([1, 1], [2]), r"names an image twice"),
        (lambda: rap_folder.parts(partition=rap_folder.cells([np.array([1, 2])])), r"partition 1 has 0 parts"),
        (wrong_label, r"image 3 \(CAM01_.*\) has 2 for 'hs-Hat', expected 0 or 1 \(1 such"),
        (
            lambda: rap_folder.parts(names=["a", "b"]),
            r"none of RAP's 2 attribute names \(a, b, ...\) is one of ADFD's 66",
        ),
        (lambda: rap_folder.parts(names=["hs-Hat", "Hat"]), r"'hs-Hat' and 'Hat' both stand for 'Hat'"),
        (
            lambda: rap_folder.parts(imagesname=rap_folder.cells(["../x.png"] * 8)),
            r"'../x.png' is not the name of an image",
        ),
        (lambda: rap_folder.parts(imagesname=rap_folder.cells(["x.png"] * 8)), r"two rows for tracklet x"),
        (lambda: {"label": np.eye(2), "other": 1}, r"has 2 fields \(label, other\), expected partition"),
    ],
)
def test_a_file_whose_parts_disagree_is_refused(
    tmp_path: Path, fields: Callable[[], dict[str, Any]], message: str
) -> None:
    made = rap_folder.write(tmp_path / "rap", fields())
    for read in (attributes.load, rap.load_source):
        with pytest.raises(DataError, match=message) as raised:
            read(made)
        assert "\n" not in str(raised.value)


def test_images_are_asked_for_only_where_they_are_needed(root: Path) -> None:
    first, second = (root / "RAP_dataset" / name for name in rap_folder.IMAGES[:2])
    first.write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 8 images are empty .*frame0001"):
        rap.load_source(root)
    second.unlink()
    with pytest.raises(DataError, match=r"1 of 8 images are missing .*frame0002"):
        rap.load_source(root)
    assert len(attributes.load(root).keys) == 8
    assert len(attributes.load(root / "RAP_annotation" / "RAP_annotation.mat").keys) == 8


def test_the_annotation_may_lie_beside_the_images(root: Path) -> None:
    expected = rap.load_source(root)[0].fingerprint
    (root / "RAP_annotation" / "RAP_annotation.mat").rename(root / "RAP_annotation.mat")
    split, _ = rap.load_source(root)
    assert (split.root, split.fingerprint) == (root, expected)


def test_what_is_no_rap_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not in the layout of RAP"):
        rap.load_source(tmp_path)
    (tmp_path / "RAP_annotation.mat").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as a MATLAB file"):
        attributes.load(tmp_path / "RAP_annotation.mat")
    assert rap.is_here(tmp_path)
    assert not rap.is_here(tmp_path / "deeper")


def test_fingerprint_changes_with_pixels_labels_and_halves(tmp_path: Path, root: Path) -> None:
    fields = rap_folder.parts()
    fields["label"][0, 0] = 1 - fields["label"][0, 0]
    halves = rap_folder.cells([rap_folder.pair(rap_folder.TRAIN, (3,))])
    made = [
        rap.load_source(root)[0].fingerprint,
        rap.load_source(rap_folder.write(tmp_path / "b" / "rap", fields))[0].fingerprint,
        rap.load_source(rap_folder.write(tmp_path / "c", rap_folder.parts(partition=halves)))[0].fingerprint,
    ]
    assert rap.load_source(rap_folder.write(tmp_path / "d"))[0].fingerprint == made[0], "the place does not matter"
    image = root / "RAP_dataset" / rap_folder.IMAGES[0]
    image.write_bytes(image.read_bytes() + b"\0")
    made.append(rap.load_source(root.parent)[0].fingerprint)
    assert len(set(made)) == 4
