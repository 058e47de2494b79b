"""The section on test length: the losses that were put into the fake record come out, with intervals."""

import dataclasses
import html
import re

import numpy as np
import pytest

from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.render.table import Estimate, shown
from reports.sections.test_time import section as length_page
from reports.sections.test_time import tables
from reports.store.job import Job
from tests.reports import fake_choices
from tests.reports.fake_choices import EVEN, LONG, SHORT, SINGLE


def cells(table: tables.Table, key: str) -> dict[str, object]:
    return dict(zip(table.column("name"), table.column(key), strict=True))


def test_the_headline_arm_comes_first_and_every_arm_is_there(choices_job: Job) -> None:
    assert next(group.name for group in tables.arms(choices_job)) == "gltr"
    assert {group.name for group in tables.arms(choices_job)} == set(fake_choices.ARMS)
    assert length_page.section(choices_job)["verdicts_on"] == "GLTR"


def test_every_choice_stands_with_what_it_loses_to_the_whole_sequence(choices_job: Job) -> None:
    group = choices_job.by_name["gltr"]
    table = tables.choices_table(choices_job, group)
    changes = cells(table, "delta_mAP")
    assert list(changes) == [choice.name for choice in fake_choices.OWN.choices]
    assert changes["whole"] is None  # the protocol's own
    single = changes["single"]
    assert isinstance(single, Estimate)
    assert single.low <= single.mean <= single.high < 0
    assert -SINGLE <= single.mean < -0.8 * SINGLE  # AP does not fall below 0
    accuracy = cells(table, "mAP")
    whole, alone = accuracy["whole"], accuracy["single"]
    assert isinstance(whole, Estimate)
    assert isinstance(alone, Estimate)
    assert alone.mean - whole.mean == pytest.approx(single.mean)
    record = choices_job.by_name["gltr"].runs[0].result["metrics"]["mAP"]
    other = choices_job.by_name["gltr"].runs[1].result["metrics"]["mAP"]
    assert whole.mean == pytest.approx((record + other) / 2)


def test_a_network_of_fixed_clips_is_shown_under_what_it_can_take(choices_job: Job) -> None:
    group = choices_job.by_name["fixed"]
    table = tables.choices_table(choices_job, group)
    assert set(cells(table, "mAP")) == {"snippets-4", "dense-4"}
    left = len(fake_choices.OWN.choices) - 2
    assert f"Not run: {left} of {left + 2} ways, for {fake_choices.NOT_RUN}." in table.notes
    assert [one["name"] for one in tables.representatives(tables.records(group)[0])] == ["snippets-4"]


@pytest.mark.parametrize("whose", ["query", "gallery"])
def test_slices_by_length_show_where_snippets_lose(choices_job: Job, whose: str) -> None:
    group = choices_job.by_name["gltr"]
    table = tables.by_length(choices_job, group, whose)
    rows = {row.cells[0]: dict(zip((c.key for c in table.columns), row.cells, strict=True)) for row in table.rows}
    assert list(rows) == ["1", "2-3", "4-7", "8-15", "16-31", "32-63", "64-127", "128+"]
    if whose == "query":
        assert sum(int(str(row["queries"])) for row in rows.values()) == len(group.people())
    lost = {}
    for name, row in rows.items():
        whole, snippets = row["mAP_whole"], row["mAP_snippets-8"]
        assert isinstance(whole, Estimate)
        assert isinstance(snippets, Estimate)
        assert snippets.low <= snippets.mean <= snippets.high
        lost[name] = whole.mean - snippets.mean
    for name, true in {"2-3": SHORT, "4-7": SHORT, "8-15": 0.0, "16-31": 0.0, "32-63": LONG, "128+": LONG}.items():
        assert 0.85 * true <= lost[name] <= true + 1e-9, name


def test_a_slice_with_few_people_has_no_interval(choices_job: Job) -> None:
    group = choices_job.by_name["gltr"]
    keep = np.zeros(len(tables.counted(group)), dtype=bool)
    assert tables.accuracy(group, "whole", "mAP", keep) is None
    keep[:2] = True  # of one person
    assert isinstance(tables.accuracy(group, "whole", "mAP", keep), float)


def test_passes_are_those_of_the_record(choices_job: Job) -> None:
    table = tables.cost(choices_job)
    assert dict(zip(table.column("arm"), table.column("passes"), strict=True)) == {
        "GLTR": 1.0, "ResNet-50, mean over frames": 1.0, "FIXED": 2.0,
    }  # fmt: skip


def test_the_page_has_curves_the_verdict_with_intervals_and_every_way(choices_job: Job) -> None:
    page = paper_page(choices_job, build_ledger(choices_job))
    section = page[page.index('<section id="length"') :].partition("</section>")[0]
    text = html.unescape(re.sub(r"<[^>]+>", " ", section))
    assert "Too short, by the length of the query: holds at N = " in text
    assert re.search(r"snippets of 8 lose \+11\.\d points of AP \(\+1\d\.\d to \+1\d\.\d\)", text)
    for metric in ("mAP", "Rank-1"):
        assert f'aria-label="GLTR: {metric} against the number of frames"' in section
    for label in ("whole sequence", "snippets of N, averaged", "overlapping windows of N", "one frame"):
        assert label in text
    for choice in fake_choices.OWN.choices:
        assert choice.source in text
    table = tables.choices_table(choices_job, choices_job.by_name["baseline"]).visible()
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            for part in re.findall(r"[\d.]+", shown(column, cell)):
                assert part in text
    for left_out in fake_choices.OWN.left_out:
        assert left_out.name in text
    assert f"{EVEN:g}" in text


def test_without_choices_there_is_no_section(job: Job, choices_job: Job) -> None:
    assert length_page.section(job) == {}
    assert length_page.tables(job) == []
    assert 'id="length"' not in paper_page(job, build_ledger(job))
    one = choices_job.by_name["gltr"]
    half = dataclasses.replace(one, runs=(one.runs[0], dataclasses.replace(one.runs[1], records={})))
    others = tuple(group for group in choices_job.groups if group is not one)
    names = [group.name for group in tables.arms(dataclasses.replace(choices_job, groups=(half, *others)))]
    assert "gltr" not in names  # a seed without choices cannot be pooled
