"""Which data an arm learns from and is judged on, from the cards and without any training."""

from typing import Any

import pytest

import methods
import protocols
from runners.errors import RunError
from runners.pipeline.selection import choose_arms, choose_repairers, choose_runs
from runners.plan.data_names import parse_repairer
from runners.plan.plan import plan_data, plan_scores, plan_stages
from runners.plan.plan_types import ArmRun, JobConfig, PlannedData
from tests.runners.job_config import config


def _setting(paper: str = "vrstc", **changes: Any) -> JobConfig:
    return config(paper, **changes)


def _prints(run: ArmRun, paper: str = "vrstc") -> list[str]:
    return [planned.step.fingerprint for planned in plan_stages(run, 0, _setting(paper))]


def _data(name: str, seed: int = 0, **changes: Any) -> PlannedData:
    return plan_data(methods.paper("vrstc"), name, seed, _setting(**changes))


def test_what_stands_in_for_imagenet_is_trained_once_for_all_data_and_all_papers() -> None:
    starts = {_prints(ArmRun(methods.arm(arm, "vrstc")))[0] for arm in ("baseline", "nl", "vrstc", "oracle")}
    starts.add(_prints(ArmRun(methods.arm("tkp", "tkp"), None, "oracle", "oracle"), "tkp")[0])
    starts.add(_prints(ArmRun(methods.arm("cosam", "cosam")), "cosam")[0])
    assert len(starts) == 1


def test_an_arm_on_repaired_data_starts_from_its_own_start_on_repaired_data() -> None:
    raw = _prints(ArmRun(methods.arm("gltr", "gltr")), "gltr")
    painted = _prints(ArmRun(methods.arm("gltr", "gltr"), None, "oracle", "raw"), "gltr")
    assert set(raw) & set(painted) == set()
    assert _prints(ArmRun(methods.arm("gltr", "gltr"), None, "raw", "oracle"), "gltr") == raw


def test_rows_of_a_card_differ_by_their_data_alone() -> None:
    nl, oracle = (ArmRun(methods.arm(name, "vrstc")) for name in ("nl", "oracle"))
    assert nl.arm.settings() == oracle.arm.settings()
    assert _prints(nl)[-1] != _prints(oracle)[-1]
    dropped = ArmRun(methods.arm("drop-93", "vrstc"))
    assert _prints(dropped) == _prints(ArmRun(methods.arm("baseline", "vrstc")))
    assert (dropped.trained_on, dropped.tested_on, dropped.text) == ("raw", "drop[tau=0.93]", "drop-93")


def test_data_are_named_by_all_that_decides_them() -> None:
    names = ("raw", "oracle", "temporal-median", "temporal-median[tau=0.8]", "drop", "spa-gen", "stcnet-gen")
    prints = [_data(name).fingerprint for name in names]
    assert len(set(prints)) == len(names)
    assert _data("raw").fingerprint == "0" * 32
    assert _data("oracle").fingerprint == _data("oracle", seed=1).fingerprint  # nothing learned in it
    for name in ("temporal-median", "stcnet-gen"):  # their calls are learned
        assert _data(name).fingerprint != _data(name, seed=1).fingerprint
        assert _data(name).fingerprint != _data(name, data="1" * 32).fingerprint


def test_completion_is_trained_on_what_the_plain_network_calls_unoccluded() -> None:
    painter = _data("stcnet-gen").painter
    assert painter is not None
    scores = plan_scores(0, _setting())
    assert painter.scores is not None
    assert painter.scores.step.fingerprint == scores.step.fingerprint
    assert scores.scorer.step.fingerprint == _prints(ArmRun(methods.arm("baseline", "vrstc")))[-1]
    assert {stage.data.name for stage in painter.chain()} == {"raw"}


def test_another_papers_job_shares_scores_and_painter_with_vrstcs_own() -> None:
    theirs = plan_data(methods.paper("gltr"), "vrstc/stcnet-gen", 0, _setting("gltr"))
    ours = _data("stcnet-gen")
    assert theirs.painter is not None
    assert ours.painter is not None
    assert theirs.painter.step.fingerprint == ours.painter.step.fingerprint
    assert theirs.fingerprint == ours.fingerprint


def test_every_arm_is_put_on_both_sides_of_a_repair_and_a_row_of_the_card_is_left_alone() -> None:
    runs = choose_runs(choose_arms(methods.paper("vrstc"), ["nl", "oracle"]), "none", ["oracle"])
    texts = [run.text for run in runs]
    assert texts.count("oracle") == 1
    assert [text for text in texts if text.startswith("nl")] == [
        "nl",
        "nl@raw/oracle",
        "nl@oracle/raw",
        "nl@oracle/oracle",
    ]


def test_repairers_by_default_and_by_name() -> None:
    repairs, other = protocols.load("occlusion-repaired"), protocols.load("rgb-snippets")
    gltr, vrstc = methods.paper("gltr"), methods.paper("vrstc")
    assert choose_repairers(gltr, repairs, None, True) == ["oracle"]
    assert choose_repairers(gltr, repairs, None, False) == []  # nobody knows the truth of filmed people
    assert choose_repairers(vrstc, repairs, None, True) == []  # its own rows say what they are trained on
    assert choose_repairers(gltr, other, None, True) == []
    assert choose_repairers(gltr, repairs, ["drop[tau=0.90]", "drop[tau=.9]"], True) == ["drop[tau=0.9]"]
    with pytest.raises(RunError, match="belongs to a protocol that repairs"):
        choose_repairers(gltr, other, ["oracle"], True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("orakle", "oracle"),
        ("stcnet", "stcnet-gen"),
        ("nl", "scored, not one that repairs"),
        ("drop[tau=2]", "from -1 to 1"),
        ("drop[tau=x]", "from -1 to 1"),
        ("oracle[tau=0.9]", "calls no regions"),
    ],
)
def test_a_wrong_repairer_is_named_with_what_was_meant(text: str, words: str) -> None:
    with pytest.raises(RunError, match=words):
        parse_repairer(text, methods.paper("vrstc"))


def test_an_arm_that_repairs_is_not_judged() -> None:
    card = methods.paper("vrstc")
    with pytest.raises(RunError, match="repairs data for other arms"):
        choose_arms(card, ["stcnet-gen"])
    assert not {arm.text for arm in choose_arms(card, ["all"])} & {
        n for n, a in card.arms.items() if a.role == "repairer"
    }
