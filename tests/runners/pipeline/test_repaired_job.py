"""Jobs on repaired data from the outside: what is painted, where it lies, who can use it, and after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import datasets
import methods
from datasets.files.manifest import REPAIRED
from datasets.images import decode
from datasets.repaired import staging
from datasets.repaired.write import read_changes
from runners import repair, reproduce
from runners.pipeline import ground_truth
from runners.pipeline.data_versions import DataVersions
from runners.pipeline.ground_truth import GroundTruthChecks
from runners.plan.plan import plan_data, plan_scores
from runners.plan.plan_types import JobConfig
from runners.plan.step_store import StepStore, read_json
from tests.places import HOUSE, PAPERS
from tests.reports import fake

PAPER = PAPERS / "brief_repair"
SCORER = ("--scorer", "brief-repair/plain")


def _job(where: Path, world: Path, *more: str, paper: Path = PAPER) -> list[str]:
    return [
        *("--paper", str(paper), "--data-root", str(world), "--work", str(where / "runs"), "--out", str(where / "out")),
        *("--tracking-uri", fake.prepared(where), "--device", "cpu", "--seeds", "1"),
        *more,
    ]


def _results(where: Path) -> dict[str, Any]:
    found = [read_json(file) for file in (where / "runs/steps/judge").glob("*/result.json")]
    return {result["arm"]: result for result in found}


def _painted(where: Path) -> Path:
    (root,) = (where / "runs/repaired").glob("painter-*")
    return root


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_world: Path) -> Path:
    """A whole job, run once."""
    where = tmp_path_factory.mktemp("repaired job")
    assert reproduce.main(_job(where, tiny_world, *SCORER)) == 0
    return where


def test_every_row_says_what_it_learned_from_and_was_judged_on(finished: Path, tiny_world: Path) -> None:
    results = _results(finished)
    data = {
        arm: (r["data"]["train"], r["data"]["test"], r["data"]["base"]) for arm, r in results.items() if "data" in r
    }
    assert data == {
        "plain": ("raw", "raw", "plain"),
        "painted": ("painter", "painter", "plain"),
        "dropped": ("raw", "drop[tau=0.95]", "plain"),
    }
    raw = datasets.load("synthwalk", tiny_world).fingerprint
    assert results["plain"]["data"]["test_fingerprint"] == raw
    painted = datasets.load("synthwalk", _painted(finished)).fingerprint
    assert results["painted"]["data"]["test_fingerprint"] == painted != raw
    assert {r["dataset"]["fingerprint"] for r in results.values()} == {raw}  # one job, one experiment, the same queries


def test_queries_carry_what_is_hidden_of_them_by_truth(finished: Path) -> None:
    shares = {}
    for folder in (finished / "runs/steps/judge").iterdir():
        arrays = np.load(folder / "per_query.npz")
        shares[folder.name] = arrays["hidden"]
        assert ((arrays["hidden"] >= 0) & (arrays["hidden"] <= 1)).all()
        assert read_json(folder / "result.json")["hidden_by"] == "truth"
    assert all((one == next(iter(shares.values()))).all() for one in shares.values())
    assert next(iter(shares.values())).max() > 0


def test_painted_data_differ_from_the_raw_ones_in_the_called_pixels_alone(finished: Path, tiny_world: Path) -> None:
    root, changed_frames = _painted(finished), 0
    source = datasets.load("synthwalk", tiny_world)
    (scores_folder,) = (finished / "runs/steps/regions").glob("*/scores-test.npy")
    scores = np.load(scores_folder)
    first = 0
    for tracklet in source.test:
        changed, kept = read_changes(root, tracklet.key)
        assert kept.tolist() == list(range(len(tracklet)))
        own = scores[first : first + len(tracklet)]
        first += len(tracklet)
        for t, name in enumerate(tracklet.frames):
            before, after = (tiny_world / name).read_bytes(), (root / name).read_bytes()
            rows = [(0, 21), (21, 42), (42, 64)]
            called = np.zeros((64, 32), dtype=bool)
            for region, (top, end) in enumerate(rows):
                called[top:end] |= own[t, region] < 0.97
            assert not (changed[t] & ~called).any()
            if not changed[t].any():
                assert before == after
                continue
            changed_frames += 1
            apart = np.abs(decode.decode(before).astype(int) - decode.decode(after).astype(int)).max(axis=2)
            assert apart[~changed[t]].max(initial=0) <= 6  # what JPEG 100 loses
    assert changed_frames > 10


def test_frames_are_left_out_by_the_scores_below_the_threshold(finished: Path) -> None:
    results = _results(finished)
    (record,) = [
        read_json(file)
        for file in (finished / "runs/steps/restore").glob("*/repair.json")
        if read_json(file)["repairer"].startswith("drop")
    ]
    scores = np.load(next((finished / "runs/steps/regions").glob("*/scores-test.npy")))
    assert record["changed"]["of_frames"] == len(scores)
    assert 0 < record["changed"]["left_out"] <= int((scores < 0.95).any(axis=1).sum())
    assert record["detection"]["tau"] == 0.95
    assert results["dropped"]["metrics"] != results["plain"]["metrics"]


def test_the_page_shows_frames_before_and_after(finished: Path) -> None:
    page = (finished / "out/index.html").read_text()
    assert "Occlusion and repair" in page and "Before and after" in page and "Painted" in page


def test_a_second_start_makes_nothing_new(finished: Path, tiny_world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce.main(_job(finished, tiny_world, *SCORER, "--json")) == 0
    assert "0 results made now" in capsys.readouterr().err


def test_any_method_reads_the_painted_set_as_its_data(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brief = PAPERS / "brief"
    job = _job(tmp_path, _painted(finished), "--arms", "baseline", "--controls", "none", "--json", paper=brief)
    assert reproduce.main(job) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tables"]["results"]["rows"]
    fingerprint = _results(tmp_path)["baseline"]["dataset"]["fingerprint"]
    assert fingerprint == _results(finished)["painted"]["data"]["test_fingerprint"]


@pytest.mark.slow
def test_an_arm_of_another_paper_is_put_on_both_sides_of_a_repair(tmp_path: Path, tiny_world: Path) -> None:
    brief = PAPERS / "brief"
    wanted = ("--protocol", "occlusion-repaired", "--arms", "baseline", "--controls", "none")
    assert reproduce.main(_job(tmp_path, tiny_world, *wanted, paper=brief)) == 0
    results = _results(tmp_path)
    assert {"baseline", "baseline@raw/oracle", "baseline@oracle/raw", "baseline@oracle/oracle"} <= set(results)
    assert results["baseline@oracle/raw"]["data"]["base"] == "baseline"
    steps = tmp_path / "runs/steps/stage"
    names = sorted(read_json(file)["name"] for file in steps.glob("*/step.json"))
    assert [name for name in names if name.startswith("baseline")] == [
        "baseline frames seed 0",
        "baseline on oracle frames seed 0",
    ]  # two trainings for four results


def test_the_command_writes_a_set_where_it_is_told(tmp_path: Path, tiny_world: Path) -> None:
    command = ["oracle", str(tmp_path / "clear"), "--data-root", str(tiny_world), "--work", str(tmp_path / "runs")]
    assert repair.main([*command, "--device", "cpu"]) == 0
    assert datasets.load("synthwalk", tmp_path / "clear").counts() == datasets.load("synthwalk", tiny_world).counts()
    assert not (tmp_path / "runs/steps").exists()  # the truth needs no training
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("not a data set")
    assert repair.main(["oracle", str(tmp_path / "mine"), *command[2:]]) == 2
    assert (tmp_path / "mine/notes.txt").read_text() == "not a data set"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--repairers", "orakle"), "did you mean"),
        (("--protocol", "rgb-snippets", "--repairers", "oracle"), "belongs to a protocol that repairs"),
        (("--arms", "painter"), "repairs data for other arms"),
        (("--scorer", "brief-repair/painter"), "scores no regions"),
    ],
)
def test_bad_input_ends_with_one_sentence(
    tmp_path: Path, tiny_world: Path, more: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce.main(_job(tmp_path, tiny_world, *more)) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in error


@pytest.mark.slow
def test_killed_and_started_again_ends_with_the_same_numbers(finished: Path, tmp_path: Path, tiny_world: Path) -> None:
    command = [sys.executable, "-m", "tests.narrow", "--workers", "1", *_job(tmp_path, tiny_world, *SCORER)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(os.environ.get("OMP_NUM_THREADS", ""))}
    kills = 0
    for finished_steps in (1, 3, 5, 7, 9):  # by what is done, not by the clock
        process = subprocess.Popen(
            command, cwd=HOUSE, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        while len(list(tmp_path.rglob("step.json"))) < finished_steps and process.poll() is None:
            time.sleep(0.05)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 3
    assert reproduce.main(_job(tmp_path, tiny_world, *SCORER)) == 0
    ours, theirs = _results(tmp_path), _results(finished)
    assert {arm: r["metrics"] for arm, r in ours.items()} == {arm: r["metrics"] for arm, r in theirs.items()}
    for name in sorted(p.relative_to(_painted(finished)) for p in _painted(finished).rglob("*.jpg")):
        assert (_painted(tmp_path) / name).read_bytes() == (_painted(finished) / name).read_bytes()


def _setting(split: datasets.Split) -> JobConfig:
    return JobConfig(
        card=methods.paper(PAPER), profile="embedded", budget="quick", pretrained="card", size=None,
        num_ids=split.num_train_ids, data=split.fingerprint, reader=datasets.reader_of(split.name),
        device="cpu", runtime={}, scorer="brief-repair/plain",
    )  # fmt: skip


def test_a_damaged_repaired_set_is_named_set_aside_and_written_again(
    tmp_path: Path, tiny_world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    split = datasets.load("synthwalk", tiny_world)
    config = _setting(split)
    data = plan_data(config.card, "oracle", 0, config)

    def root() -> Path:
        versions = DataVersions(split, StepStore(tmp_path), tmp_path, "cpu")
        assert versions.split(data).fingerprint == data.fingerprint
        return versions.folder(data)

    def tree() -> dict[str, bytes]:
        return {str(p.relative_to(where)): p.read_bytes() for p in where.rglob("*") if p.is_file()}

    where = root()
    whole = tree()
    frame = sorted((where / "bbox_test").rglob("*.jpg"))[0]
    assert root() == where and capsys.readouterr().err == ""
    for number, (file, content) in enumerate([(frame, None), (where / REPAIRED, b""), (where / REPAIRED, None)], 1):
        file.unlink()
        if content is not None:
            file.write_bytes(content)
        assert root() == where
        told = capsys.readouterr().err
        assert told.count("the repaired set is damaged") == 1 and file.name in told and f"damaged-{number} " in told
        assert tree() == whole
    frame.unlink()
    held = staging.locked

    @contextmanager
    def late(root: Path) -> Iterator[None]:
        """Another process writes it again between the look at it and the lock."""
        frame.write_bytes(whole[str(frame.relative_to(where))])
        with held(root):
            yield

    monkeypatch.setattr(staging, "locked", late)
    assert root() == where and capsys.readouterr().err == "" and tree() == whole


def test_where_nobody_knows_the_truth_the_calls_say_how_much_is_hidden(
    tmp_path: Path, tiny_world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground_truth, "has_truth", lambda split: False)
    split = datasets.load("synthwalk", tiny_world)
    config = _setting(split)
    versions = DataVersions(split, StepStore(tmp_path), tmp_path, "cpu")
    assert GroundTruthChecks(versions, config, calls=False).hidden_shares(0) is None
    found = GroundTruthChecks(versions, config, calls=True).hidden_shares(0)
    assert found is not None
    assert found.by == "region scores"
    scores = versions.scores("test", plan_scores(0, config))
    first = int(versions.raw_store("test", (64, 32)).lengths[0])
    assert found.shares[0] == pytest.approx((scores[:first] < 0.97).mean())  # share of called regions of its frames
