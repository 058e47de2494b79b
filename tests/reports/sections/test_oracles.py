"""Oracles and shuffled labels on the page: a block of their own, paired with their arm, and in no ranking."""

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocols.vocabulary import ORACLES, UNTRAINED_CONTROLS
from reports import terminal
from reports.build import write
from reports.comparison.groups import strata
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.records.result_checks import check_result
from reports.render.table import Estimate
from reports.schema.controls import CONTROL_LABELS
from reports.sections.results import oracles, provenance, tables
from reports.store.job import Job
from reports.store.jobs import load_all
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.mlflow_writer import Store, open_store
from tests.reports import fake
from tests.reports.conftest import EXPERIMENT

GAINS = {
    "true-visibility": 0.3, "true-masks": 0.1, "true-masks-and-things": 0.12, "true-mask-pooling": 0.0,
    "true-attributes": 1.2, "true-gait": 0.9,
    "shuffled-labels": -3.0,
}  # fmt: skip


def result(control: str, seed: int, arrays: dict[str, np.ndarray]) -> dict[str, object]:
    known = {"words": f"{control} in words", "parameters": {"weight": 0.2}, "tracklets": 400, "without_truth": 7}
    more = {"label": "ResNet-50, mean over frames", "cost": {}, "stages": [], "knows": known}
    return fake.result("baseline", control, "baseline", seed, arrays) | more


def record(store: Store, seeds: int = 2) -> str:
    """The usual job, finished after its oracles."""
    parent = fake.write(store, seeds=seeds, finish=False)
    for control, gain in GAINS.items():
        for seed in range(seeds):
            arrays = fake.per_query(gain, seed, f"baseline{control}")
            store.record_arm(parent, result(control, seed, arrays), arrays, None, [])
    store.finish(parent, {})
    return parent


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = fake.fresh(tmp_path_factory.mktemp("oracles"))
    record(open_store(found))
    return found


@pytest.fixture(scope="module")
def job_with_oracles(uri: str) -> Job:
    return load_job(open_reader(uri), EXPERIMENT)


def test_every_untrained_control_stands_behind_its_arm_with_the_paired_difference(job_with_oracles: Job) -> None:
    job = job_with_oracles
    table = oracles.table(job)
    assert [row.kind for row in table.rows] == list(UNTRAINED_CONTROLS)
    assert set(table.column("of")) == {"ResNet-50, mean over frames"}
    baseline = job.by_name["baseline"].values("mAP")
    for row, control in zip(table.rows, UNTRAINED_CONTROLS, strict=True):
        cells = dict(zip((column.key for column in table.columns), row.cells, strict=True))
        measured = job.by_name[f"baseline-{control}"].values("mAP")
        own, gain = cells["mAP"], cells["gain_mAP"]
        assert isinstance(own, Estimate) and isinstance(gain, Estimate)
        assert own.mean == pytest.approx(measured.mean())
        assert gain.mean == pytest.approx((measured - baseline).mean())
        assert gain.low < gain.mean < gain.high
        if control in ORACLES:
            assert gain.high - gain.low < own.high - own.low, "paired with its arm, it is told more exactly"
        assert cells["without_truth"] == "7 of 400 tracklets"
    gains = [cell.low for cell in table.column("gain_mAP") if isinstance(cell, Estimate)]
    assert gains[UNTRAINED_CONTROLS.index("true-gait")] > 0


def test_they_are_no_rows_of_results_no_arms_and_no_controls_of_a_claim(job_with_oracles: Job, uri: str) -> None:
    job = job_with_oracles
    plain = tables.results(job)
    labels = {group.label for group in job.untrained()}
    assert len(labels) == len(UNTRAINED_CONTROLS) and not labels & set(map(str, plain.column("arm")))
    assert {group.name for group in job.arms()} == {"baseline", "dtp", "tsa", "gltr"}
    ledger = build_ledger(job)
    ran = {one.control for claim in ledger.claims for one in claim.causes}
    assert not ran & set(UNTRAINED_CONTROLS)
    found, _ = strata(load_all(uri))
    assert not [entry for one in found for entry in one.every if entry.group.control in UNTRAINED_CONTROLS]


def test_the_rest_of_the_page_is_that_of_a_job_without_them(job_with_oracles: Job, tmp_path: Path) -> None:
    """Everything that is computed of arms and controls stays as it is where oracles stand beside them."""
    store = open_store(fake.fresh(tmp_path / "plain"))
    fake.write(store, seeds=2)
    without = load_job(open_reader(store.uri), EXPERIMENT)
    for made in (tables.results, provenance.stages, provenance.admission):
        one, other = made(job_with_oracles), made(without)
        assert [row.cells for row in one.rows] == [row.cells for row in other.rows]
        assert one.notes == other.notes
    assert oracles.table(without).rows == ()
    assert oracles.CAPTION not in html.unescape(paper_page(without, build_ledger(without)))


def test_page_files_and_terminal_show_them(job_with_oracles: Job, tmp_path: Path) -> None:
    page = html.unescape(re.sub(r"<[^>]+>", " ", paper_page(job_with_oracles, build_ledger(job_with_oracles))))
    made = write(job_with_oracles, tmp_path)
    told = terminal.page(made, 118)
    for text in (page, told):
        assert oracles.CAPTION in text
        for control in UNTRAINED_CONTROLS:
            label = CONTROL_LABELS[control]
            assert label[0].upper() + label[1:] in text
    assert "true-gait in words" in page and "Tracklets of 400 of which nothing is known" in page
    assert {"oracles.csv", "oracles.tex"} <= set(made["files"])
    assert all(control in ORACLES or control == "shuffled-labels" for control in UNTRAINED_CONTROLS)


def test_a_record_says_what_was_known_or_is_refused() -> None:
    arrays = fake.per_query(0.0, 0, "x")
    good = result("true-gait", 0, arrays)
    check_result(good)
    wrong: tuple[dict[str, Any], ...] = ({"words": "x"}, {**good["knows"], "without_truth": "none"})
    for bad in wrong:
        with pytest.raises(Exception, match="knows"):
            check_result(good | {"knows": bad})
