"""True gait and true attributes joined to descriptors."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import protocols
from datasets.errors import DataError
from datasets.synthwalk.truth import tempos
from datasets.tracklet import Split, person_ids
from protocols.interface import Protocol
from runners.evaluation.encode import EncodedTestSet
from runners.evaluation.score import QueryGalleryLabels
from runners.oracles import true_attributes, true_gait
from runners.oracles.joined import join, standardised
from runners.oracles.true_attributes import known_attributes
from runners.oracles.true_gait import known_gait
from tests.runners.oracles.conftest import Scored


def first_hits(descriptors: np.ndarray, split: Split, protocol: Protocol) -> tuple[np.ndarray, float]:
    labels = QueryGalleryLabels.of(split)
    rows = descriptors[split.query_index], descriptors[split.gallery_index]
    found = protocol.score(*rows, *labels.arrays, query_in_gallery=labels.inside)[protocol.convention]
    return found.average_precision, float(found.mAP)


def test_values_are_standardised_over_the_training_people() -> None:
    training = np.array([[1.0, 5.0], [3.0, 5.0]])
    found = standardised(np.array([[2.0, 5.0], [4.0, 6.0]]), training)
    np.testing.assert_allclose(found, [[0, 0], [2, 0]])  # a column without spread has no scale and tells nothing
    third = np.array([[1 / 3], [1 / 3], [1 / 3]])  # whose mean is rounded
    assert standardised(np.array([[7.0]]), third).tolist() == [[0.0]]


@pytest.mark.parametrize("name", ["rgb-single-pass", "occlusion-repaired", "image-to-video"])
def test_with_no_weight_the_ranking_is_the_arms_own(scored: Callable[[str], Scored], name: str) -> None:
    one = scored(name)
    split, protocol = one.given.data.raw, one.given.protocol
    encoded = replace(one.encoded, video=one.encoded.video * 37)  # plain descriptors may be of any length
    known = np.random.default_rng(1).normal(size=(len(split.test), 3))
    for weight, same in ((0.0, True), (5.0, False)):
        found = join(encoded, known, weight, protocol)
        assert found.video.shape[1] == encoded.video.shape[1] + 3
        pair = [first_hits(each, split, protocol)[0] for each in (found.video, one.encoded.video)]
        assert np.allclose(*pair, atol=1e-6) == same


def test_joined_descriptors_computed_by_hand() -> None:
    plain = EncodedTestSet(np.array([[3.0, 4.0], [0.0, 2.0]], dtype=np.float32), {}, None, "", {})
    known = np.array([[1.0], [-2.0]])
    unit = join(plain, known, 0.5, protocols.load("rgb-single-pass")).video
    np.testing.assert_allclose(unit, [[0.6, 0.8, 0.5], [0, 1, -1]], rtol=1e-6)
    as_they_are = join(plain, known, 0.5, protocols.load("image-to-video")).video
    scale = np.sqrt((25 + 4) / 2)
    np.testing.assert_allclose(as_they_are, [[3 / scale, 4 / scale, 0.5], [0, 2 / scale, -1]], rtol=1e-6)


def test_gait_is_the_walkers_own_and_junk_has_none(world: Split) -> None:
    told = json.loads((world.root / "truth/gait.json").read_text())
    people = person_ids(world.test)
    found = known_gait(world)
    for row, tracklet in enumerate(world.test):
        (values,) = tempos(world.root, [tracklet.key])
        walker = told["identities"].get(str(told["tracklets"][tracklet.key]["person"]))
        walker = walker or told["tracklets"][tracklet.key]["walker"]
        assert values.tolist() == [walker["tempo"][name] for name in ("cadence", "halting", "rhythm")]
        assert bool(found[row].any()) == (tracklet.person_id != -1)
    for person in np.unique(people[people > 0]):
        assert np.ptp(found[people == person], axis=0).max() == 0
    distractors = found[people == 0]
    assert len(np.unique(distractors[:, 0])) > 1, "passers-by walk in their own way"
    training = standardised(*[tempos(world.root, [t.key for t in _one_each(world)])] * 2)
    np.testing.assert_allclose(training.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(training[:, :2].std(axis=0), 1)  # nobody halts in so small a world: all rhythms are one


def _one_each(world: Split) -> list:
    return list({tracklet.person_id: tracklet for tracklet in world.train}.values())


def test_gait_that_is_not_told_is_refused(world: Split) -> None:
    with pytest.raises(DataError, match="does not know tracklet 9999C1T0001"):
        tempos(world.root, ["9999C1T0001"])


def test_attributes_are_the_persons_and_distractors_are_neutral(world: Split) -> None:
    people = person_ids(world.test)
    found, unknown = known_attributes(world)
    assert unknown == (people <= 0).sum() > 0
    assert not found[people <= 0].any()
    assert found[people > 0].any(axis=1).all()
    with (world.root / "truth/identities.csv").open() as file:
        rows = {int(row["person_id"]): row for row in csv.DictReader(file)}
    told = ("woman", "age", "hair", "hair_colour", "hat", "glasses", "beard", "top", "top_colour", "pattern", "bottom",
            "bottom_colour", "shoe_colour", "backpack", "shoulder_bag", "hand_bag")  # fmt: skip
    looks = {person: tuple(rows[person][name] for name in told) for person in np.unique(people[people > 0])}
    for one, look in looks.items():
        for other, another in looks.items():
            same = np.array_equal(found[people == one][0], found[people == other][0])
            assert same == (look == another)


def test_both_lift_a_descriptor_that_knows_little(scored: Callable[[str], Scored]) -> None:
    one = scored("rgb-single-pass")
    split, protocol = one.given.data.raw, one.given.protocol
    before = first_hits(one.encoded.video, split, protocol)[1]
    gait, attributes = true_gait.RULE.answer(one.given), true_attributes.RULE.answer(one.given)
    for found, weight in ((gait, true_gait.WEIGHT), (attributes, true_attributes.WEIGHT)):
        assert first_hits(found.encoded.video, split, protocol)[1] > before + 0.1
        assert found.parameters == {"weight": weight}
    junk = int((person_ids(split.test) == -1).sum())
    assert gait.without_truth == junk < attributes.without_truth
