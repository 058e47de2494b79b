"""The main job under protocols of snippets and of single images, and arms that a protocol cannot take."""

import json
from pathlib import Path

import pytest

import protocols
from protocols.ranking.conventions import DISTANCES
from runners.evaluate import evaluate as score_again
from runners.evaluation.recorded_descriptors import of_step
from runners.reproduce import main
from tests.reports import fake


def _job(where: Path, world: Path, paper: str | Path, *more: str) -> list[str]:
    return [
        *("--paper", str(paper), "--data-root", str(world), "--work", str(where / "runs"), "--out", str(where / "out")),
        *("--tracking-uri", fake.prepared(where), "--device", "cpu", "--controls", "none", "--seeds", "1"),
        *more,
    ]


def _results(where: Path) -> dict[str, dict]:
    found = [json.loads(file.read_text()) for file in (where / "runs/steps/judge").glob("*/result.json")]
    return {result["arm"]: result for result in found}


def test_a_method_without_an_image_network_is_judged_on_every_side(
    tmp_path: Path, tiny_world: Path, brief: Path
) -> None:
    assert main(_job(tmp_path, tiny_world, brief, "--protocol", "image-to-video")) == 0
    results = _results(tmp_path)
    for arm in ("baseline", "gltr"):
        result = results[arm]
        assert set(result["sides"]) == {"I2V", "I2I", "V2V", "V2I"}
        assert result["metrics"]["mAP"] == result["metrics"]["I2V/mAP"] == result["sides"]["I2V"]["mAP"]
        assert "its only network on one frame" in result["sides"]["I2V"]["query"]
        assert {(v["metric"], v["mean"]) for v in result["variants"]} == {
            (metric, mean) for metric in ("euclidean", "cosine") for mean in ("clips", "frames")
        }
    # One frame knows less of a person than all of them; and a single image is no video.
    assert results["colour"]["sides"]["V2V"]["mAP"] != results["colour"]["sides"]["I2I"]["mAP"]
    for file in (tmp_path / "runs/steps/judge").glob("*/result.json"):
        again = score_again(of_step(file.parent), DISTANCES[:1])  # images ask, videos answer: two sets of one step
        official = next(one for one in again.rankings if one.convention == protocols.load("image-to-video").convention)
        recorded = json.loads(file.read_text())["metrics"]["I2V/mAP"]
        assert again.value(official, "mAP") == pytest.approx(recorded, abs=1e-9)
    page = (tmp_path / "out/index.html").read_text()
    assert "Image and video" in page
    assert "its only network on one frame" in page


def test_oracles_are_scored_on_every_side_and_again_from_what_they_leave(
    tmp_path: Path, tiny_world: Path, brief: Path
) -> None:
    named = ("true-visibility", "true-masks", "true-mask-pooling", "true-gait", "shuffled-labels")
    more = ("--protocol", "image-to-video", "--arms", "baseline", "--controls", *named)
    assert main(_job(tmp_path, tiny_world, brief, *more)) == 0
    found = {}
    for file in (tmp_path / "runs/steps/judge").glob("*/result.json"):
        result = json.loads(file.read_text())
        found[result["control"]] = result
        again = score_again(of_step(file.parent), DISTANCES[:1])
        official = next(one for one in again.rankings if one.convention == protocols.load("image-to-video").convention)
        assert again.value(official, "mAP") == pytest.approx(result["metrics"]["I2V/mAP"], abs=1e-9)
    assert set(found) == {None, "colour", *named}
    arm = found[None]
    for control in named:
        for side, one in found[control]["sides"].items():
            own = arm["sides"][side]
            assert (one["query"], one["gallery"]) == (own["query"], own["gallery"])
            # one frame alone has nothing to be weighted against
            alike = control == "true-visibility" and side == "I2I"
            assert (one["mAP"] == pytest.approx(own["mAP"], abs=1e-3)) == alike, (control, side)


def test_snippets_and_whole_sequences_are_two_experiments_with_shared_training(
    tmp_path: Path, tiny_world: Path, brief: Path
) -> None:
    whole = _job(tmp_path, tiny_world, brief, "--arms", "baseline")
    assert main(whole) == 0
    stages = sorted((tmp_path / "runs/steps/stage").iterdir())
    assert main([*whole, "--protocol", "rgb-snippets"]) == 0
    assert sorted((tmp_path / "runs/steps/stage").iterdir()) == stages
    files = sorted((tmp_path / "runs/steps/judge").glob("*/result.json"))
    fed = {json.loads(f.read_text())["protocol"]["name"]: json.loads(f.read_text()).get("fed", "") for f in files}
    assert set(fed) == {"rgb-single-pass", "rgb-snippets"}


def test_cosam_is_told_why_it_cannot_enter_whole_sequences(
    tmp_path: Path, tiny_world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = _job(tmp_path, tiny_world, "cosam", "--arms", "cosam", "--protocol", "res50-rgb-single-pass")
    assert main(job) == 3
    said = capsys.readouterr().err
    assert "whole-sequence" in said
    assert "clips of exactly 4 real frames" in said
    assert "rgb-snippets" in said
    assert not (tmp_path / "runs/steps/stage").exists()  # no minute was spent on its baseline


def test_a_data_set_without_the_splits_of_a_protocol_is_told_before_anything_is_read(
    tmp_path: Path, tiny_world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_job(tmp_path, tiny_world, "tkp", "--protocol", "image-to-video-ilids")) == 3
    said = capsys.readouterr().err
    assert "averages 10 splits of a data set, and synthwalk has one" in said
    assert "ilids" in said and "prid" in said and "--protocol image-to-video" in said
