"""A kind of result that lies outside the suite is measured, recorded, read back and shown; no file is edited for it."""

import csv
import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import methods
from files.plug_ins import VARIABLE
from reports.compose import compose
from reports.errors import ReportError
from reports.records import kinds
from reports.sections.discovery import sections
from reports.store.read_job import load_job
from reports.store.reader import artifact_names, open_reader
from runners.errors import RunError
from runners.pipeline.ground_truth import GroundTruthChecks
from runners.plan import code_digest as code
from runners.plan.plan import plan_stages
from runners.plan.plan_types import ArmRun, PlannedData
from runners.plan.step_store import StepStore
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake
from tests.runners.job_config import config
from tests.runners.recorded import begin

EXPERIMENT = "reid/synthwalk/res50-rgb-single-pass"
LENGTHS = (2, 3, 1)


@dataclass
class Frames:
    """Frames of three tracklets: columns that differ by 0, 10 and 40 grey levels."""

    asked: int = 0

    @property
    def offsets(self) -> np.ndarray:
        self.asked += 1
        return np.cumsum([0, *LENGTHS])

    def flat(self) -> np.ndarray:
        parts = [np.full((count, 4, 6, 3), 0) for count in LENGTHS]
        for part, step in zip(parts, (0, 10, 40), strict=True):
            part[:, :, ::2] = step
        return np.concatenate(parts).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the kind on no import path, named as a user names it."""
    found = tmp_path / "sharpness"
    shutil.copytree(Path(__file__).parent / "sharpness", found, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv(VARIABLE, str(found))
    return found


def measured(work: Path, frames: Frames, **changes: Any) -> dict[str, Any]:
    """What can be measured of an arm of a job whose data know no truth."""
    test = [SimpleNamespace(person_id=person, key=f"t{person}") for person in (1, 2, 3)]
    raw = SimpleNamespace(test=test, synthetic=False)
    material: Any = SimpleNamespace(
        raw=raw, steps=StepStore(work), device="cpu", annotation=None, raw_store=lambda part, size: frames
    )
    told = config("gltr")
    run = ArmRun(methods.arm("gltr", "gltr"), **changes)
    last = plan_stages(run, 0, told)[-1]
    return dict(GroundTruthChecks(material, told).answers(run, last, PlannedData("raw", "0" * 32), set()))


def test_it_is_measured_recorded_and_shown(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = Frames()
    answers = measured(tmp_path / "work", frames)
    assert list(answers) == ["sharpness"]  # nothing else can be asked of such data
    np.testing.assert_allclose(answers["sharpness"].arrays["sharpness"], [0, 10, 40])
    asked = frames.asked
    assert measured(tmp_path / "work", frames)["sharpness"].record == answers["sharpness"].record
    assert frames.asked == asked  # a finished step is found again
    assert measured(tmp_path / "work", frames, control="shuffled") == {}

    with fake.one_picture():
        store = open_store(fake.fresh(tmp_path / "store"))
        parent = begin(store)
        arrays = fake.per_query(1.0, 0, "gltr")
        result = fake.result("gltr", None, None, 0, arrays)
        child = store.record_arm(parent, result, arrays, None, [], answers)
        assert store.record_arm(parent, result, arrays, None, [], answers) == child  # the same once
    recorded = store.client.get_run(child).data
    assert recorded.metrics["sharpness/mean"] == pytest.approx(50 / 3, abs=1e-6)
    store.finish(parent, {})

    job = load_job(open_reader(store.uri), EXPERIMENT)
    read = job.by_name["gltr"].runs[0].records["sharpness"]
    assert type(read).__name__ == "Sharpness" and read.record == answers["sharpness"].record
    np.testing.assert_array_equal(read.arrays["key"], ["t1", "t2", "t3"])

    files = compose(job).files
    page = files["index.html"]
    assert '<h2 id="sharpness-title">How sharp it is</h2>' in page and 'href="#sharpness"' in page
    assert "Blurred frames say little of a gait." in page and "16.67" in page
    assert "<li>Sharpness of the frames that were trained on.</li>" in page
    (row,) = csv.DictReader(io.StringIO(files["sharpness.csv"]))
    assert float(row["sharpness"]) == pytest.approx(50 / 3)

    monkeypatch.delenv(VARIABLE)  # a colleague who lacks the kind reads all else
    plain = load_job(open_reader(store.uri), EXPERIMENT)
    assert plain.by_name["gltr"].runs[0].records == {}
    assert 'id="sharpness"' not in compose(plain).files["index.html"]


def test_the_writer_refuses_what_its_check_refuses_and_what_no_kind_is(folder: Path, tmp_path: Path) -> None:
    wrong = SimpleNamespace(
        record={"tracklets": 1, "what": "all", "mean": 2.0},
        arrays={"person": np.array([1]), "key": np.array(["t"]), "sharpness": np.array([1.0])},
    )
    store = open_store(fake.fresh(tmp_path / "store"))
    parent = begin(store)
    arrays = fake.per_query(1.0, 0, "gltr")
    result = fake.result("gltr", None, None, 0, arrays)
    with pytest.raises(RunError, match=r"says the mean is 2\.0, but its array averages to 1\.0"):
        store.record_arm(parent, result, arrays, None, [], {"sharpness": wrong})
    with pytest.raises(RunError, match="nothing is known of the kind 'colour'"):
        store.record_arm(parent, result, arrays, None, [], {"colour": wrong})


def test_it_is_fetched_and_pooled_over_divisions_like_any_other(folder: Path) -> None:
    kind = kinds()["sharpness"]
    assert {"sharpness.json", "sharpness.npz"} <= set(artifact_names())
    parts = [
        kind.value(
            {"tracklets": 1, "what": "all", "mean": mean},
            {"person": np.array([1]), "key": np.array(["t"]), "sharpness": np.array([mean])},
        )
        for mean in (1.0, 4.0)
    ]
    assert kind.pool is not None
    both = kind.pool(parts, (0, 1), "it")
    assert both is not None and (both.record["tracklets"], both.record["mean"]) == (2, 2.5)


def test_the_code_that_measures_is_part_of_its_step(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest() -> str:
        code._digest.cache_clear()
        code._everything.cache_clear()
        return code.code_digest("sharpen")

    first = digest()
    file = folder / "measurement.py"
    file.write_text(file.read_text().replace("AXIS = 2", "AXIS = 1"))
    assert digest() != first
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(RunError, match="no kind of step called 'sharpen'"):
        digest()
    code._everything.cache_clear()


def test_what_is_wrong_with_a_kind_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(ReportError, match=r"REPROID_KINDS names .*nowhere, which is no folder"):
        kinds()
    named_otherwise = folder.rename(tmp_path / "blur")
    monkeypatch.setenv(VARIABLE, str(named_otherwise))
    with pytest.raises(ReportError, match="calls itself 'sharpness'; expected 'blur'"):
        kinds()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "record.py").write_text("KIND = 1 / 0\n")
    (broken / "section.py").write_text("SECTION = ()\n")
    monkeypatch.setenv(VARIABLE, str(broken))
    with pytest.raises(ReportError, match=r"record\.py cannot be imported: ZeroDivisionError"):
        kinds()
    with pytest.raises(ReportError, match=r"section\.py states no SECTIONS"):
        sections()
