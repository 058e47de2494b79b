"""Which options make another job: every one of the commands that train and record, so that no new one is forgotten."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from datasets import attributes, synthwalk
from datasets.synthwalk.layouts import render_as
from datasets.synthwalk.presets import PRESETS
from runners import compare, reproduce
from runners.derived_data import annotations
from runners.pipeline.record import prepare
from runners.pipeline.request import check
from runners.plan.splits import dataset_of_job
from runners.tracking.tags_and_metrics import job_fingerprint
from tests.narrow import model
from tests.places import PAPERS
from tests.starts import made_up

PAPER = PAPERS / "brief_attributes"

MAKES_ANOTHER_JOB = {
    "paper": ["--paper", str(PAPERS / "brief")],
    "protocol": ["--protocol", "rgb-snippets"],
    "profile": ["--profile", "paper"],
    "budget": ["--budget", "quick"],
    "pretrained": ["--pretrained", "none"],
    "start": ["--start", "START"],
    "precision": ["--precision", "fp32"],
    "scorer": ["--scorer", "vrstc/nl"],
    "dataset": ["--dataset", "ilids", "--data-root", "PAIRS"],
    "splits": ["--dataset", "ilids", "--data-root", "PAIRS", "--splits", "0-1"],
    "data_root": ["--data-root", "OTHER"],
    "size": ["--size", "32x16"],
    "attributes": ["--attributes", "CSV"],
    "source": ["--source", "SOURCE"],
}
"""It decides numbers of every arm."""

SAME_JOB = {
    "arms": ("which arms: each is a child run by its name", ["--arms", "f"]),
    "controls": ("which controls: each is a child run by its name", ["--controls", "none"]),
    "seeds": ("how many seeds: each is a child run", ["--seeds", "2"]),
    "seed": ("the first seed: each is a child run", ["--seed", "3"]),
    "head_seeds": ("how many heads: each is a child run", ["--head-seeds", "2"]),
    "repairers": ("arms on repaired data: each is a child run by its data", []),
    "slice": ("what the page shows of the queries", ["--slice", "backpack"]),
    "decoded_limit": ("where frames are kept; results are the same", ["--decoded-limit", "0"]),
    "device": ("where networks compute: rounding, which an interval over seeds holds", ["--device", "cpu"]),
    "workers": ("how many processes make results; each result depends on its own seed", ["--workers", "1"]),
    "work": ("where finished steps are kept", ["--work", "elsewhere"]),
    "tracking_uri": ("where results are recorded", []),
    "out": ("where the page goes", ["--out", "elsewhere"]),
    "json": ("how results are printed", ["--json"]),
    "list": ("nothing is run", []),
    "dry_run": ("nothing is run", []),
    "help": ("nothing is run", []),
}
"""Option -> why it decides no number of an arm that has the same name, seed and head seed; and how it is written."""

SOURCE = replace(PRESETS["tiny"], seed=7, style="hall")


@pytest.fixture(scope="module")
def other_data(tmp_path_factory: pytest.TempPathFactory, tiny_world: Path) -> dict[str, str]:
    """What stands in a command for a path."""
    folder = tmp_path_factory.mktemp("other data")
    other = replace(PRESETS["tiny"], seed=99)
    synthwalk.render(other, folder / "world", progress=False)
    pairs = replace(PRESETS["tiny"], train_ids=6, test_ids=6, junk=0, distractors=0)
    render_as("ilids", pairs, folder / "pairs", progress=False)
    synthwalk.render(SOURCE, folder / "default source", progress=False)
    synthwalk.render(replace(SOURCE, seed=8), folder / "source", progress=False)
    (folder / "mine.csv").write_text("person_id,backpack\n1,1\n2,0\n", encoding="utf-8")
    made_up(folder, nn.Sequential(model("resnet18", weights=None)), 18)
    return {
        "WORLD": str(tiny_world), "OTHER": str(folder / "world"), "SOURCE": str(folder / "source"),
        "PAIRS": str(folder / "pairs"), "DEFAULT SOURCE": str(folder / "default source"),
        "CSV": str(folder / "mine.csv"), "START": str(folder / "made-up.safetensors"),
    }  # fmt: skip


@pytest.fixture
def identity(
    other_data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, dict[str, str]]]:
    """``identity(*words)``: the fingerprint of the job that a command makes, and what options change."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(annotations, "_rendered", lambda size: Path(other_data["DEFAULT SOURCE"]))

    def of(*words: str) -> tuple[str, dict[str, str]]:
        line = ["--paper", str(PAPER), "--data-root", "WORLD", "--device", "cpu", *words]
        options = reproduce.parser().parse_args([other_data.get(word, word) for word in line])
        request = check(options, options.paper[0], protocol=options.protocol, arms=options.arms)
        jobs = prepare(request, options)
        data, config = dataset_of_job([job.split for job in jobs]), jobs[0].config
        protocol = request.protocol.as_dict()
        changes = config.changes
        return (
            job_fingerprint(request.card.key, data, protocol, config.profile, config.budget, changes),
            changes,
        )

    return of


def _options(parser: argparse.ArgumentParser) -> set[str]:
    return {action.dest for action in parser._actions}


def test_every_option_of_the_commands_that_record_is_classified_once() -> None:
    known = _options(reproduce.parser()) | _options(compare.parser())
    assert known == {*MAKES_ANOTHER_JOB, *SAME_JOB}, "say of a new option whether it decides numbers of an arm"
    assert not set(MAKES_ANOTHER_JOB) & set(SAME_JOB)
    assert all(reason for reason, _ in SAME_JOB.values())


def test_an_option_that_decides_numbers_makes_another_job_and_no_other_one_does(
    identity: Callable[..., tuple[str, dict[str, str]]],
) -> None:
    plain, changes = identity()
    assert changes == {}
    found = {plain: "plain"}
    for name, words in MAKES_ANOTHER_JOB.items():
        assert found.setdefault(identity(*words)[0], name) == name
    for name, (_, words) in SAME_JOB.items():
        assert identity(*words)[0] == plain, name


def test_other_attributes_and_another_source_are_told_by_name_and_content(
    identity: Callable[..., tuple[str, dict[str, str]]], other_data: dict[str, str], tmp_path: Path
) -> None:
    changes = identity("--attributes", "CSV", "--source", "SOURCE")[1]
    assert set(changes) == {"attributes", "source"}
    assert changes["attributes"].startswith("mine ") and len(changes["attributes"].split()[-1]) == 12
    assert changes["source"].startswith("SynthWalk ")
    assert identity("--attributes", "WORLD")[1] == {}  # the data set's own, by name
    text = Path(other_data["CSV"]).read_text(encoding="utf-8")
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    assert identity("--attributes", str(tmp_path / "mine.csv"))[1]["attributes"] == changes["attributes"]
    (tmp_path / "mine.csv").write_text(text.replace("2,0", "2,1"), encoding="utf-8")
    assert identity("--attributes", str(tmp_path / "mine.csv"))[1]["attributes"] != changes["attributes"]
    assert attributes.load(tmp_path / "mine.csv").name == "mine"


def test_a_source_that_no_arm_learns_from_changes_nothing(
    identity: Callable[..., tuple[str, dict[str, str]]],
) -> None:
    assert identity("--arms", "a", "--source", "SOURCE") == identity("--arms", "a")
