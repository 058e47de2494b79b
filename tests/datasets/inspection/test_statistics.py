"""What a data set is made of, against the published table of MARS and a folder counted by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.inspection.official import FIGURES, check_figures
from datasets.inspection.statistics import Census, census, median
from datasets.tracklet import Split
from tests.datasets import mars_index


@pytest.fixture(scope="module")
def mars(official_metadata: Path, tmp_path_factory: pytest.TempPathFactory) -> Split:
    root = mars_index.rebuild(official_metadata / "mars", tmp_path_factory.mktemp("index") / "mars")
    return datasets.load("mars", root, check_images=False)


@pytest.fixture(scope="module")
def counted(mars: Split) -> Census:
    return census(mars)


@pytest.fixture
def small(mars_root: Path) -> Census:
    return census(datasets.load("mars", mars_root, counts="any"))


# Counted from the official files: tracklets, people, frames, min, median, mean, max, percent below 4, 8, 16, 32, 64.
TABLE = {
    "train": (8_298, 625, 509_914, 5, 36, 61.45, 900, 0, 1.0, 18.0, 47.1, 65.9),
    "test": (12_180, 634, 681_089, 2, 30, 55.92, 920, 0.02, 1.7, 21.7, 50.8, 70.6),
    "test_real": (8_062, 634, 509_966, 2, 36, 63.26, 920, 0.04, 1.3, 17.9, 46.3, 65.4),
    "distractors": (3_248, 0, 147_743, 6, 29, 45.49, 734, 0, 2.1, 26.1, 54.0, 77.7),
    "junk": (870, 0, 23_380, 6, 18, 26.87, 226, 0, 4.1, 41.3, 80.3, 92.2),
    "query": (1_980, 626, 114_493, 2, 35, 57.82, 880, 0.1, 1.6, 19.7, 47.4, 66.7),
    "gallery": (11_310, 634, 657_709, 2, 33, 58.15, 920, 0.03, 1.5, 20.2, 48.5, 69.0),
    "gallery_without_queries": (9_330, 620, 543_216, 3, 33, 58.22, 920, 0.01, 1.5, 20.3, 48.8, 69.4),
}


@pytest.mark.parametrize("name", TABLE)
def test_every_figure_of_mars_to_the_digit(counted: Census, name: str) -> None:
    part = counted.part(name)
    assert part is not None
    tracklets, people, frames, shortest, middle, mean, longest, *below = TABLE[name]
    assert (part.tracklets, part.people, part.frames) == (tracklets, people, frames)
    assert (part.shortest, part.median, round(part.mean, 2), part.longest) == (shortest, middle, mean, longest)
    for limit, share in zip((4, 8, 16, 32, 64), below, strict=True):
        digits = 2 if limit == 4 and name != "query" else 1
        assert round(100 * part.below(limit) / part.tracklets, digits) == share, limit
    assert sum(part.cameras.values()) == tracklets
    assert sum(part.camera_frames.values()) == frames


def test_people_and_answers_of_mars(counted: Census) -> None:
    train, real = counted.part("train"), counted.part("test_real")
    assert train is not None
    assert real is not None
    per = train.tracklets_per_person
    assert (min(per), median(per), max(per), per[1]) == (1, 10, 271, 1)
    assert sum(people for tracklets, people in per.items() if tracklets < 4) == 45
    assert (train.below(8), train.below(16), train.below(32)) == (86, 1_494, 3_906)
    assert 8_298 - train.below(32) == 4_392
    assert real.cameras_per_person[1] == 8
    assert 0 not in counted.answers
    assert counted.answers_without_queries[0] == 140


def test_official_figures_hold_for_mars_and_tell_another_copy(mars: Split, counted: Census) -> None:
    checks = check_figures("mars", counted)
    assert len(checks) == 5 * (2 + 5 + 6)
    assert [check for check in checks if not check.passed] == []
    # The same totals, but one tracklet stands under another camera; then one is cut where another becomes longer.
    other = replace(mars.train[0], camera_id=mars.train[0].camera_id % 6 + 1)
    failed = [
        check.what
        for check in check_figures("mars", census(replace(mars, train=(other, *mars.train[1:]))))
        if not check.passed
    ]
    assert failed == [f"train tracklets of camera {c}" for c in sorted((mars.train[0].camera_id, other.camera_id))]
    short, long = (next(t for t in mars.train if len(t) == n) for n in (8, 300))
    swapped = {short.key: 7, long.key: 301}
    train = tuple(replace(t, frames=t.frames[:1] * swapped[t.key]) if t.key in swapped else t for t in mars.train)
    moved = replace(mars, train=train)
    assert moved.counts() == mars.counts()
    failed = [check.what for check in check_figures("mars", census(moved)) if not check.passed]
    assert failed == ["train tracklets below 8 frames"]


def test_duke_figures_are_those_of_its_published_index(official_metadata: Path) -> None:
    rows = np.loadtxt(official_metadata / "duke" / "info_test.txt", dtype=np.int64)
    lengths = rows[:, 1] - rows[:, 0] + 1
    for name, chosen in (("query", slice(0, 702)), ("gallery", slice(702, None))):
        figures, found = FIGURES["duke"][name], lengths[chosen]
        assert (figures.shortest, figures.longest) == (found.min(), found.max())
        assert list(figures.below) == [(found < n).sum() for n in (4, 8, 16, 32, 64)]
        assert list(figures.cameras) == np.bincount(rows[chosen, 3])[1:].tolist()


def test_a_folder_counted_by_hand(small: Census) -> None:
    assert [part.name for part in small.parts] == [
        "train", "test", "test_real", "distractors", "junk", "query", "gallery", "gallery_without_queries",
    ]  # fmt: skip
    train = small.part("train")
    assert train is not None
    assert train.lengths == {2: 1, 3: 1, 4: 1}
    assert train.cameras == {1: 2, 2: 1}
    assert train.camera_frames == {1: 7, 2: 2}
    assert train.tracklets_per_person == {1: 1, 2: 1}
    assert train.cameras_per_person == {1: 1, 2: 1}
    assert (train.shortest, train.median, train.mean, train.longest) == (2, 3, 3, 4)
    query, gallery = small.part("query"), small.part("gallery")
    assert query is not None
    assert gallery is not None
    assert query.lengths == {2: 2, 5: 1}
    assert gallery.tracklets == 5  # six test tracklets, one of them junk
    # Persons 2 and 4 have two tracklets each; of person 2 both are queries.
    assert small.answers == {1: 3}
    assert small.answers_without_queries == {0: 2, 1: 1}


@pytest.mark.parametrize("seed", range(20))
def test_the_median_of_a_histogram_is_that_of_its_values(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = draw.integers(1, 12, draw.integers(1, 40))
    histogram = {int(v): int((values == v).sum()) for v in values}
    assert median(histogram) == np.median(values)


def test_a_set_without_training_data_or_distractors_has_fewer_parts(mars_root: Path) -> None:
    split = datasets.load("mars", mars_root, counts="any")
    bare = replace(
        split,
        train=(),
        test=split.test[2:4],
        query_index=np.array([0]),
        gallery_index=np.array([1]),
    )
    assert [part.name for part in census(bare).parts] == ["test", "query", "gallery"]
