"""Repaired frames against the truth: worked values, independent references, invariances, faults that must cost."""

import json

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from protocols.errors import ProtocolError
from protocols.ground_truth.restoration import (
    CAP,
    MEASURES,
    People,
    as_record,
    average,
    compare,
    coverage,
    decibels,
    feature_distance,
    feature_errors,
    identity_hits,
    psnr,
    similarities,
    squared_errors,
    ssim,
)

GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}


def footage(seed=0, frames=3, size=(24, 16)):
    """Smooth pictures in uint8, far from black and white."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    waves = [np.sin(rows / rng.uniform(2, 5) + p) * np.cos(columns / rng.uniform(2, 5)) for p in rng.random(frames * 3)]
    return (128 + 60 * np.stack(waves).reshape(frames, 3, *size).transpose(0, 2, 3, 1)).round().astype(np.uint8)


def whole(frames):
    return np.ones(frames.shape[:3], dtype=bool)


@pytest.mark.parametrize(("error", "expected"), [(1, 48.1308), (16, 24.0484), (255, 0.0)])
def test_psnr_of_a_constant_error(error, expected):
    truth = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    frames = truth + np.uint8(error)
    assert psnr(frames, truth, whole(truth)) == pytest.approx(expected, abs=1e-4)  # 20 log10(255 / error)
    assert psnr(truth, frames, whole(truth)) == psnr(frames, truth, whole(truth))


def test_psnr_agrees_with_skimage_and_looks_inside_the_mask_only():
    truth, frames = footage(0), footage(1)
    assert psnr(frames, truth, whole(truth)) == pytest.approx(peak_signal_noise_ratio(truth, frames, data_range=255))
    inside = np.zeros(truth.shape[:3], dtype=bool)
    inside[:, 4:9, 3:] = True
    cut = peak_signal_noise_ratio(truth[:, 4:9, 3:], frames[:, 4:9, 3:], data_range=255)
    assert psnr(frames, truth, inside) == pytest.approx(cut)
    frames[~inside] = 0
    assert psnr(frames, truth, inside) == pytest.approx(cut)


def test_pixels_of_all_frames_are_pooled():
    truth = np.zeros((2, 1, 4, 3), dtype=np.uint8)
    frames = truth.copy()
    frames[0, 0, 0] = 30  # the only pixel of frame 0
    inside = np.array([[[True, False, False, False]], [[True, True, True, False]]])
    assert [part.tolist() for part in squared_errors(frames, truth, inside)] == [[2700, 0], [3, 9]]
    assert psnr(frames, truth, inside) == pytest.approx(10 * np.log10(255**2 / (900 / 4)))


def test_identical_pixels_are_cut_at_the_cap_and_rounding_lies_below_it():
    truth = footage()
    assert psnr(truth, truth, whole(truth)) == CAP
    assert decibels(1 / 12, 1) == pytest.approx(58.92, abs=0.01)
    assert np.isnan(psnr(truth, truth, ~whole(truth)))


def test_ssim_is_skimages_own_where_all_counts():
    truth, frames = footage(0, frames=1), footage(1, frames=1)
    mean = structural_similarity(frames[0], truth[0], channel_axis=-1, **GAUSSIAN)
    inner = np.zeros(truth.shape[:3], dtype=bool)
    inner[:, 5:-5, 5:-5] = True  # skimage's mean leaves out a border of half a window
    assert ssim(frames, truth, inner) == pytest.approx(mean, abs=1e-12)
    _, full = structural_similarity(frames[0], truth[0], channel_axis=-1, full=True, **GAUSSIAN)
    assert ssim(frames, truth, whole(truth)) == pytest.approx(full.mean(), abs=1e-12)


def test_ssim_of_identity_of_a_constant_error_and_of_the_negative():
    truth = footage()
    assert ssim(truth, truth, whole(truth)) == pytest.approx(1, abs=1e-12)
    flat = np.full((1, 12, 12, 3), 100, dtype=np.uint8)
    # no variance: only the term of the means is left, (2 ab + c) / (a^2 + b^2 + c) with c = (0.01 * 255)^2
    expected = (2 * 100 * 150 + 6.5025) / (100**2 + 150**2 + 6.5025)
    assert ssim(flat, flat + np.uint8(50), whole(flat)) == pytest.approx(expected)
    assert ssim(255 - truth, truth, whole(truth)) < -0.3
    assert similarities(truth, truth, ~whole(truth))[0].tolist() == [0, 0, 0]


def test_feature_distance_by_hand():
    # one layer, two cells: the same direction at another length, and a right angle
    ours = np.array([[[[3.0, 1.0]], [[4.0, 0.0]]]])  # [1, 2, 1, 2]
    theirs = np.array([[[[6.0, 0.0]], [[8.0, 5.0]]]])
    both, first = np.ones((1, 2, 4), dtype=bool), np.zeros((1, 2, 4), dtype=bool)
    first[..., :2] = True
    assert feature_distance([ours], [theirs], both) == pytest.approx((0 + 2) / 2)
    assert feature_distance([ours], [theirs], first) == pytest.approx(0, abs=1e-15)
    assert feature_distance([ours, ours], [theirs, ours], both) == pytest.approx((1 + 0) / 2)
    assert feature_distance([ours], [-ours], both) == pytest.approx(4)
    assert feature_distance([np.zeros_like(ours)], [np.zeros_like(ours)], both) == 0


def test_a_cell_counts_from_half_of_its_area_on_and_a_layer_without_one_is_left_out():
    fine, coarse = np.random.default_rng(0).standard_normal((2, 1, 3, 4, 2))
    near = np.zeros((1, 8, 4), dtype=bool)
    near[:, 0, :2] = True  # half of the first fine cell, an eighth of the coarse one
    one, none = coverage(near, (4, 2)), coverage(near, (2, 1))
    assert (one.max(), none.max()) == (0.5, 0.125)
    assert feature_errors(fine, coarse, one)[1].tolist() == [1]
    only_fine = feature_distance([fine], [coarse], near)
    assert feature_distance([fine, fine[:, :, ::2, ::2]], [coarse, coarse[:, :, ::2, ::2]], near) == only_fine
    near[:, 0, 1] = False
    assert np.isnan(feature_distance([fine], [coarse], near))


def test_the_scale_of_maps_does_not_matter_and_their_direction_does():
    rng = np.random.default_rng(0)
    ours, theirs = rng.random((2, 4, 8, 6, 3))
    inside = rng.random((4, 24, 12)) < 0.8
    plain = feature_distance([ours], [theirs], inside)
    scale = rng.uniform(0.1, 20, (4, 1, 6, 3))
    assert feature_distance([scale * ours], [3 * theirs], inside) == pytest.approx(plain)
    assert feature_distance([theirs], [ours], inside) == pytest.approx(plain)
    turned = feature_distance([ours[:, ::-1]], [theirs[:, ::-1]], inside)
    assert turned == pytest.approx(plain)
    assert feature_distance([ours[:, ::-1]], [theirs], inside) != pytest.approx(plain, rel=0.01)
    assert feature_distance([ours.astype(np.float32)], [theirs], inside) == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize(("size", "grid"), [((24, 12), (6, 3)), ((21, 10), (4, 3)), ((5, 4), (5, 4)), ((3, 2), (7, 5))])
def test_coverage_keeps_the_area_and_agrees_with_fine_pixels(size, grid):
    inside = np.random.default_rng(0).random((2, *size)) < 0.5
    got = coverage(inside, grid)
    np.testing.assert_allclose(got.mean(axis=(1, 2)), inside.mean(axis=(1, 2)))
    fine = np.repeat(np.repeat(inside, grid[0], axis=1), grid[1], axis=2)  # every cell is whole here
    blocks = fine.reshape(2, grid[0], size[0], grid[1], size[1])
    np.testing.assert_allclose(got, blocks.mean(axis=(2, 4)), atol=1e-12)


# Two people with two tracklets each: 1 looks along x, 2 along y.
PEOPLE = People.of([[1, 0], [2, 0.2], [0, 1], [0.1, 3]], [1, 1, 2, 2], [10, 11, 20, 21])


@pytest.mark.parametrize(
    ("features", "expected"),
    [([[3, 1], [5, 0]], 1), ([[0, 1], [1, 4]], 0), ([[3, 1], [1, 3]], 0.5), ([[0.0, 0.0], [0, 0]], 0.5)],
)
def test_identity_by_hand(features, expected):
    hits = identity_hits(features, [1, 1], [10, 10], PEOPLE)
    assert hits.mean() == expected  # zeros are equally far from both


def test_the_own_tracklet_is_no_candidate():
    """A frame that is like its own tracklet alone, and unlike the same person elsewhere, is not its person's."""
    people = People.of([[1, 0], [0, 1], [0.9, 0.5]], [1, 1, 2], [10, 11, 20])
    assert identity_hits([[1.0, 0.0]], [1], [10], people).tolist() == [0]  # 11 is at a right angle, 20 is near
    assert identity_hits([[1.0, 0.0]], [1], [12], people).tolist() == [0]  # the mean of both: cosine 0.71 against 0.87
    assert identity_hits([[0.3, 1.0]], [1], [12], people).tolist() == [1]
    assert np.isnan(identity_hits([[1.0, 0.0]], [2], [20], people)).all()  # person 2 is nowhere else
    assert np.isnan(identity_hits([[1.0, 0.0]], [3], [30], people)).all()


def test_identity_depends_on_directions_of_frames_and_on_no_order():
    rng = np.random.default_rng(0)
    persons = rng.integers(1, 6, 200)
    tracklets = persons * 10 + rng.integers(0, 3, 200)
    centres = rng.standard_normal((6, 5))
    features = centres[persons] + rng.standard_normal((200, 5))
    known, asked = slice(0, 120), slice(120, 200)
    people = People.of(features[known], persons[known], tracklets[known])
    plain = identity_hits(features[asked], persons[asked], tracklets[asked], people)
    scaled = features[asked] * rng.uniform(0.1, 9, (80, 1))
    np.testing.assert_array_equal(identity_hits(scaled, persons[asked], tracklets[asked], people), plain)
    assert 0.4 < plain.mean() < 1
    by_hand = []
    for feature, person, tracklet in zip(features[asked], persons[asked], tracklets[asked], strict=True):
        means = {
            p: features[known][(persons[known] == p) & (tracklets[known] != tracklet)].mean(axis=0) for p in range(1, 6)
        }
        cosines = {p: feature @ mean / np.linalg.norm(mean) for p, mean in means.items()}
        by_hand.append(float(max(cosines, key=cosines.get) == person))
    np.testing.assert_array_equal(plain, by_hand)


def test_noise_makes_every_measure_of_pixels_worse():
    truth = footage()
    inside = whole(truth)
    inside[:, :8] = False
    rng = np.random.default_rng(0)
    found = []
    for deviation in (2, 10, 40):
        noise = rng.normal(0, deviation, truth.shape) * inside[..., None]
        noisy = np.clip(truth + noise, 0, 255).round().astype(np.uint8)
        maps = [frames.transpose(0, 3, 1, 2) for frames in (noisy, truth)]
        found.append(
            (psnr(noisy, truth, inside), ssim(noisy, truth, inside), feature_distance(*[[m] for m in maps], inside))
        )
    assert [row[0] for row in found] == sorted((row[0] for row in found), reverse=True)
    assert [row[1] for row in found] == sorted((row[1] for row in found), reverse=True)
    assert [row[2] for row in found] == sorted(row[2] for row in found)


def test_verdicts_say_better_also_where_less_is_better():
    persons = np.repeat(np.arange(10), 2)
    rng = np.random.default_rng(0)
    raw = 0.5 + 0.05 * rng.standard_normal(20)
    more = raw + 0.1 + 0.01 * rng.standard_normal(20)
    assert compare("ssim", more, raw, persons).verdict == "holds"
    assert compare("feature_distance", more, raw, persons).verdict == "does not hold"
    lower = compare("feature_distance", raw, more, persons)
    assert lower.verdict == "holds"
    assert lower.average.mean == pytest.approx((raw - more).mean())
    assert lower.as_dict()["high"] < 0  # the difference itself is repaired minus raw
    same = compare("psnr", raw, raw, persons)
    assert (same.average.mean, same.average.interval.low, same.average.interval.high) == (0, 0, 0)
    assert same.verdict == "does not hold"


def test_tracklets_without_a_value_are_left_out_and_counted():
    values = [0.5, np.nan, 0.75, 1.0]
    got = average("identity", values, [1, 1, 2, 3])
    assert (got.mean, got.tracklets, got.people) == (0.75, 3, 3)
    assert got.interval.high <= 1
    assert set(as_record(got)) == {"mean", "low", "high", "tracklets", "people"}
    pair = compare("identity", values, [0.5, 0.5, np.nan, 0.5], [1, 1, 2, 3])
    assert (pair.average.mean, pair.average.tracklets) == (0.25, 2)
    assert as_record(average("spill_psnr", [np.nan, np.nan], [1, 2])) is None
    assert compare("spill_psnr", [np.nan] * 2, [np.nan] * 2, [1, 2]).as_dict() is None
    one = as_record(average("psnr", [30.0, 40.0], [7, 7]))
    assert json.dumps(one) == '{"mean": 35.0, "low": null, "high": null, "tracklets": 2, "people": 1}'


def test_ends_stay_possible_and_seeds_pool():
    assert average("psnr", [59.0, 60.0, 20.0], [1, 2, 3]).interval.high <= CAP
    rng = np.random.default_rng(0)
    assert average("ssim", rng.random((3, 12)), np.arange(12)).interval.seeds == 3
    assert set(MEASURES) == {"psnr", "ssim", "feature_distance", "identity", "spill_psnr"}


FRAMES = np.zeros((1, 12, 12, 3), dtype=np.uint8)
MAPS = np.zeros((1, 2, 3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: psnr(FRAMES, FRAMES[:, :5], whole(FRAMES)), r"must be uint8 \[N, H, W, 3\]"),
        (lambda: psnr(FRAMES / 1, FRAMES, whole(FRAMES)), "frames float64"),
        (lambda: psnr(FRAMES, FRAMES, FRAMES[..., 0]), "a bool mask .* got uint8"),
        (lambda: ssim(FRAMES[:, :8], FRAMES[:, :8], whole(FRAMES)[:, :8]), "windows of 11 pixels"),
        (lambda: feature_distance([], [], whole(FRAMES)), "at least one"),
        (lambda: feature_distance([MAPS], [MAPS, MAPS], whole(FRAMES)), "1 layers"),
        (lambda: feature_errors(MAPS, MAPS, np.ones((1, 2, 2))), "shares"),
        (lambda: coverage(whole(FRAMES), (0, 2)), "a grid"),
        (lambda: People.of([[1.0]], [1], [1]), "show 1 people"),
        (lambda: People.of([[1.0], [np.nan]], [1, 2], [1, 2]), "frame 1 is not finite"),
        (lambda: identity_hits([[1.0, 2.0, 3.0]], [1], [1], PEOPLE), "3 numbers and those of people 2"),
        (lambda: identity_hits([[1.0, 2.0]], [1, 2], [1], PEOPLE), "of each frame"),
        (lambda: average("size", [1.0], [1]), "unknown; choose one of psnr"),
        (lambda: average("psnr", [1.0, 2.0], [1]), "person of each tracklet"),
        (lambda: compare("psnr", [1.0, 2.0], [[1.0, 2.0]] * 2, [1, 2]), "same tracklets"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ProtocolError, match=message):
        call()
