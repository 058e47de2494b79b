"""The main job from the outside: what it leaves behind, what a second start does, how bad input ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocols.vocabulary import UNTRAINED_CONTROLS
from runners.plan.controls import ON_REQUEST
from runners.plan.step_store import read_json
from runners.reproduce import main
from tests.places import HOUSE, PAPERS
from tests.reports import fake

UNTRAINED = [one for one in UNTRAINED_CONTROLS if one not in ON_REQUEST]


def _job(where: Path, world: Path, brief: Path, *more: str) -> list[str]:
    return [
        *("--paper", str(brief), "--data-root", str(world), "--work", str(where / "runs"), "--out", str(where / "out")),
        *("--tracking-uri", f"sqlite:///{where / 'mlflow.db'}", "--device", "cpu", "--seeds", "1"),
        *more,
    ]


def _results(where: Path) -> dict[str, Any]:
    """Arm and control -> result.json of every judged step."""
    found = [read_json(file) for file in (where / "runs/steps/judge").glob("*/result.json") if file.parent.suffix == ""]
    return {f"{r['arm']}+{r['control']} {r['seed']}": r for r in found}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_world: Path) -> Path:
    """A whole job, run once."""
    where = tmp_path_factory.mktemp("job")
    assert main(_job(where, tiny_world, PAPERS / "brief")) == 0
    return where


def test_it_leaves_results_of_every_arm_control_and_the_colour_row(finished: Path) -> None:
    results = _results(finished)
    arms = ("baseline+None", "gltr+None", "gltr+shuffled", "gltr+mlp", "gltr+uniform", "colour+colour")
    untrained = (f"baseline+{control}" for control in UNTRAINED)
    assert sorted(results) == sorted(f"{arm} 0" for arm in (*arms, *untrained))
    for result in results.values():
        low, high = result["intervals"]["mAP"]
        assert 0 <= low <= result["metrics"]["mAP"] <= high <= 100
        assert len(result["conventions"]) == 12
        assert result["admission"]["admitted"]


def test_controls_carry_the_cost_of_their_arm_which_was_measured_once(finished: Path) -> None:
    costs = {name: result["cost"] for name, result in _results(finished).items()}
    for control in ("shuffled", "mlp", "uniform"):
        assert costs[f"gltr+{control} 0"] == costs["gltr+None 0"] | {"of": "gltr"}
    assert costs["baseline+None 0"] != costs["gltr+None 0"]
    assert costs["gltr+None 0"]["latency"]["ratio"] > 0
    assert costs["gltr+None 0"]["latency"]["settled"] in (True, False)
    assert costs["colour+colour 0"] == {}
    assert len(list((finished / "runs/steps/examine").iterdir())) == 2


def test_the_frame_network_is_trained_once_and_passes_over_the_frames_once(finished: Path) -> None:
    steps = finished / "runs/steps"
    stages = [read_json(file) for file in steps.glob("stage/*/stage.json")]
    assert sorted(stage["name"] for stage in stages) == ["frames", "head", "head", "head"]  # GLTR, shuffled, mlp
    assert {stage["from"] for stage in stages if stage["name"] == "head"} == {"features"}
    assert len(list(steps.glob("features/*/features.npy"))) == 2  # one for each half of the data
    assert len(list(steps.glob("painted/*/features.npy"))) == 1  # the test half once more, for the oracle's masks


def test_oracles_train_nothing_and_say_what_they_knew(finished: Path) -> None:
    results = _results(finished)
    arm = results["baseline+None 0"]
    for control in UNTRAINED:
        result = results[f"baseline+{control} 0"]
        assert (result["of"], result["cost"], result["stages"]) == ("baseline", {}, [])
        assert result["admission"] == arm["admission"] and result["fed"] == arm["fed"]
        assert result["knows"]["words"] and result["knows"]["tracklets"] == arm["dataset"]["counts"]["test_tracklets"]
        folder = finished / "runs/steps/judge" / result["fingerprint"]
        assert read_json(folder / "strips.json")["rows"] == []
        assert sorted(file.name for file in folder.glob("*.json")) == ["result.json", "step.json", "strips.json"]
        with (
            np.load(folder / "per_query.npz") as own,
            np.load(finished / "runs/steps/judge" / arm["fingerprint"] / "per_query.npz") as of_arm,
        ):
            for name in ("key", "person", "valid", "length"):
                assert np.array_equal(own[name], of_arm[name]), name
    for control in ("true-attributes", "true-gait"):  # what names a person lifts even an untrained descriptor
        assert results[f"baseline+{control} 0"]["metrics"]["mAP"] > arm["metrics"]["mAP"] + 10
    table = (finished / "out/oracles.csv").read_text()
    assert "True gait" in table and "Shuffled labels" in table


def test_an_oracle_by_name_is_run_alone_and_refused_without_truth(
    finished: Path, tiny_world: Path, brief: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished / "runs", tmp_path / "runs")
    fake.prepared(tmp_path)
    assert main(_job(tmp_path, tiny_world, brief, "--controls", "true-gait", "--seeds", "1")) == 0
    assert "0 results made now" in capsys.readouterr().err
    assert main(_job(tmp_path, tiny_world, brief, "--controls", "true-gait", "--dataset", "mars")) == 3
    told = capsys.readouterr().err
    assert "--controls true-gait: an oracle knows the truth of its data, and only SynthWalk" in told
    assert main(_job(tmp_path, tiny_world, brief, "--controls", "all", "true-gait")) == 2
    assert "expected none, default, all, or names" in capsys.readouterr().err


def test_the_page_and_tables_are_there(finished: Path) -> None:
    page = (finished / "out/index.html").read_text()
    assert "GLTR beats averaging the frame features" in page and "SynthWalk" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and 'src="http' not in page
    assert (finished / "out/results.csv").is_file() and (finished / "out/results.tex").is_file()


def test_a_second_start_makes_nothing_new(
    finished: Path, tiny_world: Path, brief: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.stat().st_mtime_ns for file in (finished / "runs/steps").rglob("*.json")}
    assert main(_job(finished, tiny_world, brief, "--json")) == 0
    captured = capsys.readouterr()
    assert "0 results made now" in captured.err
    after = {file: file.stat().st_mtime_ns for file in (finished / "runs/steps").rglob("*.json")}
    assert after == before
    told = json.loads(captured.out)
    assert set(told["gains"]) == {"gltr-over-baseline"}
    rows = {row["arm"]: row["mAP"]["mean"] for row in told["tables"]["results"]["rows"]}
    assert rows["GLTR"] == pytest.approx(_results(finished)["gltr+None 0"]["metrics"]["mAP"])


def test_mlflow_has_one_parent_and_a_child_for_each_result(finished: Path, tiny_world: Path, brief: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{finished / 'mlflow.db'}")
    (experiment,) = [e for e in client.search_experiments() if e.name.startswith("reid/")]
    runs = client.search_runs([experiment.experiment_id])
    kinds = [run.data.tags["kind"] for run in runs]
    assert kinds.count("parent") == 1 and kinds.count("child") == 6 + len(UNTRAINED)
    by_arm = {(run.data.tags["arm"], run.data.tags["control"]): run for run in runs}
    recorded = by_arm["gltr", "none"].data.metrics["test/mAP"]
    assert recorded == pytest.approx(_results(finished)["gltr+None 0"]["metrics"]["mAP"], abs=0.01)


def test_the_same_job_elsewhere_gives_the_same_numbers(
    finished: Path, tiny_world: Path, brief: Path, tmp_path: Path
) -> None:
    """Determinism on the CPU, from pixels to per-query values."""
    fake.prepared(tmp_path)
    assert main(_job(tmp_path, tiny_world, brief, "--controls", "none")) == 0
    again, first = _results(tmp_path), _results(finished)
    for name, result in again.items():
        assert result["metrics"] == first[name]["metrics"], name
        assert result["fingerprint"] == first[name]["fingerprint"], name


def _flip(file: Path) -> None:
    """One bit in the middle."""
    with file.open("r+b") as content:
        content.seek(file.stat().st_size // 2)
        byte = content.read(1)[0]
        content.seek(-1, os.SEEK_CUR)
        content.write(bytes([byte ^ 4]))


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _step(where: Path, kind: str, name: str) -> Path:
    """The folder of a step by its name for people."""
    there = [file.parent for file in (where / "runs/steps" / kind).glob("*/step.json") if not file.parent.suffix]
    (found,) = [folder for folder in there if name == read_json(folder / "step.json")["name"]]
    return found


def test_whatever_is_damaged_is_named_and_made_again_with_the_same_numbers(
    finished: Path, tiny_world: Path, brief: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Decoded frames, frame features, weights, results and records, all at once; the job notices, and ends alike."""
    shutil.copytree(finished / "runs", tmp_path / "runs")
    fake.prepared(tmp_path)
    before = _results(tmp_path)
    frames = sorted((tmp_path / "runs/frames").rglob("*.npy"))
    for file in frames:
        _flip(file)
    _flip(_step(tmp_path, "features", "frame features of the test half") / "features.npy")
    _cut(_step(tmp_path, "features", "frame features of the train half") / "features.npy")
    _cut(_step(tmp_path, "judge", "gltr seed 0") / "per_query.npz")
    (_step(tmp_path, "judge", "baseline seed 0") / "result.json").write_text("{}")
    (_step(tmp_path, "judge", "colour") / "result.json").unlink()
    (_step(tmp_path, "stage", "gltr head seed 0") / "stage.json").write_text("[]")
    _flip(_step(tmp_path, "stage", "baseline frames seed 0") / "weights.safetensors")
    for file in (tmp_path / "runs/steps/examine").glob("*/examined.json"):
        file.write_bytes(b"")
    assert main(_job(tmp_path, tiny_world, brief, "--controls", "none")) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "damaged:" in line]
    for kind, name, what in (
        ("judge", "gltr seed 0", "per_query.npz has"),
        ("judge", "baseline seed 0", "result.json has 2 bytes"),
        ("judge", "colour", "result.json is not there"),
        ("stage", "gltr head seed 0", "stage.json has 2 bytes"),
        ("stage", "baseline frames seed 0", "weights.safetensors holds other bytes"),
        ("features", "frame features of the test half", "features.npy holds other bytes"),
        ("features", "frame features of the train half", "features.npy has"),
        ("examine", "gltr", "examined.json has 0 bytes"),
        ("examine", "baseline", "examined.json has 0 bytes"),
    ):
        assert len([line for line in said if f"{kind} '{name}' is damaged: {what}" in line]) == 1, (kind, name, said)
    assert sum("decoded frames are damaged" in line for line in said) == len(frames) == 2
    assert len(said) == 11
    assert len(list((tmp_path / "runs/steps").glob("*/*.damaged-1"))) == 9
    after = _results(tmp_path)
    assert {name: result["metrics"] for name, result in after.items()} == {
        name: result["metrics"] for name, result in before.items()
    }
    again = _step(tmp_path, "features", "frame features of the test half")
    assert (again / "features.npy").read_bytes() == (
        finished / again.relative_to(tmp_path) / "features.npy"
    ).read_bytes()
    assert main(_job(tmp_path, tiny_world, brief, "--controls", "none")) == 0
    told = capsys.readouterr().err
    assert "damaged:" not in told and "0 results made now" in told


@pytest.mark.slow
def test_killed_and_started_again_ends_with_the_same_numbers(
    finished: Path, tiny_world: Path, brief: Path, tmp_path: Path
) -> None:
    """SIGKILL at six moments, each later than the one before; then to the end."""
    command = [sys.executable, "-m", "tests.narrow", "--workers", "1", *_job(tmp_path, tiny_world, brief)]
    environment = {**os.environ, "PYTHONPATH": str(HOUSE)}
    for seconds in (3, 6, 9, 12, 15, 18):
        started = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        started.send_signal(signal.SIGKILL)
        started.wait()
    assert subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode == 0
    again, first = _results(tmp_path), _results(finished)
    assert {name: result["metrics"] for name, result in again.items()} == {
        name: result["metrics"] for name, result in first.items()
    }
    for file in (finished / "runs/steps/judge").glob("*/per_query.npz"):
        with np.load(file) as one, np.load(tmp_path / file.relative_to(finished)) as other:
            assert all(np.array_equal(one[name], other[name]) for name in one.files)


def test_listing_needs_no_torch() -> None:
    code = "import sys; from runners.reproduce import main; main(['--list']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "gltr" in done.stdout and "claims" in done.stdout


def test_a_protocol_turns_away_before_anything_is_trained(
    tmp_path: Path, tiny_world: Path, brief: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = _job(tmp_path, tiny_world, brief, "--arms", "baseline", "--protocol", "res50-rgb-single-pass")
    assert main(line) == 3
    assert "ResNet-50" in capsys.readouterr().err
    assert not (tmp_path / "runs/steps/stage").exists()


BAD = {
    "unknown paper": (["--paper", "gltrr"], "gltr"),
    "no paper": (["--json"], "--paper is missing"),
    "folder without a card": (["--paper", "no/such/folder"], "no such file"),
    "unknown arm": (["--arms", "glttr"], "gltr"),
    "unknown option": (["--arms", "gltr[tsaa=off]"], "tsa"),
    "unknown value": (["--arms", "gltr[branches=nine]"], "branches"),
    "negative seed": (["--seed", "-1"], "--seed -1"),
    "no seeds": (["--seeds", "0"], "--seeds 0"),
    "unknown protocol": (["--protocol", "res50-rgb-singlepass"], "res50-rgb-single-pass"),
    "unknown data set": (["--dataset", "marss"], "mars"),
    "mars without a folder": (["--dataset", "mars"], "--data-root is missing"),
    "bad size": (["--size", "64"], "--size 64"),
    "bad device": (["--device", "tpu"], "--device tpu"),
    "missing data": (["--data-root", "nowhere", "--dataset", "mars"], "nowhere"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_input_ends_with_one_sentence(
    name: str, tmp_path: Path, brief: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, expected = BAD[name]
    paper = [] if name == "no paper" or "--paper" in words else ["--paper", str(brief)]
    assert main([*paper, *words]) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert len(err) == 1 and err[0].startswith("error: ")
    assert expected in err[0]


def test_a_working_folder_that_cannot_be_written(
    tmp_path: Path, brief: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--paper", str(brief), "--work", str(tmp_path / "file" / "runs")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_full_disk_ends_with_one_sentence_and_loses_nothing(
    tmp_path: Path, tiny_world: Path, brief: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from runners.training import stage as stages

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "weights.safetensors")

    monkeypatch.setattr(stages, "save_weights", full)
    fake.prepared(tmp_path)
    assert main(_job(tmp_path, tiny_world, brief, "--arms", "baseline", "--controls", "none")) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ") and "no space left" in last
    monkeypatch.undo()
    assert main(_job(tmp_path, tiny_world, brief, "--arms", "baseline", "--controls", "none")) == 0


def test_every_judged_arm_leaves_descriptors_that_score_as_recorded(finished: Path) -> None:
    from protocols.ranking import rank_features
    from protocols.ranking.conventions import Convention
    from runners.evaluation.descriptor_set import read

    for file in (finished / "runs/steps/judge").glob("*/result.json"):
        result = read_json(file)
        assert sorted(path.name for path in file.parent.iterdir() if path.is_dir()) == ["descriptors.descriptors"]
        found = read(file.parent / "descriptors.descriptors", fingerprint=result["fingerprint"])
        who, protocol = found.tracklets, result["protocol"]
        assert found.about["arm"] == result["arm"]
        assert len(found.features) == result["dataset"]["counts"]["test_tracklets"]
        ask, answer = who.query, who.gallery
        again = rank_features(
            found.features[ask], found.features[answer], who.person[ask], who.camera[ask], who.person[answer],
            who.camera[answer], metric=protocol["metric"], normalise=protocol["normalise"], ap=protocol["ap"],
            empty=protocol["empty"], gallery=protocol["gallery"],
        )  # fmt: skip
        assert again.convention == Convention(protocol["gallery"], protocol["ap"], protocol["empty"])
        assert 100 * again.mAP == pytest.approx(result["metrics"]["mAP"], abs=1e-9)
        ways = {(r["metric"], r["normalise"], r["gallery"], r["ap"], r["empty"]) for r in result["ledger"]}
        assert len(ways) == len(result["ledger"]) == 36


def test_a_step_and_its_run_are_scored_again_as_they_were_recorded(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from reports.store.reader import open_reader
    from runners.evaluate import main as evaluate

    uri = f"sqlite:///{finished / 'mlflow.db'}"
    file = next(f for f in (finished / "runs/steps/judge").glob("*/result.json") if read_json(f)["arm"] == "gltr")
    result = read_json(file)
    client = open_reader(uri).client
    experiments = [one.experiment_id for one in client.search_experiments()]
    wanted = f"tags.fingerprint = '{result['fingerprint']}' and tags.kind = 'child'"
    (run,) = client.search_runs(experiments, wanted)
    for name in (str(file.parent), run.info.run_id):
        assert evaluate(["--descriptors", name, "--json", "--work", str(finished / "runs"), "--tracking-uri", uri]) == 0
        rows = json.loads(capsys.readouterr().out)["tables"]["conventions"]["rows"][:-1]
        assert len(rows) == len(result["ledger"])
        for row, recorded in zip(rows, result["ledger"], strict=True):
            mean = row["mAP"]["mean"] if isinstance(row["mAP"], dict) else row["mAP"]
            assert mean == pytest.approx(recorded["mAP"], abs=1e-9)
    assert evaluate(["--descriptors", run.info.run_id, "--work", str(finished), "--tracking-uri", uri]) == 2
    assert "name its --work folder" in capsys.readouterr().err
