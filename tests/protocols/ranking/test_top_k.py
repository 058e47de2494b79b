"""Top lists, where the errors come from, and the colour descriptor."""

import numpy as np
import pytest

from protocols.colour_baseline import stripe_colours
from protocols.errors import ProtocolError
from protocols.ranking import rank
from protocols.ranking.top_k import same_camera_error_share, top_columns


def test_top_list_leaves_out_junk_and_ones_own_camera_and_cuts_ties_by_column():
    gallery = np.array([[0.0], [0.1], [0.2], [1.0], [-1.0], [5.0]])
    ids, cams = [1, -1, 2, 1, 3, 1], [1, 2, 1, 2, 1, 3]
    top = top_columns([[0.0]], gallery, [1], [1], ids, cams, k=3)
    assert top.tolist() == [[2, 3, 4]]
    assert top_columns([[0.0]], gallery, [1], [1], ids, cams, k=6).tolist() == [[2, 3, 4, 5, -1, -1]]
    with pytest.raises(ProtocolError, match="k=0"):
        top_columns([[0.0]], gallery, [1], [1], ids, cams, k=0)


def test_top_one_agrees_with_rank_one():
    rng = np.random.default_rng(0)
    gallery, query = rng.normal(size=(200, 6)), rng.normal(size=(30, 6))
    ids, cams = rng.integers(-1, 9, 200), rng.integers(1, 4, 200)
    query_ids, query_cams = rng.integers(1, 9, 30), rng.integers(1, 4, 30)
    top = top_columns(query, gallery, query_ids, query_cams, ids, cams, block=7)[:, 0]
    distances = np.linalg.norm(query[:, None] - gallery[None], axis=2)
    r = rank(distances, query_ids, query_cams, ids, cams)
    np.testing.assert_array_equal(ids[top] == query_ids, r.first_hit == 1)


def test_share_of_errors_from_the_querys_own_camera():
    # three errors, two of them from camera 1; one right answer; one query without an answer
    share = same_camera_error_share([0, 1, 2, 3, -1], [1, 1, 1, 1, 1], [1] * 5, [2, 3, 4, 1], [1, 1, 2, 2])
    assert share == pytest.approx(2 / 3)
    assert np.isnan(same_camera_error_share([3], [1], [1], [2, 3, 4, 1], [1, 1, 2, 2]))


def test_stripe_colours_of_a_flag():
    frames = np.zeros((2, 16, 4, 3), dtype=np.uint8)
    frames[:, 0:2, :, 0] = 200  # top stripe red
    frames[0, 14:16, :, 2] = 100  # bottom stripe blue in one of two frames
    d = stripe_colours(frames)
    assert d.shape == (24,)
    assert d[:3].tolist() == [200, 0, 0]
    assert d[-3:].tolist() == [0, 0, 50]
    assert d[3:-3].sum() == 0
    assert stripe_colours(frames, np.array([True, False]))[-1] == 100


def test_stripes_share_rows_evenly_and_the_mean_is_kept():
    frames = np.random.default_rng(0).integers(0, 256, (3, 64, 32, 3), dtype=np.uint8)
    np.testing.assert_allclose(stripe_colours(frames).reshape(8, 3).mean(axis=0), frames.mean(axis=(0, 1, 2)))


@pytest.mark.parametrize("shape", [(0, 16, 4, 3), (2, 4, 4, 3), (16, 4, 3), (2, 16, 4, 4)])
def test_stripes_refuse_other_shapes(shape):
    with pytest.raises(ProtocolError):
        stripe_colours(np.zeros(shape, dtype=np.uint8))
    with pytest.raises(ProtocolError, match="mask"):
        stripe_colours(np.zeros((2, 16, 4, 3), dtype=np.uint8), np.ones(3, bool))
