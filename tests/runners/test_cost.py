"""`python -m runners.cost`: a record that reports can read, files, MLflow, and one sentence for bad input."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocols.cost import cell
from reports.records.cost import read
from runners import cost
from runners.tracking import cost as tracking_cost
from tests.reports import fake

SMALL = ("--paper", "adfd", "--arms", "a", "--size", "32x32", "--device", "cpu")
LONG = ("--seconds", "36000")  # no cell is ever left out for want of time


@pytest.fixture(scope="module", autouse=True)
def no_real_times() -> Iterator[None]:
    """Each call takes 6 ms on a clock that moves only by calls; on a busy machine the outcome is the same."""
    now = 0.0

    def watch(call: Callable[[], object]) -> float:
        nonlocal now
        call()
        now += 600.0  # so that the few calls of a cell spend its time
        return 6.0

    with pytest.MonkeyPatch.context() as patch:
        real = cell.Bench.__init__

        def bench(self, method, size, device):
            real(self, method, size, device, stopwatch=watch, clock=lambda: now)

        patch.setattr(cell.Bench, "__init__", bench)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, no_real_times: None) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("cost")
    uri = fake.prepared(folder)
    assert cost.main([*SMALL, *LONG, "--frames", "1", "2", "--batch", "1", "2", "--out", str(folder), "--track",
                      "--tracking-uri", uri]) == 0  # fmt: skip
    return folder, uri


def test_the_record_is_one_that_reports_read(done) -> None:
    record = json.loads((done[0] / "cost.json").read_text())
    found = read(record, "cost.json")
    assert found.size == (32, 32)
    (arm,) = found.arms
    measured = {(c.frames, c.batch): c for c in arm.cells}
    assert set(measured) == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert measured[2, 1].gflops == pytest.approx(2 * measured[1, 1].gflops)
    assert measured[1, 1].ms_p95 == measured[1, 1].ms_p50 == 6
    assert (measured[1, 1].ratio, measured[1, 1].reference_ms) == (1, 6)
    assert measured[1, 1].settled is not None
    assert measured[1, 1].share > 0
    assert record["command"]
    assert str(done[0]) not in json.dumps(record["arms"])


def test_files_lie_together(done) -> None:
    names = {path.name for path in done[0].iterdir()}
    assert {"cost.json", "cost.html", "cost-cells.csv", "cost-cells.tex", "cost-by-frames-fp32.csv"} <= names
    assert not [name for name in names if name.endswith(".partial")]


def test_mlflow_has_a_run_an_arm_with_frames_as_steps(done) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(done[1])
    record = json.loads((done[0] / "cost.json").read_text())
    experiment = client.get_experiment_by_name(tracking_cost.experiment_name(record["device"]))
    assert experiment.name.startswith("cost/")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params["arm"] == "a"
    assert (run.data.tags["kind"], run.data.tags["paper"], run.data.tags["way"]) == ("bench", "adfd", "fp32")
    for name in ("latency/cpu_ms_p50", "latency/cpu_ratio", "throughput/cpu_frames_per_s"):
        points = client.get_metric_history(run.info.run_id, f"{name}_unsettled/batch_2")  # three pairs are too few
        assert sorted(point.step for point in points) == [1, 2]
    assert not [name for name in run.data.metrics if "gpu" in name]
    local = client.download_artifacts(run.info.run_id, "cost.json")
    assert read(json.loads(Path(local).read_text()), "run").arms[0].arm == "a"


def test_reports_find_the_latest_measurement_whole(done) -> None:
    from reports.store import cost as store_cost
    from reports.store.reader import open_reader
    from tests.reports import fake_cost

    record = fake_cost.record()
    newer = {**record, "measured": "2099-01-01T00:00:00+00:00"}
    for one in (newer, record, {**newer, "paper": "tkp", "measured": "2100-01-01T00:00:00+00:00"}):
        assert len(tracking_cost.track(one, done[1])) == 4  # two arms in two ways
    found = store_cost.latest(open_reader(done[1]), "gltr")
    assert found == read(newer, "newer")
    assert store_cost.latest(open_reader(done[1]), "adfd").arms[0].label == "A: softmax"
    assert store_cost.latest(open_reader(done[1]), "cosam") is None


def test_names_of_experiments() -> None:
    assert (
        tracking_cost.experiment_name({"device": "gpu", "name": "NVIDIA H100 80GB HBM3"})
        == "cost/nvidia-h100-80gb-hbm3"
    )
    assert tracking_cost.experiment_name({"device": "cpu", "name": "@@"}) == "cost/cpu"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--paper", "adfd", "--frames", "0"], 2, "whole numbers from 1 on"),
        (["--paper", "adfd", "--seconds", "0"], 2, "a number above 0"),
        (["--paper", "adfd", "--size", "8"], 2, "expected height x width"),
        (["--paper", "gltrr"], 2, "did you mean"),
        (["--paper", "vrstc", "--arms", "stcnet-gen"], 2, "encodes no tracklets"),
        (["--paper", "adfd", "--device", "tpu"], 2, "expected auto, cpu or cuda"),
    ],
)
def test_bad_input(capsys, arguments, code, words) -> None:
    assert cost.main(arguments) == code
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_an_arm_that_cannot_be_built_is_left_out_and_told(capsys, monkeypatch) -> None:
    from methods.arms import Arm

    def broken(self, num_ids, size):
        raise RuntimeError("no such layer")

    monkeypatch.setattr(Arm, "build", broken)
    assert cost.main([*SMALL, *LONG, "--frames", "1", "--batch", "1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["left_out"] == [{"arm": "a", "reason": "it failed with RuntimeError: no such layer"}]
