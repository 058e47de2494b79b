"""Of whom, and on which data, controls that train nothing can be asked."""

from dataclasses import replace
from pathlib import Path

import pytest

import methods
import protocols
from datasets.tracklet import Split
from protocols.vocabulary import ORACLES, UNTRAINED_CONTROLS
from runners.pipeline.data_versions import DataVersions
from runners.pipeline.job import Job
from runners.pipeline.untrained import Untrained
from runners.plan.plan_types import ArmRun
from runners.plan.step_store import StepStore
from tests.places import PAPERS
from tests.runners.job_config import config

SIZE = (64, 32)
PAINTED = ("true-masks", "true-masks-and-things")  # whatever a network does with frames, these change the frames


def untrained(split: Split, work: Path) -> Untrained:
    return Untrained(DataVersions(split, StepStore(work), work, "cpu"), protocols.load("rgb-single-pass"))


def test_all_can_be_asked_of_a_frame_averaging_baseline_where_truth_is_known(world: Split, tmp_path: Path) -> None:
    of = untrained(world, tmp_path)
    arm = methods.arm("baseline", str(PAPERS / "brief"))
    assert [of.impossible(ArmRun(arm, control), SIZE) for control in UNTRAINED_CONTROLS] == [""] * 7
    assert of.impossible(ArmRun(methods.arm("gltr", "gltr"), "shuffled"), SIZE) == ""  # is no such control


@pytest.mark.parametrize("change", [{"synthetic": False}, {"root": Path("nowhere")}])
def test_without_truth_there_are_shuffled_labels_alone(world: Split, tmp_path: Path, change: dict[str, object]) -> None:
    of = untrained(replace(world, **change), tmp_path)
    arm = methods.arm("baseline", str(PAPERS / "brief"))
    for control in UNTRAINED_CONTROLS:
        reason = of.impossible(ArmRun(arm, control), SIZE)
        assert ("needs the truth of its data" in reason) == (control in ORACLES), control
    job = Job(
        config(str(PAPERS / "brief"), num_ids=world.num_train_ids), replace(world, **change), of.protocol,
        StepStore(tmp_path), tmp_path, "command",
    )  # fmt: skip
    runs = [ArmRun(arm, control) for control in (None, *UNTRAINED_CONTROLS)]
    assert [run.control for run in job.possible(runs)] == [None, "shuffled-labels"]


def test_a_network_that_does_more_is_asked_what_it_can_be(world: Split, tmp_path: Path) -> None:
    of = untrained(world, tmp_path)
    tkp = methods.arm("baseline[depth=18]", "tkp")
    for control in UNTRAINED_CONTROLS:
        reason = of.impossible(ArmRun(tkp, control), SIZE)
        frames_alone = control in ORACLES and control not in PAINTED
        assert ("does not encode frames one by one" in reason or "one map a frame" in reason) == frames_alone
    attends = methods.arm("r50-ta[depth=18]", "cosam")
    allowed = [one for one in UNTRAINED_CONTROLS if not of.impossible(ArmRun(attends, one), SIZE)]
    assert allowed == [*PAINTED, "true-attributes", "true-gait", "shuffled-labels"]
    repaired = ArmRun(methods.arm("baseline", str(PAPERS / "brief")), "true-gait", test_on="oracle")
    assert "is scored on raw data" in of.impossible(repaired, SIZE)
