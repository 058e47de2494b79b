"""Transferred labels: checked when read, judged on both domains, and compared loss by loss."""

import csv
import dataclasses
import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocols.ground_truth.attributes import balanced, compare
from reports.errors import ReportError
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.records.labels import KIND, Labels
from reports.render.table import Estimate, shown
from reports.sections.attributes import label_tables
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_adfd
from tests.reports.sections.test_frame_weights import damaged


@pytest.mark.parametrize("source", [True, False])
def test_a_true_record_passes(source: bool) -> None:
    told = fake_adfd.labels(source=source)
    KIND.verify(json.loads(json.dumps(told.record)), told.arrays, "the labels")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("source",), ..., r"labels\.json .* it lacks source"),
        (("target", "people"), ..., "target lacks people"),
        (("columns", 0, "attribute"), ..., r"columns\[0\] lacks attribute"),
        (("columns", 6), ..., r"truth of shape \(60, 7\) .* expected \(60, 6\)"),
        (("labellers",), [], "names no labeller"),
        (("labellers", 1, "losses"), ..., r"labellers\[1\] lacks losses"),
        (("labellers", 1, "losses"), {"mmd": 1.0}, "seeds of label-bce that learned by different losses"),
        (("labellers", 1, "seed"), 0, "names label-bce with seed 0 twice"),
        (("labellers", 1, "seed"), 5, r"lacks label-bce/5/probability in labels\.npz"),
        (("labellers", 7), ..., "of which labels.json says nothing"),
        (("labellers", 0, "losses", "bce"), float("inf"), "finite"),
    ],
)
def test_a_damaged_record_is_refused_with_one_sentence(path: tuple[Any, ...], value: Any, message: str) -> None:
    told = fake_adfd.labels()
    with pytest.raises(ReportError, match=message) as caught:
        KIND.verify(damaged(told.record, path, value), told.arrays, "the labels")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("person", None, r"lacks person in labels\.npz"),
        ("person", np.zeros_like, "expected each person once"),
        ("source_truth", None, "lacks source_truth"),
        ("source_truth", lambda a: a + 1, "source_truth = 2"),
        ("label-wbce/1/probability", lambda a: a[:-1], r"of shape \(59, 7\) .* expected \(60, 7\)"),
        ("label-wbce/1/source_probability", lambda a: a * np.nan, "= nan .* chances from 0 to 1"),
        ("label-wbce/1/source_probability", None, "lacks label-wbce/1/source_probability"),
    ],
)
def test_damaged_arrays_are_refused(key: str, change: Callable[[Any], Any] | None, message: str) -> None:
    told = fake_adfd.labels()
    arrays = {name: array for name, array in told.arrays.items() if name != key or change}
    if change:
        arrays[key] = change(arrays[key])
    with pytest.raises(ReportError, match=message):
        KIND.verify(told.record, arrays, "the labels")


def test_labellers_stand_side_by_side_on_both_domains_with_the_gap(adfd_job: Job) -> None:
    found = label_tables.scored(adfd_job.records["labels"])
    table = label_tables.overview(adfd_job, found)
    assert table.column("labeller") == ("BCE", "BCE + MMD", "WBCE", "WBCE + MMD", "Always the commoner value")
    told = fake_adfd.labels()
    chances = np.stack([told.arrays[f"label-wbce/{seed}/probability"] for seed in (0, 1)])
    direct = balanced(told.arrays["truth"], chances, told.arrays["person"], told.groups)
    cell, plain, gap = (table.column(key)[2] for key in ("balanced", "accuracy", "gap"))
    assert isinstance(cell, Estimate) and isinstance(plain, Estimate) and isinstance(gap, Estimate)
    assert cell.mean == pytest.approx(100 * direct.overall.balanced.mean)
    assert plain.mean == pytest.approx(100 * direct.overall.accuracy.mean)
    source = table.column("source_balanced")[2]
    assert isinstance(source, Estimate)
    assert gap.mean == pytest.approx(cell.mean - source.mean) and gap.high < 0  # the other domain costs
    assert table.column("balanced")[4] == 50.0  # whatever is commoner
    assert table.column("accuracy")[4] == pytest.approx(100 * direct.overall.commoner)
    assert "mean over frames, yes from one half on" in table.caption
    assert any("(fingerprints abababab and cdcdcdcd)" in note for note in table.notes)
    assert any("Columns of the source that are not annotated on the target" in note for note in table.notes)
    groups = label_tables.by_group(adfd_job, found)
    assert groups.column("group") == (*fake_adfd.GROUPS, "All columns")
    upper = groups.column("label-wbce_balanced")[2]
    assert isinstance(upper, Estimate)
    assert upper.mean == pytest.approx(100 * direct.groups["upper body"].balanced.mean)
    assert groups.column("label-wbce_balanced")[3] is None  # nobody has boots


def test_losses_are_compared_one_change_at_a_time(adfd_job: Job) -> None:
    pairs = [(one.first.arm, one.second.arm, one.text) for one in label_tables.pairs(adfd_job.records["labels"])]
    assert pairs == [  # a loss of weight 0, as MMD has in one of them, is none
        ("label-wbce", "label-bce", "WBCE instead of BCE"),
        ("label-wbce-mmd", "label-bce-mmd", "WBCE instead of BCE, both with MMD"),
        ("label-bce-mmd", "label-bce", "With MMD instead of without, beside BCE"),
        ("label-wbce-mmd", "label-wbce", "With MMD instead of without, beside WBCE"),
    ]
    table = label_tables.differences(adfd_job)
    found = dict(zip(table.column("pair"), table.column("difference"), strict=True))
    verdicts = {str(pair): cell.verdict for pair, cell in found.items() if isinstance(cell, Estimate)}
    assert verdicts == {
        "WBCE instead of BCE": "holds", "WBCE instead of BCE, both with MMD": "holds",
        "With MMD instead of without, beside BCE": "cannot tell",
        "With MMD instead of without, beside WBCE": "cannot tell",
    }  # fmt: skip
    told = fake_adfd.labels()
    sides = [
        np.stack([told.arrays[f"{arm}/{seed}/probability"] for seed in (0, 1)]) for arm in ("label-wbce", "label-bce")
    ]
    _, direct = compare(told.arrays["truth"], *sides, told.arrays["person"], told.groups)
    cell = found["WBCE instead of BCE"]
    assert isinstance(cell, Estimate) and cell.mean == pytest.approx(100 * direct.difference.mean)
    words = label_tables.words(adfd_job)
    assert words[0].startswith("WBCE instead of BCE: makes more pseudo-labels correct on SynthWalk (+")
    assert "makes no significant difference" in words[2]


def with_labels(job: Job, labels: Labels | None) -> Job:
    return dataclasses.replace(job, records={"labels": labels} if labels else {})


def test_a_worse_loss_and_a_loss_nobody_knows_are_named_too(adfd_job: Job) -> None:
    told = fake_adfd.labels(names=("label-bce", "label-wbce"))
    arrays = dict(told.arrays)
    for seed in (0, 1):  # what is said of the target is exchanged
        keys = [f"{arm}/{seed}/probability" for arm in ("label-bce", "label-wbce")]
        arrays[keys[0]], arrays[keys[1]] = arrays[keys[1]], arrays[keys[0]]
    job = with_labels(adfd_job, Labels(told.record, arrays))
    assert label_tables.words(job)[0].startswith(
        "WBCE instead of BCE: makes fewer pseudo-labels correct on SynthWalk (−"
    )
    labellers = [one | {"losses": {"bce": 1.0} if one["arm"] == "label-bce" else {"focal": 1.0}}
                 for one in told.record["labellers"]]  # fmt: skip
    job = with_labels(adfd_job, Labels(told.record | {"labellers": labellers}, told.arrays))
    assert label_tables.differences(job).column("pair") == ("Focal instead of BCE",)
    assert label_tables.differences(with_labels(adfd_job, fake_adfd.labels(names=("label-bce",)))).rows == ()


def test_seeds_that_only_one_side_has_are_not_paired(adfd_job: Job) -> None:
    told = fake_adfd.labels(names=("label-bce", "label-wbce"))
    labellers = [one for one in told.record["labellers"] if (one["arm"], one["seed"]) != ("label-bce", 0)]
    job = with_labels(adfd_job, Labels(told.record | {"labellers": labellers}, told.arrays))
    assert label_tables.differences(job).column("seeds") == ("1",)
    labellers = [one for one in labellers if (one["arm"], one["seed"]) != ("label-wbce", 1)]
    job = with_labels(adfd_job, Labels(told.record | {"labellers": labellers}, told.arrays))
    assert label_tables.differences(job).rows == ()


def test_without_people_held_out_there_is_no_gap_and_the_report_says_so(adfd_job: Job) -> None:
    job = with_labels(adfd_job, fake_adfd.labels(source=False))
    table = label_tables.overview(job, label_tables.scored(job.records["labels"]))
    assert "gap" not in [column.key for column in table.columns]
    page = paper_page(job, build_ledger(job))
    assert "nobody of it was held out" in page and "Held out: people of the source" not in page


def test_the_page_and_its_files_show_every_number(adfd_job: Job) -> None:
    page = paper_page(adfd_job, build_ledger(adfd_job))
    part = page[page.index("Labels transferred from other data") : page.index('<section id="slices"')]
    text = html.unescape(re.sub(r"<[^>]+>", " ", part))
    found = label_tables.scored(adfd_job.records["labels"])
    for table in (label_tables.overview(adfd_job, found), label_tables.by_group(adfd_job, found),
                  label_tables.differences(adfd_job)):  # fmt: skip
        assert table.caption in text
        for row in table.visible().rows:
            for column, cell in zip(table.visible().columns, row.cells, strict=True):
                assert shown(column, cell).split(" [")[0] in text
    assert all(sentence in text for sentence in label_tables.words(adfd_job))
    rows = list(csv.DictReader(io.StringIO(label_tables.differences(adfd_job).as_csv())))
    assert rows[0]["difference_verdict"] == "holds" and rows[0]["seeds"] == "0, 1"
    alone = paper_page(with_labels(adfd_job, None), build_ledger(adfd_job))
    assert "Labels transferred" not in alone and 'id="attributes"' in alone


def test_labels_that_are_half_there_or_torn_are_refused(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path / "store")
    store = open_store(uri)
    parent = fake_adfd.write(store, seeds=1, arms=("a",))
    assert load_job(open_reader(uri), fake_adfd.EXPERIMENT).records["labels"]
    folder = Path(store.client.get_run(parent).info.artifact_uri.removeprefix("file://"))
    whole = (folder / "labels.npz").read_bytes()
    (folder / "labels.npz").write_bytes(whole[:100])
    with pytest.raises(ReportError, match=r"labels\.npz cannot be read .*; it belongs to run .* record it again"):
        load_job(open_reader(uri), fake_adfd.EXPERIMENT)
    (folder / "labels.npz").unlink()
    with pytest.raises(ReportError, match=r"has the artifact labels\.json, but not the other"):
        load_job(open_reader(uri), fake_adfd.EXPERIMENT)
    (folder / "labels.json").unlink()
    assert load_job(open_reader(uri), fake_adfd.EXPERIMENT).records == {}
