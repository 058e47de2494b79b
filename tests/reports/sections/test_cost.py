"""Cost tables and figures from a record: what was measured comes out, and what was not is told."""

import copy
import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.errors import ReportError
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.records.cost import CostRecord, read
from reports.render.table import Marked
from reports.sections.cost import section as cost_page
from reports.sections.cost import tables
from reports.store.job import Job
from tests.reports import fake_cost


@pytest.fixture(scope="module")
def cost() -> CostRecord:
    return read(fake_cost.record(), "cost.json")


def test_a_row_an_arm_with_every_number_of_frames(cost: CostRecord) -> None:
    table = tables.by_frames(cost, 1, "fp32")
    assert table.column("label") == ("Linear", "All pairs")
    assert [table.column(f"gflops_{t}") for t in (1, 2, 4)] == [(2, 2), (4, 8), (8, 32)]
    assert table.column("ms_8") == (80, None)
    assert [name for name, _ in table.heads()] == ["", "GFLOPs, T =", "p50 in ms, T ="]


def test_throughput_by_batch(cost: CostRecord) -> None:
    assert tables.middle(cost, "fp32") == (1, 4)  # at 8 frames one arm has no time
    table = tables.by_batch(cost, 4, "fp32")
    assert table.column("rate_1") == (100, 25)
    assert table.column("share_4") == (25, 25)


def test_what_is_missing_is_told(cost: CostRecord) -> None:
    table = tables.every_cell(cost)
    assert len(table.rows) == 32
    assert table.column("left_out").count("out of memory: tried to allocate 2 GiB") == 2
    told = " ".join(tables.notes(cost))
    assert "2 cells were left out (a dash): out of memory (2)." in told
    assert "broken was left out: it failed with ValueError: no." in told
    assert "Some CPU, 2 threads" in told
    assert "100 GFLOP/s in fp32, 200 GFLOP/s in bf16, 20.0 GB/s" in told


def test_files_hold_full_precision(cost: CostRecord) -> None:
    names = [table.name for table in cost_page.tables(cost)]
    assert len(names) == len(set(names)) == 5
    rows = list(csv.DictReader(io.StringIO(tables.every_cell(cost).as_csv())))
    assert rows[0]["ms_p95"] == "15.0"
    assert rows[0]["arm"] == "linear"


def test_the_curves_are_those_of_the_record(cost: CostRecord) -> None:
    arms = [(one, [cell for cell in one.cells if cell.batch == 1]) for one in cost.arms if one.way == "fp32"]
    linear, square = cost_page._lines(arms, "frames", "ms_p50")
    assert (linear.at, linear.cost) == ((1, 2, 4, 8), (10, 20, 40, 80))
    assert (square.at, square.cost) == ((1, 2, 4), (10, 40, 160))  # ends where memory did
    svg = cost_page.against([linear, square], "frames T", "ms", "x")
    assert svg.startswith("<svg")
    assert {"Linear", "All pairs", "frames T"} <= set(re.findall(r">([^<>]+)</text>", svg))
    assert svg == cost_page.against([linear, square], "frames T", "ms", "x")


def test_one_length_and_one_batch_make_tables_without_figures() -> None:
    alone = fake_cost.record()
    for grid in (grid for arm in alone["arms"] for grid in arm["grids"]):
        grid["cells"] = grid["cells"][:1]
    section = cost_page.section(read(alone, "x"))
    assert all(way["figures"] == [] for way in section["ways"])
    assert "<svg" not in cost_page.page(read(alone, "x"))


def test_nothing_measured_at_all_is_a_page_of_reasons() -> None:
    none = fake_cost.record()
    for grid in (grid for arm in none["arms"] for grid in arm["grids"]):
        grid["cells"] = [fake_cost.cell(t, 1, None, None, "out of memory: all of it") for t in (1, 2)]
    assert "8 cells were left out (a dash): out of memory (8)." in cost_page.page(read(none, "x"))


def test_the_page_of_a_paper_shows_what_was_measured(job: Job, cost: CostRecord) -> None:
    without = paper_page(job, build_ledger(job))
    assert 'id="cost"' not in without
    shown = paper_page(replace(job, cost=cost), build_ledger(job))
    assert '<section id="cost"' in shown
    assert '<a href="#cost">Cost</a>' in shown
    assert "table-cost-by-frames-fp32" in shown


def spoilt(change: Callable[[dict], object]) -> dict:
    found = copy.deepcopy(fake_cost.record())
    change(found)
    return found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(schema=2), "expected a cost record of schema 1"),
        (lambda r: r.pop("device"), "it lacks device"),
        (lambda r: r["arms"][0]["grids"][0]["cells"][0].pop("gflops"), r"grids\[0\]\.cells\[0\] lacks gflops"),
        (lambda r: r["arms"][0]["grids"][0]["cells"][0].update(ms_p50=None), "neither a time nor a reason"),
    ],
)
def test_a_record_of_another_form_is_refused(change, words) -> None:
    with pytest.raises(ReportError, match=words):
        read(spoilt(change), "cost.json")


def test_the_page_in_a_browser(cost: CostRecord, tmp_path: Path, open_page) -> None:
    path = tmp_path / "cost.html"
    path.write_text(cost_page.page(cost), encoding="utf-8")
    for width in (390, 1280):
        page = open_page(path, width)
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run("document.querySelectorAll('figure svg').length") == 6
        assert page.problems() == []


def beside_a_reference(change: Callable[[dict[str, Any], str, int], None]) -> CostRecord:
    """The record with a reference of 8 ms a frame beside every cell, and changes by arm and frames to cells of fp32."""
    record = fake_cost.record()
    for arm in record["arms"]:
        for one in (cell for grid in arm["grids"] for cell in grid["cells"] if cell["ms_p50"] is not None):
            reference = 8.0 * one["frames"] * one["batch"]
            one |= {"reference_ms_p50": reference, "ratio": one["ms_p50"] / reference, "settled": True,
                    "ms_settled": True}  # fmt: skip
        for one in arm["grids"][0]["cells"]:
            change(one, arm["arm"], one["frames"])
    return read(record, "cost.json")


def test_a_ratio_stands_beside_every_time() -> None:
    cost = beside_a_reference(lambda *_: None)
    table = tables.by_frames(cost, 1, "fp32")
    assert table.column("ratio_2") == (1.25, 2.5)
    assert [name for name, _ in table.heads()][-1] == "p50 over ResNet-50's, T ="
    assert "†" not in table.as_text() + " ".join(tables.notes(cost)) + cost_page.page(cost)


def test_times_that_do_not_hold_are_marked_and_drawn_hollow_wherever_they_stand() -> None:
    """One cell did not settle; at two frames the reference itself took twice as long beside one arm."""

    def change(cell: dict[str, Any], arm: str, frames: int) -> None:
        if (arm, frames) == ("square", 4):
            cell |= {"settled": False, "ms_settled": False}
        if (arm, frames) == ("linear", 2):
            cell["reference_ms_p50"] *= 2

    cost = beside_a_reference(change)
    table = tables.by_frames(cost, 1, "fp32")
    assert table.column("ms_4") == (40, Marked(160, "not settled"))
    assert table.column("ratio_4") == (1.25, Marked(5, "not settled"))
    assert table.column("ms_2") == (Marked(20, "busy machine"), 40)
    assert table.column("ratio_2") == (1.25, 2.5)  # both were slowed, so the ratio holds
    rates = tables.by_batch(cost, 4, "fp32")
    assert rates.column("rate_1") == (100, Marked(25, "not settled"))
    assert rates.column("share_1") == (25, Marked(25, "not settled"))
    for each in cost_page.tables(cost):
        assert "† Not settled, so not to be compared: the milliseconds of 2 of 30 cells" in " ".join(each.notes)
        assert "† Taken on a busy machine: the milliseconds of 2 cells" in " ".join(each.notes)
    arms = [(one, [cell for cell in one.cells if cell.batch == 1]) for one in cost.arms if one.way == "fp32"]
    linear, square = cost_page._lines(arms, "frames", "ms_p50")
    assert (linear.doubtful, square.doubtful) == ((False, True, False, False), (False, False, True))
    assert not any(any(line.doubtful) for line in cost_page._lines(arms, "frames", "gflops"))
    assert cost_page.page(cost).count("Hollow: not settled, or taken on a busy machine") == 2  # time, throughput


def test_a_ratio_alone_that_did_not_settle_is_explained() -> None:
    cost = beside_a_reference(lambda cell, arm, frames: cell.update(settled=(arm, frames) != ("square", 1)))
    assert tables.by_frames(cost, 1, "fp32").column("ratio_1") == (1.25, Marked(1.25, "not settled"))
    assert "the milliseconds of 0 of 30 cells, the ratio of 2" in " ".join(tables.notes(cost))
