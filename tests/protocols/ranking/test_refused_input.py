"""Ranking: what cannot be ranked is refused in one clear sentence."""

import numpy as np
import pytest

from protocols.errors import ProtocolError
from protocols.ranking import rank, rank_features


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_distance_that_is_not_finite_names_its_row(bad):
    distances = np.ones((600, 3))
    distances[311, 2] = bad
    distances[400, 0] = bad
    with pytest.raises(ProtocolError, match=r"row 311 .*column 2"):
        rank(distances, np.ones(600), np.ones(600), [1, 2, 3], [2, 2, 2])
    features = np.ones((5, 4), dtype=np.float32)
    features[3, 1] = bad
    with pytest.raises(ProtocolError, match="gallery descriptors of row 3"):
        rank_features(np.ones((2, 4)), features, [1, 2], [1, 1], [1, 2, 3, 4, 5], [2] * 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query_ids": [1]}, "query_ids must have 2"),
        ({"gallery_cams": [1, 2]}, "gallery_cams must have 3"),
        ({"gallery_ids": [0.5, 1, 2]}, "whole numbers"),
        ({"distances": np.ones(3)}, "matrix"),
        ({"distances": np.ones((0, 3))}, "nothing to rank"),
        ({"distances": np.ones((2, 3), dtype=complex)}, "real numbers"),
        ({"ap": "area"}, "step, trapezoid"),
        ({"ties": "random"}, "expected"),
        ({"empty": "drop"}, "skip, zero"),
        ({"engine": "sort"}, "auto, numpy, numba or torch"),
        ({"max_rank": 0}, "max_rank"),
        ({"gallery": "without-queries"}, "query_in_gallery"),
        ({"gallery": "without-queries", "query_in_gallery": [0, 7]}, "outside"),
        ({"gallery": "without-queries", "query_in_gallery": [0, 0]}, "query 1 is person 2"),
    ],
)
def test_bad_input_is_one_clear_sentence(change, message):
    given_ = {
        "distances": np.ones((2, 3)), "query_ids": [1, 2], "query_cams": [1, 1],
        "gallery_ids": [1, 2, 3], "gallery_cams": [1, 1, 1],
    }  # fmt: skip
    given_ |= change
    positional = [given_.pop(k) for k in ("distances", "query_ids", "query_cams", "gallery_ids", "gallery_cams")]
    if np.shape(positional[0]) == (0, 3):
        positional[1], positional[2] = [], []
    with pytest.raises(ProtocolError, match=message):
        rank(*positional, **given_)


def test_descriptors_of_different_length():
    with pytest.raises(ProtocolError, match="one D"):
        rank_features(np.ones((2, 4)), np.ones((3, 5)), [1, 2], [1, 1], [1, 2, 3], [2] * 3)
    with pytest.raises(ProtocolError, match="block=0"):
        rank_features(np.ones((2, 4)), np.ones((3, 4)), [1, 2], [1, 1], [1, 2, 3], [2] * 3, block=0)
