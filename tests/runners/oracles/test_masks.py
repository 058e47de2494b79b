"""True masks: as maps see them, as frames are painted by them, and the last map pooled under them."""

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

import methods
from datasets.frames.decoded import FrameStore
from datasets.images.transforms import IMAGENET_STD, Normalisation, to_tensor
from datasets.synthwalk.renderer import materials
from datasets.synthwalk.truth import Truth, load_truth
from datasets.tracklet import Split
from runners.evaluation.encode import EncodedTestSet
from runners.evaluation.encode_variants import encode_under_protocol
from runners.oracles import painted_frames, true_mask_pooling, true_masks, true_masks_and_things, visible_masks
from runners.oracles.painted_frames import MEANS, PaintedFrames
from runners.oracles.visible_masks import VisibleMasks, area_average, seen_mask
from runners.training import frame_pass
from tests.narrow import narrowed
from tests.runners.oracles.conftest import Scored

PAINTING = (true_masks.RULE, true_masks_and_things.RULE)


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


def packed(masks: np.ndarray) -> VisibleMasks:
    return VisibleMasks(np.packbits(masks.reshape(len(masks), -1), axis=1), masks.shape[1:])


def frames_of(pixels: np.ndarray, crop: float = 1.0) -> FrameStore:
    return FrameStore(np.array([len(pixels)]), pixels.shape[1:3], frames=pixels, crop=crop)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_masks_hold_what_can_be_seen_and_things_are_the_only_difference(world: Split) -> None:
    carried = 0
    for tracklet in world.test:
        truth = load_truth(world.root, tracklet.key)
        person, both = seen_mask(truth, "person"), seen_mask(truth, "person and things")
        assert not (both & (truth.occluders > 0)).any()
        assert (both | (truth.occluders > 0) | (truth.labels == 0)).all()
        assert not (person & ~both).any()
        things = both & ~person
        assert set(np.unique(truth.labels[things])) <= {
            materials.BACKPACK, materials.SHOULDER_BAG, materials.HAND_BAG, materials.HAT,
        }  # fmt: skip
        carried += int(things.sum())
    assert carried > 0


def test_masks_are_those_of_the_rows_and_say_where_somebody_is_shown(world: Split) -> None:
    masks = VisibleMasks.of(world, "person")
    each = np.concatenate([seen_mask(load_truth(world.root, t.key), "person") for t in world.test])
    rows = np.random.default_rng(1).permutation(len(each))[:30]
    np.testing.assert_array_equal(masks.shares(rows, masks.size), each[rows])
    assert (masks.shown() == each.any(axis=(1, 2))).all()
    edge = np.zeros((2, 8, 8), dtype=bool)
    edge[0, 0, 0] = edge[1, 4, 4] = True
    assert packed(edge).shown().tolist() == [True, True]
    assert packed(edge).shown(crop=1.5).tolist() == [False, True]  # the corner is cut off


@pytest.mark.parametrize("normalise", get_args(Normalisation))
def test_paint_is_what_normalisation_makes_nothing(normalise: Normalisation) -> None:
    mask = np.zeros((1, 4, 6), dtype=bool)
    mask[0, 1, 2] = True
    store = PaintedFrames(frames_of(noise(1, 4, 6, 3)), packed(mask), normalise)
    tensor = to_tensor(store.flat(), normalise)[0]
    half_a_byte = {"imagenet": 0.5 / 255 / min(IMAGENET_STD), "half": 0.5 / 127.5, "bgr-mean": 0.5}[normalise]
    outside = torch.from_numpy(~mask[0])
    assert tensor[:, outside].abs().max() <= half_a_byte + 1e-6
    assert tensor[:, 1, 2].abs().max() > 3 * half_a_byte


def test_pixels_under_the_mask_stay_and_others_have_no_say() -> None:
    masks = np.random.default_rng(2).random((5, 8, 6)) < 0.4
    pixels, others = noise(5, 8, 6, 3), noise(5, 8, 6, 3, seed=1)
    mixed = np.where(masks[..., None], pixels, others)
    painted = [PaintedFrames(frames_of(one), packed(masks), "imagenet") for one in (pixels, mixed)]
    np.testing.assert_array_equal(painted[0].flat(), painted[1].flat())
    np.testing.assert_array_equal(painted[0].flat()[masks], pixels[masks])
    assert (painted[0].flat()[~masks] == np.rint(MEANS["imagenet"])).all()


def test_a_pixel_that_a_larger_frame_shares_is_mixed() -> None:
    mask = np.array([[[True, False], [False, False]]])
    pixels = np.full((1, 2, 1, 3), 200, dtype=np.uint8)
    found = PaintedFrames(frames_of(pixels), packed(mask), "half").flat()
    assert found[0, :, 0].tolist() == [[164] * 3, [128] * 3]  # half of 200 and half of 128; 128 alone
    wide = np.zeros((1, 2, 6), dtype=bool)
    wide[0, :, 2:4] = True
    found = PaintedFrames(frames_of(pixels, crop=3.0), packed(wide), "half").flat()
    assert (found == 200).all()  # the middle third is what is left of the frame


def test_a_frame_that_shows_nobody_stays_as_it_is() -> None:
    masks = np.zeros((3, 4, 4), dtype=bool)
    masks[1, 2, 2] = True
    pixels = noise(3, 4, 4, 3)
    found = PaintedFrames(frames_of(pixels), packed(masks), "imagenet").flat()
    np.testing.assert_array_equal(found[[0, 2]], pixels[[0, 2]])
    assert (found[1] != pixels[1]).any()
    shown = packed(masks)
    for lengths, tracklets in (([3], 0), ([1, 2], 1), ([1, 1, 1], 2)):
        store = FrameStore(np.array(lengths), (4, 4), frames=pixels)
        assert painted_frames._without(shown, store) == {"frames": 2, "tracklets": tracklets}


def test_every_way_to_ask_for_frames_gives_the_same_ones() -> None:
    masks, pixels = np.random.default_rng(3).random((7, 8, 6)) < 0.5, noise(7, 8, 6, 3)
    store = PaintedFrames(frames_of(pixels), packed(masks), "imagenet")
    whole = store.flat()
    np.testing.assert_array_equal(np.concatenate(list(store.blocks(3))), whole)
    np.testing.assert_array_equal(np.concatenate(list(store.blocks(2, begin=3))), whole[3:])
    rows = np.array([[5, 0], [2, 2]])
    np.testing.assert_array_equal(store.gather(rows), whole[rows])
    np.testing.assert_array_equal(store.clip(0, rows), whole[rows])
    kind, parts = store.__reduce__()
    np.testing.assert_array_equal(kind(*parts).flat(), whole)


def same(found: EncodedTestSet, arm: EncodedTestSet) -> None:
    """Bit for bit."""
    assert np.array_equal(found.video, arm.video)
    assert found.by_mean.keys() == arm.by_mean.keys()
    assert all(np.array_equal(values, arm.by_mean[mean]) for mean, values in found.by_mean.items())
    assert (found.image is None) == (arm.image is None)
    assert found.image is None or arm.image is None or np.array_equal(found.image, arm.image)
    assert (found.fed, found.encoders) == (arm.fed, arm.encoders)


def even_masks(monkeypatch: pytest.MonkeyPatch, level: bool) -> None:
    """Masks that are all alike, in steps of their own."""

    def even(truth: Truth, mask: str) -> np.ndarray:
        return np.full(truth.labels.shape, level)

    monkeypatch.setattr(visible_masks, "seen_mask", even)
    monkeypatch.setattr(frame_pass, "code_digest", lambda kind, **_: f"even {kind} {level}")


@pytest.mark.parametrize("name", ["rgb-single-pass", "rgb-snippets", "snippet-vs-full", "image-to-video"])
@pytest.mark.parametrize("level", [True, False])  # a frame that shows nobody stays as it is
def test_even_masks_give_the_arm_itself(
    scored: Callable[[str], Scored], monkeypatch: pytest.MonkeyPatch, name: str, level: bool
) -> None:
    one = scored(name)
    even_masks(monkeypatch, level)
    nothing_known = 0 if level else len(one.given.data.raw.test)
    for rule in PAINTING:
        found = rule.answer(one.given)
        same(found.encoded, one.encoded)
        assert found.without_truth == nothing_known
        assert found.encoded.by_variant is None
    found = true_mask_pooling.RULE.answer(one.given)
    np.testing.assert_allclose(found.encoded.video, one.encoded.video, rtol=1e-4, atol=1e-5)
    assert found.without_truth == nothing_known


def test_each_mask_is_one_pass_of_the_trunk_and_moves_descriptors(scored: Callable[[str], Scored]) -> None:
    one = scored("rgb-single-pass")
    root = one.versions.steps.root
    before = set(root.glob("*/*/step.json"))
    person, both, pooled = (rule.answer(one.given) for rule in (*PAINTING, true_mask_pooling.RULE))
    made = [file.parent.parent.name for file in set(root.glob("*/*/step.json")) - before]
    assert sorted(made) == ["masked", "painted", "painted"]
    for rule in (*PAINTING, true_mask_pooling.RULE):
        again = rule.answer(one.given)  # of another protocol or seed with this network
        assert len(set(root.glob("*/*/step.json")) - before) == 3
        first = {"true-masks": person, "true-masks-and-things": both}.get(rule.control, pooled)
        same(again.encoded, first.encoded)
    every = [one.encoded.video, *(found.encoded.video for found in (person, both, pooled))]
    scale = np.abs(one.encoded.video).max()
    for number, first in enumerate(every):
        assert all(np.abs(first - second).max() > 1e-3 * scale for second in every[:number])
    assert person.without_truth >= both.without_truth
    shown = VisibleMasks.of(one.given.data.raw, "person").shown()
    assert f"{(~shown).sum():,} of {len(shown):,} frames" in person.words
    assert "person and things" in both.words


def test_what_lies_outside_the_mask_has_no_say_in_descriptors(scored: Callable[[str], Scored]) -> None:
    one = scored("rgb-snippets")
    masks = VisibleMasks.of(one.given.data.raw, "person")
    store = one.inputs.store
    pixels = np.array(store.flat())
    shares = masks.shares(np.arange(len(pixels)), store.size)
    outside = (shares == 0) & masks.shown()[:, None, None]
    pixels[outside] = noise(int(outside.sum()), 3, seed=4)
    scribbled = FrameStore(store.lengths, store.size, frames=pixels)
    assert not np.array_equal(features_of(one, store), features_of(one, scribbled))  # a whole frame shows it
    assert np.array_equal(*(features_of(one, PaintedFrames(each, masks, "imagenet")) for each in (store, scribbled)))


def features_of(one: Scored, store: FrameStore) -> np.ndarray:
    with torch.inference_mode():
        images = to_tensor(store.gather(np.arange(40)), one.inputs.normalise)
        return one.network.frame_features(images).numpy()


def test_networks_of_whole_clips_see_painted_frames_too(
    scored: Callable[[str], Scored], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = scored("image-to-video")
    with narrowed():
        torch.manual_seed(1)
        network = methods.arm("baseline[depth=18]", "tkp").build(5, one.inputs.store.size).eval()
    inputs = replace(one.inputs, features=None)
    arm = encode_under_protocol(network, one.given.protocol, inputs)
    given = replace(one.given, of_arm=arm, trained=lambda: network, inputs=lambda _: inputs)
    before = set(one.versions.steps.root.glob("painted/*"))
    found = true_masks.RULE.answer(given)
    assert set(one.versions.steps.root.glob("painted/*")) == before  # it has no features of frames
    assert found.encoded.image is not None and arm.image is not None
    for painted, plain in ((found.encoded.video, arm.video), (found.encoded.image, arm.image)):
        assert np.abs(painted - plain).max() > 1e-3 * np.abs(plain).max()
    even_masks(monkeypatch, True)
    same(true_masks.RULE.answer(given).encoded, arm)
