"""Choices are refused where they are incomplete or disagree, and read back as they were recorded."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.errors import ReportError
from reports.records.test_time import KIND, Choices
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.errors import RunError
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_choices


def parts() -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, Any]]:
    """Record, arrays and result of one arm, to be damaged."""
    found = fake_choices.choices("gltr", 0)
    arrays = fake_choices.per_query("gltr", 0)
    return copy.deepcopy(found.record), dict(found.arrays), fake_choices.result("gltr", 0, arrays)


def test_what_the_fake_records_is_whole() -> None:
    for arm in fake_choices.ARMS:
        found = fake_choices.choices(arm, 0)
        result = fake_choices.result(arm, 0, fake_choices.per_query(arm, 0))
        KIND.verify(found.record, found.arrays, arm, result)


def _first(record: dict[str, Any]) -> dict[str, Any]:
    return record["choices"][0]


DAMAGES: dict[str, tuple[Callable[[dict[str, Any], dict[str, np.ndarray]], Any], str]] = {
    "a key": (lambda r, a: r.pop("lengths"), "it lacks lengths"),
    "a key of a choice": (lambda r, a: _first(r).pop("source"), r"choices\[0\] lacks source"),
    "a family": (lambda r, a: _first(r).update(family="one"), r"choices\[0\]\.family is 'one', expected 'single', "),
    "a name twice": (lambda r, a: r["choices"].append(_first(r)), "expected each once"),
    "the headline": (lambda r, a: r.update(headline="best"), "headline 'best'"),
    "passes": (lambda r, a: r.update(passes=2.0), "passes 2.0000, but 12000 of 12000"),
    "half a count": (lambda r, a: r.update(trunk_frames=None), "expected both, or null twice"),
    "a number": (lambda r, a: r.update(passes=float("nan")), "finite, or null"),
    "a metric": (lambda r, a: _first(r)["metrics"].pop("rank5"), "rank5 of the choice single"),
    "an interval": (lambda r, a: _first(r)["intervals"].pop("mAP"), "interval of mAP of the choice single"),
    "an average": (lambda r, a: _first(r)["metrics"].update(mAP=1.0), "mAP of single is 1.000"),
    "an array": (lambda r, a: a.pop("whole/gallery/16-31/hit1"), "lacks whole/gallery/16-31/hit1"),
    "a shape": (lambda r, a: a.update({"whole/hit1": np.zeros(3)}), r"whole/hit1 of shape \(3,\)"),
    "a range": (lambda r, a: a.update({"whole/hit1": a["whole/hit1"] + 50}), "whole/hit1 outside of 0 to 100"),
    "a slice": (lambda r, a: r["lengths"]["bins"][2].update(queries=1), "counts 1 queries of 4-7 frames"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_named(what: str) -> None:
    record, arrays, result = parts()
    damage, said = DAMAGES[what]
    damage(record, arrays)
    with pytest.raises(ReportError, match=said):
        KIND.verify(record, arrays, "the choices of run 7", result)


def test_the_headline_must_be_the_result() -> None:
    record, arrays, result = parts()
    result["metrics"]["mAP"] += 1
    with pytest.raises(ReportError, match="headline whole, but result"):
        KIND.verify(record, arrays, "x", result)


def test_they_come_back_as_they_were_recorded(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path / "store")
    store = open_store(uri)
    fake_choices.write(store, seeds=1)
    fake_choices.write(store, seeds=1)  # again: nothing is recorded twice
    read = load_job(open_reader(uri), fake_choices.EXPERIMENT)
    expected = fake_choices.choices("gltr", 0)
    (run,) = read.by_name["gltr"].runs
    found = run.records["test_time"]
    assert found.record == expected.record
    for key, values in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays[key], values)
    shown = store.client.get_run(run.run_id).data.metrics
    assert shown["choice/single/rank1"] == pytest.approx(expected.of("single")["metrics"]["rank1"], abs=1e-3)
    assert shown["choice/passes"] == 1.0
    fixed = read.by_name["fixed"].runs[0].records["test_time"]
    shown = store.client.get_run(read.by_name["fixed"].runs[0].run_id).data.metrics
    assert "choice/whole/mAP" not in shown
    assert {one["name"] for one in fixed.run} == {"snippets-4", "dense-4"}
    assert all(one["not_run"] == fake_choices.NOT_RUN for one in fixed.not_run)


def test_a_writer_refuses_what_a_reader_would(tmp_path: Path) -> None:
    record, arrays, result = parts()
    record["headline"] = "best"
    store = open_store(fake.fresh(tmp_path / "store"))
    parent = store.begin(fake.card(), fake.DATASET, fake_choices.PROTOCOL, "embedded", "x", fake.ENVIRONMENT)
    with pytest.raises(RunError, match="headline 'best'"):
        per_query = fake_choices.per_query("gltr", 0)
        store.record_arm(parent, result, per_query, None, [], {"test_time": Choices(record, arrays)})


def test_values_of_a_choice_and_of_a_slice() -> None:
    found = fake_choices.choices("fixed", 0)
    assert found.values("whole") is None
    assert found.of("whole") is None
    assert found.of("snippets-4")["frames"] == 4
    whole = found.values("snippets-4")
    sliced = found.values("snippets-4", "mAP", "8-15")
    assert whole.shape == sliced.shape
    assert (sliced[~found.valid("8-15")] == 0).all()
