"""The writer: each result once, whole, and again after a kill; and clear words about a store that fails."""

import json
import math
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runners.errors import NotPossible, RunError
from runners.tracking import tags_and_metrics as content
from runners.tracking.mlflow_writer import Store, open_store
from tests.places import HOUSE
from tests.reports import fake
from tests.runners.recorded import BASELINE, all_runs, begin, record


def test_a_run_carries_what_the_record_says(store: Store) -> None:
    parent = begin(store)
    run = store.client.get_run(record(store, parent))
    arrays = fake.per_query(0.0, 0, "baseline")
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "baseline s0"
    assert run.data.metrics["test/mAP"] == pytest.approx(arrays["average_precision"].mean(), abs=1e-6)
    assert run.data.metrics["test/rank1"] == pytest.approx(100 * np.mean(arrays["first_hit"] == 1))
    assert run.data.metrics["published_mars/mAP"] == 65.45
    assert not any(name.startswith("delta/") for name in run.data.metrics)  # SynthWalk minus MARS means nothing
    assert run.data.metrics["latency/cpu_ms_p50"] == 21.4
    assert "latency/gpu_ms_p50" not in run.data.metrics
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert run.data.params["seed"] == "0"
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("synthwalk", fake.DATASET["fingerprint"])
    names = {file.path for file in store.client.list_artifacts(run.info.run_id)}
    assert names == {"result.json", "per_query.npz", "cmc.png", "strips.json", "environment.json", "train_log.csv"}


def test_on_the_papers_own_data_set_the_difference_is_recorded() -> None:
    arrays = fake.per_query(0.0, 0, "baseline")
    result = fake.result(*BASELINE, 0, arrays) | {"dataset": fake.DATASET | {"name": "mars"}}
    metrics = content.child_metrics(result, fake.card())
    assert metrics["published/mAP"] == 65.45
    assert metrics["delta/mAP"] == pytest.approx(result["metrics"]["mAP"] - 65.45, abs=1e-6)


def test_parents_and_children_carry_the_same_tags_so_that_filters_find_both(store: Store) -> None:
    parent = begin(store)
    child = store.client.get_run(record(store, parent)).data.tags
    own = store.client.get_run(parent).data.tags
    wanted = {"kind", "paper", "method", "arm", "control", "dataset", "protocol", "protocol_version", "profile",
              "code_sha", "dirty", "device", "status", "fingerprint", "reproid.schema"}  # fmt: skip
    assert wanted <= set(child)
    assert wanted <= set(own)


def test_recording_twice_leaves_one_run(store: Store) -> None:
    parent = begin(store)
    first = record(store, parent)
    again = open_store(store.uri)
    assert begin(again) == parent
    assert record(again, parent) == first
    assert len(all_runs(store, parent)) == 2


def test_a_killed_job_goes_on_in_the_run_it_left(store: Store) -> None:
    parent = begin(store)
    arrays = fake.per_query(0.0, 0, "baseline")
    tags = content.child_tags(fake.result(*BASELINE, 0, arrays)) | {"mlflow.parentRunId": parent}
    experiment = store.client.get_run(parent).info.experiment_id
    left = store.client.create_run(experiment, run_name="baseline s0", tags=tags)  # created, then killed
    assert store.children(parent) == []
    assert record(store, parent) == left.info.run_id
    assert store.client.get_run(left.info.run_id).info.status == "FINISHED"
    assert len(all_runs(store, parent)) == 2


def test_a_new_fingerprint_supersedes_the_old_run_and_coming_back_revives_it(store: Store) -> None:
    parent = begin(store)
    old = record(store, parent)
    new = record(store, parent, gain=0.3, fingerprint="other")
    assert new != old
    assert [run.info.run_id for run in store.children(parent)] == [new]
    record(store, parent)
    assert [run.info.run_id for run in store.children(parent)] == [old]


def test_the_parent_shows_mean_and_spread_over_seeds(store: Store, tmp_path: Path) -> None:
    parent = begin(store)
    runs = [store.client.get_run(record(store, parent, seed)) for seed in range(3)]
    values = [run.data.metrics["test/mAP"] for run in runs]
    page = tmp_path / "index.html"
    page.write_text("<p>page</p>")
    ledger = {"claims": [{"verdict": "holds", "text": "A beats B.", "words": "By a lot."}]}
    store.finish(parent, {"wall": 3.5}, ledger, page)
    data = store.client.get_run(parent).data
    assert data.metrics["mAP/baseline"] == pytest.approx(np.mean(values))
    assert data.metrics["mAP_std/baseline"] == pytest.approx(np.std(values, ddof=1))
    assert "**holds**: A beats B." in data.tags["mlflow.note.content"]
    assert {"card.json", "ledger.json", "report", "summary.json", "environment.json"} == {
        file.path for file in store.client.list_artifacts(parent)
    }


def test_a_report_is_attached_without_opening_the_job_again(store: Store, tmp_path: Path) -> None:
    parent = begin(store)
    record(store, parent)
    store.finish(parent, {})
    ended = store.client.get_run(parent).info.end_time
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("<p>page</p>")
    store.attach_report(parent, {"claims": []}, tmp_path / "report")
    info = store.client.get_run(parent).info
    assert (info.status, info.end_time) == ("FINISHED", ended)
    assert [file.path for file in store.client.list_artifacts(parent, "report")] == ["report/index.html"]
    with pytest.raises(RunError, match="does not exist"):
        store.attach_report(parent, {"claims": []}, tmp_path / "nothing")


def test_arms_with_options_and_several_papers_in_one_experiment_keep_apart(store: Store) -> None:
    parent = begin(store)
    arrays = fake.per_query(0.1, 0, "x")
    for control, of in ((None, None), ("shuffled", "gltr[tsa=off,branches=2]")):
        result = fake.result("gltr", control, of, 0, arrays) | {
            "arm": "gltr[tsa=off,branches=2]",
            "options": {"tsa": "off", "branches": 2},
            "fingerprint": f"f{control}",
        }
        store.record_arm(parent, result, arrays, None, [])
    other = fake.card()
    other["paper"]["key"] = "cosam"
    second = store.begin(other, fake.DATASET, fake.PROTOCOL, "embedded", "x", fake.ENVIRONMENT)
    assert second != parent
    assert store.children(second) == []
    names = [run.info.run_name for run in store.children(parent)]
    assert names == ["gltr[tsa=off,branches=2] s0", "gltr[tsa=off,branches=2]-shuffled s0"]
    store.finish(parent, {})
    assert "mAP/gltr-tsa-off-branches-2" in store.client.get_run(parent).data.metrics


def test_what_options_change_for_every_arm_makes_another_job(store: Store) -> None:
    """Else seeds from two starts would be pooled as one arm."""

    def begun(**changes: str) -> str:
        return store.begin(fake.card(), fake.DATASET, fake.PROTOCOL, "embedded", "x", fake.ENVIRONMENT, changes=changes)

    plain, scratch = begin(store), begun(pretrained="none")
    assert begun() == plain  # as it was named before there were any
    assert begun(pretrained="none") == scratch
    assert len({plain, scratch, begun(pretrained="imagenet"), begun(precision="bf16")}) == 4
    both = begun(precision="bf16", pretrained="none")
    assert begun(pretrained="none", precision="bf16") == both  # in whatever order
    run = store.client.get_run(both)
    assert run.info.run_name == "gltr embedded, precision bf16, pretrained none"
    assert run.data.params["pretrained"] == "none"
    for seed in (0, 1, 2):
        record(store, plain, seed)
    record(store, scratch, 0)
    assert [len(store.children(parent)) for parent in (plain, scratch)] == [3, 1]


def test_the_cards_order_of_arms_survives(store: Store, tmp_path: Path) -> None:
    path = store.client.download_artifacts(begin(store), "card.json", str(tmp_path))
    assert list(json.loads(Path(path).read_text())["arms"]) == list(fake.card()["arms"])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_refused_and_leaves_no_run(store: Store, value: float) -> None:
    parent = begin(store)
    with pytest.raises(RunError, match=r"cost\.params_m"):
        record(store, parent, cost={"params_m": value})
    arrays = fake.per_query(0.0, 0, "baseline")
    result = fake.result(*BASELINE, 0, arrays)
    with pytest.raises(RunError, match=r"\[1\]\.loss"):
        store.record_arm(parent, result, arrays, None, [{"step": 0, "loss": 1.0}, {"step": 1, "loss": value}])
    assert len(all_runs(store, parent)) == 1


def test_fractions_in_place_of_percent_are_noticed(store: Store) -> None:
    arrays = fake.per_query(0.0, 0, "baseline")
    result = fake.result(*BASELINE, 0, arrays)
    arrays["average_precision"] = arrays["average_precision"] / 100
    with pytest.raises(RunError, match="percent"):
        store.record_arm(begin(store), result, arrays, None, [])


def test_a_missing_key_is_named(store: Store) -> None:
    arrays = fake.per_query(0.0, 0, "baseline")
    result = fake.result(*BASELINE, 0, arrays)
    del result["admission"]
    with pytest.raises(RunError, match="admission"):
        store.record_arm(begin(store), result, arrays, None, [])


def test_curves_are_thinned_and_keep_their_last_point() -> None:
    points = content.curve_points(fake.train_log())
    frames = [step for name, _, step in points if name == "train/frames/loss"]
    assert len(frames) <= content.CURVE_POINTS
    assert frames[-1] == 311
    assert frames == sorted(frames)


def test_names_hold_only_what_mlflow_accepts_everywhere() -> None:
    assert content.safe_key("mAP/gltr[tsa=off, branches=2]") == "mAP/gltr-tsa-off-branches-2"


def test_several_processes_may_open_a_store_that_does_not_exist_yet(tmp_path: Path) -> None:
    code = (
        "import sys; from runners.tracking.mlflow_writer import open_store; from tests.reports import fake;"
        "s = open_store(sys.argv[1]);"
        "print(s.begin(fake.card(), fake.DATASET, fake.PROTOCOL, 'embedded', 'x', fake.ENVIRONMENT))"
    )
    root = HOUSE
    arguments = [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"]
    started = [
        subprocess.Popen(arguments, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in started:
        out, err = process.communicate(timeout=900)
        assert process.returncode == 0, err
        assert len(out.split()) == 1
        assert "alembic" not in err
    connection = sqlite3.connect(tmp_path / "new" / "mlflow.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_artifacts_lie_beside_the_database(store: Store, tmp_path: Path) -> None:
    uri = store.client.get_run(begin(store)).info.artifact_uri
    assert uri.startswith((tmp_path / "store" / "mlartifacts").as_uri())


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("file:./mlruns", "migrate-filestore"),
        ("mlruns", "folder store"),
        ("ftp://host/x", "not understood"),
        ("sqlite:///:memory:", "in-memory"),
        ("sqlite://", "names no file"),
    ],
)
def test_a_tracking_uri_that_cannot_be_used_is_explained(uri: str, words: str) -> None:
    with pytest.raises(RunError, match=words):
        open_store(uri)


def test_a_server_that_does_not_answer_is_not_possible_here() -> None:
    with pytest.raises(NotPossible, match="mlflow server"):
        open_store("http://127.0.0.1:9")


def test_the_environment_variable_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = fake.fresh(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert open_store().uri == uri


def test_a_locked_database_is_named(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path)
    holder = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(RunError, match=r"mlflow\.db is locked"):
            open_store(uri, busy_seconds=0.2)
    finally:
        holder.close()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("these are my notes, not a database " * 40)
    with pytest.raises(RunError, match=r"notes\.txt is not a SQLite database"):
        open_store(f"sqlite:///{file}")
    assert file.read_text().startswith("these are my notes")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}")


def test_an_experiment_in_the_bin_says_how_to_get_it_back(store: Store) -> None:
    parent = begin(store)
    store.client.delete_experiment(store.client.get_run(parent).info.experiment_id)
    with pytest.raises(RunError, match="experiments restore"):
        begin(store)
