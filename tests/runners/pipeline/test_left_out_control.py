"""A control that can show nothing: no training is spent on it, and terminal, page, JSON and store say so."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reports.store.jobs import load_all
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners import compare, reproduce
from runners.plan.step_store import read_json
from tests.places import PAPERS
from tests.reports import fake

SENTENCE = (
    "gltr+shuffled is left out: its descriptor does not depend on the order of frames (measured before training, "
)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The brief paper whose proposed arm has self-attention alone."""
    folder = tmp_path_factory.mktemp("paper") / "brief"
    shutil.copytree(PAPERS / "brief", folder)
    card = (folder / "paper.toml").read_text()
    blind = card.replace('method = "gltr"\noptions = { depth = 18 }', 'method = "gltr"\n'
                         'options = { depth = 18, pyramid = "none" }', 1)  # fmt: skip
    assert blind != card
    (folder / "paper.toml").write_text(blind)
    return folder


def _job(where: Path, world: Path, paper: Path, *more: str) -> list[str]:
    return [
        *("--paper", str(paper), "--data-root", str(world), "--work", str(where / "runs"), "--out", str(where / "out")),
        *("--tracking-uri", fake.prepared(where), "--device", "cpu", "--budget", "quick", "--seeds", "1", *more),
    ]


def _results(where: Path) -> set[str]:
    found = [read_json(file) for file in (where / "runs/steps/judge").glob("*/result.json")]
    return {f"{result['arm']}+{result['control']}" for result in found}


def _cause(made: dict[str, Any]) -> dict[str, Any]:
    (claim,) = made["ledger"]["claims"]
    return next(one for one in claim["causes"] if one["name"] == "order")


def test_shuffled_frames_of_an_arm_without_order_are_left_out_and_run_when_named(
    tmp_path: Path, tiny_world: Path, paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = _job(tmp_path, tiny_world, paper)
    plan = ["--arms", "all", "--controls", "all", "--protocol", "own", "--dry-run"]
    assert compare.main([*line, *plan, "--json"]) == 0
    rows = {row["arm"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["gltr+shuffled"]["left_out"].startswith("its descriptor does not depend on the order of frames")
    assert (rows["gltr+shuffled"]["to_make"], rows["gltr+mlp"]["to_make"]) == (0, 1)
    assert compare.main([*line, *plan]) == 0
    assert "left out: its descriptor" in capsys.readouterr().out

    assert reproduce.main([*line, "--json"]) == 0
    told = capsys.readouterr()
    assert told.err.count(SENTENCE) == 1
    assert {"gltr+None", "gltr+mlp", "gltr+uniform"} < _results(tmp_path)
    assert "gltr+shuffled" not in _results(tmp_path)
    stages = [read_json(file)["name"] for file in (tmp_path / "runs/steps/stage").glob("*/stage.json")]
    assert sorted(stages) == ["frames", "head", "head"]  # the arm and its per-frame MLP
    made = json.loads(told.out)
    assert list(made["controls_left_out"]) == ["gltr+shuffled"]
    caveat = "1 control left out, which could show nothing: gltr+shuffled (its descriptor does not depend on the order"
    assert caveat in (tmp_path / "out/index.html").read_text()
    assert caveat in (tmp_path / "out/summary.md").read_text()
    assert _cause(made)["answer"] == "cannot apply"
    assert "measured, " in _cause(made)["why"]

    assert reproduce.main([*line, "--arms", "baseline"]) == 0  # says nothing of it, and forgets nothing
    told = capsys.readouterr()
    assert SENTENCE not in told.err and SENTENCE in " ".join(told.out.split())
    (job,) = load_all(f"sqlite:///{tmp_path / 'mlflow.db'}").jobs
    assert list(job.controls_left_out) == ["gltr+shuffled"]

    assert reproduce.main([*line, "--controls", "shuffled", "--json"]) == 0
    told = capsys.readouterr()
    assert "left out" not in told.err
    assert "gltr+shuffled" in _results(tmp_path)
    made = json.loads(told.out)
    assert made["controls_left_out"] == {}
    assert "left out, which could show nothing" not in (tmp_path / "out/index.html").read_text()
    assert (_cause(made)["answer"], _cause(made)["difference"] is not None) == ("cannot apply", True)
    again = load_job(open_reader(f"sqlite:///{tmp_path / 'mlflow.db'}"), job.experiment)
    assert again.by_name["gltr-shuffled"].first["of"] == "gltr"
