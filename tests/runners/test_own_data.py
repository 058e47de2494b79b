"""Commands on a user's own data: a set without a training part is judged on, and not trained on."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.tracklet import person_ids
from runners import evaluate, reproduce


@pytest.fixture
def tested_only(tiny_world: Path, tmp_path: Path) -> Path:
    """The test half of a rendered world, in folders of one's own."""
    source = datasets.load("synthwalk", tiny_world)
    for one in source.test:
        folder = tmp_path / "mine" / "test" / str(one.person_id) / str(one.camera_id) / one.key
        folder.mkdir(parents=True)
        for frame in one.frames:
            os.link(source.root / frame, folder / Path(frame).name)
    return tmp_path / "mine"


def test_descriptors_of_a_set_without_a_training_part_are_judged(
    tested_only: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = person_ids(datasets.load("own", tested_only).test)
    features = np.eye(40)[people + 1]  # everybody looks like themselves and like nobody else
    np.savez(tmp_path / "perfect.npz", features=features)
    words = ["--descriptors", tmp_path / "perfect.npz", "--dataset", "own", "--data-root", tested_only, "--json"]
    assert evaluate.main([str(word) for word in words]) == 0
    *rows, _ = json.loads(capsys.readouterr().out)["tables"]["conventions"]["rows"]
    assert {row["mAP"]["mean"] for row in rows if row["gallery"] == "full"} == {100.0}


def test_nothing_can_be_trained_on_it_and_that_is_told_in_one_sentence(
    tested_only: Path, tmp_path: Path, brief: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--paper", brief, "--dataset", "own", "--data-root", tested_only, "--work", tmp_path / "work"]
    words += ["--out", tmp_path / "out", "--tracking-uri", f"sqlite:///{tmp_path / 'runs.db'}"]
    assert reproduce.main([str(word) for word in words]) == 2
    *_, told = capsys.readouterr().err.strip().splitlines()
    assert "has no training tracklets, so no arm can be trained on it: add a part train" in told
    assert not (tmp_path / "runs.db").exists()
    assert list((tmp_path / "out").iterdir()) == []
