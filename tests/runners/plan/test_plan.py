"""What is shared and what is not, from the cards of this repository and without any training."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

import methods
from runners.errors import RunError
from runners.ground_truth.attributes import recognise_step
from runners.ground_truth.frame_weights import weigh_step
from runners.pipeline.selection import choose_arms, choose_runs, choose_seeds, parse_size
from runners.plan.controls import controls_for
from runners.plan.plan import plan_stages
from runners.plan.plan_types import ArmRun, JobConfig, PlannedData
from runners.plan.result_steps import score_step
from tests.runners.job_config import config


def _setting(**changes: Any) -> JobConfig:
    return config("gltr", **changes)


def _run(text: str, control: Any = None) -> ArmRun:
    return ArmRun(methods.arm(text, "gltr"), control)


def _prints(run: ArmRun, seed: int = 0, **changes: Any) -> list[str]:
    return [planned.step.fingerprint for planned in plan_stages(run, seed, _setting(**changes))]


def test_the_frame_network_is_one_step_for_the_baseline_every_head_and_every_control() -> None:
    first = {_prints(_run(text))[0] for text in ("baseline", "gltr", "dtp", "tsa", "gltr[branches=2]")}
    first |= {_prints(_run("gltr", control))[0] for control in ("shuffled", "mlp", "uniform")}
    assert len(first) == 1


def test_heads_differ_by_option_and_control_but_not_by_a_control_at_test_time() -> None:
    heads = [_prints(_run(text))[-1] for text in ("gltr", "dtp", "tsa", "gltr[branches=2]")]
    heads += [_prints(_run("gltr", control))[-1] for control in ("shuffled", "mlp")]
    assert len(set(heads)) == len(heads)
    assert _prints(_run("gltr", "uniform")) == _prints(_run("gltr"))


@pytest.mark.parametrize(
    "change",
    [{"data": "1" * 32}, {"runtime": {"torch": "x", "threads": 1}}, {"num_ids": 625}, {"size": (128, 64)}],
)
def test_whatever_decides_a_result_is_in_its_fingerprint(change: dict[str, Any]) -> None:
    assert set(_prints(_run("gltr"))) & set(_prints(_run("gltr"), **change)) == set()


def test_seed_and_budget_count_and_judging_differs_where_training_is_shared() -> None:
    assert set(_prints(_run("gltr"))) & set(_prints(_run("gltr"), seed=1)) == set()
    assert set(_prints(_run("gltr"))) & set(_prints(_run("gltr"), budget="quick")) == set()
    last = plan_stages(_run("gltr"), 0, _setting())[-1]
    raw = PlannedData("raw", "0" * 32)
    judged = {score_step(_run("gltr", c), last, raw, {"name": "p"}, _setting()).fingerprint for c in (None, "uniform")}
    assert len(judged) == 2
    repaired = PlannedData("oracle", "1" * 32)
    assert score_step(_run("gltr"), last, repaired, {"name": "p"}, _setting()).fingerprint not in judged


def test_what_is_cut_out_of_test_frames_counts_wherever_they_are_looked_at_so() -> None:
    """A recipe's `test_crop` belongs to no stage: it changed accuracies and no fingerprint."""
    whole = plan_stages(_run("gltr"), 0, _setting())[-1]
    cut = replace(whole, crop=1.125)
    steps = [
        partial(score_step, _run("gltr"), tested=PlannedData("raw", "0" * 32), protocol={"name": "p"}),
        partial(weigh_step, _run("gltr")),
        partial(recognise_step, _run("gltr")),
    ]
    for step in steps:
        assert step(last=whole, config=_setting()).fingerprint != step(last=cut, config=_setting()).fingerprint


def test_what_says_how_much_of_a_query_is_hidden_counts() -> None:
    last = plan_stages(_run("gltr"), 0, _setting())[-1]
    raw = PlannedData("raw", "0" * 32)
    told = {
        score_step(_run("gltr"), last, raw, {"name": "p"}, _setting(), by).fingerprint for by in (None, "truth", "f1")
    }
    assert len(told) == 3


def test_pretrained_replaces_the_very_first_start_only() -> None:
    starts = [p.stage.start for p in plan_stages(_run("gltr"), 0, _setting(pretrained="imagenet"))]
    assert starts == ["imagenet", "arm:baseline"]


def test_controls_by_default() -> None:
    assert controls_for(methods.arm("gltr", "gltr"), "default") == ("shuffled", "mlp", "uniform")
    assert controls_for(methods.arm("dtp", "gltr"), "default") == ("shuffled",)
    assert controls_for(methods.arm("dtp", "gltr"), "all") == ("shuffled", "mlp")  # it has no attention
    assert controls_for(methods.arm("baseline", "gltr"), "all") == ()
    assert controls_for(methods.arm("gltr", "gltr"), "none") == ()


def test_the_baseline_that_a_claim_is_measured_against_is_added() -> None:
    card = methods.paper("gltr")
    assert [arm.text for arm in choose_arms(card, ["gltr"])] == ["baseline", "gltr"]
    runs = choose_runs(choose_arms(card, []), "none")
    assert [run.text for run in runs] == ["baseline", "gltr", "dtp", "tsa"]


def test_sizes_and_seeds_as_typed() -> None:
    assert parse_size("256x128") == (256, 128)
    assert parse_size("16x8") == (16, 8)
    for text in ("64", "64x", "axb", "16x7", "64x32x3"):
        with pytest.raises(RunError, match="--size"):
            parse_size(text)
    assert choose_seeds(3, 2) == [3, 4]


def test_claims_about_masks_add_no_arm() -> None:
    chosen = [arm.text for arm in choose_arms(methods.paper("cosam"), ["cosam"])]
    assert chosen == ["r50-tp", "cosam"]  # the baseline of its claims, and nothing called "untrained"


def test_uniform_weights_are_a_control_without_a_claim_about_time() -> None:
    arms = {name: methods.arm(name, "cosam") for name in ("r50-tp", "cosam", "cosam3")}
    assert controls_for(arms["cosam"], "default") == ("uniform",)
    assert controls_for(arms["cosam3"], "default") == ()
    assert controls_for(arms["cosam3"], "all") == ("uniform",)
    assert controls_for(arms["r50-tp"], "all") == ()


def test_a_pinned_matrix_shortens_every_stage_and_fixes_the_precision() -> None:
    whole = plan_stages(_run("gltr"), 0, _setting())
    half = plan_stages(_run("gltr"), 0, _setting(lengths=0.5, precision="fp32"))
    assert [(p.stage.length.frames, p.stage.length.steps) for p in whole] == [(1280, 0), (0, 100)]
    assert [(p.stage.length.frames, p.stage.length.steps) for p in half] == [(640, 0), (0, 50)]
    assert {p.precision for p in half} == {"fp32"}
    assert {p.step.fingerprint for p in whole}.isdisjoint(p.step.fingerprint for p in half)
    published = plan_stages(_run("baseline"), 0, _setting(profile="paper", lengths=0.5))[0]
    assert (published.stage.schedule.milestones, published.stage.length.epochs) == ((5,), 10)
    with pytest.raises(RunError, match="expected a share above 0"):
        plan_stages(_run("gltr"), 0, _setting(lengths=0.0))


def test_options_that_change_every_arm_are_told_and_others_are_not() -> None:
    assert _setting().changes == _setting(budget="quick", device="cuda", profile="paper").changes == {}
    changed = _setting(pretrained="none", precision="bf16", size=(128, 64), scorer="vrstc/nl")
    assert changed.changes == {"pretrained": "none", "precision": "bf16", "size": "128x64", "scorer": "vrstc/nl"}
