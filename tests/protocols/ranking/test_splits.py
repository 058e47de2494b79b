"""Several splits of one data set: worked values, an independent CMC, every rule of a split broken once."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import protocols
from protocols.errors import ProtocolError
from protocols.ranking.conventions import Convention, Distance, Scoring
from protocols.ranking.splits import SplitRows, by_camera, score_splits

ILIDS = protocols.load("image-to-video-ilids")
PEOPLE = np.array([1, 1, 2, 2, 3, 3, 4, 4])
CAMERAS = np.array([1, 2] * 4)
VIDEO = np.array([0, 10, 0, 20, 0, 30, 0, 40], dtype=float)[:, None]
IMAGE = np.array([11, 0, 14, 0, 36, 0, 42, 0], dtype=float)[:, None]  # nearest: 10, 10 (of 10 and 20), 40, 40
WITHOUT = Scoring(Distance("euclidean"), Convention("without-queries"))


def two(**changes):
    return replace(ILIDS, splits=2, **changes)


def halves():
    return [by_camera(PEOPLE, CAMERAS, [3, 4], 1), by_camera(PEOPLE, CAMERAS, [1, 3], 1)]


def test_rows_of_a_half():
    split = by_camera(PEOPLE, CAMERAS, [3, 4], 1)
    assert (split.query.tolist(), split.gallery.tolist()) == ([0, 2], [1, 3])
    every = by_camera(PEOPLE, CAMERAS, [3, 4], 0)
    assert every.query.tolist() == every.gallery.tolist() == [0, 1, 2, 3]


def test_worked_values():
    """Split 1 tests people 1 (11 is nearest to 10) and 2 (14 is nearer to 10 than to 20); split 2 people 2 and 4."""
    got = score_splits(two(), IMAGE, VIDEO, PEOPLE, CAMERAS, halves())
    assert [r.rank(1) for r in got.rankings] == [0.5, 1.0]
    assert (got.average.splits, got.average.cmc[0], got.average.cmc[1]) == (2, 0.75, 1.0)
    assert got.average.cmc_std[0] == pytest.approx(np.sqrt(2 * 0.25**2))
    assert got.metrics((1, 5)) == {
        "I2V/rank1": 75, "I2V/rank1_std": pytest.approx(100 * np.sqrt(0.125)), "I2V/rank5": 100, "I2V/rank5_std": 0,
    }  # fmt: skip


def test_each_side_takes_its_own_descriptors():
    protocol = two(sides=("I2V", "I2I", "V2V", "V2I"))
    matching = np.repeat([1.0, 2, 3, 4], 2)[:, None]
    useless = np.zeros((8, 1))
    for side, image, video in (("I2I", matching, useless), ("V2V", useless, matching)):
        assert score_splits(protocol, image, video, PEOPLE, CAMERAS, halves(), side=side).average.cmc[0] == 1
        assert score_splits(protocol, video, image, PEOPLE, CAMERAS, halves(), side=side).average.cmc[0] == 0.5  # ties
    mixed = (
        np.where(CAMERAS == 1, [1, 0, 2, 0, 3, 0, 4, 0], 0)[:, None],
        np.where(CAMERAS == 2, matching[:, 0], 9)[:, None],
    )
    assert score_splits(protocol, *mixed, PEOPLE, CAMERAS, halves(), side="I2V").average.cmc[0] == 1
    assert score_splits(protocol, *mixed[::-1], PEOPLE, CAMERAS, halves(), side="V2I").average.cmc[0] == 1
    assert score_splits(protocol, None, matching, PEOPLE, CAMERAS, halves(), side="V2V").average.cmc[0] == 1


def test_each_split_takes_its_own_network():
    good, blind = np.repeat([1.0, 2, 3, 4], 2)[:, None], np.zeros((8, 1))
    got = score_splits(two(), [good, blind], [good, blind], PEOPLE, CAMERAS, halves())
    assert [r.rank(1) for r in got.rankings] == [1, 0.5]
    turned_away = score_splits(two(), [good, -good], good, PEOPLE, CAMERAS, halves())
    assert [r.rank(1) for r in turned_away.rankings] == [1, 0.5]  # -2 and -4 are both nearest to 2
    turned = score_splits(two(), torch.tensor(good), (blind, good), PEOPLE, CAMERAS, halves())
    assert [r.rank(1) for r in turned.rankings] == [0.5, 1]


def test_ten_halves_agree_with_a_plain_cmc():
    rng = np.random.default_rng(0)
    people, cameras = np.repeat(np.arange(1, 301), 2), np.tile([1, 2], 300)
    own = rng.standard_normal((300, 8))
    image, video = (own[people - 1] + 0.7 * rng.standard_normal((600, 8)) for _ in range(2))
    splits = [by_camera(people, cameras, rng.permutation(300)[:150] + 1, 1) for _ in range(10)]
    curves = []
    for split in splits:
        asked, answers = image[split.query], video[split.gallery]
        places = np.linalg.norm(asked[:, None] - answers[None], axis=2).argsort(axis=1)
        hit = people[split.gallery][places] == people[split.query][:, None]
        curves.append([hit[:, :k].any(axis=1).mean() for k in range(1, 21)])
        assert (len(split.query), len(split.gallery)) == (150, 150)
    got = score_splits(ILIDS, image, video, people, cameras, splits)
    np.testing.assert_allclose(got.average.cmc, np.mean(curves, axis=0))
    np.testing.assert_allclose(got.average.cmc_std, np.std(curves, axis=0, ddof=1))
    assert 0.1 < got.average.cmc[0] < 0.95


def rows(query=(0, 2), gallery=(1, 3), train=(3, 4)):
    return SplitRows(np.array(query), np.array(gallery), np.array(train))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rows(query=()), "no query"),
        (lambda: rows(gallery=()), "no gallery"),
        (lambda: rows(query=(0, 0)), "each stand once"),
        (lambda: rows(gallery=(-1, 2)), "0 or more"),
        (lambda: rows(query=(0.5, 1)), "whole numbers"),
        (lambda: rows(gallery=(1, 3, 8)).check(PEOPLE, CAMERAS), "gallery row 8 is beyond the 8 tracklets"),
        (lambda: rows(train=(2, 3, 4)).check(PEOPLE, CAMERAS), "1 people are trained on and tested .first: person 2"),
        (
            lambda: rows(query=(0, 4), train=()).check(PEOPLE, CAMERAS),
            "query row 4 .person 3, camera 1. has no gallery",
        ),
        (lambda: rows(query=(0,), gallery=(0, 3)).check(PEOPLE, CAMERAS), "query row 0 .* under another camera"),
        (lambda: by_camera(PEOPLE, CAMERAS, [3, 9], 1), "1 training people are not in the data set .first: person 9"),
        (lambda: by_camera(PEOPLE, CAMERAS, [3, 4], 3), "no query"),
        (lambda: by_camera(PEOPLE, CAMERAS[:3], [3, 4], 1), "camera_ids must have 8"),
        (lambda: score_splits(ILIDS, IMAGE, VIDEO, PEOPLE, CAMERAS, halves()), "averages 10 splits, got 2"),
        (lambda: score_splits(two(), IMAGE, VIDEO, PEOPLE, CAMERAS, halves(), side="V2V"), "no side 'V2V'; it has I2V"),
        (lambda: score_splits(two(), None, VIDEO, PEOPLE, CAMERAS, halves()), "needs image descriptors"),
        (lambda: score_splits(two(), IMAGE, [VIDEO], PEOPLE, CAMERAS, halves()), "1 sets of video descriptors for 2"),
        (lambda: score_splits(two(), IMAGE[:4], VIDEO, PEOPLE, CAMERAS, halves()), r"give an array \[8, D\]"),
        (
            lambda: score_splits(
                replace(ILIDS, splits=1, query_camera=0, scoring=WITHOUT), IMAGE, VIDEO, PEOPLE, CAMERAS, halves()[:1]
            ),
            "leaves the queries out",
        ),
        (
            lambda: score_splits(two(), IMAGE, VIDEO, PEOPLE, CAMERAS, [halves()[0], rows((1, 3), (0, 2))]),
            "split 2 of 2: under image-to-video-ilids all queries are of camera 1",
        ),
        (
            lambda: score_splits(two(), IMAGE, VIDEO, PEOPLE, CAMERAS, [halves()[0], rows(train=(1,))]),
            "split 2 of 2: 1 people are trained on",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ProtocolError, match=message):
        call()
