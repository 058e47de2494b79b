"""Head seeds in a plan: what they share, what they do not, and that the first one is what was there before."""

from dataclasses import replace
from typing import Any

import pytest

import methods
from methods.cards.recipe import PROFILES, Recipe, Stage
from methods.errors import MethodError
from runners.errors import RunError
from runners.pipeline.selection import choose_head_seeds
from runners.plan.plan import has_head, plan_stages
from runners.plan.plan_types import ArmRun, PlannedStage, training_seed
from runners.training.stage import build_method, frame_network_is_frozen
from tests.runners.job_config import config


def _chain(text: str, seed: int = 0, head_seed: int = 0, control: Any = None) -> list[PlannedStage]:
    return plan_stages(ArmRun(methods.arm(text, "gltr"), control), seed, config("gltr"), head_seed)


def _prints(*args: Any, **named: Any) -> list[str]:
    return [planned.step.fingerprint for planned in _chain(*args, **named)]


def test_heads_share_the_trunk_of_their_seed_and_nothing_else() -> None:
    chains = {(seed, head): _prints("gltr", seed, head) for seed in (0, 1) for head in range(3)}
    assert len({chain[-1] for chain in chains.values()}) == 6
    for seed in (0, 1):
        assert len({chains[seed, head][0] for head in range(3)}) == 1
    assert chains[0, 0][0] != chains[1, 0][0]
    assert _prints("gltr", 0, 2, control="shuffled")[-1] != chains[0, 2][-1]


def test_that_a_stage_is_a_head_changes_nothing_of_its_first_head() -> None:
    setting = config("gltr")
    recipe = setting.card.recipe("paper", "embedded")
    plain = replace(recipe, stages=tuple(replace(stage, head=False) for stage in recipe.stages))
    recipes = {**setting.card.recipes, "embedded": {**setting.card.recipes["embedded"], "paper": plain}}
    without = replace(setting, card=replace(setting.card, recipes=recipes))
    run = ArmRun(methods.arm("gltr", without.card))
    assert [one.step.fingerprint for one in plan_stages(run, 3, without)] == _prints("gltr", 3)
    assert "head" not in _chain("gltr")[-1].step.inputs["stage"]


def test_random_numbers_of_a_further_head_are_those_of_no_seed_and_no_other_head() -> None:
    assert training_seed(7) == 7
    drawn = [training_seed(seed, head) for seed in range(20) for head in range(1, 20)]
    assert len(set(drawn)) == len(drawn)
    assert min(drawn) >= 2**32  # seeds end below 2**31
    assert [one.training_seed for one in _chain("gltr", 4, 2)] == [4, training_seed(4, 2)]


def test_an_arm_that_is_trained_whole_has_one_training_a_seed() -> None:
    setting = config("gltr")
    heads = {name: has_head(ArmRun(methods.arm(name, "gltr")), setting) for name in setting.card.arms}
    assert heads["gltr"] and heads["dtp"] and heads["tsa"]
    assert not heads["baseline"] and not heads["gltr-e2e"]
    with pytest.raises(RunError, match="has no head stage"):
        _chain("baseline", 0, 1)


def test_an_arm_that_goes_on_from_a_head_starts_from_the_first() -> None:
    assert _prints("gltr-e2e", 1)[:-1] == _prints("gltr", 1)


def test_every_head_stage_that_ships_trains_on_a_frozen_frame_network() -> None:
    """The cards say so; gradients prove it."""
    found = {
        (key, name)
        for key, card in methods.papers().items()
        for profile in PROFILES
        for name, recipe in card.recipes[profile].items()
        if recipe.has_head
    }
    assert found == {("gltr", "paper")}
    last = _chain("gltr")[-1]
    network = build_method(last.run, 4, 0, (64, 32), "cpu", "fp32")
    learning = [p for n, p in network.named_parameters() if n.startswith(last.stage.trains)]
    assert learning and frame_network_is_frozen(network, learning, (64, 32), "cpu")


def _recipe(**changes: Any) -> Stage:
    return replace(_chain("gltr")[-1].stage, **changes)


def test_a_head_needs_a_trunk_that_is_there() -> None:
    for start in ("scratch", "imagenet"):
        with pytest.raises(MethodError, match="head = true trains a head on a trunk that is there"):
            _recipe(start=start)


def test_what_follows_a_head_stage_is_of_the_head_seed() -> None:
    head, more = _recipe(), _recipe(name="more", start="stage:head")
    assert Recipe((64, 32), (head, more)).has_head
    with pytest.raises(MethodError, match="'more' follows the head stage 'head'"):
        Recipe((64, 32), (head, replace(more, head=False)))


def test_head_seeds_as_typed() -> None:
    assert choose_head_seeds(3) == (0, 1, 2)
    for count in (0, -1, 1001):
        with pytest.raises(RunError, match="--head-seeds"):
            choose_head_seeds(count)
