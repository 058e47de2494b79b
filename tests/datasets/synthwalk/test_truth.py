"""What is known about rendered frames agrees with the frames themselves."""

import csv
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

import datasets
from datasets import synthwalk
from datasets.errors import DataError
from datasets.synthwalk import presets, truth
from datasets.synthwalk.renderer import materials
from datasets.synthwalk.renderer import tracklet as tracklets
from datasets.synthwalk.scenes import props
from datasets.synthwalk.world import gait, population
from tests.datasets.synthwalk.motion_probe import true_angles
from tests.datasets.synthwalk.twins import twin_jpeg

WORLD = presets.preset(
    "tiny", seed=11, height=48, width=24, train_ids=4, test_ids=8, distractors=2, junk=1, occluded_share=0.7
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered tiny world."""
    return synthwalk.render(WORLD, tmp_path_factory.mktemp("synthwalk") / "truth", workers=2)


@pytest.fixture(scope="module")
def shots() -> list[tuple[population.Track, tracklets.Shot]]:
    """Some tracklets before noise meets the JPEG encoder."""
    studio = tracklets.open_studio(WORLD)
    tracks = population.populate(WORLD).test
    return [(track, tracklets.render_tracklet(studio, track)) for track in tracks[:20]]


def test_twin_equals_frame_where_nothing_occludes(shots: list[tuple[population.Track, tracklets.Shot]]) -> None:
    touched = 0
    for _, shot in shots:
        for frame, twin, mask, is_touched in zip(shot.frames, shot.twins, shot.occluders, shot.touched, strict=True):
            if not is_touched:
                assert not mask.any()
                assert np.array_equal(frame, twin)
                continue
            touched += 1
            different = (frame != twin).any(axis=2)
            reach = 4  # of the blur, of half-covered pixels, and of the shadow of a pedestrian
            rows, columns = np.nonzero(mask)
            if not len(rows) or props.OCCLUDERS[mask.max()] == "pedestrian":
                continue
            far = np.ones_like(different)
            for row, column in zip(rows, columns, strict=True):
                far[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = False
            assert not different[far].any()
            assert different[mask > 0].mean() > 0.5
    assert touched > 20


def test_untouched_frames_are_their_own_twins_to_the_byte(root: Path) -> None:
    split = datasets.load("synthwalk", root)
    own = other = 0
    for tracklet in split.test:
        told = truth.load_truth(root, tracklet.key)
        assert len(told.twins) == len(tracklet)
        for number, (frame, twin) in enumerate(zip(tracklet.frames, told.twins, strict=True)):
            if twin is None:
                own += 1
                assert not told.occluders[number].any()
                assert twin_jpeg(root, tracklet.key, number) == (root / frame).read_bytes()
            else:
                other += 1
                assert simplejpeg.decode_jpeg(twin).shape == (48, 24, 3)
    assert own > 0
    assert other > 0


def test_visible_share_is_counted_from_the_masks(root: Path) -> None:
    for tracklet in datasets.load("synthwalk", root).test:
        told = truth.load_truth(root, tracklet.key)
        for t in range(len(tracklet)):
            person, in_front = told.labels[t] > 0, told.occluders[t] > 0
            if not person.any():
                assert np.isnan(told.visible[t])
                continue
            share = 1 - (person & in_front).sum() / person.sum()
            assert told.visible[t] == pytest.approx(share, abs=1e-6)
            parts = [person[low:high] for low, high in ((0, 16), (16, 32), (32, 48))]
            hidden = [in_front[low:high] for low, high in ((0, 16), (16, 32), (32, 48))]
            for third, (mine, theirs) in enumerate(zip(parts, hidden, strict=True)):
                if mine.any():
                    expected = 1 - (mine & theirs).sum() / mine.sum()
                    assert told.visible_thirds[t, third] == pytest.approx(expected, abs=1e-6)
                else:
                    assert np.isnan(told.visible_thirds[t, third])


def test_masks_lie_where_the_body_is(shots: list[tuple[population.Track, tracklets.Shot]]) -> None:
    for track, shot in shots:
        assert shot.labels.max() < len(materials.LABELS)
        assert shot.occluders.max() < len(props.OCCLUDERS)
        if track.role != "person":
            continue
        share = (shot.labels > 0).mean()
        assert 0.2 < share < 0.7
        for label in shot.labels:
            rows = {name: np.nonzero(label == index)[0] for index, name in enumerate(materials.LABELS)}
            if len(rows["face"]) and len(rows["shoes"]):
                assert rows["face"].mean() < rows["shoes"].mean() - 15


def test_carried_things_appear_in_the_masks_of_those_who_carry_them() -> None:
    studio, people = tracklets.open_studio(WORLD), population.populate(WORLD)
    for track in people.train + people.test[3:]:
        if track.role != "person":
            continue
        details = track.who.look.details
        seen = set(np.unique(tracklets.render_tracklet(studio, track).labels).tolist())
        for owned, index in (
            (details.backpack, materials.BACKPACK),
            (details.hand_bag, materials.HAND_BAG),
            (details.hat, materials.HAT),
        ):
            assert owned or index not in seen


def test_an_empty_street_world_has_no_occluders() -> None:
    world = presets.preset("tiny", seed=11, height=32, width=16, occluded_share=0.0, crowd_share=0.0)
    studio = tracklets.open_studio(world)
    for track in population.populate(world).train[:6]:
        shot = tracklets.render_tracklet(studio, track)
        assert not shot.touched.any()
        assert not shot.occluders.any()


def test_attribute_columns_are_those_of_mars_attribute(root: Path, official_metadata: Path) -> None:
    with (root / "truth" / "attributes.csv").open(newline="") as file:
        mine = next(csv.reader(file))
    with (official_metadata / "mars_attributes" / "mars_attributes_v2_motion.csv").open(newline="") as file:
        assert mine == next(csv.reader(file))


def test_attributes_cover_every_tracklet_of_a_real_person(root: Path) -> None:
    split = datasets.load("synthwalk", root)
    with (root / "truth" / "attributes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    keys = {(int(r["person_id"]), int(r["camera_id"]), int(r["tracklets_id"])) for r in rows}
    expected = {(t.person_id, t.camera_id, int(t.key[7:11])) for t in split.train + split.test if t.person_id > 0}
    assert keys == expected
    assert len(rows) == len(keys)
    assert all(0 <= int(r["top color"]) <= 8 and 0 <= int(r["bottom color"]) <= 9 for r in rows)
    assert all(0 <= int(r["pose"]) <= 5 and 0 <= int(r["age"]) <= 3 for r in rows)
    with (root / "truth" / "identities.csv").open(newline="") as file:
        identities = list(csv.DictReader(file))
    assert {int(r["person_id"]) for r in identities} == {key[0] for key in keys}


def test_joint_angles_come_back_exactly_from_the_files(root: Path) -> None:
    for track in population.populate(WORLD).tracks:
        told = truth.joint_angles(root, track.key, track.length)
        assert np.array_equal(told, true_angles(WORLD, track))
        assert told.shape == (track.length, len(gait.ANGLES))


def test_groups_are_written_for_both_halves(root: Path) -> None:
    groups = truth.read_json(root, "groups")
    for half, odd in (("train", 1), ("test", 0)):
        assert all(len(pair) == 2 for pair in groups[half]["motion"])
        members = [person for kind in groups[half].values() for group in kind for person in group]
        assert len(members) == len(set(members))
        assert all(person % 2 == odd for person in members)


def test_damaged_truth_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"groups\.json is missing"):
        truth.read_json(tmp_path, "groups")
    path = truth.truth_path(tmp_path, "0002C1T0001")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"0002C1T0001\.npz cannot be read as NumPy arrays"):
        truth.load_truth(tmp_path, "0002C1T0001")
