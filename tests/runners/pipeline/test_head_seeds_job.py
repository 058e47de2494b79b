"""A job with several heads on each trunk: what is trained, what is recorded of a further head, how it goes on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.sections.results import tables
from reports.store.jobs import load_all
from runners import compare, reproduce
from runners.errors import RunError
from runners.evaluation import recorded_descriptors
from runners.pipeline import job as pipeline_job
from runners.plan.step_store import read_json
from tests.places import PAPERS
from tests.reports import fake

Key = tuple[str, int, int]


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The brief paper, its head stage marked as one."""
    folder = tmp_path_factory.mktemp("paper") / "brief"
    shutil.copytree(PAPERS / "brief", folder)
    card = (folder / "paper.toml").read_text()
    marked = card.replace('start = "arm:baseline"\n', 'start = "arm:baseline"\nhead = true\n', 1)
    assert marked != card
    (folder / "paper.toml").write_text(marked)
    return folder


def _job(where: Path, world: Path, paper: Path, *more: str) -> list[str]:
    return [
        *("--paper", str(paper), "--data-root", str(world), "--work", str(where / "runs"), "--out", str(where / "out")),
        *("--tracking-uri", fake.prepared(where), "--device", "cpu", "--controls", "none", "--budget", "quick"),
        *("--seeds", "2", "--head-seeds", "3", *more),
    ]


def _folders(where: Path) -> dict[Key, Path]:
    """(arm, seed, head seed) -> folder of the step that scored it."""
    found = {}
    for file in (where / "runs/steps/judge").glob("*/result.json"):
        result = read_json(file)
        found[result["arm"], result["seed"], result.get("head_seed", 0)] = file.parent
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_world: Path, paper: Path) -> Path:
    where = tmp_path_factory.mktemp("heads")
    assert reproduce.main(_job(where, tiny_world, paper)) == 0
    return where


def test_heads_are_trained_on_each_trunk_and_trunks_once(finished: Path) -> None:
    wanted = {("gltr", seed, head) for seed in (0, 1) for head in range(3)}
    wanted |= {("baseline", 0, 0), ("baseline", 1, 0), ("colour", 0, 0)}
    assert set(_folders(finished)) == wanted
    stages = [read_json(file)["name"] for file in (finished / "runs/steps/stage").glob("*/stage.json")]
    assert sorted(stages) == ["frames"] * 2 + ["head"] * 6
    assert len(list((finished / "runs/steps/features").glob("*/features.npy"))) == 4  # two trunks, two halves


def test_heads_of_one_trunk_differ_as_trainings_do(finished: Path) -> None:
    folders = _folders(finished)
    results = [read_json(folders["gltr", 0, head] / "result.json") for head in range(3)]
    trunks, heads = ({result["stages"][place]["fingerprint"] for result in results} for place in (0, 1))
    assert (len(trunks), len(heads)) == (1, 3)
    losses = {result["stages"][1]["final_loss"] for result in results}
    assert len(losses) == 3


def test_of_a_further_head_the_accuracy_alone_is_kept(finished: Path) -> None:
    folders = _folders(finished)
    first, further = (_names(folders["gltr", 0, head]) for head in (0, 1))
    assert further == {"result.json", "per_query.npz", "strips.json", "step.json"}
    assert further < first
    assert read_json(folders["gltr", 0, 0] / "strips.json")["rows"]
    assert read_json(folders["gltr", 0, 1] / "strips.json")["rows"] == []
    assert "head_seed" not in read_json(folders["gltr", 0, 0] / "result.json")
    assert len(list((finished / "runs/steps/examine").glob("*/examined.json"))) == 2  # costs of two arms


def test_descriptors_of_a_further_head_are_asked_for_in_vain_and_the_sentence_says_where_there_are_some(
    finished: Path,
) -> None:
    folders = _folders(finished)
    assert recorded_descriptors.of_step(folders["gltr", 0, 0]) is not None
    with pytest.raises(RunError, match="is of head seed 2, and descriptors are kept of head seed 0 alone"):
        recorded_descriptors.of_step(folders["gltr", 0, 2])


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_store_has_a_run_for_each_head_and_both_counts(finished: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{finished / 'mlflow.db'}")
    (experiment,) = [one for one in client.search_experiments() if one.name.startswith("reid/")]
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if run.data.tags["kind"] == "parent"]
    assert (parent.data.tags["seeds"], parent.data.tags["head_seeds"]) == ("0 1", "0 1 2")
    assert {"mAP_std/gltr", "mAP_std_heads/gltr", "mAP_std/baseline"} <= set(parent.data.metrics)
    assert "mAP_std_heads/baseline" not in parent.data.metrics
    heads = [run for run in runs if run.data.tags["arm"] == "gltr"]
    assert sorted(run.info.run_name for run in heads) == [
        "gltr s0", "gltr s0 h1", "gltr s0 h2", "gltr s1", "gltr s1 h1", "gltr s1 h2",
    ]  # fmt: skip
    assert {run.data.params["head_seed"] for run in heads} == {"0", "1", "2"}
    pictures = {run.info.run_name: [one.path for one in client.list_artifacts(run.info.run_id)] for run in heads}
    assert "cmc.png" in pictures["gltr s0"] and "cmc.png" not in pictures["gltr s0 h1"]


def test_the_page_pools_all_heads_and_says_how_many(finished: Path) -> None:
    (job,) = load_all(f"sqlite:///{finished / 'mlflow.db'}").jobs
    assert job.by_name["gltr"].values("mAP").shape[:2] == (2, 3)
    assert job.by_name["baseline"].values("mAP").ndim == 2
    rows = {row["arm"]: row for row in tables.results(job).as_dict()["rows"]}
    assert (rows["GLTR"]["seeds"], rows["Baseline"]["seeds"]) == ("2 × 3", 2)
    page = (finished / "out/index.html").read_text()
    assert "2 × 3" in page and "0, 1, 3 heads each" in page
    folders = _folders(finished)
    each = [
        read_json(folders["gltr", seed, head] / "result.json")["metrics"]["mAP"]
        for seed in (0, 1) for head in range(3)
    ]  # fmt: skip
    assert rows["GLTR"]["mAP"]["mean"] == pytest.approx(np.mean(each))


def test_more_heads_train_what_is_missing_and_one_head_is_what_it_always_was(
    finished: Path, tiny_world: Path, paper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished / "runs/steps/examine", tmp_path / "runs/steps/examine")
    assert reproduce.main(_job(tmp_path, tiny_world, PAPERS / "brief")) == 0  # no head stage in the card
    plain, heads = _folders(tmp_path), _folders(finished)
    for key, folder in plain.items():
        one, other = (read_json(each / "result.json") for each in (folder, heads[key]))
        assert (one["fingerprint"], one["metrics"]) == (other["fingerprint"], other["metrics"]), key
    capsys.readouterr()
    assert reproduce.main(_job(tmp_path, tiny_world, paper)) == 0
    assert "4 results made now" in capsys.readouterr().err  # heads 1 and 2 on both trunks


@pytest.mark.parametrize("after", [2, 6])  # the next is a further head of the first trunk; one of the second
def test_stopped_anywhere_it_goes_on_to_the_same_numbers(
    after: int, finished: Path, tiny_world: Path, paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished / "runs/steps/examine", tmp_path / "runs/steps/examine")  # what takes longest
    real: Callable[..., Any] = pipeline_job.Job.scored
    made = []

    def stopping(self: Any, *args: Any) -> Any:
        if len(made) == after:
            raise KeyboardInterrupt
        made.append(args)
        return real(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline_job.Job, "scored", stopping)
        assert reproduce.main(_job(tmp_path, tiny_world, paper)) == 130
    assert reproduce.main(_job(tmp_path, tiny_world, paper)) == 0
    again, first = _folders(tmp_path), _folders(finished)
    assert set(again) == set(first)
    for key, folder in again.items():
        one, other = (read_json(each / "result.json")["metrics"] for each in (folder, first[key]))
        assert one == other, key


def test_a_comparison_counts_heads_among_what_is_there(
    finished: Path, tiny_world: Path, paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [*_job(finished, tiny_world, paper), "--dry-run", "--json", "--protocol", "own", "--head-seeds", "5"]
    assert compare.main(line) == 0
    rows = {row["arm"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["gltr"]["there"], rows["gltr"]["to_make"], rows["gltr"]["head_seeds"]) == (6, 4, [0, 1, 2, 3, 4])
    assert (rows["baseline"]["there"], rows["baseline"]["to_make"], rows["baseline"]["head_seeds"]) == (2, 0, [0])


def test_a_head_is_written_without_the_trunk_that_it_stands_on_and_read_with_it(finished: Path) -> None:
    from safetensors.torch import load_file

    stages = finished / "runs/steps/stage"
    kinds = {name: [f.parent for f in stages.glob("*/stage.json") if read_json(f)["name"] == name] for name in
             ("frames", "head")}  # fmt: skip
    for head in kinds["head"]:
        own, inherited = load_file(head / "weights.safetensors"), read_json(head / "inherited.json")
        assert own and not set(own) & set(inherited)
        assert all(name.startswith(("temporal", "neck", "classifier")) for name in own)
        trunks = [load_file(one / "weights.safetensors") for one in kinds["frames"]]
        assert all(source in trunk for trunk in trunks for source in inherited.values())
        assert any(name.startswith("trunk.layer4") for name in inherited)
    assert all(read_json(one / "inherited.json") == {} for one in kinds["frames"])
