"""Reading recorded runs back, and what is said when they are not there."""

import json
from pathlib import Path

import numpy as np
import pytest

import reports
from reports.compose import compose
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import Reader, open_reader
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_many
from tests.reports.conftest import EXPERIMENT


def test_load_gives_one_row_for_each_arm_and_seed(recorded: str) -> None:
    frame = reports.load(EXPERIMENT, recorded)
    assert len(frame) == 6 * 3 + 1
    assert frame["run_id"].is_unique
    gltr = frame[(frame["arm"] == "gltr") & (frame["control"] == "none")]
    assert list(gltr["seed"]) == [0, 1, 2]
    assert (gltr["published_mars/mAP"] == 78.47).all()
    expected = fake.per_query(fake.EFFECTS["gltr", None, None], 0, "gltrNone")["average_precision"].mean()
    assert gltr.iloc[0]["test/mAP"] == pytest.approx(expected, abs=1e-5)


def test_groups_come_in_the_cards_order_with_controls_after_their_arm(job: Job) -> None:
    names = [group.name for group in job.groups]
    assert names == ["baseline", "dtp", "tsa", "gltr", "gltr-shuffled", "gltr-mlp", "colour"]


def test_per_query_values_average_to_the_recorded_accuracy(job: Job) -> None:
    for group in job.groups:
        for row, run in zip(group.values("mAP"), group.runs, strict=True):
            assert row.mean() == pytest.approx(run.result["metrics"]["mAP"])
        assert group.values("rank5").mean(axis=1) == pytest.approx(
            [run.result["metrics"]["rank5"] for run in group.runs]
        )


def test_unknown_names_answer_with_near_matches(reader: Reader) -> None:
    with pytest.raises(reports.ReportError, match="did you mean reid/synthwalk/res50-rgb-single-pass"):
        load_job(reader, "reid/synthwalk/res50-rgb-singlepass")
    with pytest.raises(reports.ReportError, match=r"paper 'gtlr' is not recorded .* did you mean gltr"):
        load_job(reader, EXPERIMENT, paper="gtlr")


def test_a_missing_store_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(reports.NothingToReport, match=r"runners\.reproduce"):
        open_reader(f"sqlite:///{tmp_path / 'none.db'}")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("not a database, but long enough to be read as one" * 30)
    with pytest.raises(reports.ReportError, match=r"notes\.db"):
        open_reader(f"sqlite:///{file}")


def test_missing_artifact_names_the_run_the_file_and_the_way_out(uri: str) -> None:
    store = open_store(uri)
    fake.write(store, seeds=1, effects={("baseline", None, None): 0.0})
    run = reports.load(EXPERIMENT, uri).iloc[0]
    (Path(run["artifact_uri"].removeprefix("file://")) / "per_query.npz").unlink()
    with pytest.raises(reports.ReportError, match=rf"{run['run_id']}.*per_query\.npz.*runners\.reproduce"):
        load_job(open_reader(uri), EXPERIMENT)


def test_arms_judged_on_other_queries_are_refused(uri: str) -> None:
    store = open_store(uri)
    parent = fake.write(store, seeds=1, effects={("baseline", None, None): 0.0}, finish=False)
    arrays = fake.per_query(0.5, 0, "gltr")
    arrays["key"] = np.char.add(arrays["key"], "x")
    store.record_arm(parent, fake.result("gltr", None, None, 0, arrays), arrays, None, [])
    with pytest.raises(reports.ReportError, match="other queries"):
        load_job(open_reader(uri), EXPERIMENT)


def test_a_record_of_another_schema_is_refused(uri: str) -> None:
    fake.write(open_store(uri), seeds=1, effects={("baseline", None, None): 0.0})
    run = reports.load(EXPERIMENT, uri).iloc[0]
    file = Path(run["artifact_uri"].removeprefix("file://")) / "result.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema": 99}))
    with pytest.raises(reports.ReportError, match="schema 99"):
        load_job(open_reader(uri), EXPERIMENT)


def test_an_unfinished_job_is_reported_as_such_and_an_empty_one_is_nothing_to_report(uri: str) -> None:
    store = open_store(uri)
    store.begin(fake.card(), fake.DATASET, fake.PROTOCOL, "embedded", fake.COMMAND, fake.ENVIRONMENT)
    with pytest.raises(reports.NothingToReport, match="no finished arm"):
        load_job(open_reader(uri), EXPERIMENT)
    fake.write(store, seeds=1, effects={("baseline", None, None): 0.0}, finish=False)
    assert not load_job(open_reader(uri), EXPERIMENT).finished


def test_the_typed_card_and_the_toml_tables_read_alike() -> None:
    from reports.store.cards import normalise

    tables = fake.card()
    flat = tables["paper"] | {key: value for key, value in tables.items() if key != "paper"}
    flat["arms"] = [arm | {"name": name} for name, arm in tables["arms"].items()]
    one, other = normalise(tables), normalise(flat)
    assert list(one["arms"]) == list(other["arms"])
    assert (one["title"], one["claims"]) == (other["title"], other["claims"])


def test_a_page_is_of_the_plain_job_unless_a_variant_is_named(uri: str) -> None:
    store = open_store(uri)
    few, seeds = {("mean", None, None): 0.0}, {"mean": (0,)}
    plain = fake_many.job(store, "alpha", few, seeds=seeds)
    variant = fake_many.job(store, "alpha", few, seeds=seeds, changes={"size": "128x64", "precision": "bf16"})
    reader = open_reader(uri)
    assert load_job(reader, EXPERIMENT).parent_id == load_job(reader, EXPERIMENT, "alpha").parent_id == plain
    named = load_job(reader, EXPERIMENT, parent=variant[:12])
    assert (named.parent_id, dict(named.changes)) == (variant, {"precision": "bf16", "size": "128x64"})
    made = compose(named)
    assert "<dt>Options</dt><dd>precision bf16, size 128x64</dd>" in made.files["index.html"]
    assert made.facts["changes"] == named.changes
    assert "<dt>Options</dt>" not in compose(load_job(reader, EXPERIMENT)).files["index.html"]
    frame = reports.load(EXPERIMENT, uri)
    assert list(zip(frame["parent_id"], frame["changes"], strict=True)) == [
        (plain, ""), (variant, "precision bf16, size 128x64"),
    ]  # fmt: skip


def test_a_plain_job_that_still_runs_is_reported_before_a_finished_variant(uri: str) -> None:
    store = open_store(uri)
    few, seeds = {("mean", None, None): 0.0}, {"mean": (0,)}
    fake_many.job(store, "alpha", few, seeds=seeds, changes={"pretrained": "none"})
    plain = fake_many.job(store, "alpha", few, seeds=seeds, finish=False)
    assert load_job(open_reader(uri), EXPERIMENT).parent_id == plain
