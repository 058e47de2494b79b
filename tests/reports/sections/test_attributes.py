"""Attributes that arms recognise: checked when read, pooled over seeds, in tables by group and by column."""

import dataclasses
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocols.ground_truth.attributes import balanced, column_scores
from reports.build import write
from reports.errors import ReportError
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.records.attributes import KIND
from reports.render.table import Estimate, shown
from reports.sections.attributes import tables
from reports.store.job import Job
from tests.reports import fake_adfd
from tests.reports.pages.test_page import Structure
from tests.reports.sections.test_frame_weights import damaged


def test_a_true_record_passes_and_so_does_one_that_knows_no_shares() -> None:
    told = fake_adfd.attributes("adfd", 0)
    KIND.verify(json.loads(json.dumps(told.record)), told.arrays, "the attributes")
    knows_none = told.record | {"columns": fake_adfd.columns(positive=False), "left_out": 3}
    KIND.verify(knows_none, told.arrays, "the attributes")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("labels",), ..., r"attributes\.json .* it lacks labels"),
        (("tracklets",), 119, r"person of shape \(120,\) .* expected \(119,\)"),
        (("people",), 7, r"counts 7 people, but attributes\.npz has 40"),
        (("columns", 2, "group"), ..., r"columns\[2\] lacks group"),
        (("columns", 2, "positive"), 1.2, "positive share of 1.2 of glasses"),
        (("columns", 2, "positive"), float("nan"), "finite"),
        (("columns", 2, "name"), "hat", "7 columns of 6 names"),
        (("columns", 6), ..., r"truth of shape \(120, 7\) .* expected \(120, 6\)"),
    ],
)
def test_a_damaged_record_is_refused_with_one_sentence(path: tuple[Any, ...], value: Any, message: str) -> None:
    told = fake_adfd.attributes("adfd", 0)
    with pytest.raises(ReportError, match=message) as caught:
        KIND.verify(damaged(told.record, path, value), told.arrays, "the attributes")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("truth", None, r"lacks truth in attributes\.npz"),
        ("truth", lambda a: 2 * a, "truth = 2 .* 0 .no. or NaN"),
        ("truth", lambda a: a.T, r"truth of shape \(7, 120\)"),
        ("probability", lambda a: np.where(a > 0.9, np.nan, a), "probability = nan .* from 0 to 1"),
        ("probability", lambda a: 100 * a, "expected chances from 0 to 1"),
        ("key", lambda a: a[:3], r"key of shape \(3,\)"),
    ],
)
def test_damaged_arrays_are_refused(key: str, change: Callable[[Any], Any] | None, message: str) -> None:
    told = fake_adfd.attributes("adfd", 0)
    arrays = {name: array for name, array in told.arrays.items() if name != key or change}
    if change:
        arrays[key] = change(arrays[key])
    with pytest.raises(ReportError, match=message):
        KIND.verify(told.record, arrays, "the attributes")


def test_groups_by_arms_pool_seeds_and_leave_out_what_nobody_has(adfd_job: Job) -> None:
    found = tables.arms(adfd_job)
    assert [one.group.name for one in found] == ["b", "c", "d", "adfd", "e"]  # A learns none
    table = tables.table(adfd_job, found)
    assert table.column("group") == (*fake_adfd.GROUPS, tables.ALL)
    assert table.column("columns") == (1, 2, 2, 1, 1, 7)
    told = [fake_adfd.attributes("adfd", seed) for seed in (0, 1)]
    direct = balanced(
        told[0].arrays["truth"], np.stack([one.arrays["probability"] for one in told]), told[0].arrays["person"],
        told[0].groups,
    )  # fmt: skip
    cell = table.column("adfd")[1]
    assert isinstance(cell, Estimate) and cell.mean == pytest.approx(
        100 * direct.groups["head and shoulders"].balanced.mean
    )
    assert table.column("adfd")[3] is None and table.column("adfd_left_out")[3] == 1  # nobody has boots
    assert table.column("adfd_counted")[-1] == 6
    assert table.column("adfd_commoner")[-1] == pytest.approx(100 * direct.overall.commoner)
    weak, strong = (table.column(arm)[-1] for arm in ("b", "adfd"))
    assert isinstance(weak, Estimate) and isinstance(strong, Estimate)
    assert weak.low > 50 and weak.high < strong.mean
    assert any("1 column does not count" in note for note in table.notes)
    assert any(
        "120 tracklets of 40 people, held against SynthWalk's truth, pooled over 2 seeds" in n for n in table.notes
    )
    assert "rgb-single-pass v1" in table.caption


def test_every_column_stands_with_how_common_it_is(adfd_job: Job) -> None:
    table = tables.columns_table(adfd_job, tables.arms(adfd_job))
    told = fake_adfd.attributes("adfd", 0)
    scores = column_scores(told.arrays["truth"], told.arrays["probability"])
    assert table.column("column") == tuple(name for name, *_ in fake_adfd.COLUMNS)
    assert table.column("yes") == tuple(scores.positives.tolist())
    assert table.column("no") == tuple(scores.negatives.tolist())
    boots = table.column("column").index("boots")
    assert table.column("adfd_balanced")[boots] is None and table.column("commoner")[boots] == 100.0
    means = [column_scores(one.arrays["truth"], one.arrays["probability"]).accuracy for one in
             (fake_adfd.attributes("adfd", seed) for seed in (0, 1))]  # fmt: skip
    assert table.column("adfd_accuracy")[0] == pytest.approx(100 * np.mean(means, axis=0)[0])


def test_an_arm_that_learned_other_columns_leaves_gaps(adfd_job: Job) -> None:
    groups = []
    for group in adfd_job.groups:
        runs = []
        for run in group.runs:
            told = run.records.get("attributes")
            if told and group.name == "b":
                record = told.record | {"columns": told.record["columns"][:3], "labels": "Labeller"}
                arrays = dict(told.arrays)
                arrays |= {key: arrays[key][:, :3] for key in ("truth", "probability")}
                KIND.verify(record, arrays, "the attributes")
                runs.append(dataclasses.replace(run, records={**run.records, "attributes": type(told)(record, arrays)}))
            else:
                runs.append(run)
        groups.append(dataclasses.replace(group, runs=tuple(runs)))
    job = dataclasses.replace(adfd_job, groups=tuple(groups))
    found = tables.arms(job)
    table = tables.table(job, found)
    assert set(table.column("group")) == {*fake_adfd.GROUPS, tables.ALL}
    upper = table.column("group").index("upper body")
    assert table.column("b")[upper] is None and isinstance(table.column("c")[upper], Estimate)
    assert any(note.startswith("Learned by B: + attributes from: Labeller") for note in table.notes)
    columns = tables.columns_table(job, found)
    last = columns.column("column").index("backpack")
    assert columns.column("b_balanced")[last] is None and columns.column("c_balanced")[last] is not None


@pytest.fixture(scope="module")
def built(adfd_job: Job, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("page")
    return json.loads(json.dumps(write(adfd_job, folder, ["backpack"]))), folder


def test_the_page_shows_every_number_of_the_section(built: tuple[dict[str, Any], Path], adfd_job: Job) -> None:
    page = (built[1] / "index.html").read_text()
    structure = Structure()
    structure.feed(page)
    assert structure.open == [] and len(structure.ids) == len(set(structure.ids))
    assert structure.images_without_text == 0 and "://" not in page
    assert {link[1:] for link in structure.anchors} <= set(structure.ids)
    pairs = zip(structure.headings, structure.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in pairs)
    part = page[page.index('<section id="attributes"') : page.index('<section id="slices"')]
    text = html.unescape(re.sub(r"<[^>]+>", " ", part))
    found = tables.arms(adfd_job)
    for table in (tables.table(adfd_job, found), tables.columns_table(adfd_job, found)):
        assert table.caption in text
        for row in table.visible().rows:
            for column, cell in zip(table.visible().columns, row.cells, strict=True):
                assert shown(column, cell).split(" [")[0] in text
    assert "50 % is chance" in text
    unverified = html.unescape(page.partition('id="unverified"')[2])
    assert "those of drawn people are certain" in unverified
    assert "source and target are both drawn here" in unverified
    assert "labels were not held against the truth: Maximum" in unverified
    assert "Arms of the card that were not run" not in unverified  # labellers are no arms to be judged


def test_files_hold_every_table_and_the_same_store_gives_the_same_bytes(
    built: tuple[dict[str, Any], Path], adfd_job: Job, tmp_path: Path
) -> None:
    names = {"attributes", "attribute_columns", "frame_weights", "frame_weights_groups", "labels", "labels_groups",
             "labels_differences", "slices_backpack"}  # fmt: skip
    assert {f"{name}.{end}" for name in names for end in ("csv", "tex")} <= set(built[0]["files"])
    again = write(adfd_job, tmp_path, ["backpack"])
    for name in again["files"]:
        assert (tmp_path / name).read_bytes() == (built[1] / name).read_bytes(), name


def test_a_job_that_learned_no_attributes_has_no_section(job: Job) -> None:
    page = paper_page(job, build_ledger(job))
    assert 'id="attributes"' not in page and 'id="slices"' not in page
    assert "Attributes of filmed people" not in page
