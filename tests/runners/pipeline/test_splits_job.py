"""Data sets with several divisions, from the command to the page: SynthWalk in the layout of iLIDS-VID."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import datasets
import protocols
from datasets.errors import DataError
from datasets.synthwalk import presets
from datasets.synthwalk.layouts import render_as
from datasets.tracklet import Split, Tracklet
from protocols.ranking import average_splits, rank_features
from reports.store.reader import open_reader
from runners.errors import NotPossible, RunError
from runners.evaluation.descriptor_set import read
from runners.pipeline import examination
from runners.plan.splits import check_divisions, check_protocol, choose_splits, dataset_of_job
from runners.plan.step_store import read_json
from runners.reproduce import main
from tests.places import PAPERS
from tests.reports import fake

NUMBERS = (0, 1, 5)
ARMS = ("baseline", "gltr")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn people under two cameras each, with ten lists of six to test and six to train on."""
    world = dataclasses.replace(presets.PRESETS["tiny"], train_ids=6, test_ids=6, junk=0, distractors=0)
    root, _ = render_as("ilids", world, tmp_path_factory.mktemp("data") / "pairs", progress=False)
    return root


def _command(where: Path, pairs: Path, *more: str) -> list[str]:
    return [
        *("--paper", str(PAPERS / "brief"), "--dataset", "ilids", "--data-root", str(pairs)),
        *("--work", str(where / "runs"), "--out", str(where / "out"), "--device", "cpu", "--controls", "none"),
        *("--tracking-uri", fake.prepared(where), "--budget", "quick", "--seeds", "1", *more),
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, pairs: Path) -> Iterator[Path]:
    """A job on three of ten divisions; the frames come from camera 1 as whole tracklets."""
    where = tmp_path_factory.mktemp("divided")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examination, "COST_SECONDS", 0.05)
        assert main(_command(where, pairs, "--splits", "0-1", "5")) == 0
        yield where


def _results(where: Path, protocol: str = "rgb-single-pass") -> dict[tuple[str, int], tuple[dict[str, Any], Path]]:
    """(arm, division) -> result and where it lies."""
    files = (where / "runs/steps/judge").glob("*/result.json")
    found = [(read_json(file), file.parent) for file in files]
    return {(r["arm"], r["split"]["number"]): (r, at) for r, at in found if r["protocol"]["name"] == protocol}


def _table(where: Path) -> dict[str, dict[str, Any]]:
    tables = json.loads((where / "out/tables.json").read_text(encoding="utf-8"))
    return {row["arm"]: row for row in next(one for one in tables if one["name"] == "results")["rows"]}


def test_every_division_has_networks_and_results_of_its_own(finished: Path) -> None:
    results = _results(finished)
    assert set(results) == {(arm, number) for arm in (*ARMS, "colour") for number in NUMBERS}
    for arm in ARMS:
        stages = [{stage["fingerprint"] for stage in results[arm, number][0]["stages"]} for number in NUMBERS]
        assert not stages[0] & stages[1] and not stages[1] & stages[2] and not stages[0] & stages[2]
    assert {result["split"]["of"] for result, _ in results.values()} == {10}


def test_nobody_is_tested_by_a_network_that_learned_from_them(finished: Path, pairs: Path) -> None:
    for number in NUMBERS:
        learned = {one.person_id for one in datasets.load("ilids", pairs, split=number).train}
        with np.load(_results(finished)["gltr", number][1] / "per_query.npz") as arrays:
            asked = set(arrays["person"].tolist())
        assert len(asked) == 6 and not asked & learned


def test_mean_and_deviation_are_those_of_the_descriptors_ranked_anew(finished: Path) -> None:
    """Descriptors of every division -> `protocols.ranking` -> `average_splits`: another road to the same numbers."""
    for arm, label in (("baseline", "Baseline"), ("gltr", "GLTR")):
        rankings = []
        for number in NUMBERS:
            result, folder = _results(finished)[arm, number]
            found = read(folder / "descriptors.descriptors")
            who, rules = found.tracklets, result["protocol"]
            ask, answer = who.query, who.gallery
            rankings.append(
                rank_features(
                    found.features[ask],
                    found.features[answer],
                    who.person[ask],
                    who.camera[ask],
                    who.person[answer],
                    who.camera[answer],
                    metric=rules["metric"],
                    normalise=rules["normalise"],
                    ap=rules["ap"],
                    empty=rules["empty"],
                    gallery=rules["gallery"],
                )
            )
        averaged = average_splits(rankings)
        row = _table(finished)[label]
        assert row["rank1"]["mean"] == pytest.approx(100 * averaged.cmc[0], abs=1e-9)
        assert row["std_splits_rank1"] == pytest.approx(100 * averaged.cmc_std[0], abs=1e-9)
        assert row["mAP"]["mean"] == pytest.approx(100 * averaged.mAP, abs=1e-9)
        assert row["std_splits_mAP"] == pytest.approx(100 * averaged.mAP_std, abs=1e-9)


def test_the_page_says_which_divisions_it_is_about(finished: Path) -> None:
    page = (finished / "out/index.html").read_text(encoding="utf-8")
    assert "3 of 10 (0, 1, 5)" in page and "Split by split" in page
    assert "SynthWalk as iLIDS-VID" in page
    assert "Every query has one match" in page
    assert (finished / "out/splits_rank1.csv").is_file()
    assert not (finished / "out/splits_mAP.csv").is_file()


def test_more_divisions_later_make_only_what_is_missing_in_a_job_of_their_own(
    finished: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_command(finished, pairs, "--splits", "0,1,5", "--json")) == 0
    captured = capsys.readouterr()
    assert "0 results made now" in captured.err
    first = json.loads(captured.out)
    assert main(_command(finished, pairs, "--splits", "0", "1", "--json")) == 0
    captured = capsys.readouterr()
    assert "0 results made now" in captured.err
    second = json.loads(captured.out)
    assert first["parent_id"] != second["parent_id"]
    assert (first["splits"], second["splits"]) == ([0, 1, 5], [0, 1])
    reader = open_reader(f"sqlite:///{finished / 'mlflow.db'}")
    counts = [
        len(reader.children(reader.parent(first["experiment"], parent=one["parent_id"]))) for one in (first, second)
    ]
    assert counts == [9, 6]


def test_a_job_stopped_between_two_results_goes_on_and_ends_with_the_same_numbers(
    finished: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runners.tracking.mlflow_writer import Store

    real, calls = Store.record_arm, []

    def stopped(*args: Any, **kwargs: Any) -> str:
        if len(calls) == 4:  # split 0 is whole, of split 1 the colour row is there
            raise KeyboardInterrupt
        calls.append(args)
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "record_arm", stopped)
        assert main(_command(tmp_path, pairs, "--splits", "0-1")) == 130
    assert main(_command(tmp_path, pairs, "--splits", "0-1")) == 0
    first, again = _results(finished), _results(tmp_path)
    assert set(again) == {(arm, number) for arm in (*ARMS, "colour") for number in (0, 1)}
    for name, (result, folder) in again.items():
        assert result["metrics"] == first[name][0]["metrics"], name
        with np.load(folder / "per_query.npz") as one, np.load(first[name][1] / "per_query.npz") as other:
            assert all(np.array_equal(one[key], other[key]) for key in one.files)
    reader = open_reader(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert len(reader.jobs("reid/synthwalk-ilids/rgb-single-pass")) == 1


def test_papers_are_compared_over_splits_by_their_ranks(
    finished: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from runners.compare import main as compare

    line = _command(finished, pairs, "--splits", "0-1", "5", "--protocol", "rgb-single-pass", "--json")
    line[line.index("--out") + 1] = str(tmp_path / "out")
    assert compare([*line, "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert {(row["there"], row["to_make"], tuple(row["splits"])) for row in plan} == {(3, 0, NUMBERS)}
    assert compare(line) == 0
    (table,) = json.loads(capsys.readouterr().out)["comparison"]["tables"]
    assert "3 of 10 splits" in table["title"]
    rank1 = {arm: [_results(finished)[arm, number][0]["metrics"]["rank1"] for number in NUMBERS] for arm in ARMS}
    for row in table["rows"][:2]:
        arm = row["arm"].partition("/")[2]
        assert row["rank1"]["mean"] == pytest.approx(np.mean(rank1[arm]))
        assert row["std_splits"] == pytest.approx(np.std(rank1[arm], ddof=1))


def test_one_image_of_camera_1_against_camera_2_runs(finished: Path, pairs: Path, tmp_path: Path) -> None:
    """`image-to-video-ilids` on what was trained above: nothing is trained again."""
    stages = sorted((finished / "runs/steps/stage").iterdir())
    out = tmp_path / "out"
    line = _command(finished, pairs, "--splits", "0-1", "--protocol", "image-to-video-ilids")
    line[line.index("--out") + 1] = str(out)
    assert main(line) == 0
    assert sorted((finished / "runs/steps/stage").iterdir()) == stages
    results = _results(finished, "image-to-video-ilids")
    for result, folder in results.values():
        assert list(result["sides"]) == ["I2V"]
        with np.load(folder / "per_query.npz") as arrays:
            assert set(arrays["camera"].tolist()) == {1}
            # one match a query: AP in step form is 1 over its rank, but for ties, where both are means
            untied = arrays["first_hit"] == np.round(arrays["first_hit"])
            assert arrays["average_precision"][untied] == pytest.approx(100 / arrays["first_hit"][untied])
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "side I2V" in page and "2 of 10 (0, 1)" in page
    measured = np.mean([results["gltr", number][0]["metrics"]["rank1"] for number in (0, 1)])
    tables = json.loads((out / "tables.json").read_text(encoding="utf-8"))
    row = next(r for t in tables if t["name"] == "results" for r in t["rows"] if r["arm"] == "GLTR")
    assert row["rank1"]["mean"] == pytest.approx(measured, abs=1e-9)


def test_descriptors_of_a_division_are_scored_by_naming_it(
    finished: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from runners.evaluate import main as evaluate

    result, folder = _results(finished)["gltr", 5]
    np.savez(tmp_path / "mine.npz", features=read(folder / "descriptors.descriptors").features)
    line = ["--descriptors", str(tmp_path / "mine.npz"), "--dataset", "ilids", "--data-root", str(pairs), "--json"]
    assert evaluate(line) == 2
    assert "ilids has 10 splits, and descriptors are of one: name it with --split" in capsys.readouterr().err
    assert evaluate([*line, "--split", "10"]) == 2
    assert "split 10 does not exist" in capsys.readouterr().err
    assert evaluate(["--descriptors", str(tmp_path / "mine.npz"), "--split", "5"]) == 2
    assert "--split is about --dataset" in capsys.readouterr().err
    assert evaluate([*line, "--split", "5"]) == 0
    told = [row["mAP"] for row in json.loads(capsys.readouterr().out)["tables"]["conventions"]["rows"][:-1]]
    means = [one["mean"] if isinstance(one, dict) else one for one in told]
    assert sorted(means) == pytest.approx(sorted(row["mAP"] for row in result["ledger"]), abs=1e-9)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (None, tuple(range(10))),
        (["all"], tuple(range(10))),
        (["0"], (0,)),
        (["0-2"], (0, 1, 2)),
        (["3", "0"], (0, 3)),
        (["7-9,0", "8"], (0, 7, 8, 9)),
    ],
)
def test_divisions_are_chosen_by_numbers_and_ranges(words: list[str] | None, expected: tuple[int, ...]) -> None:
    assert choose_splits(words, "prid") == expected


@pytest.mark.parametrize(
    ("words", "dataset", "told"),
    [
        (["10"], "prid", "prid has 10 splits, 0 to 9"),
        (["0-12"], "ilids", "ilids has 10 splits, 0 to 9"),
        (["1"], "mars", "mars has one split, 0"),
        (["2-1"], "ilids", "expected numbers and ranges"),
        (["first"], "ilids", "expected numbers and ranges"),
        (["-1"], "ilids", "expected numbers and ranges"),
        (["1-"], "ilids", "expected numbers and ranges"),
    ],
)
def test_divisions_that_cannot_be_chosen_are_told(words: list[str], dataset: str, told: str) -> None:
    with pytest.raises(RunError, match=told):
        choose_splits(words, dataset)


def test_an_unknown_data_set_is_told_with_near_matches() -> None:
    with pytest.raises(DataError, match="ilids"):
        choose_splits(None, "ilid")


def test_a_protocol_over_ten_splits_needs_data_that_have_them() -> None:
    rules = protocols.load("image-to-video-ilids")
    check_protocol(rules, "ilids")
    check_protocol(rules, "prid")
    check_protocol(protocols.load("rgb-single-pass"), "ilids")
    with pytest.raises(NotPossible, match=r"averages 10 splits of a data set, and mars has one; name one .*ilids"):
        check_protocol(rules, "mars")


def _split(number: int, fingerprint: str, cameras: tuple[int, int] = (1, 2), lonely: bool = False) -> Split:
    """Two people, each asked for under one camera and waiting under another."""
    test = [
        Tracklet(f"{person}C{camera}", person, camera, ("a.png",))
        for camera in cameras
        for person in (1, 2)
        if not (lonely and (person, camera) == (2, cameras[1]))
    ]
    index = np.arange(len(test))
    return Split(
        "pairs", Path("nowhere"), (Tracklet("t", 9, 1, ("a.png",)),), tuple(test), index[:2], index[2:], fingerprint,
        "1", True, number, 10,
    )  # fmt: skip


def test_divisions_that_cannot_be_averaged_are_refused() -> None:
    plain = protocols.load("rgb-single-pass")
    check_divisions([_split(0, "a" * 32), _split(1, "b" * 32)], plain)
    with pytest.raises(RunError, match="splits 0 and 1 of pairs have one fingerprint"):
        check_divisions([_split(0, "a" * 32), _split(1, "a" * 32)], plain)
    with pytest.raises(RunError, match=r"2 and 2 queries .2 and 1 with a match."):
        check_divisions([_split(0, "a" * 32), _split(1, "b" * 32, lonely=True)], plain)


def test_a_protocol_that_lets_camera_1_ask_refuses_data_that_do_otherwise() -> None:
    rules = protocols.load("image-to-video-ilids")
    check_divisions([_split(0, "a" * 32)], rules)
    with pytest.raises(
        NotPossible,
        match="camera 1 has the queries and the others have the gallery, but in pairs cameras 2 have queries and 1",
    ):
        check_divisions([_split(0, "a" * 32, (2, 1))], rules)


def test_a_job_on_one_division_is_not_one_on_another() -> None:
    one, other = (dataset_of_job([_split(number, str(number) * 32)]) for number in (0, 1))
    both = dataset_of_job([_split(number, str(number) * 32) for number in (0, 1)])
    assert len({data["fingerprint"] for data in (one, other, both)}) == 3
    assert all(len(data["fingerprint"]) == 32 for data in (one, other, both))


def test_repaired_data_of_another_layout_are_refused_before_anything_is_trained(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = _command(tmp_path, pairs, "--protocol", "occlusion-repaired", "--repairers", "oracle")
    assert main(line) == 3
    assert "in the layout of MARS alone, and ilids has another" in capsys.readouterr().err
    assert not (tmp_path / "runs/steps").exists()


def test_what_is_made_for_one_training_half_is_not_made_for_data_with_ten(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from runners.attributes import main as attributes
    from runners.repair import main as repair

    monkeypatch.chdir(tmp_path)
    data = ["--dataset", "ilids", "--data-root", str(pairs)]
    assert attributes(["transfer", "labels.csv", *data]) == 3
    assert "runners.reproduce transfers them in each split" in capsys.readouterr().err
    assert repair(["oracle", "repaired", *data]) == 3
    assert "in the layout of MARS alone, and ilids has another" in capsys.readouterr().err
