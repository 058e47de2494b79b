"""Rank correlation and gain of frame weights: worked values, an independent reference, gaps in the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata, spearmanr

from protocols.errors import ProtocolError
from protocols.ground_truth import frame_weights
from protocols.ground_truth.frame_weights import average_ranks, gain, rank_correlation


def shared(values: np.ndarray) -> np.ndarray:
    """As weights: a sum of 1."""
    return values / values.sum()


def test_worked_values() -> None:
    visible = np.array([1.0, 0.5, 0.25, 0.25])
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    # ranks 4 3 2 1 against 4 3 1.5 1.5: covariance 4.5, variances 5 and 4.5
    assert rank_correlation(weights, visible) == pytest.approx(4.5 / np.sqrt(5 * 4.5))
    assert gain(weights, visible) == pytest.approx(100 * (0.4 + 0.15 + 0.05 + 0.025 - 0.5))
    assert rank_correlation(weights[::-1], visible) == pytest.approx(-rank_correlation(weights, visible))
    assert gain(np.array([1.0, 0.0, 0.0, 0.0]), visible) == pytest.approx(50.0)


@pytest.mark.parametrize("tied", [False, True])
def test_correlation_is_that_of_scipy(tied: bool) -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        count = int(rng.integers(3, 40))
        weights, visible = rng.random(count), rng.random(count)
        if tied:
            weights, visible = rng.integers(1, 4, count) / 4, rng.integers(0, 4, count) / 4
        if len(np.unique(weights)) == 1 or len(np.unique(visible)) == 1:
            continue
        expected = spearmanr(weights, visible).statistic
        assert rank_correlation(shared(weights), visible) == pytest.approx(expected, abs=1e-12)


@given(arrays(np.float64, st.integers(1, 30), elements=st.integers(0, 6).map(float)))
def test_ranks_are_those_of_scipy(values: np.ndarray) -> None:
    assert average_ranks(values) == pytest.approx(rankdata(values, method="average"))


def test_only_the_order_of_weights_matters_to_the_correlation_and_their_size_to_the_gain() -> None:
    rng = np.random.default_rng(5)
    weights, visible = shared(rng.random(12)), rng.random(12)
    visible[weights.argmax()] = 1.0
    sharper = shared(weights**9)
    assert rank_correlation(sharper, visible) == pytest.approx(rank_correlation(weights, visible))
    assert gain(sharper, visible) > gain(weights, visible)
    order = rng.permutation(12)
    assert rank_correlation(weights[order], visible[order]) == pytest.approx(rank_correlation(weights, visible))
    assert gain(weights[order], visible[order]) == pytest.approx(gain(weights, visible))


def test_a_plain_mean_has_0_in_both_also_as_single_precision_rounds_it() -> None:
    rng = np.random.default_rng(7)
    for count in (3, 7, 80):
        visible = rng.random(count)
        rounded = np.full(count, 1 / count) * (1 + 1e-7 * rng.standard_normal(count))
        for weights in (np.full(count, 1 / count), rounded.astype(np.float32)):
            assert rank_correlation(weights, visible) == 0.0
            assert gain(weights, visible) == 0.0


def test_frames_without_the_person_are_left_out() -> None:
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    visible = np.array([0.2, 0.4, 0.6, np.nan])
    assert rank_correlation(weights, visible) == pytest.approx(1.0)
    assert gain(weights, visible) == pytest.approx(100 * ((0.02 + 0.08 + 0.18) / 0.6 - 0.4))
    equal = np.full(4, 0.25)
    assert gain(equal, visible) == 0.0
    elsewhere = np.array([0.0, 0.0, 0.0, 1.0])  # no weight where the person is: blind to it
    assert (rank_correlation(elsewhere, visible), gain(elsewhere, visible)) == (0.0, 0.0)


def test_where_neither_has_a_meaning() -> None:
    weights = np.array([0.2, 0.3, 0.5])
    assert np.isnan(rank_correlation(weights, [0.7, 0.7, 0.7]))
    assert np.isnan(rank_correlation(weights, [0.7, np.nan, 0.2]))
    assert np.isnan(rank_correlation([0.4, 0.6], [0.7, 0.2]))
    assert gain(weights, [0.7, 0.7, 0.7]) == pytest.approx(0.0)
    assert gain([0.4, 0.6], [0.7, 0.2]) == pytest.approx(100 * (0.28 + 0.12 - 0.45))
    assert np.isnan(gain(weights, [np.nan] * 3))


@pytest.mark.parametrize(
    ("weights", "visible", "sentence"),
    [
        ([0.5, 0.5], [1.0], "one for each frame"),
        ([[0.5, 0.5]], [[1.0, 1.0]], "one for each frame"),
        ([], [], "one for each frame"),
        ([0.5, 0.2], [1.0, 0.5], "sum to 0.7"),
        ([1.5, -0.5], [1.0, 0.5], "none below 0"),
        ([np.nan, 1.0], [1.0, 0.5], "expected none"),
        ([0.5, 0.5], [1.0, 50.0], "expected 0 to 1"),
    ],
)
def test_what_is_no_weighting_is_refused(weights: list[float], visible: list[float], sentence: str) -> None:
    for measure in (rank_correlation, gain):
        with pytest.raises(ProtocolError, match=sentence):
            measure(np.array(weights), np.array(visible))


def test_averages_pool_seeds_leave_gaps_out_and_stay_within_their_bounds() -> None:
    persons = np.array([1, 1, 2, 2, 3])
    values = np.array([[0.2, 0.4, np.nan, 0.6, 1.0], [0.4, 0.6, 0.1, 0.8, 1.0]])
    found = frame_weights.average("correlation", values, persons)
    assert (found.tracklets, found.people, found.left_out) == (4, 3, 1)
    assert found.mean == pytest.approx((0.2 + 0.4 + 0.6 + 1.0 + 0.4 + 0.6 + 0.8 + 1.0) / 8)
    assert found.interval is not None
    assert -1 <= found.interval.low <= found.mean <= found.interval.high <= 1
    assert found.interval.seeds == 2
    assert frame_weights.average("gain", 50 * values, persons).interval.high > 1
    assert frame_weights.average("gain", values[0], np.ones(5)).interval is None
    with pytest.raises(ProtocolError, match="'rho' is unknown"):
        frame_weights.average("rho", values, persons)
