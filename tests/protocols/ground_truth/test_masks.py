"""Masks against known truth: worked values, an independent reference, invariances, faults that must cost points."""

import json

import numpy as np
import pytest
import torch

from methods.cards.validation import MASK_MEASURES
from protocols.errors import ProtocolError
from protocols.ground_truth.masks import (
    MEASURES,
    REGIONS,
    Regions,
    average,
    best_threshold,
    centre_prior,
    compare,
    enlarge,
    tracklet_statistics,
)


def regions(text):
    """One frame out of letters: p person, b bag, o occluder, . background; rows apart by blanks."""
    cells = np.array([list(row) for row in text.split()])[None]  # [1, H, W]
    return Regions(cells == "p", cells == "b", cells == "o", cells == ".")


def walking(seed=0, frames=3, size=(32, 16)):
    """A standing blob with a bag, something in front of its feet, at another place in each frame."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    person, bag, front = (np.zeros((frames, *size), dtype=bool) for _ in range(3))
    for t in range(frames):
        middle = size[1] / 2 + rng.uniform(-2, 2)
        person[t] = ((rows - size[0] / 2) / (size[0] * 0.42)) ** 2 + ((columns - middle) / (size[1] * 0.22)) ** 2 < 1
        bag[t] = (abs(rows - size[0] * 0.4) < 3) & (abs(columns - middle - size[1] * 0.25) < 2)
        front[t] = (rows > size[0] * 0.8) & (columns < 6)
    person &= ~bag
    return Regions(person & ~front, bag & ~front, front, ~(person | bag | front))


def soft(truth, grid=(8, 4)):
    """The foreground as a network with that grid could at best see it."""
    t, height, width = truth.person.shape
    blocks = truth.foreground.reshape(t, grid[0], height // grid[0], grid[1], width // grid[1])
    return 0.05 + 0.9 * blocks.mean(axis=(2, 4))


def measures(mask, truth):
    return {
        name: float(values[0]) for name, values in best_threshold([tracklet_statistics(mask, truth)]).measures.items()
    }


def test_a_frame_by_hand():
    got = measures([[[0.8, 0.4], [0.4, 0.0]]], regions("pb o."))
    assert tuple(got) == MEASURES
    assert got["auc"] == 3.5 / 4  # 0.8 beats both, 0.4 ties with the occluder and beats the background
    assert got["iou"] == pytest.approx(2 / 3)  # from 0.4 on: both hits and one false
    assert [got[name] for name in REGIONS] == pytest.approx([0.5, 0.25, 0.0, 0.25])
    assert [got[f"{name}_density"] for name in REGIONS] == pytest.approx([2, 1, 0, 1])  # the mean of the frame is 0.4


def test_frames_of_a_tracklet_are_pooled():
    person, nothing = np.array([[[True]], [[False]]]), np.zeros((2, 1, 1), dtype=bool)
    truth = Regions(person, nothing, nothing, ~person)
    got = measures([[[0.9]], [[0.3]]], truth)
    assert (got["auc"], got["iou"], got["person"]) == (1, 1, pytest.approx(0.75))


def test_measures_are_those_that_a_card_may_claim():
    assert MEASURES == MASK_MEASURES


@pytest.mark.parametrize(
    ("grid", "size"),
    [((8, 4), (64, 32)), ((4, 2), (64, 32)), ((16, 8), (16, 8)), ((5, 3), (17, 8)), ((1, 1), (6, 5))],
)
def test_enlarging_agrees_with_torch(grid, size):
    mask = np.random.default_rng(0).random((3, *grid))
    by_torch = torch.nn.functional.interpolate(torch.tensor(mask)[:, None], size, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(enlarge(mask, size), by_torch[:, 0].numpy(), rtol=0, atol=1e-14)


def test_enlarging_by_hand_and_without_a_shift():
    assert enlarge([[[0.0, 1.0]]], (1, 4))[0, 0].tolist() == [0, 0.25, 0.75, 1]  # edges held, half cells inside
    mask = np.random.default_rng(1).random((2, 7, 5))
    np.testing.assert_allclose(enlarge(mask[:, ::-1, ::-1], (21, 20)), enlarge(mask, (21, 20))[:, ::-1, ::-1])
    assert np.ptp(enlarge(np.full((1, 7, 3), 0.3), (50, 31))) == 0


@pytest.mark.parametrize("seed", range(5))
def test_auc_and_overlap_agree_with_brute_force(seed):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 4, (2, 4, 3))
    truth = Regions(*(kinds == k for k in range(4)))
    mask = rng.integers(0, 6, kinds.shape) / 8  # many ties
    inside, outside = mask[kinds < 2], mask[kinds >= 2]
    pairs = [(a > b) + 0.5 * (a == b) for a in inside for b in outside]
    overlaps = {t: ((mask >= t) & (kinds < 2)).sum() / ((mask >= t) | (kinds < 2)).sum() for t in np.unique(mask)}
    judged = best_threshold([tracklet_statistics(mask, truth)])
    assert judged.measures["auc"][0] == np.mean(pairs)
    assert judged.measures["iou"][0] == max(overlaps.values())
    assert judged.threshold == max(overlaps, key=overlaps.get)


def test_one_threshold_serves_all_tracklets_of_a_map():
    truth = regions("p.")
    bright, dark = tracklet_statistics([[[0.875, 0.5]]], truth), tracklet_statistics([[[0.5, 0.125]]], truth)
    judged = best_threshold([bright, dark])
    assert judged.threshold == 0.5  # 0.875 would lose the dark one, 0.125 would flood both
    assert judged.measures["iou"].tolist() == [0.5, 1.0]
    assert best_threshold([bright]).measures["iou"].tolist() == best_threshold([dark]).measures["iou"].tolist() == [1.0]


def test_a_rising_transform_changes_neither_auc_nor_overlap():
    truths = [walking(seed) for seed in range(4)]
    masks = [np.random.default_rng(seed).integers(0, 200, (3, 32, 16)) / 256 for seed in range(4)]
    plain, bent = (
        best_threshold([tracklet_statistics(f(m), t) for m, t in zip(masks, truths, strict=True)])
        for f in (np.array, np.square)
    )
    for name in ("auc", "iou"):
        np.testing.assert_array_equal(plain.measures[name], bent.measures[name])
    assert bent.threshold == pytest.approx(plain.threshold**2)
    assert not np.allclose(plain.measures["person"], bent.measures["person"])


def test_scaling_changes_neither_shares_nor_densities():
    truth = walking()
    plain, dim = measures(soft(truth), truth), measures(0.01 * soft(truth), truth)
    assert plain == pytest.approx(dim, abs=1e-12)


def test_turning_frames_about_and_mixing_their_order_change_nothing():
    truth, order = walking(), [2, 0, 1]
    mask = np.random.default_rng(0).random((3, 8, 4)).astype(np.float32)
    turned = Regions(*(getattr(truth, name)[order][:, :, ::-1] for name in ("person", "bag", "occluder", "background")))
    assert measures(mask, truth) == pytest.approx(measures(mask[order][:, :, ::-1], turned), abs=1e-12)


def test_shares_sum_to_one_and_are_density_times_area():
    truth = walking()
    got = measures(np.random.default_rng(3).random((3, 8, 4)), truth)
    assert sum(got[name] for name in REGIONS) == pytest.approx(1)
    for name in REGIONS:
        assert got[name] == pytest.approx(got[f"{name}_density"] * getattr(truth, name).mean())


def test_a_mask_that_fits_beats_its_faults():
    truth = walking()
    good = soft(truth)
    best = measures(good, truth)
    assert best["auc"] > 0.95
    assert best["person_density"] > 1.5
    assert best["background_density"] < 0.6
    for fault in (np.roll(good, 1, axis=2), np.roll(good, 1, axis=1), 1 - good, good[:, ::-1] ** 0):
        got = measures(fault, truth)
        for name in ("auc", "iou", "person", "person_density"):
            assert got[name] < best[name] - 0.01, name
        assert got["background"] > best["background"]


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_flat_mask_is_blind(level):
    truth = walking()
    got = measures(np.full((3, 8, 4), level), truth)
    assert got["auc"] == 0.5
    assert got["iou"] == pytest.approx(truth.foreground.mean())  # all pixels are taken
    for name in REGIONS:
        assert got[name] == pytest.approx(getattr(truth, name).mean())
        assert got[f"{name}_density"] == pytest.approx(1)


def test_nan_stands_only_where_the_truth_leaves_no_meaning():
    got = measures([[[0.8, 0.2]]], regions("p."))
    assert {name for name, value in got.items() if np.isnan(value)} == {"bag_density", "occluder_density"}
    assert (got["bag"], got["occluder"]) == (0, 0)
    hidden = tracklet_statistics([[[0.8, 0.2]]], regions("o."))
    assert {name for name, value in hidden.values.items() if np.isnan(value)} == {
        "auc", "person_density", "bag_density",
    }  # fmt: skip
    both = best_threshold([hidden, tracklet_statistics([[[0.75, 0.25]]], regions("p."))])
    assert np.isnan(both.measures["iou"][0])
    assert (both.measures["iou"][1], both.threshold) == (1, 0.75)
    assert np.isnan(best_threshold([hidden]).threshold)


def test_torch_masks_are_taken_too():
    truth = walking()
    mask = torch.tensor(soft(truth))
    assert measures(mask, truth) == measures(mask.numpy(), truth)


def test_mean_silhouette_by_hand():
    one, two = np.zeros((2, 2, 3), dtype=bool), np.ones((1, 2, 3), dtype=bool)
    one[0, :, 0] = True  # in one of two frames
    prior = centre_prior([one, two], (1, 2))
    # a cell covers 1.5 columns: of the first tracklet (0.5 + 0) / 1.5 = 1/3 and 0; each tracklet weighs the same
    np.testing.assert_allclose(prior, [[(1 / 3 + 1) / 2, 1 / 2]])
    many = [walking(seed).person for seed in range(5)]
    assert centre_prior(many, (7, 3)).mean() == pytest.approx(np.mean(many))
    np.testing.assert_allclose(centre_prior(many, (32, 16)), np.mean(many, axis=(0, 1)))


def test_knowing_where_people_stand_is_worth_something_and_less_than_looking():
    truths = [walking(seed) for seed in range(8)]
    prior = centre_prior([truth.foreground for truth in truths], (8, 4))
    knows = best_threshold([tracklet_statistics(np.broadcast_to(prior, (3, 8, 4)), truth) for truth in truths])
    looks = best_threshold([tracklet_statistics(soft(truth), truth) for truth in truths])
    got = compare("auc", looks.measures["auc"], knows.measures["auc"], np.arange(8))
    assert got.reference.mean > 0.75
    assert got.verdict == "holds"
    assert got.difference.mean == pytest.approx(got.mask.mean - got.reference.mean)
    assert compare("auc", knows.measures["auc"], looks.measures["auc"], np.arange(8)).verdict == "does not hold"


def test_pairs_without_a_value_are_left_out_of_both_sides_and_counted():
    mask, reference = [0.5, np.nan, 0.8, 0.7, 0.9], [0.4, 0.2, np.nan, 0.5, 0.6]
    got = compare("auc", mask, reference, [1, 1, 3, 2, 2])
    assert (got.mask.tracklets, got.mask.left_out, got.difference.tracklets, got.difference.left_out) == (3, 2, 3, 2)
    assert (got.mask.mean, got.reference.mean) == (pytest.approx(0.7), pytest.approx(0.5))
    assert got.difference.mean == pytest.approx(0.2)
    assert got.difference.interval.clusters == got.mask.interval.clusters == 2
    assert got.difference.as_dict()["tracklets"] == 3


def test_what_is_resampled_is_the_person():
    rng = np.random.default_rng(0)
    persons = np.repeat(np.arange(30), 6)
    values = 0.5 + 0.1 * rng.standard_normal(30)[persons]
    by_person = average("auc", values, persons).interval
    by_tracklet = average("auc", values, np.arange(180)).interval
    assert by_person.standard_error > 2 * by_tracklet.standard_error  # sqrt(6) = 2.4


def test_seeds_pool_and_ends_stay_possible():
    rng = np.random.default_rng(0)
    got = average("iou", np.clip(rng.normal(0.98, 0.03, (3, 40)), 0, 1), np.arange(40))
    assert got.interval.seeds == 3
    assert got.interval.high <= 1
    assert average("person_density", [3.0, 2.0, 4.0], [1, 2, 3]).interval.high > 3


def test_too_few_people_give_a_mean_without_an_interval():
    one = average("auc", [0.5, 0.75, np.nan], [7, 7, 8])
    assert one.as_dict() == {"mean": 0.625, "low": None, "high": None, "tracklets": 2}
    none = average("occluder_density", [np.nan, np.nan], [1, 2])
    assert json.dumps(none.as_dict()) == '{"mean": null, "low": null, "high": null, "tracklets": 0}'
    same = compare("auc", [0.5, 0.75], [0.25, 0.5], [7, 7])
    assert (same.verdict, same.difference.mean, same.difference.interval) == ("cannot tell", 0.25, None)


def flags(*shape):
    return np.zeros(shape, dtype=bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Regions(~flags(1, 2, 2), flags(1, 2, 2), flags(1, 2, 2), flags(1, 2, 3)), "one shape"),
        (lambda: Regions(*np.zeros((4, 1, 2, 2))), "bool arrays"),
        (lambda: Regions(*flags(4, 1, 2, 2)), "4 pixels lie in no region.*row 0, column 0, in 0"),
        (lambda: Regions(*~flags(4, 1, 2, 2)), "in 4"),
        (lambda: tracklet_statistics(np.zeros((2, 1, 2)), regions("p.")), r"for 1 frames; give \[1, h, w\]"),
        (lambda: tracklet_statistics([[[1.5, 0.0]]], regions("p.")), "0.0 to 1.5.*sigmoid"),
        (lambda: tracklet_statistics([[[np.nan, 0.0]]], regions("p.")), "is finite"),
        (lambda: tracklet_statistics(np.zeros((1, 2, 2)), regions("p.")), "cannot be enlarged"),
        (lambda: best_threshold([]), "no tracklet"),
        (lambda: centre_prior([], (2, 2)), "0 tracklets"),
        (lambda: centre_prior([np.ones((1, 2, 2))], (2, 2)), "person mask 0 is float64"),
        (lambda: average("area", [1.0], [1]), "unknown; choose one of auc"),
        (lambda: average("auc", [1.0, 2.0], [1]), "person of each tracklet"),
        (lambda: compare("auc", [1.0, 2.0], [[1.0, 2.0]] * 2, [1, 2]), "same tracklets"),
        (lambda: compare("auc", [1.0, 2.0], [1.0, 2.0], [1, 2], margin=-1), "margin must be above 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ProtocolError, match=message):
        call()
