"""Maps pooled under true masks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.synthwalk.renderer import materials
from datasets.synthwalk.truth import Truth, load_truth
from datasets.tracklet import Split
from runners.oracles import mask_features, true_masks, true_masks_and_things
from runners.oracles.mask_features import area_average, seen_masks
from tests.runners.oracles.conftest import Scored


def test_area_averages_computed_by_hand() -> None:
    mask = np.zeros((1, 4, 4), dtype=bool)
    mask[0, 0, 0] = mask[0, 2:, 2:] = True
    np.testing.assert_allclose(area_average(mask, (2, 2))[0], [[0.25, 0], [0, 1]])
    np.testing.assert_allclose(area_average(mask, (1, 2))[0], [[0.125, 0.5]])
    three = np.array([[[1, 0, 1]]])
    np.testing.assert_allclose(area_average(three, (1, 2))[0], [[1 / 1.5, 1 / 1.5]])  # the middle pixel is cut in two
    np.testing.assert_allclose(area_average(three, (1, 2), crop=3.0)[0], [[0, 0]], atol=1e-12)  # its middle alone
    np.testing.assert_allclose(area_average(np.array([[[1, 0, 0, 0]]]), (1, 1), crop=4 / 3)[0], [[0.5 / 3]])


def test_area_averages_keep_the_mean_and_leave_even_masks_even() -> None:
    masks = np.random.default_rng(0).random((5, 64, 32)) < 0.3
    for size in ((4, 2), (2, 1), (5, 3), (64, 32)):
        found = area_average(masks, size)
        assert found.shape == (5, *size)
        np.testing.assert_allclose(found.mean((1, 2)), masks.mean((1, 2)), rtol=1e-5)
        np.testing.assert_allclose(area_average(np.ones((2, 64, 32)), size, crop=1.15), 1, rtol=1e-6)


def test_masks_hold_what_can_be_seen_and_things_are_the_only_difference(world: Split) -> None:
    carried = 0
    for tracklet in world.test:
        truth = load_truth(world.root, tracklet.key)
        person, both = seen_masks(truth)
        assert not (both & (truth.occluders > 0)).any()
        assert (both | (truth.occluders > 0) | (truth.labels == 0)).all()
        assert not (person & ~both).any()
        things = both & ~person
        assert set(np.unique(truth.labels[things])) <= {
            materials.BACKPACK, materials.SHOULDER_BAG, materials.HAND_BAG, materials.HAT,
        }  # fmt: skip
        carried += int(things.sum())
    assert carried > 0


def test_even_masks_give_the_arm_itself(
    scored: Callable[[str], Scored], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = scored("rgb-snippets")
    for level in (True, False):  # a frame without a mask has the plain mean

        def even(truth: Truth, level: bool = level) -> np.ndarray:
            return np.full((2, *truth.labels.shape), level)

        monkeypatch.setattr(mask_features, "seen_masks", even)
        monkeypatch.setattr(mask_features, "code_digest", lambda *_, level=level, **__: f"even {level}")
        for rule in (true_masks.RULE, true_masks_and_things.RULE):
            found = rule.answer(one.given)
            np.testing.assert_allclose(found.encoded.video, one.encoded.video, rtol=1e-4, atol=1e-5)
            assert found.without_truth == (0 if level else len(one.given.data.raw.test))


def test_both_masks_come_from_one_pass_and_move_descriptors(scored: Callable[[str], Scored]) -> None:
    one = scored("rgb-single-pass")
    before = set(one.versions.steps.root.glob("masked/*/step.json"))
    person, both = (rule.answer(one.given) for rule in (true_masks.RULE, true_masks_and_things.RULE))
    assert len(set(one.versions.steps.root.glob("masked/*/step.json")) - before) == 1
    scale = np.abs(one.encoded.video).max()
    assert np.abs(person.encoded.video - one.encoded.video).max() > 1e-3 * scale
    assert np.abs(person.encoded.video - both.encoded.video).max() > 1e-3 * scale
    assert person.without_truth >= both.without_truth
    assert "person and things" in both.words
