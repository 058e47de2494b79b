"""Commands on a user's own data: a set without a training part is judged on, and not trained on."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import datasets
from datasets.tracklet import person_ids
from runners import evaluate, reproduce
from tests.reports import fake


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


def recorded(folder: Path, people: dict[str, tuple[int, ...]]) -> Path:
    """A set of noise: one tracklet of three frames for each person under each of two cameras."""
    rng = np.random.default_rng(0)
    for part, persons in people.items():
        for person in persons:
            for camera in (1, 2):
                place = folder / part / str(person) / str(camera) / "1"
                place.mkdir(parents=True)
                for frame in range(3):
                    pixels = rng.integers(0, 255, (64, 32, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(place / f"{frame:04d}.png")
    return folder


def job(tmp_path: Path, paper: Path, data: Path) -> list[str]:
    words = ["--paper", paper, "--dataset", "own", "--data-root", data, "--work", tmp_path / "work", "--budget"]
    words += ["quick", "--controls", "none", "--device", "cpu", "--seeds", "1"]
    words += ["--out", tmp_path / "out", "--tracking-uri", f"sqlite:///{tmp_path / 'runs.db'}", "--json"]
    return [str(word) for word in words]


def test_a_gallery_without_an_answer_is_null_and_the_page_is_made(
    tmp_path: Path, brief: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each query is its person's only tracklet under its camera: taken out with the queries, all answers are gone."""
    fake.prepared(tmp_path, "runs.db")
    data = recorded(tmp_path / "mine", {"test": (1, 2, 3), "train": (11, 12, 13, 14)})
    assert reproduce.main(job(tmp_path, brief, data)) == 0
    text = capsys.readouterr().out
    assert "NaN" not in text
    json.loads(text)
    results = [json.loads(file.read_text()) for file in (tmp_path / "work" / "steps").rglob("result.json")]
    assert results
    for result in results:
        for row in result["conventions"]:
            nobody = row["gallery"] == "without-queries" and row["empty"] == "skip"
            assert (row["mAP"] is None) == (row["rank1"] is None) == nobody, row
    pages = [file.read_text() for file in (tmp_path / "out").rglob("*.html")]
    assert pages
    for page in pages:
        shown = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
        assert not re.search(r"\bnan\b", shown.lower())


@pytest.mark.slow
def test_queries_of_one_person_have_numbers_and_an_interval_that_says_nothing(
    tmp_path: Path, brief: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = recorded(tmp_path / "mine", {"query": (1,), "gallery": (1, 2), "train": (11, 12, 13, 14)})
    assert reproduce.main(job(tmp_path, brief, data)) == 0
    results = [json.loads(file.read_text()) for file in (tmp_path / "work" / "steps").rglob("result.json")]
    assert results and all(result["intervals"]["mAP"] == [0, 100] for result in results)


def test_where_no_query_has_an_answer_nothing_is_trained(
    tmp_path: Path, brief: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = recorded(tmp_path / "mine", {"query": (1, 2), "gallery": (1, 2), "train": (11, 12)})
    for person in (1, 2):
        shutil.rmtree(data / "query" / str(person) / "2")
        shutil.rmtree(data / "gallery" / str(person) / "2")  # each is left under one camera
    assert reproduce.main(job(tmp_path, brief, data)) == 2
    assert "has its person in the gallery under another camera" in capsys.readouterr().err
    assert not (tmp_path / "runs.db").exists()
