"""Three engines, one set of digits: on random and degenerate distances, in every convention and tie rule."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from files.cores import usable_cores
from protocols.arrays import is_torch
from protocols.errors import ProtocolError
from protocols.ranking import rank, rank_conventions, rank_features, rank_features_conventions
from protocols.ranking.conventions import every_convention
from protocols.ranking.counting.blocks import COMPILED_FROM_PAIRS, choose_engine, count_block
from protocols.ranking.counting.numba_engine import threads
from protocols.ranking.distances import feature_blocks, matrix_blocks
from protocols.ranking.gallery import GalleryIndex

ENGINES = ("numpy", "numba", "torch")
FIELDS = ("query", "before", "tied", "right_before", "right_tied")
BOTH = FULL, WITHOUT_QUERIES = (False, False), (True, False)
RULES = ("expected", "pessimistic", "optimistic", "index")


def labels_of(rng, queries, size, persons, cameras=3):
    gallery_ids, gallery_cams = rng.integers(-1, persons, size), rng.integers(1, cameras + 1, size)
    return rng.integers(0, persons, queries), rng.integers(1, cameras + 1, queries), gallery_ids, gallery_cams


def counted(distances, labels, held=None):
    index = GalleryIndex.build(*labels, held)
    return [count_block(distances, 0, index, BOTH, engine) for engine in ENGINES]


def assert_alike(found):
    for other in found[1:]:
        for gallery in BOTH:
            for field in FIELDS:
                np.testing.assert_array_equal(getattr(other[gallery], field), getattr(found[0][gallery], field))


@settings(max_examples=120, derandomize=True, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 400), st.integers(1, 8),
    st.sampled_from([1, 2, 7, 100, 0]), st.sampled_from([np.float32, np.float64]), st.booleans(),
)  # fmt: skip
def test_counts_are_equal_to_the_digit(seed, queries, size, persons, levels, kind, inside):
    rng = np.random.default_rng(seed)
    labels = labels_of(rng, queries, size, persons)
    distances = (rng.integers(0, levels, (queries, size)) if levels else rng.standard_normal((queries, size))).astype(
        kind
    )
    held = rng.integers(0, size, queries) if inside else None
    if held is not None:
        labels = (labels[2][held], labels[3][held], *labels[2:])
    assert_alike(counted(distances, labels, held))


@pytest.mark.parametrize("queries_of_person_one", [1, 40])
@pytest.mark.parametrize("levels", [3, 0])
def test_a_person_with_hundreds_of_tracklets_is_counted_alike(queries_of_person_one, levels):
    """Above 96 levels the compiled sweep searches, below it compares; a row of 20,000 is more than one chunk."""
    rng = np.random.default_rng(1)
    queries, size = queries_of_person_one, 20_000
    labels = (np.ones(queries, int), np.full(queries, 4), np.r_[np.ones(600, int), rng.integers(-1, 9, size - 600)],
              rng.integers(1, 5, size))  # fmt: skip
    distances = rng.integers(0, levels, (queries, size)) if levels else rng.random((queries, size))
    found = counted(distances.astype(np.float32), labels)
    assert_alike(found)
    assert found[0][FULL].right_tied.sum() == queries * int(((labels[2] == 1) & (labels[3] != 4)).sum())


@pytest.mark.parametrize("value", [0.0, -0.0, 3.5])
def test_all_distances_equal(value):
    rng = np.random.default_rng(2)
    labels = labels_of(rng, 9, 100, 5)
    assert_alike(counted(np.full((9, 100), value, dtype=np.float32), labels))


def test_minus_zero_ties_with_zero():
    distances = np.array([[0.0, -0.0, 0.0, -0.0]], dtype=np.float32)
    for found in counted(distances, (np.array([1]), np.array([1]), np.array([1, 2, 3, 1]), np.full(4, 2))):
        groups = found[FULL]
        assert (groups.before.tolist(), groups.tied.tolist(), groups.right_tied.tolist()) == ([0], [4], [2])


def test_neighbouring_floats_do_not_tie():
    """1 and the next float32 above it: one is nearer, in every engine, though they differ in the last bit only."""
    above = np.nextafter(np.float32(1), np.float32(2))
    distances = np.array([[above, 1.0]], dtype=np.float32)
    for found in counted(distances, (np.array([1]), np.array([1]), np.array([1, 2]), np.array([2, 2]))):
        assert found[FULL].before.tolist() == [1]
        assert found[FULL].tied.tolist() == [1]


@pytest.mark.parametrize(
    ("gallery_ids", "gallery_cams"),
    [([-1, -1, -1], [2, 3, 1]), ([7, 7, 7], [1, 1, 1]), ([8, 0, -1], [2, 2, 2])],
    ids=["junk only", "own camera only", "nobody of that name"],
)
def test_without_positives_there_are_no_groups(gallery_ids, gallery_cams):
    labels = (np.array([7, 7]), np.array([1, 1]), np.array(gallery_ids), np.array(gallery_cams))
    for found in counted(np.ones((2, 3), dtype=np.float32), labels):
        assert len(found[FULL].query) == len(found[WITHOUT_QUERIES].query) == 0


def test_a_junk_query_has_no_positives_though_junk_is_in_the_gallery():
    for found in counted(
        np.ones((1, 2), np.float32), (np.array([-1]), np.array([1]), np.array([-1, -1]), np.array([2, 2]))
    ):
        assert len(found[FULL].query) == 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("person", [1, 9], ids=["asked for", "without positives"])
def test_what_is_not_finite_is_refused_by_row_and_column(engine, bad, person):
    distances = np.ones((50, 9000), dtype=np.float32)
    distances[31, 8999] = distances[40, 0] = bad
    index = GalleryIndex.build(np.full(50, person), np.ones(50, int), np.ones(9000, int), np.full(9000, 2), None)
    with pytest.raises(ProtocolError, match=r"distances of row 131 .*column 8999"):
        count_block(distances, 100, _moved(index, 100), BOTH[:1], engine)


def _moved(index, by):
    """The same index for queries that come `by` rows later."""

    def zeros(array):
        return np.concatenate([np.zeros(by, dtype=array.dtype), array])

    return GalleryIndex(
        index.order, zeros(index.start), zeros(index.end), zeros(index.query_cams), index.gallery_cams, index.role
    )  # fmt: skip


@pytest.mark.parametrize("levels", [None, 30, 2, 1])
def test_every_convention_and_tie_rule_from_a_tensor_as_from_numpy(levels):
    rng = np.random.default_rng(4)
    gallery_ids, gallery_cams = rng.integers(-1, 12, 300), rng.integers(1, 5, 300)
    held = rng.choice(np.flatnonzero(gallery_ids > 0), 40, replace=False)
    labels = (gallery_ids[held], gallery_cams[held], gallery_ids, gallery_cams)
    distances = (rng.random((40, 300)) if levels is None else rng.integers(0, levels, (40, 300))).astype(np.float32)
    conventions = [one for ties in RULES for one in every_convention(ties)]
    want = rank_conventions(distances, *labels, conventions=conventions, query_in_gallery=held, engine="numpy")
    got = rank_conventions(
        torch.from_numpy(distances), *labels, conventions=conventions, query_in_gallery=held, engine="torch"
    )  # fmt: skip
    for one in conventions:
        np.testing.assert_array_equal(got[one].average_precision, want[one].average_precision)
        np.testing.assert_array_equal(got[one].first_hit, want[one].first_hit)
        np.testing.assert_array_equal(got[one].cmc, want[one].cmc)


def test_few_threads_where_the_environment_says_so(monkeypatch):
    usable = usable_cores()
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert threads() == usable
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads() == 1
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1000")
    assert threads() == usable


def test_the_number_of_threads_changes_nothing(monkeypatch):
    rng = np.random.default_rng(5)
    labels = labels_of(rng, 33, 500, 6)
    index = GalleryIndex.build(*labels, None)
    distances = rng.integers(0, 40, (33, 500)).astype(np.float32)
    found = []
    for many in (1, 2, 3):
        monkeypatch.setattr("protocols.ranking.counting.numba_engine.threads", lambda many=many: many)
        found.append(count_block(distances, 0, index, BOTH, "numba"))
    assert_alike(found)


def test_auto_takes_the_compiled_sweep_only_where_it_pays_or_is_there_already():
    code = (
        "import sys\nfrom protocols.ranking.counting.blocks import choose_engine, COMPILED_FROM_PAIRS\n"
        "assert choose_engine('auto', COMPILED_FROM_PAIRS - 1) == 'numpy' and 'numba' not in sys.modules\n"
        "assert choose_engine('auto', COMPILED_FROM_PAIRS) == 'numba'\nassert choose_engine('auto', 1) == 'numba'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    without = "import sys\nsys.modules['numba'] = None\n" + code.splitlines()[1]
    without += "\nassert choose_engine('auto', COMPILED_FROM_PAIRS) == 'numpy'"
    subprocess.run([sys.executable, "-c", without], check=True)
    with pytest.raises(ProtocolError, match="numba or torch"):
        choose_engine("cython", COMPILED_FROM_PAIRS)


@pytest.mark.parametrize(("engine", "library"), [("numba", "numba"), ("torch", "torch")])
def test_an_engine_whose_library_is_absent_is_refused_in_a_sentence(engine, library, monkeypatch):
    module = {"numba": "protocols.ranking.counting.numba_engine", "torch": "protocols.ranking.counting.torch_engine"}[
        engine
    ]
    for loaded in (module, "files.numba_cache"):
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ProtocolError, match=f"engine='{engine}' cannot be loaded .*choose auto or numpy"):
        rank(np.eye(2), [1, 2], [1, 1], [1, 2], [2, 2], engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_descriptors_of_whole_numbers_score_exactly_alike_in_every_engine(engine):
    """Products of small whole numbers are exact in float32, whatever the order of the sum."""
    rng = np.random.default_rng(6)
    labels = labels_of(rng, 30, 400, 9)
    query, gallery = rng.integers(-3, 4, (30, 24)).astype(np.float32), rng.integers(-3, 4, (400, 24)).astype(np.float32)
    squared = ((query[:, None] - gallery[None]) ** 2).sum(axis=2)
    want = rank_conventions(squared, *labels, conventions=every_convention()[:1], engine="numpy")
    got = rank_features(query, gallery, *labels, engine=engine)
    np.testing.assert_array_equal(got.average_precision, next(iter(want.values())).average_precision)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_the_way_of_an_accelerator_from_descriptors_to_scores(metric, kind, monkeypatch):
    """As on a GPU, on tensors of the processor: products, copies and counts in torch; corners of a cube are exact."""
    rng = np.random.default_rng(7)
    gallery_ids, gallery_cams = rng.integers(-1, 9, 300), rng.integers(1, 4, 300)
    gallery = np.where(rng.random((300, 16)) < 0.5, -1.0, 1.0)
    held = rng.choice(np.flatnonzero(gallery_ids > 0), 30, replace=False)
    labels = (gallery_ids[held], gallery_cams[held], gallery_ids, gallery_cams)
    conventions = [one for ties in RULES for one in every_convention(ties)]
    more = {"conventions": conventions, "query_in_gallery": held, "metric": metric}
    want = rank_features_conventions(gallery[held], gallery, *labels, **more)
    monkeypatch.setattr("protocols.ranking.distances._away", is_torch)
    tensor = torch.tensor(gallery, dtype=getattr(torch, kind))
    for block in (None, 7):
        got = rank_features_conventions(tensor[held], tensor, *labels, block=block, **more)
        for one in conventions:
            np.testing.assert_array_equal(got[one].average_precision, want[one].average_precision)
            np.testing.assert_array_equal(got[one].cmc, want[one].cmc)
    in_numpy = rank_features_conventions(tensor[held], tensor, *labels, engine="numpy", **more)
    assert in_numpy[conventions[0]].mAP == want[conventions[0]].mAP
    given = rank(torch.from_numpy(-gallery[held] @ gallery.T), *labels)
    assert given.mAP == want[conventions[0]].mAP


def test_blocks_stay_on_the_accelerator_unless_another_engine_is_asked_for(monkeypatch):
    monkeypatch.setattr("protocols.ranking.distances._away", is_torch)
    tensor = torch.eye(4)
    for on_device, kind in ((True, torch.Tensor), (False, np.ndarray)):
        for blocks in (
            feature_blocks(tensor, tensor, "cosine", False, on_device=on_device),
            matrix_blocks(tensor.half(), on_device=on_device),
        ):
            rows = next(blocks)[1]
            assert isinstance(rows, kind)
            assert str(rows.dtype).endswith("float32")


@pytest.mark.parametrize("engine", ENGINES)
def test_people_with_very_many_tracklets_are_counted_a_few_queries_at_a_time(engine, monkeypatch):
    """Whatever that number is, the digits are the same; a query whose person alone has more is counted by itself."""
    rng = np.random.default_rng(8)
    ids, cams = np.r_[np.ones(150, int), rng.integers(-1, 6, 150)], rng.integers(1, 4, 300)
    held = rng.choice(np.flatnonzero(ids > 0), 40, replace=False)
    labels = (ids[held], cams[held], ids, cams)
    distances = rng.integers(0, 25, (40, 300)).astype(np.float32)
    distances.setflags(write=False)
    conventions = [one for ties in RULES for one in every_convention(ties)]
    want = rank_conventions(distances, *labels, conventions=conventions, query_in_gallery=held, engine="numpy")
    for entries in (1, 200, 1000):
        monkeypatch.setattr("protocols.ranking.evaluate.ENTRIES_AT_ONCE", entries)
        got = rank_conventions(distances, *labels, conventions=conventions, query_in_gallery=held, engine=engine)
        for one in conventions:
            np.testing.assert_array_equal(got[one].average_precision, want[one].average_precision)
            np.testing.assert_array_equal(got[one].first_group, want[one].first_group)
