"""The regression check on a small world: clean re-runs pass, real faults in the running code are caught and named."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from datasets.sampling import clips
from runners import regress
from runners.evaluation import encode
from runners.pipeline import examination
from runners.regression import run
from runners.regression.baseline import Ratio, read_baseline
from runners.regression.matrix import read_matrix
from runners.regression.probe_networks import NAMES, ProbeNetworkFrames
from runners.training import frame_features, sources
from tests.runners.regression.faults import Patch, bare, never_last, one_late, one_short, patching, swapped

BRIEF = "tests/papers/brief"
MATRIX: dict[str, Any] = {
    "preset": "tiny",
    "world": {},
    "threads": 1,
    "seeds": [0, 1],
    "budget": "full",
    "jobs": [
        {"paper": BRIEF, "protocol": "rgb-single-pass", "arms": ["baseline"]},
    ],
}


@pytest.fixture(scope="module", autouse=True)
def steady() -> Any:
    """One thread, and a time that is nobody's business here; measuring it has tests of its own."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        fixed = {"latency": Ratio(1.2, 1.1, 1.3), "throughput": Ratio(1.1, 1.0, 1.2)}
        patch.setattr(run, "ratios", lambda *_args, **_named: fixed)
        patch.setattr(examination, "COST_LENGTHS", (2, 4))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A measured baseline, and the work folder that it was measured in."""
    folder = tmp_path_factory.mktemp("regress")
    (folder / "baseline.json").write_text(json.dumps({"format": 1, "matrix": MATRIX}))
    done = regress.main(
        [
            "--baseline",
            str(folder / "baseline.json"),
            "--update",
            "--reason",
            " first\nbaseline ",
            "--workers",
            "1",
            "--work",
            str(folder / "work"),
        ]
    )
    assert done == 0
    return folder


def _check(trained: Path, work: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = regress.main(
        ["--baseline", str(trained / "baseline.json"), "--json", "--workers", "1", "--work", str(work), *more]
    )
    return code, json.loads(capsys.readouterr().out)


def _judged_anew(trained: Path, tmp_path: Path) -> Path:
    """The same trained networks, nothing extracted or judged: steps cannot know of a fault that is patched in."""
    work = tmp_path / "work"
    shutil.copytree(trained / "work", work)
    for kind in ("judge", "features"):
        shutil.rmtree(work / "steps" / kind)
    return work


def test_three_clean_reruns_from_scratch_pass_and_differ_by_nothing(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for again in range(3):
        work = tmp_path / str(again)
        if again:  # the data are the same bytes (tests/datasets), so only the first re-run renders them again
            shutil.copytree(trained / "work/world", work / "world")
        code, found = _check(trained, work, capsys)
        assert (code, found["passed"], found["failures"]) == (0, True, [])
        verdicts = {row["verdict"] for row in found["rows"] if row["group"] != "speed"}
        assert verdicts == {"equal"}
        assert all("same weights" in row["against"] for row in found["rows"] if row["group"] == "accuracy")
    assert found["configuration"]["same"]
    assert found["baseline"]["reason"] == "first baseline"


AT_TEST = ("pixels: features at test, imagenet", "pixels: clips at test, rgb-single-pass, imagenet")
FAULTS = {
    "a swapped channel at extraction": (
        patching((frame_features, "to_tensor", swapped), (encode, "to_tensor", swapped)),
        {*AT_TEST, "network: brief/baseline"},
        ("frames:", "means:", "pixels: training", "pixels: decoded", "losses:"),
    ),
    "a dropped normalisation at extraction": (
        patching((frame_features, "to_tensor", bare), (encode, "to_tensor", bare)),
        {*AT_TEST, "network: brief/baseline"},
        ("frames:", "means:", "pixels: training", "pixels: decoded", "losses:"),
    ),
    "a swapped channel in training and test": (
        patching(*((module, "to_tensor", swapped) for module in (frame_features, encode, sources))),
        {*AT_TEST, "pixels: training, brief/baseline frames", "network: brief/baseline"},
        ("frames:", "means:", "pixels: decoded"),
    ),
    "an off-by-one in whole tracklets": (
        patching((encode, "whole", one_late)),
        {"frames: at test, rgb-single-pass, frame by frame", "frames: at test, rgb-single-pass, clips"},
        ("frames: rule", "frames: training", "frames: at test, rgb-snippets", "pixels: features", "losses:"),
    ),
    "an off-by-one in snippets": (
        patching((encode, "cut_tracklet", one_short)),
        {"frames: at test, image-to-video, clips", "frames: at test, rgb-snippets, clips of 4"},
        ("frames: rule", "frames: training", "frames: at test, rgb-single-pass", "pixels: features", "losses:"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_running_code_is_caught_and_named(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Patch, fault: str
) -> None:
    """The trained networks are those of the baseline; only what follows them is wrong."""
    work = _judged_anew(trained, tmp_path)
    apply, named, untouched = FAULTS[fault]
    apply(monkeypatch)
    code, found = _check(trained, work, capsys, "--markdown", str(tmp_path / "table.md"))
    assert code == 1
    assert named <= set(found["failures"])
    assert not [name for name in found["failures"] if name.startswith(untouched)]
    shown = (tmp_path / "table.md").read_text()
    assert shown.startswith("<!-- reproid")
    assert all(name in shown for name in named)


def test_a_fault_in_a_sampling_rule_is_caught_though_no_arm_uses_it(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Patch
) -> None:
    rules = {**clips.RULES, "consecutive": never_last}
    monkeypatch.setattr(clips, "RULES", rules)
    code, found = _check(trained, _judged_anew(trained, tmp_path), capsys)
    assert code == 1
    assert found["failures"] == ["frames: rule consecutive"]


def test_an_interrupted_measurement_leaves_the_old_baseline_and_goes_on(
    trained: Path, tmp_path: Path, monkeypatch: Patch
) -> None:
    path = tmp_path / "baseline.json"
    shutil.copy(trained / "baseline.json", path)
    before = path.read_bytes()
    again = [
        "--baseline",
        str(path),
        "--update",
        "--reason",
        "again",
        "--workers",
        "1",
        "--work",
        str(trained / "work"),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(run, "probe_house", _interrupt)
        assert regress.main(again) == 130
    assert path.read_bytes() == before
    stages = sorted((trained / "work/steps/stage").iterdir())
    assert regress.main(again) == 0
    assert sorted((trained / "work/steps/stage").iterdir()) == stages  # nothing was trained again
    history = read_baseline(path).history
    assert [entry["reason"] for entry in history] == ["first baseline", "again"]
    assert history[0]["results"] == history[1]["results"]


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_a_check_that_is_told_to_end_leaves_no_folder_behind(
    trained: Path, tmp_path: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM is what a cancelled CI job gets."""
    seen: list[Path] = []

    def told_to_end(matrix: object, work: Path, *_args: object, **_named: object) -> None:
        seen.append(work)
        (work / "half").write_text("done")
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)  # once more, while it tidies up

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(run, "run_matrix", told_to_end)
    assert regress.main(["--baseline", str(trained / "baseline.json")]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert seen
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_file_reads_back_as_what_was_measured_and_holds_no_path_of_this_machine(trained: Path) -> None:
    text = (trained / "baseline.json").read_text()
    file = read_baseline(trained / "baseline.json")
    assert file.measured is not None
    assert list(file.measured.arms) == ["brief/baseline"]
    arm = file.measured.arms["brief/baseline"]
    assert sorted(arm.values["mAP"]) == [0, 1]
    assert arm.metrics["mAP"] == pytest.approx(arm.values["mAP"][0].mean(), abs=0.01)
    assert arm.weights[0] != arm.weights[1]
    assert str(trained) not in text
    assert str(Path.home()) not in text
    assert len(text) < 100_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--update"], "--update needs --reason"),
        (["--update", "--reason", "  "], "--update needs --reason"),
        (["--reason", "why"], "--reason belongs to --update"),
        (["--baseline", "nowhere.json"], "nowhere.json: there is no baseline"),
    ],
)
def test_bad_requests_end_with_one_sentence(
    arguments: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert regress.main(list(arguments)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"jobs": []}, "at least one job"),
        ({"lenghts": 0.5}, "lengths"),
        ({"preset": "huge"}, "no preset 'huge'"),
        ({"jobs": [{"paper": BRIEF, "protocol": "rgb-single-pass", "arms": ["nobody"]}]}, "nobody"),
        ({"jobs": [{"paper": BRIEF, "protocol": "rgb-single-pass", "arms": ["gltr"], "metrics": ["I2V/mAP"]}]},
         "I2V/mAP"),
        ({"jobs": [*MATRIX["jobs"], MATRIX["jobs"][0]]}, "stands twice"),
    ],
)  # fmt: skip
def test_a_matrix_that_cannot_be_run_is_refused_before_anything_is(
    change: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"format": 1, "matrix": {**MATRIX, **change}}))
    assert regress.main(["--baseline", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_damage_other_data_and_an_edited_matrix_end_with_one_sentence(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "baseline.json"
    plain = json.loads((trained / "baseline.json").read_text())
    for change, code, said in (
        ({"measured": {**plain["measured"], "data": "0" * 32}}, 1, "the data are not those of the baseline"),
        ({"matrix": {**plain["matrix"], "lengths": 0.5}}, 2, "edited after its results were measured"),
        ({"measured": {"people": []}}, 2, "damaged"),
        ({"format": 0}, 2, "the format is 0, expected 1"),
    ):
        path.write_text(json.dumps({**plain, **change}))
        assert regress.main(["--baseline", str(path)]) == code
        error = capsys.readouterr().err
        assert said in error
        assert "--update" in error or "version control" in error
    for content, said in (("[" * 100_000, "nested"), ("[]", "a list"), ('{"format": NaN}', "NaN"), ("\0", "JSON")):
        path.write_text(content)
        assert regress.main(["--baseline", str(path)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert said in error
        assert "version control" in error


def test_an_eye_sees_what_a_mean_does_not() -> None:
    """A mirrored, turned or channel-swapped picture has the same mean grey; the eye tells each apart."""
    picture = torch.rand(1, 3, 8, 4, generator=torch.Generator().manual_seed(0))
    seen = {
        name: ProbeNetworkFrames().frame_features(changed).round(decimals=4)
        for name, changed in {
            "as it is": picture,
            "mirrored": picture.flip(-1),
            "turned": picture.flip(-2),
            "swapped": picture.flip(-3),
            "halved": picture / 2,
        }.items()
    }
    assert len({tuple(row[0].tolist()) for row in seen.values()}) == len(seen)
    assert seen["as it is"].shape == (1, len(NAMES))
    assert seen["mirrored"][0, 6:9].tolist() == pytest.approx((-seen["as it is"][0, 6:9]).tolist(), abs=2e-4)


def test_the_shipped_baseline_can_be_read_and_its_matrix_run() -> None:
    file = read_baseline(Path(regress.DEFAULT))
    assert read_matrix(file.matrix.as_dict(), "the file") == file.matrix
    assert {entry.paper for entry in file.matrix.jobs} >= {"gltr", "cosam", "tkp", "adfd"}
