"""The regression check on an arm that has learned something: faults that cost accuracy are seen there as well."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from runners import regress
from runners.evaluation import encode
from runners.regression import run
from runners.regression.baseline import Ratio
from runners.training import frame_features
from tests.narrow import FULL
from tests.runners.regression.faults import Patch, bare, one_late, patching, swapped

pytestmark = pytest.mark.slow
ARM = "adfd/a"
MATRIX: dict[str, Any] = {
    "preset": "embedded",
    "world": {"length_median": 6.0, "length_max": 16},
    "threads": 1,
    "seeds": [0, 1],
    "jobs": [{"paper": "adfd", "protocol": "rgb-single-pass", "arms": ["a"]}],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A ResNet-18 after the quick budget with two seeds, and the baseline that they gave; two minutes."""
    threads = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("regress")
    (folder / "baseline.json").write_text(json.dumps({"format": 1, "matrix": MATRIX}))
    with pytest.MonkeyPatch.context() as patch:
        fixed = {"latency": Ratio(1.2, 1.1, 1.3)}
        patch.setattr(run, "ratios", lambda *_args, **_named: fixed)
        patch.setattr("torchvision.models.get_model", FULL)  # this is about what networks learn
        measure = ["--baseline", str(folder / "baseline.json"), "--update", "--reason", "first", "--workers", "1"]
        assert regress.main([*measure, "--work", str(folder / "work")]) == 0
        # The same results as another machine would have left them: weights that nobody has here.
        plain = json.loads((folder / "baseline.json").read_text())
        plain["measured"]["arms"][ARM]["weights"] = {"0": "elsewhere", "1": "elsewhere too"}
        (folder / "elsewhere.json").write_text(json.dumps(plain))
        yield folder
    torch.set_num_threads(threads)


def _judged(trained: Path, work: Path, file: str, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Rows by name; the networks are those of the baseline, extracted and judged anew."""
    shutil.copytree(trained / "work", work)
    for kind in ("judge", "features"):
        shutil.rmtree(work / "steps" / kind)
    capsys.readouterr()
    regress.main(["--baseline", str(trained / file), "--work", str(work), "--workers", "1", "--json"])
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}


def test_a_clean_rerun_scores_the_same_here_and_no_worse_elsewhere(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = _judged(trained, tmp_path / "here", "baseline.json", capsys)
    elsewhere = _judged(trained, tmp_path / "elsewhere", "elsewhere.json", capsys)
    assert {here[f"{ARM} {metric}"]["verdict"] for metric in ("mAP", "rank1")} == {"equal"}
    assert {elsewhere[f"{ARM} {metric}"]["verdict"] for metric in ("mAP", "rank1")} <= {"no worse", "better"}
    assert float(here[f"{ARM} mAP"]["new"]) > 15  # chance is below 3: there is something to lose


def test_a_dropped_normalisation_is_seen_in_the_accuracy_here_and_elsewhere(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Patch
) -> None:
    patching((frame_features, "to_tensor", bare), (encode, "to_tensor", bare))(monkeypatch)
    for file in ("baseline.json", "elsewhere.json"):
        row = _judged(trained, tmp_path / file, file, capsys)[f"{ARM} mAP"]
        assert (row["verdict"], row["failed"]) == ("worse", True), (file, row)
        assert row["p"] < 0.05


def test_a_swapped_channel_is_seen_by_the_probes_whatever_it_costs(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Patch
) -> None:
    """Networks lose 0 to 9 points of mAP by it: what a short training costs differs from processor to processor."""
    patching((frame_features, "to_tensor", swapped), (encode, "to_tensor", swapped))(monkeypatch)
    rows = _judged(trained, tmp_path / "swapped", "baseline.json", capsys)
    assert rows[f"{ARM} mAP"]["verdict"] in ("no worse", "worse")
    pixels = rows["pixels: features at test, imagenet, centre of 1.125"]
    assert pixels["verdict"] == "changed"
    assert "mean" in pixels["difference"]


def test_a_frame_too_late_costs_so_little_that_only_the_probes_see_it(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Patch
) -> None:
    patching((encode, "whole", one_late))(monkeypatch)
    rows = _judged(trained, tmp_path / "late", "elsewhere.json", capsys)
    assert rows[f"{ARM} mAP"]["verdict"] == "no worse"
    assert rows["frames: at test, rgb-single-pass, frame by frame"]["verdict"] == "changed"
