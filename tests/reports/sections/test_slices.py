"""Accuracy by attribute: codes checked when read, slices cut and judged, few people told apart, names helped."""

import csv
import dataclasses
import html
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocols.statistics import clustered_bootstrap, paired_difference
from reports import terminal
from reports.build import main, write
from reports.errors import ReportError
from reports.ledger.ledger import build_ledger
from reports.page import build_command, paper_page
from reports.records.annotations import check_annotation
from reports.records.result_checks import check_result
from reports.render.table import Estimate, Table, shown
from reports.sections.results import slices
from reports.store.arm import Group
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_adfd
from tests.reports.sections.test_frame_weights import damaged


def facts() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    arrays = fake_adfd.per_query("adfd", 0)
    return json.loads(json.dumps(fake_adfd.result("adfd", 0, arrays))), arrays


def check(result: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """As the writer and the reader do: first the form, then what it says."""
    check_result(result)
    check_annotation(result, arrays, "x")


def test_a_true_annotation_passes_and_so_does_none() -> None:
    result, arrays = facts()
    check(result, arrays)
    check_annotation({}, fake.per_query(0.0, 0, "a"), "x")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("annotation",), ..., "holds codes of backpack, boots, pose, top color, but the record has no annotation"),
        (("annotation", "notices"), ..., "annotation lacks notices"),
        (("annotation", "queries"), 159, "there are 160"),
        (("annotation", "joined"), 161, "161 among 160"),
        (("annotation", "attributes", 1), ..., r"other attributes \(top color\)"),
        (("annotation", "attributes", 1, "name"), "hat", r"other attributes \(hat, top color\)"),
        (("annotation", "attributes", 1, "name"), "backpack", "other attributes"),
        (("annotation", "attributes", 1, "level"), ..., r"annotation\.attributes\[1\] lacks level"),
        (("annotation", "attributes", 1, "level"), "camera", "level is 'camera', expected 'tracklet' or 'identity'"),
        (
            ("annotation", "attributes", 0, "polarity"),
            "unsure",
            "polarity is 'unsure', expected 'stated' or 'undocumented'",
        ),
        (("annotation", "attributes", 0, "values"), ["yes"], "of kind binary"),
        (("annotation", "attributes", 1, "values"), ["black", "red"], "the code 3 .* expected 0 to 1, or -1"),
    ],
)
def test_a_damaged_annotation_is_refused_with_one_sentence(path: tuple[Any, ...], value: Any, message: str) -> None:
    result, arrays = facts()
    with pytest.raises(ReportError, match=message) as caught:
        check(damaged(result, path, value), arrays)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(159, dtype=np.int16), r"int16 \(159,\)"),
        (np.full(160, np.nan), r"float64 \(160,\); expected one integer"),
        (np.full(160, -2, dtype=np.int16), "the code -2"),
        (np.full(160, 2, dtype=np.int16), "the code 2"),
    ],
)
def test_damaged_codes_are_refused(array: np.ndarray, message: str) -> None:
    result, arrays = facts()
    with pytest.raises(ReportError, match=message):
        check_annotation(result, arrays | {"attribute/backpack": array}, "x")


def cut(job: Job, name: str) -> tuple[slices.Sliced, Table]:
    (one,) = slices.find(job, [name])
    return one, slices.table(job, one)


def rows_of(table: Table, value: str) -> list[dict[str, Any]]:
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, row.cells, strict=True)) for row in table.rows if row.cells[0] == value]


def test_the_effect_that_was_put_in_is_found_where_it_is(adfd_job: Job) -> None:
    one, table = cut(adfd_job, "backpack")
    assert [(part.value, part.queries, part.people, part.reason) for part in one.slices] == [
        ("all queries", 160, 40, ""), ("no", 92, 23, ""), ("yes", 60, 15, ""),
    ]  # fmt: skip
    assert one.unknown == 8  # of two people whom nobody annotated
    for value, verdict in (("yes", "holds"), ("no", "cannot tell")):
        found = next(row for row in rows_of(table, value) if row["arm"] == "F: ADFD")
        assert found["against"] == "D: segments" and found["delta_mAP"].verdict == verdict
    last = rows_of(table, "not known")
    assert [(row["queries"], row["mAP"]) for row in last] == [(8, None)]
    assert "rgb-single-pass v1" in table.caption
    assert any("Of 8 of 160 queries the value is not known" in note for note in table.notes)


def test_a_slice_is_worked_out_on_its_own_queries_and_pools_seeds(adfd_job: Job) -> None:
    _, table = cut(adfd_job, "backpack")
    chosen = fake_adfd.codes()["backpack"] == 1
    ours, theirs = (
        np.stack([fake_adfd.per_query(arm, seed)["average_precision"][chosen] for seed in (0, 1)])
        for arm in ("adfd", "d")
    )
    people = fake_adfd.per_query("d", 0)["person"][chosen]
    found = next(row for row in rows_of(table, "yes") if row["arm"] == "F: ADFD")
    own, gain = clustered_bootstrap(ours, people, bounds=(0, 100)), paired_difference(ours, theirs, people)
    assert (found["mAP"].mean, found["mAP"].low, found["mAP"].high) == pytest.approx((own.mean, own.low, own.high))
    assert (found["delta_mAP"].mean, found["delta_mAP"].high) == pytest.approx((gain.mean, gain.high))


def test_slices_add_up_to_all_queries(adfd_job: Job) -> None:
    for name in ("backpack", "top color", "pose", "boots"):
        one, table = cut(adfd_job, name)
        assert sum(part.queries for part in one.slices[1:]) + one.unknown == one.queries == 160
        if not one.unknown:
            whole = rows_of(table, "all queries")[0]["mAP"].mean
            parts = [rows_of(table, part.value)[0] for part in one.slices[1:]]
            means = [row["mAP"].mean if isinstance(row["mAP"], Estimate) else row["mAP"] for row in parts]
            counts = [row["queries"] for row in parts]
            assert np.average(means, weights=counts) == pytest.approx(whole)


def test_few_people_cannot_tell_and_say_why(adfd_job: Job) -> None:
    one, table = cut(adfd_job, "top color")
    assert one.slices[4].reason == "cannot tell: 6 people only, fewer than 10"
    for row in rows_of(table, "green"):
        assert isinstance(row["mAP"], float) and row["delta_mAP"] is None
    assert one.slices[3].people == 10 and not one.slices[3].few  # ten are enough
    boots, _ = cut(adfd_job, "boots")
    assert boots.slices[2].reason == "cannot tell: one person only, fewer than 10"
    assert boots.notices and "may be named the wrong way round" in boots.notices[0]


def test_a_value_that_no_query_has_is_counted_as_none(adfd_job: Job) -> None:
    groups = []
    for group in adfd_job.groups:
        runs = []
        for run in group.runs:
            attributes = [dict(one) for one in run.result["annotation"]["attributes"]]
            attributes[0]["values"], attributes[0]["kind"] = ["no", "yes", "two"], "choice"
            annotation = run.result["annotation"] | {"attributes": attributes}
            runs.append(dataclasses.replace(run, result=run.result | {"annotation": annotation}))
        groups.append(dataclasses.replace(group, runs=tuple(runs)))
    job = dataclasses.replace(adfd_job, groups=tuple(groups))
    one, table = cut(job, "backpack")
    assert one.slices[3].reason == "cannot tell: no query has it"
    (row,) = rows_of(table, "two")
    assert (row["queries"], row["people"], row["arm"], row["mAP"]) == (0, 0, None, None)
    page = paper_page(job, build_ledger(job), [one])
    assert "0 queries of 0 people: cannot tell: no query has it" in page


def test_the_baseline_is_what_the_arms_first_claim_names(adfd_job: Job) -> None:
    def against(name: str, job: Job = adfd_job) -> str | None:
        found = slices.baseline(job, job.by_name[name])
        return found.name if found else None

    names = ("a", "b", "c", "d", "adfd", "e")
    assert [against(name) for name in names] == [None, "a", "b", "b", "d", "a"]
    elsewhere = [claim | {"protocol": "other"} for claim in adfd_job.card["claims"]]
    job = dataclasses.replace(adfd_job, card=adfd_job.card | {"claims": elsewhere})
    assert [against(name, job) for name in names] == [None, "a", "a", "a", "a", "a"]
    left = tuple(group for group in adfd_job.groups if group.name != "a")  # the baseline was not run
    assert against("b", dataclasses.replace(adfd_job, groups=left)) is None


def test_controls_are_no_rows(adfd_job: Job) -> None:
    first = adfd_job.by_name["adfd"]
    runs = tuple(
        dataclasses.replace(run, result=run.result | {"control": "uniform", "of": "adfd"}) for run in first.runs
    )
    job = dataclasses.replace(adfd_job, groups=(*adfd_job.groups, Group("adfd-uniform", runs)))
    _, table = cut(job, "backpack")
    assert len(rows_of(table, "yes")) == len(adfd_job.groups)


@pytest.mark.parametrize("name", ["top color", "Top-Color", "topcolor", "TOP_COLOR"])
def test_case_blanks_and_hyphens_of_a_name_do_not_matter(adfd_job: Job, name: str) -> None:
    assert cut(adfd_job, name)[0].attribute["name"] == "top color"
    assert len(slices.find(adfd_job, [name, "top color"])) == 1


def test_an_unknown_name_is_answered_with_near_matches_and_all_that_was_recorded(adfd_job: Job, job: Job) -> None:
    with pytest.raises(ReportError, match=r"no attribute 'bagpack' .* did you mean backpack\? Recorded: backpack, top"):
        slices.find(adfd_job, ["bagpack"])
    with pytest.raises(ReportError, match="was recorded; Recorded: backpack"):
        slices.find(adfd_job, ["zzz"])
    with pytest.raises(ReportError, match=r"nothing annotates the queries .* --attributes FILE"):
        slices.find(job, ["backpack"])


def test_without_a_wish_the_page_lists_what_there_is_and_the_command(adfd_job: Job) -> None:
    page = paper_page(adfd_job, build_ledger(adfd_job))
    part = page[page.index('<section id="slices"') : page.index('<section id="curves"')]
    text = html.unescape(re.sub(r"<[^>]+>", " ", part))
    assert f"{build_command(adfd_job)} --slice backpack" in text
    for one in fake_adfd.ATTRIBUTES:
        assert one["name"] in text
    assert "black, red, blue, green" in text and "(of each tracklet)" in text
    assert "Known of 152 of 160 queries" in text and "that group is empty" in text
    assert "<table" not in part
    assert "Which code means what in boots" in page.partition('id="unverified"')[2]


def test_page_files_and_terminal_show_the_slices(adfd_job: Job, tmp_path: Path) -> None:
    done = json.loads(json.dumps(write(adfd_job, tmp_path, ["backpack", "boots"])))
    assert done["slices"] == ["backpack", "boots"]
    page = (tmp_path / "index.html").read_text()
    part = page[page.index('<section id="slices"') : page.index('<section id="curves"')]
    text = html.unescape(re.sub(r"<[^>]+>", " ", part))
    for name in ("backpack", "boots"):
        _, table = cut(adfd_job, name)
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if not column.data_only and column.key not in ("queries", "people"):
                    assert shown(column, cell).split(" [")[0] in text
    assert "4 queries of 1 person: cannot tell: one person only, fewer than 10" in text
    assert "--slice backpack boots" in html.unescape(page.partition('id="again"')[2])  # the page can be made again
    rows = list(csv.DictReader(io.StringIO((tmp_path / "slices_boots.csv").read_text())))
    assert rows[-1]["told"].startswith("cannot tell") and rows[-1]["mAP_low"] == ""
    lines = terminal.page(done, width=100).splitlines()
    start = lines.index("Accuracy by backpack, SynthWalk, rgb-single-pass v1")
    block = lines[start : lines.index("Accuracy by boots, SynthWalk, rgb-single-pass v1")]
    assert max(map(len, block)) <= 100
    assert any(line.startswith("F: ADFD") and "+25" in line for line in block)
    assert "Queries: all queries 160 (40 people), no 92 (23 people), yes 60 (15 people)." in block
    assert "yes: cannot tell: one person only, fewer than 10." in lines


def test_many_values_are_folded_in_the_terminal(adfd_job: Job) -> None:
    _, table = cut(adfd_job, "top color")
    for width in (60, 118):
        lines = terminal.by_attribute(table, width)
        assert all(len(line) <= width for line in lines)
        assert sum("blue" in line for line in lines) >= 2  # once as a head, once with its count


def test_the_command_slices_and_refuses_what_was_not_recorded(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    uri = fake.fresh(tmp_path / "store")
    fake_adfd.write(open_store(uri), seeds=1, arms=("a", "b"), with_labels=False)
    words = ["--experiment", fake_adfd.EXPERIMENT, "--tracking-uri", uri, "--out", str(tmp_path / "out")]
    assert main([*words, "--slice", "backpac"]) == 2
    assert "did you mean backpack?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*words, "--slice", "backpack", "pose"]) == 0
    assert {"slices_backpack.csv", "slices_pose.tex"} <= {file.name for file in (tmp_path / "out").iterdir()}


def test_runs_whose_queries_have_other_codes_are_refused(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path / "store")
    store = open_store(uri)
    parent = fake_adfd.write(store, seeds=1, arms=("a",), with_labels=False)
    arrays = fake_adfd.per_query("b", 0)
    arrays["attribute/backpack"] = 1 - arrays["attribute/backpack"].clip(0)
    store.record_arm(parent, fake_adfd.result("b", 0, arrays), arrays, None, [])
    with pytest.raises(ReportError, match=r"other values of backpack than run .* other annotations"):
        load_job(open_reader(uri), fake_adfd.EXPERIMENT)
