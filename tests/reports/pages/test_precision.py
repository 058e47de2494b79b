"""In what numbers networks computed stands beside their accuracies: in tables, on pages, on the terminal, in MLflow."""

import pytest

from reports import page
from reports.comparison.groups import strata
from reports.comparison.tables import compare
from reports.sections.results import tables
from reports.store import arm
from reports.store.job import Job
from reports.store.jobs import Across
from runners.plan.environment import PRECISIONS
from runners.tracking.tags_and_metrics import child_params, child_tags


def test_every_precision_has_words() -> None:
    assert tables.PRECISION_WORDS.keys() == set(PRECISIONS)


def test_the_results_have_a_column_and_a_sentence(job: Job) -> None:
    table = tables.results(job)
    found = dict(zip(table.column("arm"), table.column("precision"), strict=True))
    assert found["ResNet-50, mean over frames"] == "fp32" and found["GLTR"] == "bf16"
    assert found["Stripe colours"] is None  # no network
    assert [column.title for column in table.visible().columns].count("Computed in") == 1
    told = [note for note in table.notes if note.startswith("Computed")]
    assert len(told) == 2
    assert any("in fp32 (float32, no TF32)" in note and "ResNet-50" in note for note in told)
    assert ("Computed in", "fp32, bf16") in page._facts(job)
    assert "bf16" in table.as_csv()


def test_records_of_old_say_nothing_and_get_no_column(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm.Group, "precision", property(lambda _: ""))
    table = tables.results(job)
    assert "precision" not in [column.key for column in table.columns]
    assert not any(note.startswith("Computed") for note in table.notes)
    assert "Computed in" not in dict(page._facts(job))


def test_a_comparison_has_the_column(across: Across) -> None:
    made = [compare(one).table for one in strata(across)[0]]
    assert made
    for table in made:
        assert set(table.column("precision")) <= {None, "fp32", "bf16"} != {None}


def test_mlflow_is_told(job: Job) -> None:
    group = next(group for group in job.groups if group.name == "gltr")
    assert child_params(group.first)["precision"] == child_tags(group.first)["precision"] == "bf16"
    colour = next(group for group in job.groups if group.control == "colour")
    assert child_params(colour.first)["precision"] == "none"
