"""Every way of scoring at once: a spread worked by hand, distances that rank alike, collapsed models, named ways."""

import numpy as np
import pytest

from protocols.errors import ProtocolError
from protocols.ranking.all_conventions import ledger_rows, score_side_by_side
from protocols.ranking.conventions import DISTANCES, Convention, Distance, Scoring, distance_of, every_convention
from protocols.ranking.published import PUBLISHED
from tests.protocols.ranking import reference

PLAIN, UNIT, COSINE = DISTANCES


def random_set(seed=0, queries=12, others=40, dim=5):
    """Queries that stand first in their gallery, as some data sets have it."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((queries + others, dim)) * rng.uniform(0.2, 3, (queries + others, 1))
    ids, cams = rng.integers(-1, 6, queries + others), rng.integers(1, 4, queries + others)
    ids[:queries] = np.abs(ids[:queries]) + 1
    return features.astype(np.float32), ids, cams, np.arange(queries)


def score(features, ids, cams, held, **more):
    return score_side_by_side(
        features[held], features, ids[held], cams[held], ids, cams, query_in_gallery=held, **more
    )  # fmt: skip


def test_a_spread_worked_by_hand():
    """Two queries of person 1. On a line from 0: 1@camera 1 (first query), wrong, 1@camera 2 (second query), 1@3.

    First query at 0: list wrong, right (the second query), right: step (1/2 + 2/3) / 2 = 7/12,
    trapezoid ((0 + 1/2) / 2 + (1/2 + 2/3) / 2) / 2 = 5/12.
    Second query at 2: its list is wrong (1), then 1@3 and the first query, both 2 away ... so 1@3 is put at 3.5.
    List: wrong at 1, 1@3 at 1.5, first query at 2: the same relevance, so the same 7/12 and 5/12.
    Without the queries: wrong, right each: step 1/2, trapezoid 1/4.
    """
    line = np.array([[0.0], [2.0], [1.0], [3.5]])
    ids, cams = np.array([1, 1, 2, 1]), np.array([1, 2, 1, 3])
    found = score(line, ids, cams, np.array([0, 1]), distances=[PLAIN])
    values = {
        (gallery, ap): found[Scoring(PLAIN, Convention(gallery, ap))].mAP
        for gallery in ("full", "without-queries")
        for ap in ("step", "trapezoid")
    }
    assert values == pytest.approx(
        {("full", "step"): 7 / 12, ("full", "trapezoid"): 5 / 12, ("without-queries", "step"): 1 / 2,
         ("without-queries", "trapezoid"): 1 / 4}
    )  # fmt: skip
    assert max(values.values()) - min(values.values()) == pytest.approx(1 / 3)


def test_the_distance_alone_turns_a_list_around():
    """The right answer points the query's way but is long, the wrong one is near but points elsewhere."""
    query, right, wrong = [1.0, 0.0], [9.0, 0.0], [0.8, 0.8]
    found = score_side_by_side([query], [right, wrong], [1], [1], [1, 2], [2, 2])
    assert found[Scoring(PLAIN, Convention())].mAP == 0.5
    assert found[Scoring(UNIT, Convention())].mAP == 1
    assert found[Scoring(COSINE, Convention())].mAP == 1


def test_queries_left_out_of_the_gallery_lose_their_last_positive():
    """Two tracklets of a person, both of them queries: kept, each finds the other; taken out, none has a positive."""
    features = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 5.0]])
    ids, cams = np.array([1, 1, 2]), np.array([1, 2, 1])
    rows = ledger_rows(score(features, ids, cams, np.array([0, 1])))
    kept = [row for row in rows if row["gallery"] != "without-queries"]
    out = {row["empty"]: row for row in rows if row["gallery"] == "without-queries"}
    assert {row["mAP"] for row in kept} == {100.0}
    assert out["zero"] | {"mAP": 0.0, "rank1": 0.0, "valid_queries": 0, "queries": 2} == out["zero"]
    assert out["skip"]["mAP"] is None and out["skip"]["rank1"] is None


@pytest.mark.parametrize("seed", range(3))
def test_cosine_and_euclid_of_unit_vectors_agree_in_every_row(seed):
    """Against distances made apart, in float64: |a/|a| - b/|b||^2 = 2 - 2 cos."""
    features, ids, cams, held = random_set(seed)
    found = score(features, ids, cams, held)
    wide = features.astype(np.float64)
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    apart = np.linalg.norm(unit[held][:, None] - unit[None], axis=2)
    turned = 1 - unit[held] @ unit.T
    labels = list(zip(ids[held], cams[held], strict=True))
    gallery = list(zip(ids, cams, strict=True))
    for convention in every_convention():
        left_out = frozenset(held.tolist()) if convention.gallery == "without-queries" else frozenset()
        for matrix, distance in ((apart, UNIT), (turned, COSINE)):
            walked = reference.score(
                np.round(matrix, 6).tolist(), labels, gallery, ap=convention.ap, ties="expected", length=5,
                left_out=left_out,
            )  # fmt: skip
            want = [0.0 if one is None else one[0] for one in walked]
            np.testing.assert_allclose(found[Scoring(distance, convention)].average_precision, want, atol=1e-6)
    for convention in every_convention():
        assert found[Scoring(UNIT, convention)].mAP == found[Scoring(COSINE, convention)].mAP


@pytest.mark.parametrize("distance", DISTANCES)
def test_plain_and_unit_distances_order_as_worked(distance):
    """Golden order of (3, 4), (0, 1), (1, 1) from (2, 0): plain 4.12, 2.24, 1.41; 53.1, 90, 45 degrees."""
    gallery = np.array([[3.0, 4.0], [0.0, 1.0], [1.0, 1.0]])
    order = {"plain Euclid": [2, 1, 0], "unit Euclid": [2, 0, 1], "cosine": [2, 0, 1]}[distance.label]
    for place, column in enumerate(order, start=1):
        ids = np.full(3, 9)
        ids[column] = 1
        found = score_side_by_side([[2.0, 0.0]], gallery, [1], [1], ids, [2, 2, 2], distances=[distance])
        assert found[Scoring(distance, Convention())].first_hit.tolist() == [place]


def test_scaling_every_descriptor_changes_plain_distances_only():
    features, ids, cams, held = random_set(4)
    scale = np.random.default_rng(1).uniform(0.1, 10, (len(features), 1)).astype(np.float32)
    before, after = score(features, ids, cams, held), score(features * scale, ids, cams, held)
    for convention in every_convention():
        for distance in (UNIT, COSINE):
            one = Scoring(distance, convention)
            assert after[one].mAP == pytest.approx(before[one].mAP, abs=1e-5)
        assert after[Scoring(PLAIN, convention)].mAP != pytest.approx(before[Scoring(PLAIN, convention)].mAP, abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_collapsed_descriptors_score_at_chance_in_every_row(value):
    """300 tracklets of 30 people, everybody the same: chance is about the share of positives, some 3 %."""
    rng = np.random.default_rng(0)
    ids, cams = np.arange(300) // 10 + 1, rng.integers(1, 5, 300)
    features = np.full((300, 8), value, dtype=np.float32)
    rows = ledger_rows(score(features, ids, cams, np.arange(0, 300, 10)[:30]))
    assert len(rows) == 36
    assert max(row["mAP"] for row in rows) < 6
    assert max(row["rank1"] for row in rows) < 6


def test_rows_are_complete_and_known_rankings_are_taken_over():
    features, ids, cams, held = random_set(2)
    fresh = score(features, ids, cams, held)
    assert len(fresh) == len({tuple(one.as_row().items()) for one in fresh}) == 3 * 3 * 2 * 2
    headline = {one.convention: ranking for one, ranking in fresh.items() if one.distance == COSINE}
    taken = score(features, ids, cams, held, known={COSINE: headline})
    assert all(taken[Scoring(UNIT, c)] is headline[c] for c in every_convention())
    assert ledger_rows(taken) == ledger_rows(fresh)


def test_a_gallery_without_queries_needs_to_know_them():
    features, ids, cams, held = random_set(3)
    found = score_side_by_side(features[held], features, ids[held], cams[held], ids, cams)
    assert len(found) == 3 * 2 * 2 * 2
    assert {one.convention.gallery for one in found} == {"full", "without-junk"}
    with pytest.raises(ProtocolError, match="no distance"):
        score(features, ids, cams, held, distances=[])


def test_every_published_convention_is_a_row_and_is_named_once():
    features, ids, cams, held = random_set(5)
    rows = ledger_rows(score(features, ids, cams, held))
    for named in PUBLISHED:
        assert sum(named.as_row().items() <= row.items() for row in rows) == 1
        assert named.source and named.who
        assert distance_of(named.metric, named.normalise) in DISTANCES
    assert len({named.name for named in PUBLISHED}) == len(PUBLISHED)


def test_published_galleries_and_formulas_are_those_read_in_the_sources():
    """MARS facts: the official code and GLTR take all 12,180 tracklets and the trapezoid, AP3D 11,310 and the step,
    torchreid 9,330 and the step, layumi the trapezoid over all queries."""
    by_name = {one.name: (one.gallery, one.ap, one.empty) for one in PUBLISHED}
    assert by_name["official MARS (MATLAB)"] == ("full", "trapezoid", "zero")
    assert by_name["AP3D, TCLNet, BiCnet"] == ("without-junk", "step", "skip")
    assert by_name["torchreid family"] == ("without-queries", "step", "skip")
    assert by_name["layumi family"][1:] == ("trapezoid", "zero")
    assert by_name["TKP, paper"] == by_name["TKP, code"] == ("without-junk", "trapezoid", "skip")


def test_a_cosine_is_a_cosine_whether_a_protocol_normalises_or_not():
    assert distance_of("cosine", True) == distance_of("cosine", False) == Distance("cosine")
