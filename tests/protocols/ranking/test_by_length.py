"""Slices by the length of right answers, against a plain ranking of each query in a gallery thinned by hand."""

from typing import get_args

import numpy as np
import pytest

from protocols.errors import ProtocolError
from protocols.ranking import rank_features
from protocols.ranking.by_length import EDGES, LengthBin, by_gallery_length, length_bins
from protocols.ranking.conventions import Convention, Gallery


def made_up(seed: int, *, queries: int = 40, gallery: int = 160, ties: bool = False) -> dict[str, np.ndarray]:
    """Descriptors and labels with junk, distractors, same-camera answers and people who answer at one length only."""
    rng = np.random.default_rng(seed)
    people, cameras = rng.integers(-1, 12, gallery), rng.integers(1, 5, gallery)
    held = rng.choice(np.flatnonzero(people > 0), queries, replace=False)
    features = rng.normal(size=(gallery, 6)).astype(np.float32)
    features += 0.8 * rng.normal(size=(14, 6)).astype(np.float32)[people]
    if ties:
        features = np.round(features)
    lengths = np.round(2 ** rng.uniform(0, 7.5, gallery)).astype(np.int64)
    return {
        "features": features, "people": people, "cameras": cameras, "lengths": lengths, "held": held,
    }  # fmt: skip


def sliced(
    world: dict[str, np.ndarray], convention: Convention, bins: tuple[LengthBin, ...], normalise: bool = True
) -> dict:
    held = world["held"]
    return by_gallery_length(
        world["features"][held], world["features"], world["people"][held], world["cameras"][held], world["people"],
        world["cameras"], world["lengths"], bins, convention=convention, metric="euclidean", normalise=normalise,
        query_in_gallery=held,
    )  # fmt: skip


@pytest.mark.parametrize("gallery", get_args(Gallery))
@pytest.mark.parametrize("ties", [False, True])
def test_equal_to_one_query_at_a_time_without_the_answers_of_other_lengths(gallery: Gallery, ties: bool) -> None:
    world = made_up(3, ties=ties)
    convention = Convention(gallery, "trapezoid", "zero")
    bins = length_bins(world["lengths"])
    unit = not ties  # whole numbers tie exactly, whatever the order of the sum
    found = sliced(world, convention, bins, unit)
    people, cameras, lengths, features = (world[key] for key in ("people", "cameras", "lengths", "features"))
    seen = 0
    for q, own in enumerate(world["held"]):
        for one in bins:
            other_length = (lengths < one.low) | (lengths > (one.high or 10**9))
            keep = ~((people == people[own]) & other_length)
            keep[own] = True  # the query itself is of its own camera, and ignored
            if gallery == "without-queries":
                keep &= ~np.isin(np.arange(len(people)), world["held"])
            columns = np.flatnonzero(keep)
            plain = rank_features(
                features[[own]], features[columns], people[[own]], cameras[[own]], people[columns], cameras[columns],
                normalise=unit, ap="trapezoid", empty="zero",
            )  # fmt: skip
            assert found[one.name].valid[q] == plain.valid[0]
            assert found[one.name].average_precision[q] == pytest.approx(plain.average_precision[0], abs=1e-6)
            assert found[one.name].hit1[q] == pytest.approx(plain.hits(1)[0], abs=1e-6)
            seen += bool(plain.valid[0])
    assert seen > 50  # the test would be empty otherwise


def test_one_slice_for_all_lengths_changes_nothing() -> None:
    world, convention = made_up(5), Convention("full", "step", "skip")
    everything = LengthBin(1, None)
    found = sliced(world, convention, (everything,))["1+"]
    held = world["held"]
    plain = rank_features(
        world["features"][held], world["features"], world["people"][held], world["cameras"][held], world["people"],
        world["cameras"], normalise=True, query_in_gallery=held,
    )  # fmt: skip
    np.testing.assert_allclose(found.average_precision, plain.average_precision, atol=1e-7)
    np.testing.assert_array_equal(found.valid, plain.valid)


def test_wrong_answers_stay_whatever_their_length_and_camera() -> None:
    """A long right answer at distance 1; short and long wrong ones, of the query's camera too, stand before it."""
    query, gallery = np.array([[0.0]]), np.array([[1.0], [0.1], [0.2], [0.3], [0.05]])
    ids, cams = np.array([7, 4, 4, 5, 7]), np.array([2, 1, 2, 3, 3])
    lengths = np.array([40, 2, 40, 2, 2])
    found = by_gallery_length(
        query, gallery, np.array([7]), np.array([1]), ids, cams, lengths, (LengthBin(2, 3), LengthBin(32, 63)),
        convention=Convention("full", "step", "skip"), metric="euclidean", normalise=False,
    )  # fmt: skip
    assert found["2-3"].average_precision.tolist() == [1.0]
    assert found["32-63"].average_precision.tolist() == [0.25]
    assert (found["2-3"].hit1.tolist(), found["32-63"].hit1.tolist()) == ([1.0], [0.0])


def test_slices_meet_at_n_and_at_four_n_and_leave_no_length_out() -> None:
    lengths = np.arange(1, 1000)
    bins = length_bins(lengths)
    assert sum(one.holds(lengths).astype(int) for one in bins).tolist() == [1] * len(lengths)
    lows = {one.low for one in bins}
    assert all({n, 4 * n} <= lows for n in (2, 4, 8, 16, 32))
    assert [one.name for one in bins] == ["1", "2-3", "4-7", "8-15", "16-31", "32-63", "64-127", "128+"]
    assert [one.name for one in length_bins(np.array([5, 20]))] == ["4-7", "16-31"]
    assert set(EDGES) == lows - {1}


def test_bad_lengths_are_refused() -> None:
    with pytest.raises(ProtocolError, match="at least 1 frame"):
        length_bins(np.array([3, 0]))
    world = made_up(1)
    world["lengths"] = world["lengths"][:-1]
    with pytest.raises(ProtocolError, match="one for each of the 160"):
        sliced(world, Convention(), (LengthBin(1, None),))
