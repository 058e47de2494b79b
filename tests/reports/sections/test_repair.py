"""What repairers did: checked when read, pooled over seeds, shown on the page and in files."""

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

import reports
from reports import terminal
from reports.build import write
from reports.errors import ReportError
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.records.restoration import KIND
from reports.render.table import Estimate, shown
from reports.sections.repair import tables
from reports.sections.repair.section import section
from reports.sections.results.tables import results
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_vrstc
from tests.reports.pages.test_page import Structure


@pytest.mark.parametrize("repairer", ["stcnet-gen", "oracle", fake_vrstc.DROP])
def test_a_true_record_passes(repairer: str) -> None:
    told = fake_vrstc.repair(repairer, 0)
    KIND.verify(json.loads(json.dumps(told.record)), told.arrays, "the repair")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("changed",), None, "changed is null, expected an object"),
        (("changed", "pixel_share"), 1.2, "share from 0 to 1"),
        (("changed", "frames"), 2401, "2401 of 2400 frames"),
        (("changed", "left_out"), ..., "changed lacks left_out"),
        (("label",), ..., "it lacks label"),
        (("measures", "psnr", "mean"), 12.0, r"measures\.psnr is 12\.0, but its array averages to 16\.7"),
        (("raw", "ssim", "tracklets"), 89, "counts 89 tracklets"),
        (("measures", "sharpness"), None, "known measures are psnr, ssim"),
        (("measures", "identity", "people"), ..., r"measures\.identity lacks people"),
        (("measures", "psnr", "low"), float("inf"), "finite"),
        (("differences", "psnr", "verdict"), ..., r"differences\.psnr lacks verdict"),
        (("differences", "colour"), None, "difference 'colour'"),
        (("tracklets",), 91, r"expected one value for each tracklet, \(91,\)"),
        (("detection", "positives"), 1501, "1501 occluded regions among 1500"),
        (("detection", "precision", "high"), 98.0, r"detection\.precision\.high = 98\.0"),
        (("detection", "curve", 4, "recall"), -0.1, r"curve\[4\]\.recall"),
        (("detection", "curve", 0, "tau"), ..., r"detection\.curve\[0\] lacks tau"),
        (("pictures", "rows", 1, "truth"), "https://example.org/x.png", "no data URI"),
        (("pictures", "rows", 1, "called"), ..., r"pictures\.rows\[1\] lacks called"),
    ],
)
def test_a_damaged_record_is_refused_with_one_sentence(path: tuple[Any, ...], value: Any, message: str) -> None:
    told = fake_vrstc.repair("stcnet-gen", 0)
    plain = json.loads(json.dumps(told.record))
    place: Any = plain
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(ReportError, match=message) as caught:
        KIND.verify(plain, told.arrays, "the repair")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": None}, r"lacks key in repair\.npz"),
        ({"psnr/raw": None}, r"raw\.psnr, but no array"),
        ({"psnr/repaired": np.full(90, np.inf)}, "infinite"),
        ({"person": np.arange(4)}, r"person of shape \(4,\)"),
    ],
)
def test_damaged_arrays_are_refused(change: dict[str, Any], message: str) -> None:
    told = fake_vrstc.repair("stcnet-gen", 0)
    arrays = {key: value for key, value in (dict(told.arrays) | change).items() if value is not None}
    with pytest.raises(ReportError, match=message):
        KIND.verify(told.record, arrays, "the repair")


def test_files_that_are_half_torn_or_of_other_tracklets_are_refused(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path / "store")
    fake_vrstc.write(open_store(uri), arms=("nl", "vrstc"))
    runs = reports.load(fake_vrstc.EXPERIMENT, uri)
    assert set(runs["tested_on"]) == {"raw", "stcnet-gen"}
    chosen = runs[runs["arm"] == "vrstc"].iloc[1]
    folder = Path(chosen["artifact_uri"].removeprefix("file://"))
    arrays = dict(np.load(folder / "repair.npz"))
    np.savez(folder / "repair.npz", **(arrays | {"key": np.char.add(arrays["key"], "x")}))
    with pytest.raises(ReportError, match="measured stcnet-gen on other tracklets each"):
        load_job(open_reader(uri), fake_vrstc.EXPERIMENT)
    (folder / "repair.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(ReportError, match=r"repair\.npz cannot be read .*; it belongs to run .* record it again"):
        load_job(open_reader(uri), fake_vrstc.EXPERIMENT)
    (folder / "repair.npz").unlink()
    with pytest.raises(ReportError, match=r"has the artifact repair\.json, but not the other"):
        load_job(open_reader(uri), fake_vrstc.EXPERIMENT)
    np.savez(folder / "repair.npz", **arrays)
    (folder / "repair.json").write_text("{", encoding="utf-8")
    with pytest.raises(ReportError, match=r"repair\.json cannot be read as JSON .*; it belongs to run "):
        load_job(open_reader(uri), fake_vrstc.EXPERIMENT)


def test_pixels_are_pooled_over_seeds_beside_the_frames_as_they_are(vrstc_job: Job) -> None:
    table = tables.measures(vrstc_job)
    rows = list(table.column("repairer"))
    assert rows == [
        "The frames as they are", "Oracle", "Spa", "Spa + AE", "STCnet", "Blur", "Drop [tau=0.91]",
    ]  # fmt: skip
    stcnet, blur, drop = rows.index("STCnet"), rows.index("Blur"), rows.index("Drop [tau=0.91]")
    ours, raw = (
        np.stack([fake_vrstc.arrays("stcnet-gen", seed)[f"psnr/{side}"] for seed in (0, 1)])
        for side in ("repaired", "raw")
    )
    value, change = table.column("psnr")[stcnet], table.column("delta_psnr")[stcnet]
    assert isinstance(value, Estimate) and isinstance(change, Estimate)
    assert value.mean == pytest.approx(ours.mean())
    assert change.mean == pytest.approx((ours - raw).mean())
    assert value.low < value.mean < value.high
    first = table.column("psnr")[0]
    assert isinstance(first, Estimate) and first.mean == pytest.approx(raw.mean())
    assert table.column("spill_psnr")[0] is None  # of other pixels for each repairer
    assert table.column("tracklets_spill_psnr")[stcnet] == 77  # every seventh of 90 tracklets spilt nothing
    identity = table.column("identity")[stcnet]
    assert isinstance(identity, Estimate) and 60 < identity.mean < 80  # percent
    less = {name: table.column("delta_feature_distance")[rows.index(name)] for name in ("STCnet", "Blur")}
    assert isinstance(less["STCnet"], Estimate) and isinstance(less["Blur"], Estimate)
    assert less["STCnet"].mean < 0 and less["STCnet"].verdict == "holds"  # less is better
    assert less["Blur"].mean > 0 and less["Blur"].verdict == "does not hold"
    for measure in ("psnr", "ssim"):
        change = table.column(f"delta_{measure}")[blur]
        assert isinstance(change, Estimate) and change.verdict == "does not hold"
    assert table.column("psnr")[drop] is None
    assert "Leaves 17.1 % of the frames out" in table.rows[drop].note
    assert any("240 occluded frames in 90 tracklets of 30 people, pooled over 2 seeds" in note for note in table.notes)


def test_calls_have_a_row_for_each_threshold_with_the_repairers_that_use_it(vrstc_job: Job) -> None:
    table = tables.detection(vrstc_job)
    assert table.column("repairers") == ("Spa, Spa + AE, STCnet, Blur", "Drop [tau=0.91]")  # the oracle calls nothing
    assert table.column("tau") == (pytest.approx(0.89), pytest.approx(0.91))
    assert table.column("positives") == (pytest.approx(20.0), pytest.approx(20.0))
    facts = [fake_vrstc.detection(0.89, seed) for seed in (0, 1)]
    cell = table.column("recall")[0]
    assert isinstance(cell, Estimate)
    assert cell.mean == pytest.approx(100 * np.mean([one["recall"]["mean"] for one in facts]))
    assert cell.low == pytest.approx(100 * min(one["recall"]["low"] for one in facts))
    assert cell.high == pytest.approx(100 * max(one["recall"]["high"] for one in facts))
    found = tables.curve(vrstc_job)
    assert found is not None and found["used"] == [0.89, 0.91]
    taus = [point["tau"] for point in found["points"]]
    assert taus == sorted(taus) and len(taus) == 101


def test_calls_without_an_interval_or_a_precision_leave_cells_empty(vrstc_job: Job) -> None:
    groups = []
    for group in vrstc_job.groups:
        runs = []
        for run in group.runs:
            repair = run.records.get("restoration")
            if repair and repair.record["detection"]:
                told = repair.record["detection"] | {"precision": None, "share_called": 0.0}
                told |= {"recall": {"mean": 0.0, "low": None, "high": None}}
                repair = dataclasses.replace(repair, record=repair.record | {"detection": told})
                KIND.verify(repair.record, repair.arrays, "the repair")
                runs.append(dataclasses.replace(run, records={"restoration": repair}))
            else:
                runs.append(run)
        groups.append(dataclasses.replace(group, runs=tuple(runs)))
    job = dataclasses.replace(vrstc_job, groups=tuple(groups))
    table = tables.detection(job)
    assert set(table.column("precision")) == {None} and set(table.column("recall")) == {0.0}
    Structure().feed(paper_page(job, build_ledger(job)))


@pytest.fixture(scope="module")
def built(vrstc_job: Job, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("page")
    return json.loads(json.dumps(write(vrstc_job, folder))), folder


def test_the_page_shows_every_number_of_the_section(built: tuple[dict[str, Any], Path], vrstc_job: Job) -> None:
    page = (built[1] / "index.html").read_text()
    structure = Structure()
    structure.feed(page)
    assert structure.open == [] and len(structure.ids) == len(set(structure.ids))
    assert structure.images_without_text == 0
    assert {link[1:] for link in structure.anchors} <= set(structure.ids)
    pairs = zip(structure.headings, structure.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in pairs)
    part = page[page.index('<section id="repair"') : page.index('<section id="curves"')]
    text = html.unescape(re.sub(r"<[^>]+>", " ", part))
    shows = section(vrstc_job)["shows"]
    assert text.index(shows[0]) < text.index("Each square is one repairer")
    for table in (tables.measures(vrstc_job), tables.detection(vrstc_job)):
        for row in table.visible().rows:
            for column, cell in zip(table.visible().columns, row.cells, strict=True):
                assert shown(column, cell).split(" [")[0] in text
    assert part.count('class="square"') == 6
    assert "not run" in text and "too few to tell" in text
    assert part.count("What is truly there") == part.count("Difference between repaired and true pixels") == 5 * 3
    assert "3 times as strong" not in text and "4 times as strong" in text
    assert part.index("STCnet, seed 0") < part.index("Oracle, seed 0")  # the headline arm's repairer is open
    assert "://" not in page


def test_the_rest_of_the_page_knows_of_repaired_data(built: tuple[dict[str, Any], Path], vrstc_job: Job) -> None:
    page = html.unescape((built[1] / "index.html").read_text())
    table = results(vrstc_job)
    arms = dict(zip(table.column("arm"), zip(table.column("trained_on"), table.column("tested_on"), strict=True),
                    strict=True))  # fmt: skip
    assert arms["VRSTC"] == ("STCnet", "STCnet") and arms["Non-local"] == ("raw", "raw")
    assert arms["ResNet-50, frames dropped"] == ("raw", "Drop [tau=0.91]")
    assert arms["Stripe colours"] == (None, "raw")
    assert "VRSTC, seed 0, tested on STCnet" in page
    assert "finding and repairing what is hidden comes before and is not in them" in page
    unverified = page.partition('id="unverified"')[2]
    assert "Repair of filmed people" in unverified
    assert "10 of the 18 ways to train or test on repaired data" in unverified
    assert "Arms of the card that were not run" not in unverified  # repairers are no arms to be judged
    assert "training data: pixels and calls were measured on test frames only" in unverified


def test_repairers_of_the_card_that_nobody_used_are_named(vrstc_job: Job) -> None:
    groups = tuple(group for group in vrstc_job.groups if "spa-ae-gen" not in (group.data.train, group.data.test))
    job = dataclasses.replace(vrstc_job, groups=groups)
    unverified = html.unescape(paper_page(job, build_ledger(job)).partition('id="unverified"')[2])
    assert "Repairers of the card whose data no arm saw: Spa + AE." in unverified
    assert "Arms of the card that were not run: Spa + AE." in unverified  # the arm that learns from it


def test_files_and_terminal_hold_the_same(built: tuple[dict[str, Any], Path]) -> None:
    done, folder = built
    names = {"repair_detection", "repair_measures", "repaired_nl", "repaired_baseline", "repaired_slices_nl"}
    assert {f"{name}.{end}" for name in names for end in ("csv", "tex")} <= set(done["files"])
    rows = list(csv.DictReader(io.StringIO((folder / "repaired_nl.csv").read_text())))
    assert len(rows) == 1 + 5 * 3
    assert rows[0]["arm"] == "Non-local" and rows[0]["delta_mAP_verdict"] == ""
    both = next(row for row in rows if (row["repairer"], row["trained_on"], row["tested_on"]) == ("Oracle",) * 3)
    assert both["delta_mAP_verdict"] == "holds" and float(both["delta_mAP_low"]) > 0
    assert sum(row["arm"] == "not run" for row in rows) == 8
    text = terminal.page(done, width=110)
    head = text.splitlines()[0].split()
    assert head[:6] == ["Arm", "Start", "Trained", "on", "Tested", "on"]
    assert "points of mAP" in text.partition("to win when training and test data are repaired")[0]
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("There are"))
    assert max(len(line) for line in lines[start:] if "Page:" not in line and "Runs:" not in line) <= 110


def test_a_job_of_raw_data_alone_has_neither_columns_nor_section(job: Job, tmp_path: Path) -> None:
    done = write(job, tmp_path)
    assert done["repair"] == [] and not any(name.startswith("repair") for name in done["tables"])
    assert "trained_on" not in [column.key for column in results(job).columns]
    page = (tmp_path / "index.html").read_text()
    assert 'id="repair"' not in page and "Trained on" not in page
    assert section(job) == {}


def test_the_same_store_gives_the_same_bytes(
    built: tuple[dict[str, Any], Path], vrstc_job: Job, tmp_path: Path
) -> None:
    again = write(vrstc_job, tmp_path)
    for name in again["files"]:
        assert (tmp_path / name).read_bytes() == (built[1] / name).read_bytes(), name
