"""Blocks of distances: equal descriptors stay equal, half precision is widened piece by piece, memory stays bounded."""

import tracemalloc

import numpy as np
import pytest
import torch
from torch import overrides

from protocols.errors import ProtocolError
from protocols.ranking import distances as module
from protocols.ranking import rank, rank_features
from protocols.ranking.distances import BLOCK_BYTES, _blocks_on_device, feature_blocks, rows_per_block
from protocols.ranking.duplicates import duplicates, keys_of


def whole(query, gallery, unit=False, block=None, **more):
    """All blocks put together."""
    found = feature_blocks(query, gallery, "euclidean", unit, block, **more)
    return np.concatenate([rows.copy() for _, rows in found])


@pytest.mark.parametrize("dim", [3, 100, 257])
@pytest.mark.parametrize("queries", [1, 2, 37])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [False, True])
def test_equal_descriptors_stand_at_equal_distances_wherever_they_are(dim, queries, kind, unit):
    """Bare products round the last columns of such a matrix differently on many processors."""
    rng = np.random.default_rng(0)
    gallery = rng.standard_normal((301, dim)).astype(kind)
    gallery[[4, 150, 297, 300]] = gallery[0]
    gallery[[298, 299]] = gallery[7]
    rows = whole(rng.standard_normal((queries, dim)).astype(kind), gallery, unit)
    for first, copies in ((0, [4, 150, 297, 300]), (7, [298, 299])):
        np.testing.assert_array_equal(rows[:, copies], np.repeat(rows[:, [first]], len(copies), axis=1))


@pytest.mark.parametrize("queries", [1, 3, 37])
def test_a_positive_neither_beats_nor_loses_to_a_copy_of_itself(queries):
    """Right and wrong answers share one descriptor, at the edges and in the middle: half of all orders are right."""
    rng = np.random.default_rng(1)
    feature = rng.standard_normal(257).astype(np.float32)
    gallery = np.tile(feature, (302, 1))
    ids = np.where(np.arange(302) % 2, 1, 2)
    query = rng.standard_normal((queries, 257)).astype(np.float32)
    labels = np.ones(queries, int), np.ones(queries, int), ids, np.full(302, 2)
    scores = {
        ties: rank_features(query, gallery, *labels, ties=ties, engine="numpy") for ties in ("expected", "pessimistic")
    }
    assert scores["expected"].hits(1).tolist() == [0.5] * queries
    assert scores["pessimistic"].first_hit.tolist() == [152.0] * queries


def test_rows_of_one_key_that_differ_are_told_apart():
    rows = np.array([[1.0, 2], [1, 3], [1, 2], [5, 5], [1, 3], [1, 2], [1, 4]])
    keys = np.array([9, 9, 9, 9, 9, 9, 9], dtype=np.uint64)
    copies, originals = duplicates(keys, rows)
    assert dict(zip(copies.tolist(), originals.tolist(), strict=True)) == {2: 0, 5: 0, 4: 1}
    nothing, _ = duplicates(np.arange(5, dtype=np.uint64), rows)
    assert len(nothing) == 0


def test_keys_depend_on_every_column_and_on_its_place():
    table = np.array([[1.0, 2, 3], [1, 2, 4], [2, 1, 3], [1, 2, 3]], dtype=np.float32)
    keys = keys_of(table)
    assert keys[0] == keys[3]
    assert len(set(keys.tolist())) == 3


@pytest.mark.parametrize("kind", [np.float16, np.int8])
def test_narrow_numbers_are_widened_exactly_and_a_piece_at_a_time(kind, monkeypatch):
    rng = np.random.default_rng(2)
    query, gallery = (rng.integers(-9, 10, (n, 16)).astype(kind) for n in (20, 900))
    want = (gallery.astype(int) ** 2).sum(axis=1) - 2 * query.astype(int) @ gallery.T.astype(int)
    np.testing.assert_array_equal(whole(query, gallery), want)
    monkeypatch.setattr(module, "_TILE_BYTES", 16 * 8 * 7)  # pieces of 7 or 14 rows
    np.testing.assert_array_equal(whole(query, gallery, block=3), want)


def test_the_first_column_that_is_zero_everywhere_hides_no_copy():
    """As behind a ReLU; rows of one length that differ elsewhere are not taken for copies."""
    gallery = np.zeros((6, 8), dtype=np.float32)
    gallery[np.arange(6), [1, 2, 3, 1, 2, 3]] = 1
    rows = whole(np.arange(8, dtype=np.float32)[None], gallery)
    assert rows[0].tolist() == [-1, -3, -5, -1, -3, -5]


@pytest.mark.parametrize("kind", ["float32", "float16"])
@pytest.mark.parametrize("unit", [False, True])
def test_the_gallery_is_never_copied(unit, kind, monkeypatch):
    """A gallery of 65 MB: what is needed beside it is one block of rows and a few numbers a gallery row."""
    monkeypatch.setattr(module, "_TILE_BYTES", 2**20)
    rng = np.random.default_rng(3)
    query, gallery = (
        rng.standard_normal((8, 512)).astype(np.float32),
        rng.standard_normal((32_000, 512), dtype=np.float32),
    )
    gallery = gallery.astype(kind)
    tracemalloc.start()
    for _ in feature_blocks(query, gallery, "euclidean", unit, 8):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 32_000 * 4 + 150 * 32_000 < 6e6


def test_blocks_never_hold_more_than_256_megabytes():
    assert rows_per_block(None, 1_000_000, 4) == 67
    assert rows_per_block(64, 1_000_000, 4) == 64
    assert rows_per_block(500, 1_000_000, 4) == 67
    assert rows_per_block(None, 12_180, 4) * 12_180 * 4 <= BLOCK_BYTES
    assert rows_per_block(None, 10**9, 8) == 1


def test_descriptors_whose_square_overflows_are_refused_by_row():
    gallery = np.outer([1, 2, 1e25, 3], np.ones(3)).astype(np.float32)
    labels = [1], [1], [1, 2, 1, 2], [2] * 4
    with pytest.raises(ProtocolError, match="gallery descriptors of row 2 are too long"):
        rank_features(np.ones((1, 3), np.float32), gallery, *labels)
    with pytest.raises(ProtocolError, match="query descriptors of row 0 are too long"):
        rank_features(np.full((1, 3), 1e25, np.float32), gallery[:2], [1], [1], [1, 2], [2, 2])
    assert rank_features(np.ones((1, 3)), gallery.astype(float), *labels).mAP == 0.75  # row 2 is far away, row 0 near


def test_products_that_may_overflow_are_looked_at():
    """Lengths whose squares are finite can still have a product beyond float32."""
    query, gallery = np.full((1, 1), -1.5e19, np.float32), np.full((2, 1), 1.5e19, np.float32)
    with pytest.raises(ProtocolError, match="distances of row 0"):
        whole(query, gallery)


def test_zero_descriptors_stay_zero_when_scaled():
    rows = whole(np.array([[0.0, 0], [3, 4]]), np.array([[0.0, 0], [3, 4], [-3, -4]]), unit=True)
    np.testing.assert_allclose(rows, [[0, 0, 0], [0, -1, 1]], atol=1e-15)


@pytest.mark.parametrize("precision", ["medium", "high", "highest"])
def test_products_on_an_accelerator_are_whole_float32_whatever_is_set(precision):
    """4,097 needs 13 bits: TF32 (11) and bfloat16 (8) would make 4,096 of it. The setting is given back."""
    seen = []

    class Spy(overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, given=(), named=None):
            if "matmul" in getattr(function, "__name__", "") and "precision" not in function.__name__:
                seen.append(torch.get_float32_matmul_precision())
            return function(*given, **(named or {}))

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        query, gallery = torch.zeros(64, 64), torch.ones(64, 64)
        query[:, 0] = torch.arange(64) + 4097
        with Spy():
            rows = np.concatenate([part.numpy() for _, part in _blocks_on_device(query, gallery, False, None)])
        assert seen == ["highest"]
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_array_equal(rows, np.repeat(64 - 2 * (np.arange(64) + 4097.0)[:, None], 64, axis=1))


def test_on_an_accelerator_copies_and_bad_rows_are_found_too():
    rng = torch.Generator().manual_seed(0)
    gallery = torch.randn(301, 257, generator=rng)
    gallery[300] = gallery[0]
    for unit in (False, True):
        rows = next(_blocks_on_device(gallery[:3], gallery, unit, None))[1]
        assert torch.equal(rows[:, 300], rows[:, 0])
    gallery[5, 3] = torch.nan
    with pytest.raises(ProtocolError, match=r"gallery descriptors of row 5 .*column 3"):
        next(_blocks_on_device(gallery[:3], gallery, False, None))
    with pytest.raises(ProtocolError, match=r"query descriptors of row 5 .*column 3"):
        next(_blocks_on_device(gallery[:6], gallery[6:], False, None))


def test_a_block_is_the_same_whatever_its_size_where_products_are_exact():
    rng = np.random.default_rng(8)
    query, gallery = rng.integers(-5, 6, (33, 12)).astype(np.float32), rng.integers(-5, 6, (70, 12)).astype(np.float32)
    want = whole(query, gallery)
    for block in (1, 5, 32, 33, 1000):
        np.testing.assert_array_equal(whole(query, gallery, block=block), want)
    ids = rng.integers(0, 5, 70)
    labels = rng.integers(0, 5, 33), np.ones(33, int), ids, np.full(70, 2)
    assert rank(want, *labels).mAP == rank_features(query, gallery, *labels, block=7).mAP


def test_cut_to_ten_bits_of_mantissa_nearly_every_query_scores_otherwise():
    """Why products are made in full float32: TF32 keeps 10 of its 23 bits, bfloat16 keeps 7.

    Against float64, on 4,000 tracklets of 50 people whose descriptors are alike, as those of a network are. Float32
    itself changes some queries too (distances that all but tie), by little.
    """
    rng = np.random.default_rng(9)
    ids, cams = rng.integers(1, 51, 4000), rng.integers(1, 7, 4000)
    gallery = (2 + rng.standard_normal((51, 64))[ids] + 1.5 * rng.standard_normal((4000, 64))).astype(np.float32)
    labels = ids[:200], cams[:200], ids, cams

    def moved(bits):
        cut = (gallery.view(np.uint32) >> (23 - bits) << (23 - bits)).view(np.float32)
        return abs(rank_features(cut[:200], cut, *labels, metric="cosine").average_precision - exact)

    wide = gallery.astype(np.float64)
    exact = rank_features(wide[:200], wide, *labels, metric="cosine").average_precision
    whole, tf32, bfloat16 = moved(23), moved(10), moved(7)
    assert (whole > 1e-12).sum() <= 20 and whole.mean() < 1e-5
    assert (tf32 > 1e-12).sum() >= 150 and tf32.mean() > 10 * whole.mean()
    assert (bfloat16 > 1e-12).sum() >= 150 and bfloat16.mean() > 2 * tf32.mean()
