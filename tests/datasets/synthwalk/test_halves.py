"""A training half of many people seen briefly, beside a test half of its own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.errors import DataError
from datasets.synthwalk import presets
from datasets.synthwalk.layouts import duke
from datasets.synthwalk.world.population import populate

WORLD = presets.preset("tiny", train_ids=200, test_ids=60)
BRIEF = replace(WORLD, train_cameras_per_person=((2, 1.0),), train_length_median=5.0)


def test_the_training_half_has_its_own_lengths_and_cameras_and_the_test_half_keeps_its() -> None:
    whole, brief = populate(WORLD), populate(BRIEF)
    cameras: dict[int, set[int]] = {}
    for track in brief.train:
        cameras.setdefault(track.person, set()).add(track.camera)
    assert {len(seen) for seen in cameras.values()} == {2}
    assert np.median([track.length for track in brief.train]) == 5
    assert np.median([track.length for track in whole.train]) == 9
    assert (brief.test, brief.queries) == (whole.test, whole.queries)


def test_what_keeps_its_default_is_no_part_of_the_parameters() -> None:
    assert not {"train_cameras_per_person", "train_length_median"} & set(presets.parameters(WORLD))
    told = presets.parameters(BRIEF)
    assert (told["train_cameras_per_person"], told["train_length_median"]) == ([[2, 1.0]], 5.0)
    assert presets.fingerprint(BRIEF) != presets.fingerprint(WORLD)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"train_length_median": 40.0}, "lengths of the train half must satisfy"),
        ({"top_colours": 11}, r"top_colours is 11, but the style street has dyes for 2 to \d+"),
        ({"bottom_colours": 0}, "bottom_colours is 0"),
        ({"train_cameras_per_person": ((2, 0.5),)}, "of the train half must add up to 1"),
        ({"train_cameras_per_person": ((4, 1.0),)}, "of the train half asks for more than the 3 cameras"),
        ({"cameras_per_person": ()}, "of the test half must add up to 1"),
    ],
)
def test_a_half_that_cannot_be_drawn_is_named(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        replace(BRIEF, **wrong).check()


def test_a_layout_with_cameras_of_its_own_takes_them_for_both_halves() -> None:
    assert duke.fit(replace(BRIEF, cameras=9)).train_cameras_per_person is None
