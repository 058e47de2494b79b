"""Heads of a seed in a recorded job: which of them count, what numbers are of, and what an old store lacks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from protocols.statistics import paired_difference
from reports.errors import ReportError
from reports.ledger.difference import compare
from reports.records.result_checks import check_result
from reports.render.table import Estimate
from reports.sections.repair.effect import Slice, within
from reports.sections.results import provenance, tables
from reports.store.arm import Group
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import load, open_reader
from runners.tracking.mlflow_writer import Store, open_store
from tests.reports import fake
from tests.reports.conftest import EXPERIMENT
from tests.runners.recorded import begin

Training = tuple[int, int]
BALANCED = [(seed, head) for seed in range(3) for head in range(2)]


def _record(store: Store, parent: str, arm: str, gain: float, trainings: Sequence[Training]) -> None:
    for seed, head in trainings:
        arrays = fake.per_query(gain, 10 * head + seed, arm)
        result = fake.result(arm, None, None, seed, arrays)
        more: dict[str, Any] = {"head_seed": head, "fingerprint": f"{arm}-{seed}-{head}"} if head else {}
        store.record_arm(parent, result | more, arrays, None, [])


def _job(uri: str, *arms: tuple[str, float, Sequence[Training]]) -> Job:
    store = open_store(uri)
    parent = begin(store)
    for arm, gain, trainings in arms:
        _record(store, parent, arm, gain, trainings)
    store.finish(parent, {})
    return load_job(open_reader(uri), EXPERIMENT)


@pytest.fixture(scope="module")
def headed(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """GLTR with two heads on each of three trunks, and its baseline, which has none."""
    uri = fake.fresh(tmp_path_factory.mktemp("heads"))
    return _job(uri, ("baseline", 0.0, [(0, 0), (1, 0), (2, 0)]), ("gltr", 0.6, BALANCED))


def test_values_stand_by_seed_and_head(headed: Job) -> None:
    arm, plain = headed.by_name["gltr"], headed.by_name["baseline"]
    assert (arm.seeds, arm.head_seeds, len(arm.runs)) == ((0, 1, 2), (0, 1), 6)
    assert (plain.seeds, plain.head_seeds, plain.values("mAP").shape) == ((0, 1, 2), (0,), (3, fake.QUERIES))
    found = arm.values("mAP", (2, 0))
    assert found.shape == (2, 2, fake.QUERIES)
    assert np.array_equal(found[0, 1], fake.per_query(0.6, 12, "gltr")["average_precision"])


def test_a_difference_is_of_every_head_against_the_baseline_of_its_seed(headed: Job) -> None:
    arm, plain = headed.by_name["gltr"], headed.by_name["baseline"]
    found = compare(arm, plain, "mAP", None)
    assert found is not None
    direct = paired_difference(arm.values("mAP"), plain.values("mAP"), arm.people())
    assert (found.mean, found.low, found.high) == (direct.mean, direct.low, direct.high)
    assert len(found.run_ids) == 9


def test_tables_count_trunks_and_heads_and_list_every_run(headed: Job) -> None:
    found = tables.results(headed).as_dict()
    rows = {row["arm"]: row for row in found["rows"]}
    assert (rows["GLTR"]["seeds"], rows["ResNet-50, mean over frames"]["seeds"]) == ("3 × 2", 3)
    assert any(note.startswith("Seeds 3 × 2: 3 trained trunks with 2 heads each") for note in found["notes"])
    means = headed.by_name["gltr"].values("mAP").mean(axis=2)
    assert rows["GLTR"]["std_mAP"] == pytest.approx(means.mean(axis=1).std(ddof=1))
    assert rows["GLTR"]["std_heads_mAP"] == pytest.approx(np.sqrt(means.var(axis=1, ddof=1).mean()))
    runs = provenance.runs(headed)
    assert sorted(zip(runs.column("seed"), runs.column("head"), strict=True)) == sorted(
        [*BALANCED, (0, 0), (1, 0), (2, 0)]
    )


def test_a_slice_of_queries_is_cut_from_every_head(headed: Job) -> None:
    chosen = np.arange(fake.QUERIES) < 80
    cell = within(headed.by_name["gltr"], Slice("first half", chosen, 80, 20), "mAP")
    assert isinstance(cell, Estimate)
    assert cell.mean == pytest.approx(headed.by_name["gltr"].values("mAP")[:, :, :80].mean())


def test_only_heads_that_every_seed_has_are_counted(uri: str) -> None:
    arm = _job(uri, ("gltr", 0.6, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 2)])).by_name["gltr"]
    assert arm.head_seeds == (0, 2)
    assert arm.values("mAP").shape == (3, 2, fake.QUERIES)
    assert len(arm.run_ids) == 6
    assert [run.head_seed for run in arm.first_heads] == [0, 0, 0]


def test_a_seed_without_its_first_head_is_left_out_and_named(uri: str) -> None:
    job = _job(uri, ("gltr", 0.6, [(0, 0), (0, 1), (1, 1)]))
    assert job.by_name["gltr"].seeds == (0,)
    assert any("gltr with seed 1, of which only further heads were recorded" in each for each in job.left_out)


def test_each_head_is_superseded_by_its_own_successor_alone(uri: str) -> None:
    store = open_store(uri)
    parent = begin(store)
    _record(store, parent, "gltr", 0.6, [(0, 0), (0, 1)])
    arrays = fake.per_query(0.9, 5, "gltr")
    result = fake.result("gltr", None, None, 0, arrays) | {"head_seed": 1, "fingerprint": "made again"}
    store.record_arm(parent, result, arrays, None, [])
    store.finish(parent, {})
    assert [run.info.run_name for run in store.children(parent)] == ["gltr s0", "gltr s0 h1"]
    assert load(EXPERIMENT, uri)["fingerprint"].tolist() == ["gltr-None-0-f00d", "made again"]
    assert load(EXPERIMENT, uri)["head_seed"].tolist() == [0, 1]


def test_runs_from_before_there_were_heads_are_of_the_first(uri: str) -> None:
    store = open_store(uri)
    parent = begin(store)
    _record(store, parent, "gltr", 0.6, [(0, 0)])
    (old,) = store.children(parent)
    store.client.delete_tag(old.info.run_id, "head_seed")
    arrays = fake.per_query(0.9, 5, "gltr")
    result = fake.result("gltr", None, None, 0, arrays) | {"fingerprint": "made again"}
    store.record_arm(parent, result, arrays, None, [])
    store.finish(parent, {})
    assert [run.data.tags["fingerprint"] for run in store.children(parent)] == ["made again"]
    assert load(EXPERIMENT, uri)["head_seed"].tolist() == [0]


def test_a_head_seed_below_zero_is_refused() -> None:
    arrays = fake.per_query(0.0, 0, "gltr")
    with pytest.raises(ReportError, match="head_seed = -1"):
        check_result(fake.result("gltr", None, None, 0, arrays) | {"head_seed": -1})


def test_an_arm_by_divisions_is_averaged_over_its_heads(headed: Job) -> None:
    arm: Group = headed.by_name["gltr"]
    assert arm.by_split("mAP")[:, 0] == pytest.approx(arm.values("mAP").mean(axis=(1, 2)))
