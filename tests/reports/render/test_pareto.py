"""Accuracy against cost: who is on the frontier, and where names go."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.render.figures import Point
from reports.render.pareto import frontier, pareto, spread
from reports.sections.cost.plots import cost_figures
from reports.store.job import Job
from tests.reports.pages.browser import Page
from tests.reports.pages.page_faults import COLLIDING


def point(label: str, cost: float, accuracy: float) -> Point:
    return Point(label, cost, accuracy, accuracy - 2, accuracy + 2)


def labels(points: list[Point]) -> list[str]:
    return [one.label for one in points]


def test_who_is_cheaper_or_better_stays() -> None:
    points = [
        point("dear and best", 5, 70), point("beaten", 4, 50), point("cheap", 1, 40), point("between", 3, 60),
        point("as dear, worse", 3, 59),
    ]  # fmt: skip
    assert labels(frontier(points)) == ["cheap", "between", "dear and best"]


def test_equals_stand_together_and_one_alone_is_the_frontier() -> None:
    assert labels(frontier([point("a", 1, 40), point("b", 1, 40)])) == ["a", "b"]
    assert labels(frontier([point("a", 1, 40)])) == ["a"]
    assert labels(frontier([point("dearer", 2, 40), point("cheaper", 1, 40)])) == ["cheaper"]


def test_what_has_not_settled_is_not_on_the_front_and_beats_nobody() -> None:
    points = [
        point("cheap", 1, 40),
        replace(point("free", 0, 99), doubt="not settled"),
        point("dear", 2, 50),
    ]
    assert labels(frontier(points)) == ["cheap", "dear"]
    assert frontier([points[1]]) == []


def test_the_axis_follows_what_has_settled_and_the_legend_names_the_rest() -> None:
    """2,636 ms beside 33 to 36: at the end of an axis that shows the others, a diamond, with words."""
    points = [point("a", 33, 40), point("b", 36, 42), replace(point("GLTR", 2636, 43), doubt="not settled")]
    drawn = re.findall(r">([^<>]+)</text>", pareto(points, "ms", "mAP, %", "p"))
    assert "not settled († in the table), so not compared" in drawn
    assert "at the end of the axis: lies beyond it" in drawn
    ticks = [float(text) for text in drawn if re.fullmatch(r"[\d.]+", text)]
    assert max(ticks) < 60
    settled = re.findall(r">([^<>]+)</text>", pareto(points[:2], "ms", "mAP, %", "p"))
    assert not [text for text in settled if "not settled" in text]
    assert pareto(points[2:], "ms", "mAP, %", "p").startswith("<svg")


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=12))
def test_the_frontier_rises_and_everybody_else_is_beaten_by_it(pairs: list[tuple[int, int]]) -> None:
    points = [point(str(at), *pair) for at, pair in enumerate(pairs)]
    best = frontier(points)
    for before, after in itertools.pairwise(best):
        same = (before.cost, before.accuracy) == (after.cost, after.accuracy)
        assert same or (before.cost < after.cost and before.accuracy < after.accuracy)
    for one in points:
        assert one in best or any(other.cost <= one.cost and other.accuracy >= one.accuracy for other in best)


@given(
    st.lists(st.tuples(st.floats(-50, 150), st.floats(5, 12)), min_size=1, max_size=10),
    st.floats(0, 5),
)
def test_names_keep_their_order_their_gap_and_the_frame(wanted: list[tuple[float, float]], gap: float) -> None:
    wanted = sorted(wanted, reverse=True)
    sizes = [size for _, size in wanted]
    high = sum(sizes) + gap * len(sizes)
    places = spread([at for at, _ in wanted], sizes, 0.0, high, gap)
    tops = [place + size / 2 for place, size in zip(places, sizes, strict=True)]
    ends = [place - size / 2 for place, size in zip(places, sizes, strict=True)]
    assert tops[0] <= high + 1e-6
    assert ends[-1] >= -1e-6
    assert all(end - top >= gap - 1e-6 for end, top in zip(ends, tops[1:], strict=False))


def test_a_name_with_room_stays_beside_its_point() -> None:
    assert spread([80.0, 50.0, 20.0], [10.0] * 3, 0.0, 100.0, 5.0) == [80.0, 50.0, 20.0]


@pytest.mark.parametrize("count", [1, 5, 22])
def test_no_name_meets_another_or_leaves_the_figure(count: int, tmp_path: Path, open_page: Callable[..., Page]) -> None:
    points = [
        point("A name that goes on and on" * (1 + at % 2) + str(at), 10 ** (at % 3), 50 + (at % 4) / 10)
        for at in range(count)
    ]
    svg = pareto(points, "GFLOPs a frame", "mAP, %", "p")
    (tmp_path / "p.html").write_text(f"<!DOCTYPE html><figure aria-label='p' style='width:350px'>{svg}</figure>")
    page = open_page(tmp_path / "p.html")
    assert page.run(COLLIDING) == []
    assert page.run("document.querySelectorAll('svg text').length") >= count


def test_the_page_draws_both_costs_and_names_who_is_beaten_by_nobody(job: Job) -> None:
    found = cost_figures(job, job.groups)
    assert [one["title"] for one in found] == ["Accuracy against operations", "Accuracy against latency, CPU"]
    assert found[0]["best"] == "ResNet-50, mean over frames, DTP, GLTR"  # TSA is worse than the cheaper baseline
    assert found[1]["best"] == "GLTR"  # all take the same time here
    for one in found:
        drawn = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", one["figure"]))
        assert all(name in drawn for name in ("GLTR", "DTP", "TSA"))
        assert "shuffled" not in drawn
