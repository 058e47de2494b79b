"""The main job under snippet-vs-full: one pass over the frames for all choices, and numbers that agree with others."""

import json
from pathlib import Path

import numpy as np
import pytest

from reports.records.test_time import KIND
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.reproduce import main
from tests.places import PAPERS
from tests.reports import fake


def _job(where: Path, world: Path, paper: str | Path, *more: str) -> list[str]:
    return [
        *("--paper", str(paper), "--data-root", str(world), "--work", str(where / "runs"), "--out", str(where / "out")),
        *("--tracking-uri", fake.prepared(where), "--device", "cpu", "--seeds", "1"),
        *more,
    ]


def test_whole_snippets_and_single_frames_from_one_pass(tmp_path: Path, tiny_world: Path, brief: Path) -> None:
    job = _job(tmp_path, tiny_world, brief, "--controls", "none")
    assert main([*job, "--protocol", "snippet-vs-full"]) == 0
    folders = [file.parent for file in (tmp_path / "runs/steps/judge").glob("*/choices.json")]
    assert len(folders) == 2  # two arms; the colour row learns nothing and is fed one way
    for folder in folders:
        record = json.loads((folder / "choices.json").read_text())
        result = json.loads((folder / "result.json").read_text())
        with np.load(folder / "choices.npz") as file:
            KIND.verify(record, dict(file), "the job's choices", result)
        assert record["once"]
        assert record["passes"] <= 1.1
        assert record["trunk_frames"] >= record["frames"]  # every test frame was seen
        assert all(one["not_run"] is None for one in record["choices"])
        whole = next(one for one in record["choices"] if one["name"] == "whole")
        assert whole["fed"] == record["frames"]
    read = load_job(open_reader(f"sqlite:///{tmp_path / 'mlflow.db'}"), "reid/synthwalk/snippet-vs-full")
    found = {group.name: group.runs[0].records.get("test_time") for group in read.groups}
    assert found["colour"] is None
    assert found["gltr"].record["headline"] == "whole"
    run = open_reader(f"sqlite:///{tmp_path / 'mlflow.db'}").client.get_run(read.by_name["gltr"].runs[0].run_id)
    shown = run.data.metrics
    snippets = found["gltr"].of("snippets-8")["metrics"]
    assert shown["choice/snippets-8/mAP"] == pytest.approx(snippets["mAP"], abs=1e-3)
    assert shown["choice/passes"] <= 1.1


def test_a_network_of_fixed_clips_enters_with_its_own_snippets(tmp_path: Path, tiny_world: Path) -> None:
    paper = PAPERS / "brief_fixed"
    job = _job(tmp_path, tiny_world, paper, "--controls", "none")
    assert main([*job, "--protocol", "snippet-vs-full"]) == 0
    read = load_job(open_reader(f"sqlite:///{tmp_path / 'mlflow.db'}"), "reid/synthwalk/snippet-vs-full")
    run = read.by_name["fixed"].runs[0]
    choices = run.records["test_time"]
    assert choices.record["headline"] == "snippets-4"
    assert [one["name"] for one in choices.run] == ["even-4", "snippets-4", "dense-4", "tkp-4"]
    assert choices.of("even-4")["rest"] == "loop"  # such a network takes no padding
    reasons = {one["name"]: one["not_run"] for one in choices.not_run}
    assert "any length in one pass" in reasons["whole"]
    assert "not of 8" in reasons["snippets-8"]
    assert run.result["fed"].startswith("snippets of 4")
    assert not choices.record["once"]
    assert choices.record["trunk_frames"] > choices.record["frames"]
