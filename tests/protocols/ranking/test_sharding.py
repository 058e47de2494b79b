"""A gallery in slices: every process ends with the ranking that one process makes of the whole."""

import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import ProtocolError
from protocols.ranking import rank_features, rank_features_conventions
from protocols.ranking.conventions import Convention, every_convention
from protocols.ranking.sharding import SharedCopies, slice_of

RULES = ("expected", "pessimistic", "optimistic", "index")
ALL_WAYS = [one for ties in RULES for one in every_convention(ties)]


class Threads:
    """Processes that are threads: the same exchange, without starting anything."""

    def __init__(self, rank, shared):
        self.rank, self.size, self._shared = rank, shared["size"], shared

    def gather(self, array):
        self._shared["slots"][self.rank] = np.array(array)
        self._shared["barrier"].wait(600)
        found = list(self._shared["slots"])
        self._shared["barrier"].wait(600)
        return found


def together(size, work):
    """What each of `size` processes returns, or raises, from work(processes)."""
    shared = {"size": size, "slots": [None] * size, "barrier": threading.Barrier(size)}

    def one(rank):
        try:
            return work(Threads(rank, shared))
        except ProtocolError as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, range(size)))


def sharded(size, query, gallery, labels, held=None, cuts=None, **more):
    """The rankings of every process, each with its slice."""
    query_ids, query_cams, gallery_ids, gallery_cams = labels
    cuts = cuts or [slice_of(len(gallery), rank, size) for rank in range(size)]

    def work(processes):
        part = cuts[processes.rank]
        return rank_features_conventions(
            query, gallery[part], query_ids, query_cams, gallery_ids[part], gallery_cams[part],
            query_in_gallery=held, processes=processes, **more,
        )  # fmt: skip

    return together(size, work)


def case(seed, queries=20, size=150, persons=8, dim=6, values=4, kind=np.float32):
    """Whole numbers, so that products are exact however they are summed; few of them, so that many tie."""
    rng = np.random.default_rng(seed)
    ids, cams = rng.integers(-1, persons, size), rng.integers(1, 4, size)
    gallery = rng.integers(-values, values + 1, (size, dim)).astype(kind)
    held = rng.integers(0, size, queries)
    return gallery[held], gallery, (ids[held], cams[held], ids, cams), held


def assert_equal_rankings(got, want):
    assert got.keys() == want.keys()
    for way, ranking in want.items():
        for field in ("average_precision", "first_hit", "valid", "cmc"):
            np.testing.assert_array_equal(getattr(got[way], field), getattr(ranking, field))
        np.testing.assert_array_equal(got[way].first_group, ranking.first_group)
        assert got[way].mAP == ranking.mAP or np.isnan(ranking.mAP)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(5, 60), st.integers(1, 9), st.sampled_from([0, 1, 4]))
def test_every_way_of_scoring_is_that_of_one_process(seed, processes, size, queries, values):
    """48 ways: galleries, AP formulas, empty rules, tie rules; 0 is a model that has collapsed."""
    query, gallery, labels, held = case(seed, queries, size, values=values)
    want = rank_features_conventions(query, gallery, *labels, conventions=ALL_WAYS, query_in_gallery=held)
    for got in sharded(processes, query, gallery, labels, held, conventions=ALL_WAYS, block=4):
        assert_equal_rankings(got, want)


@pytest.mark.parametrize("engine", ["numpy", "numba", "torch"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_engines_metrics_and_kinds(engine, metric, kind):
    query, gallery, labels, held = case(3, kind=kind, dim=16)
    if metric == "cosine":  # corners of a cube have length 4, so that unit vectors are exact, too
        query, gallery = (np.where(one > 0, 1, -1).astype(kind) for one in (query, gallery))
    more = {"conventions": ALL_WAYS, "metric": metric, "engine": engine}
    want = rank_features_conventions(query, gallery, *labels, query_in_gallery=held, **more)
    for got in sharded(3, query, gallery, labels, held, **more):
        assert_equal_rankings(got, want)


def test_slices_of_any_size_and_blocks_of_any_size(monkeypatch):
    monkeypatch.setattr("protocols.ranking.distances.BLOCK_BYTES", 149 * 4 * 3)  # the larger the slice, the fewer rows
    monkeypatch.setattr("protocols.ranking.evaluate.ENTRIES_AT_ONCE", 30)
    query, gallery, labels, held = case(4)
    want = rank_features_conventions(query, gallery, *labels, conventions=ALL_WAYS, query_in_gallery=held)
    for cuts in (
        [slice(0, 1), slice(1, 150)],
        [slice(0, 149), slice(149, 150)],
        [slice(0, 2), slice(2, 90), slice(90, 150)],
    ):
        for block in (1, 7, None):
            for got in sharded(len(cuts), query, gallery, labels, held, cuts, conventions=ALL_WAYS, block=block):
                assert_equal_rankings(got, want)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("block", [1, 3, 60])
def test_equal_descriptors_tie_across_slices_though_their_products_are_rounded_apart(unit, kind, block):
    """Three people's tracklets have a copy of another person's at the very end, where products are rounded apart."""
    rng = np.random.default_rng(5)
    half = rng.standard_normal((103, 257)).astype(kind)
    gallery = np.concatenate([half, half[::-1]])
    ids = np.concatenate([np.arange(1, 104), np.arange(201, 304)])
    query = rng.standard_normal((60, 257)).astype(kind)
    labels = (np.tile([1, 2, 3], 20), np.ones(60, int), ids, np.full(206, 2))
    for got in sharded(2, query, gallery, labels, conventions=[Convention()], normalise=unit, block=block):
        _, tied, right = got[Convention()].first_group
        assert (tied.tolist(), right.tolist()) == ([2] * 60, [1] * 60)


def test_a_collapsed_model_scores_exactly_at_chance_in_slices_too():
    rng = np.random.default_rng(6)
    labels = case(6)[2]
    feature = rng.standard_normal(77).astype(np.float32)
    flat = rank_features(np.zeros((20, 1)), np.zeros((150, 1)), *labels)
    for got in sharded(4, np.tile(feature, (20, 1)), np.tile(feature, (150, 1)), labels, conventions=[Convention()]):
        np.testing.assert_array_equal(got[Convention()].average_precision, flat.average_precision)


def test_copies_are_lent_by_the_lowest_row_alone():
    """Rows 0 1 2 | 3 4 | 5 6 7 hold a b a | c a | b d a: a is lent by row 0 and b by row 1; c and d by nobody."""
    gallery = np.array([[1, 0], [2, 0], [1, 0], [3, 0], [1, 0], [2, 0], [4, 0], [1, 0]], dtype=np.float32)
    cuts = [slice(0, 3), slice(3, 5), slice(5, 8)]
    rows = np.arange(16, dtype=np.float32).reshape(2, 8)

    def work(processes):
        part = cuts[processes.rank]
        copies = SharedCopies.among(processes, part.start, gallery[part])
        own = rows[:, part].copy()
        copies.level(own)
        return copies.lent.tolist(), own

    found = together(3, work)
    assert [lent for lent, _ in found] == [[0, 1], [], []]
    levelled = np.concatenate([own for _, own in found], axis=1)
    assert levelled.tolist() == [[0, 1, 0, 3, 0, 1, 6, 0], [8, 9, 8, 11, 8, 9, 14, 8]]


def test_random_descriptors_score_as_in_one_process():
    rng = np.random.default_rng(7)
    ids, cams = rng.integers(0, 30, 900), rng.integers(1, 4, 900)
    gallery = (rng.standard_normal((30, 64))[ids] + rng.standard_normal((900, 64))).astype(np.float32)
    labels = (ids[:50], cams[:50], ids, cams)
    want = rank_features(gallery[:50], gallery, *labels, metric="cosine")
    for got in sharded(2, gallery[:50], gallery, labels, conventions=[Convention()], metric="cosine"):
        np.testing.assert_allclose(got[Convention()].average_precision, want.average_precision, atol=1e-3)
        assert got[Convention()].mAP == pytest.approx(want.mAP, abs=1e-5)


def test_slices_are_equal_shares_in_order():
    for size, processes in ((7, 7), (10, 3), (1_000_001, 8)):
        parts = [slice_of(size, rank, processes) for rank in range(processes)]
        assert parts[0].start == 0 and parts[-1].stop == size
        assert all(a.stop == b.start for a, b in pairwise(parts))
        lengths = [part.stop - part.start for part in parts]
        assert max(lengths) - min(lengths) <= 1
    with pytest.raises(ProtocolError, match="3 tracklets cannot be shared by 4 processes"):
        slice_of(3, 0, 4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gallery": np.nan}, "process 1 of 2: gallery descriptors of row 2 hold nan"),
        ({"queries": 1}, "the same queries"),
        ({"width": 1}, "process 1 of 2: descriptors must be"),
        ({"empty": True}, "no slice of the gallery may be empty"),
        ({"kind": np.float64}, "of one type"),
        ({"held": 150}, "outside the gallery of 150"),
        ({"camera": 9}, r"process 1 of 2: query_in_gallery\[0\] = 149 is person"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_is_wrong_in_one_process_ends_all_with_the_same_sentence(change, says):
    query, gallery, labels, _ = case(8)
    ways = [Convention("without-queries")] if {"held", "camera"} & change.keys() else [Convention()]

    def work(processes):
        part = slice_of(150, processes.rank, 2)
        here, asked, own = gallery[part].copy(), query, [labels[0], labels[1], labels[2][part], labels[3][part].copy()]
        held = np.full(20, change.get("held", 149)) if ways[0].gallery == "without-queries" else None
        if held is not None:
            own[:2] = np.full(20, labels[2][149]), np.full(20, labels[3][149])
        if processes.rank == 1:
            here = here[:0] if "empty" in change else here.astype(change.get("kind", np.float32))
            own[2:] = [one[:0] for one in own[2:]] if "empty" in change else own[2:]
            if "gallery" in change:
                here[2, 1] = change["gallery"]
            here = here[:, change.get("width", 0) :]
            asked = query[change.get("queries", 0) :]
            own[:2] = [one[change.get("queries", 0) :] for one in own[:2]]
            if "camera" in change:
                own[3][-1] = change["camera"]
        return rank_features_conventions(
            asked, here, *own, conventions=ways, query_in_gallery=held, processes=processes
        )

    found = together(2, work)
    assert all(isinstance(one, ProtocolError) for one in found)
    assert len({str(one) for one in found}) == 1
    with pytest.raises(ProtocolError, match=says):
        raise found[0]


SCRIPT = """
import json, sys
import numpy as np
from torch import distributed
from protocols.ranking.conventions import every_convention
from protocols.ranking.distributed import TorchProcesses
from protocols.ranking import rank_features_conventions
from protocols.ranking.sharding import slice_of
distributed.init_process_group("gloo")
processes = TorchProcesses()
stored = np.load(sys.argv[1])
part = slice_of(len(stored["gallery"]), processes.rank, processes.size)
ways = [one for ties in ("expected", "pessimistic", "optimistic", "index") for one in every_convention(ties)]
found = rank_features_conventions(
    stored["query"], stored["gallery"][part], stored["query_ids"], stored["query_cams"], stored["ids"][part],
    stored["cams"][part], conventions=ways, query_in_gallery=stored["held"], block=6, processes=processes)
said = [[r.mAP, r.cmc.tolist(), r.average_precision.tolist()] for r in found.values()]
open(f"{sys.argv[2]}/{processes.rank}.json", "w").write(json.dumps(said))
distributed.destroy_process_group()
"""


def test_two_real_processes_over_gloo(tmp_path):
    query, gallery, labels, held = case(9)
    np.savez(tmp_path / "case.npz", query=query, gallery=gallery, held=held,
             **dict(zip(("query_ids", "query_cams", "ids", "cams"), labels, strict=True)))  # fmt: skip
    (tmp_path / "script.py").write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    alone["PYTHONPATH"] = os.pathsep.join(sys.path)
    words = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "case.npz"), str(tmp_path)]
    started = [
        subprocess.Popen(words, env=os.environ | alone | {"RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in ("0", "1")
    ]
    for one in started:
        assert one.wait(900) == 0, one.communicate()[1]
    want = rank_features_conventions(query, gallery, *labels, conventions=ALL_WAYS, query_in_gallery=held)
    said = [[r.mAP, r.cmc.tolist(), r.average_precision.tolist()] for r in want.values()]
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == said


def test_slices_on_accelerators(monkeypatch):
    """As on GPUs, on tensors of the processor; half of the gallery repeats rows of the other slice."""
    query, gallery, labels, held = case(10)
    gallery[75:] = gallery[:75][::-1]
    labels[0][:], labels[1][:], query = labels[2][held], labels[3][held], gallery[held]
    want = rank_features_conventions(query, gallery, *labels, conventions=ALL_WAYS, query_in_gallery=held)
    monkeypatch.setattr("protocols.ranking.distances._away", lambda value: isinstance(value, torch.Tensor))
    tensors = torch.from_numpy(query), torch.from_numpy(gallery)
    for got in sharded(2, *tensors, labels, held, conventions=ALL_WAYS, block=6):
        assert_equal_rankings(got, want)
