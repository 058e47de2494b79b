"""Ranking at the size of MARS, with its floor (the bare product) and the sorting way of the field beside it.

The bars are ratios within one run: scoring given distances takes at most 0.2 of the bare product of 2048-d descriptors
that makes them, and scoring from such descriptors at most 1.3 of it, with at most 300 MB beside the descriptors.
"""

import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import torch

from protocols.ranking import rank, rank_conventions, rank_features
from protocols.ranking.conventions import every_convention
from tests.benchmarks.interleaved import in_turns, ratio, told

QUERIES, GALLERY, WIDTH = 1980, 12_180, 512
WIDE, WITHOUT_JUNK = 2048, 11_310
ENGINES = ("numba", "numpy")


@pytest.fixture(scope="module")
def wide():
    """2048-d descriptors of medium quality (mAP near 80 %): 1,980 queries, 11,310 tracklets, the mix of MARS."""
    rng = np.random.default_rng(0)
    persons = WITHOUT_JUNK - 3248
    ids = np.concatenate([rng.integers(1, 627, persons), np.zeros(3248, int)])
    cams = rng.integers(1, 7, WITHOUT_JUNK)
    held = rng.choice(persons, QUERIES, replace=False)
    centre = rng.standard_normal((628, WIDE), dtype=np.float32)
    features = centre[ids] + 2.8 * rng.standard_normal((WITHOUT_JUNK, WIDE), dtype=np.float32)
    return features[held], features, (ids[held], cams[held], ids, cams)


def said(benchmark, capsys, words):
    """Into the benchmark's record, and onto the terminal."""
    benchmark.extra_info.update(words)
    with capsys.disabled():
        print("", *(f"{name}: {text}" for name, text in words.items()), sep="\n  ")


def plain_reference(distances, query_ids, query_cams, gallery_ids, gallery_cams):
    """AP of every query and the CMC, by sorting, filtering and walking down each list."""
    aps, firsts = [], np.zeros(len(gallery_ids))
    for row, person, camera in zip(distances, query_ids, query_cams, strict=True):
        order = np.argsort(row, kind="stable")
        order = order[~((gallery_ids[order] == person) & (gallery_cams[order] == camera))]
        places = np.flatnonzero(gallery_ids[order] == person) + 1
        if len(places):
            aps.append(np.mean(np.arange(1, len(places) + 1) / places))
            firsts[places[0] - 1 :] += 1
    return np.array(aps), firsts / len(aps)


@pytest.mark.benchmark(group="bar: scoring 1,980 x 11,310 given distances")
def test_bar_given_distances(benchmark, wide, capsys):
    query, features, labels = wide
    distances = (features**2).sum(axis=1) - 2 * query @ features.T
    works = {"bare product": lambda: query @ features.T}
    works |= {one: lambda one=one: rank(distances, *labels, engine=one) for one in ENGINES}
    found = in_turns(works, rounds=9)
    scored = benchmark.pedantic(lambda: rank(distances, *labels, ties="index", engine="numba"), rounds=1)
    precision, cmc = plain_reference(distances, *labels)
    np.testing.assert_allclose(scored.average_precision[scored.valid], precision, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(scored.cmc, cmc)
    said(benchmark, capsys, told(found, "bare product") | {"mAP": f"{scored.mAP:.4f}"})
    assert ratio(found["numba"], found["bare product"]) <= 0.2


@pytest.mark.benchmark(group="bar: scoring from 2048-d descriptors")
def test_bar_from_descriptors(benchmark, wide, capsys):
    query, features, labels = wide
    tensors = torch.from_numpy(query), torch.from_numpy(features)
    works = {"NumPy product": lambda: query @ features.T, "torch product": lambda: tensors[0] @ tensors[1].T}
    for one in ENGINES:
        works[f"euclidean, {one}"] = lambda one=one: rank_features(query, features, *labels, engine=one)
        works[f"cosine, {one}"] = lambda one=one: rank_features(query, features, *labels, metric="cosine", engine=one)
    found = in_turns(works, rounds=7)
    floor = min("NumPy product", "torch product", key=lambda name: found[name].wall)
    benchmark.pedantic(works["cosine, numba"], rounds=1)
    said(benchmark, capsys, {"floor": floor} | told(found, floor))
    for one in ("euclidean, numba", "cosine, numba"):
        assert ratio(found[one], found[floor]) <= 1.3


PEAK = """
import json, sys
import numpy as np
from protocols.ranking import rank_features
engine, metric, queries, size, width = *sys.argv[1:3], *map(int, sys.argv[3:])
rng = np.random.default_rng(0)
ids, cams = rng.integers(0, size // 18, size), rng.integers(1, 7, size)
features = rng.standard_normal((size, width), dtype=np.float32)
query = features[:queries].copy()
rank_features(query[:64], features[:64], ids[:64], cams[:64], ids[:64], cams[:64], engine=engine, metric=metric)
open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
status = lambda name: next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
before = status("VmRSS")
rank_features(query, features, ids[:queries], cams[:queries], ids, cams, engine=engine, metric=metric, max_rank=50)
print(json.dumps((status("VmHWM") - before) / 1024))
"""


def peak_beside_descriptors(benchmark, capsys, *words):
    """Megabytes that a fresh process holds at most beside descriptors and libraries, as the system sees it."""
    command = [sys.executable, "-c", PEAK, *map(str, words)]
    run = benchmark.pedantic(
        lambda: subprocess.run(command, check=True, capture_output=True, text=True), rounds=1
    )  # fmt: skip
    megabytes = json.loads(run.stdout)
    said(benchmark, capsys, {"peak beside descriptors": f"{megabytes:.0f} MB"})
    return megabytes


@pytest.mark.benchmark(group="bar: scoring from 2048-d descriptors")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_bar_memory(benchmark, engine, metric, capsys):
    assert peak_beside_descriptors(benchmark, capsys, engine, metric, QUERIES, WITHOUT_JUNK, WIDE) <= 300


@pytest.fixture(scope="module")
def mars_sized():
    """Descriptors of medium quality (mAP near 80 %), with the mix of persons, distractors and junk of MARS."""
    rng = np.random.default_rng(0)
    persons = GALLERY - 870 - 3248
    ids = np.concatenate([rng.integers(1, 627, persons), np.zeros(3248, int), np.full(870, -1)])
    cams = rng.integers(1, 7, GALLERY)
    held = rng.choice(persons, QUERIES, replace=False)
    centre = rng.normal(size=(628, WIDTH))
    features = (centre[ids] + 1.9 * rng.normal(size=(GALLERY, WIDTH))).astype(np.float32)
    query = features[held]
    distances = (features**2).sum(axis=1) - 2 * query @ features.T
    return query, features, distances, (ids[held], cams[held], ids, cams), held


def sort_everything(distances, query_ids, query_cams, gallery_ids, gallery_cams):
    """The way of most published evaluators: argsort of every row, relevance matrix, running sums."""
    aps = []
    for row, person, camera in zip(distances, query_ids, query_cams, strict=True):
        order = np.argsort(row, kind="stable")
        ids, cams = gallery_ids[order], gallery_cams[order]
        kept = ~((ids == person) & (cams == camera)) & (ids != -1)
        hits = (ids == person)[kept]
        if hits.any():
            precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
            aps.append((precision * hits).sum() / hits.sum())
    return float(np.mean(aps))


def test_floor_bare_product(benchmark, mars_sized):
    query, features, *_ = mars_sized
    benchmark(lambda: query @ features.T)


def test_peer_sorts_every_row(benchmark, mars_sized):
    _, _, distances, labels, _ = mars_sized
    score = benchmark.pedantic(sort_everything, (distances, *labels), rounds=2)
    assert score == pytest.approx(rank(distances, *labels, ties="index").mAP, abs=1e-12)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_rank(benchmark, mars_sized, engine):
    _, _, distances, labels, _ = mars_sized
    rank(distances[:2], labels[0][:2], labels[1][:2], *labels[2:], engine=engine)  # compiles
    r = benchmark(lambda: rank(distances, *labels, engine=engine))
    benchmark.extra_info["mAP"] = r.mAP


def test_all_twelve_conventions(benchmark, mars_sized):
    _, _, distances, labels, held = mars_sized
    many = every_convention()
    benchmark(lambda: rank_conventions(distances, *labels, conventions=many, query_in_gallery=held))


def test_from_descriptors(benchmark, mars_sized):
    query, features, _, labels, _ = mars_sized
    benchmark(lambda: rank_features(query, features, *labels, normalise=True))


def test_memory_is_that_of_a_block(benchmark, mars_sized):
    query, features, _, labels, _ = mars_sized
    tracemalloc.start()
    rank_features(query, features, *labels, normalise=True, block=64)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    benchmark.extra_info["peak_mb"] = peak
    benchmark.pedantic(lambda: rank_features(query, features, *labels, normalise=True, block=64), rounds=1)
    full_matrix = QUERIES * GALLERY * 4 / 1e6
    assert peak < features.nbytes / 1e6 + 0.25 * full_matrix
