"""A job that begins from a start: recorded and shown with every row, or refused where the start has seen the data."""

import csv
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import datasets
import methods
from datasets import synthwalk
from datasets.synthwalk import presets
from methods.layers.resnet import Trunk
from methods.starts import card as cards
from methods.starts.card import SeenData, StartCard
from methods.starts.load import state_of
from runners.pipeline.configuration import config_of
from runners.plan.plan import plan_stages
from runners.plan.plan_types import ArmRun
from runners.plan.step_store import StepStore, read_json
from runners.reproduce import main
from runners.training.findings import STALLED
from tests.places import PAPERS
from tests.reports import fake
from tests.runners.job_config import config
from tests.starts import made_up


@pytest.fixture
def start(tmp_path: Path) -> StartCard:
    torch.manual_seed(21)
    return made_up(tmp_path / "starts", Trunk(18), 18, "some-start")


def _job(where: Path, world: Path, *more: str) -> list[str]:
    return [
        *("--paper", str(PAPERS / "brief"), "--data-root", str(world), "--work", str(where / "runs")),
        *("--out", str(where / "out"), "--tracking-uri", f"sqlite:///{where / 'mlflow.db'}", "--device", "cpu"),
        *("--controls", "none", *more),
    ]


def _results(where: Path) -> list[dict[str, Any]]:
    return [read_json(file) for file in (where / "runs/steps/judge").glob("*/result.json")]


def test_every_row_names_the_start_that_its_network_began_from(
    start: StartCard, tiny_world: Path, tmp_path: Path
) -> None:
    fake.prepared(tmp_path)
    assert main(_job(tmp_path, tiny_world, "--start", str(start.weights))) == 0
    for result in _results(tmp_path):
        if result["control"] == "colour":
            assert "start" not in result
            continue
        assert result["start"] == {"name": "some-start", "sha256": start.sha256, "fresh": []}
        assert [check["passed"] for check in result["admission"]["checks"] if check["name"] == "start"] == [True]
    tables = {table["name"]: table for table in json.loads((tmp_path / "out/tables.json").read_text())}
    for name, table in tables.items():
        if any(row["run_ids"] for row in table["rows"]):
            shown = {row["start"] for row in table["rows"] if row["run_ids"]}
            assert shown <= {"some-start", "an earlier stage", None} and "some-start" in shown, name
    with (tmp_path / "out/results.csv").open() as file:
        rows = {row["arm"]: row["start"] for row in csv.DictReader(file)}
    assert set(rows.values()) == {"some-start", ""}
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    assert {run.data.tags["start"] for run in runs} == {"some-start", "none", "all"}


@pytest.mark.parametrize("by", ["seed", "fingerprint"])
def test_an_arm_whose_start_has_seen_the_test_world_is_refused_before_training(
    by: str, tiny_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = datasets.load("synthwalk", tiny_world)
    seen = (
        SeenData("synthwalk", "0" * 32, "2", seed=presets.PRESETS["tiny"].seed, style="hall")
        if by == "seed"
        else SeenData("synthwalk", split.fingerprint, "2")
    )
    card = made_up(tmp_path / "starts", Trunk(18), 18, "knows-it", has_seen=(seen,))
    assert main(_job(tmp_path, tiny_world, "--start", str(card.weights))) == 3
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the starting weights knows-it have learned from synthwalk 2" in said
    assert "nothing was trained" in said
    assert not (tmp_path / "runs/steps/stage").exists()
    assert not (tmp_path / "runs/steps/examine").exists()


def test_a_start_that_turns_out_to_have_seen_the_world_withdraws_what_was_recorded(
    start: StartCard, tiny_world: Path, tmp_path: Path
) -> None:
    """The card decides each time; weights and results that were kept do not speak for it."""
    fake.prepared(tmp_path)
    job = _job(tmp_path, tiny_world, "--start", str(start.weights), "--arms", "baseline")
    assert main(job) == 0
    seed = presets.PRESETS["tiny"].seed
    known = dataclasses.replace(start, has_seen=(*start.has_seen, SeenData("synthwalk", "0" * 32, seed=seed)))
    Path(start.path).write_text(known.as_text())
    assert main(job) == 3


def test_worlds_kept_for_starts_are_not_reported_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = synthwalk.preset("tiny", seed=950, train_ids=2, test_ids=2, distractors=0, junk=0)
    root = synthwalk.render(world, tmp_path / "kept", progress=False)
    assert main(_job(tmp_path, root)) == 2
    assert "seeds 900 to 999 are kept for starting weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--start", "absent.safetensors"], "absent.toml"),
        (["--start", "weights.pth"], "weights.pth: expected weights of a start"),
        (["--start", "absent.safetensors", "--pretrained", "none"], "leave one out"),
    ],
)
def test_bad_input_is_one_sentence(
    more: list[str], told: str, tiny_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_job(tmp_path, tiny_world, *more)) == 2
    assert told in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_depth_without_a_start_is_named_before_anything_is_run(
    start: StartCard, tiny_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--start", str(start.weights), "--arms", "baseline[depth=34]")
    assert main(_job(tmp_path, tiny_world, *words)) == 2
    assert "there is no start for trunks of depth 34; known: some-start (depth 18)" in capsys.readouterr().err
    assert not (tmp_path / "runs/steps/stage").exists()


def test_the_fingerprint_of_what_begins_from_a_start_is_of_its_file(
    start: StartCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "HOME", Path(start.path).parent)
    run = ArmRun(methods.arm("gltr", PAPERS / "brief"))

    def prints(**changes: Any) -> list[str]:
        return [planned.step.fingerprint for planned in plan_stages(run, 0, config(PAPERS / "brief", **changes))]

    shipped, scratch = prints(pretrained="synthwalk"), prints(pretrained="none")
    assert prints(own_start=start) == shipped  # the file counts, not how it was named
    assert not set(shipped) & set(scratch)
    other = dataclasses.replace(start, sha256="0" * 64)
    assert not set(prints(own_start=other)) & set(shipped)
    assert prints(own_start=dataclasses.replace(start, note="said otherwise")) == shipped
    stages = plan_stages(run, 0, config(PAPERS / "brief", own_start=start))
    assert [dict(each.starts) for each in stages] == [{18: start}, {}]


def test_weights_of_the_start_are_what_training_begins_with(
    start: StartCard, tiny_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import protocols
    from runners.pipeline.job import Job
    from runners.training import stage

    seen: dict[str, torch.Tensor] = {}

    def looked_at(method: torch.nn.Module, training: object) -> list[dict[str, float]]:
        seen.update({name: value.clone() for name, value in method.state_dict().items()})
        return [{"step": step, "triplet": math.log(2), "loss": math.log(2)} for step in range(9)]

    monkeypatch.setattr(stage, "train_stage", looked_at)
    card, split = methods.paper(PAPERS / "brief"), datasets.load("synthwalk", tiny_world)
    setting = config_of(card, split, "cpu", own_start=start, size=(32, 16))
    job = Job(setting, split, protocols.load("rgb-single-pass"), StepStore(tmp_path), tmp_path, "test")
    last = plan_stages(ArmRun(methods.arm("baseline", card)), 0, setting)[-1]
    job.versions.train(last)
    (record,) = stage.stage_records(last, job.steps)
    assert record["start"]["sha256"] == start.sha256
    assert record["findings"] == []  # this arm has no triplet loss, whatever stands in its log
    for name, value in state_of(start).items():
        assert torch.equal(seen[f"trunk.{name}"], value), name
    soft = dataclasses.replace(last.stage, losses={"triplet": 1.0})
    planned = dataclasses.replace(last, stage=soft, step=dataclasses.replace(last.step, inputs={"other": 1}))
    job.versions.train(planned)
    (record,) = stage.stage_records(planned, job.steps)
    assert record["findings"] == [STALLED]
