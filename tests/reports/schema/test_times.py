"""Times in reports: marked where they do not hold, drawn as ratios, shown as they are where nothing was recorded."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reports import terminal
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.render.table import Marked, Table
from reports.schema import times
from reports.sections.cost.plots import cost_figures
from reports.sections.results import tables
from reports.store.job import Job


def latency(ms: float, reference: float = 30.0, settled: bool = True, ms_settled: bool = True) -> dict[str, Any]:
    """As `protocols.cost.measure` records it."""
    return {
        "device": "cpu", "name": "two-core x86-64", "threads": 1, "cpu_ms_p50": ms, "cpu_ms_p95": 1.1 * ms, "frames": 8,
        "reference": "resnet50", "reference_frames": 8, "reference_ms_p50": reference, "ratio": ms / reference,
        "ratio_quartiles": [ms / reference, ms / reference], "settled": settled, "ms_settled": ms_settled,
    }  # fmt: skip


QUIET = {"baseline": latency(33), "dtp": latency(34), "tsa": latency(36), "gltr": latency(36)}


def with_times(job: Job, found: Mapping[str, Mapping[str, Any]]) -> Job:
    """The job with other times of some arms, and of their controls, which have the network of their arm."""
    groups = []
    for group in job.groups:
        cost = group.first["cost"]
        other = found.get(str(group.first["of"] or group.name))
        cost = cost | {"frame_size": [64, 32], "latency": other} if cost and other else cost
        runs = tuple(replace(run, result=run.result | {"cost": cost}) for run in group.runs)
        groups.append(replace(group, runs=runs))
    return replace(job, groups=tuple(groups))


def cells(table: Table, column: str) -> dict[str, Any]:
    return dict(zip(table.column("arm"), table.column(column), strict=True))


def latency_figure(job: Job) -> dict[str, Any]:
    _, found = cost_figures(job, job.groups)
    return found


def test_the_ratio_stands_beside_the_milliseconds_and_controls_carry_the_cost_of_their_arm(job: Job) -> None:
    table = tables.results(with_times(job, QUIET))
    assert cells(table, "cpu_ms_p50")["GLTR"] == 36
    assert cells(table, "cpu_ratio")["GLTR"] == pytest.approx(1.2)
    controls = [row for row in table.rows if row.kind in ("shuffled", "first-frame")]
    places = [column.key for column in table.columns]
    assert [row.cells[places.index("cpu_ms_p50")] for row in controls] == [36] * len(controls) != []
    assert "on the same frames, called in turns" in " ".join(table.notes)
    assert "†" not in " ".join(table.notes) + table.as_text()


def test_what_did_not_settle_is_marked_in_table_terminal_files_and_page(job: Job) -> None:
    busy = with_times(job, QUIET | {"gltr": latency(2636, 1100, settled=False, ms_settled=False)})
    table = tables.results(busy)
    assert cells(table, "cpu_ms_p50")["GLTR"] == Marked(2636, "not settled")
    assert isinstance(cells(table, "cpu_ratio")["GLTR"], Marked)
    assert "Not settled, so not to be compared: GLTR (2,636.0 ms)" in " ".join(table.notes)
    built = {"tables": {"results": table.as_dict()}, "ledger": build_ledger(busy).as_dict(), "folder": "x"}
    printed = terminal.page(built, 100)
    assert "2636.0†" in printed
    assert "† Not settled" in printed
    row = next(row for row in csv.DictReader(io.StringIO(table.as_csv())) if row["arm"] == "GLTR")
    assert (row["cpu_ms_p50"], row["cpu_ms_p50_mark"], row["cpu_ratio_mark"]) == (
        "2636.0",
        "not settled",
        "not settled",
    )
    assert "2636.0$\\dagger$" in table.as_latex()
    page = paper_page(busy, build_ledger(busy))
    assert re.search(r'data-sort="2636.0">2636.0<i class="mark doubt" title="not settled">', page)


def test_an_even_load_is_seen_by_the_reference_and_leaves_the_ratio_alone(job: Job) -> None:
    """All calls of GLTR were seventy times slower, its trunk's too: the times are even, and wrong."""
    table = tables.results(with_times(job, QUIET | {"gltr": latency(2520, 2100)}))
    assert cells(table, "cpu_ms_p50")["GLTR"] == Marked(2520, "busy machine")
    assert cells(table, "cpu_ratio")["GLTR"] == pytest.approx(1.2)
    assert "GLTR (70.0 times)" in " ".join(table.notes)


def test_other_references_are_not_held_against_each_other() -> None:
    """A tracklet of 64 frames takes the reference longer than one of eight, and another machine is another one."""
    longer, elsewhere = latency(280, 240) | {"reference_frames": 64}, latency(280, 240) | {"name": "other"}
    found = times.of([{"latency": one} for one in (latency(33), longer, elsewhere)] + [{}])
    assert [one and one.mark for one in found] == ["", "", "", None]


def test_records_that_say_nothing_are_shown_and_said_to_say_nothing(job: Job) -> None:
    table = tables.results(job)
    assert cells(table, "cpu_ms_p50")["GLTR"] == 21.4
    assert "cpu_ratio" not in [column.key for column in table.columns]
    assert "Whether the latency had settled was not recorded: " in " ".join(table.notes)
    mixed = tables.results(with_times(job, {"gltr": latency(36)}))
    assert cells(mixed, "cpu_ratio")["DTP"] is None
    assert "GLTR" not in next(note for note in mixed.notes if "was not recorded: " in note)


def test_plots_are_drawn_over_ratios_and_what_did_not_settle_is_not_on_the_front(job: Job) -> None:
    found = latency_figure(with_times(job, QUIET))
    assert "time over ResNet-50's" in found["figure"]
    assert found["best"].endswith("GLTR")
    busy = with_times(job, QUIET | {"gltr": latency(2636, 1100, settled=False, ms_settled=False)})
    found = latency_figure(busy)
    assert "GLTR" not in found["best"]
    assert "not settled († in the table), so not compared" in found["figure"]
    even = with_times(job, QUIET | {"gltr": latency(2520, 2100)})  # the ratio of an even load holds
    assert latency_figure(even)["best"].endswith("GLTR")
    mixed = with_times(job, {"gltr": latency(2520, 2100), "dtp": latency(30)})  # milliseconds, as not all have ratios
    found = latency_figure(mixed)
    assert "ms a tracklet" in found["figure"]
    assert "GLTR" not in found["best"]
