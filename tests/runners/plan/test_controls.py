"""Which controls stand beside which arms, from cards alone."""

import pytest

import methods
from protocols.vocabulary import ORACLES, UNTRAINED_CONTROLS
from runners.errors import NotPossible, RunError
from runners.oracles.discovery import rules
from runners.pipeline.selection import choose_arms, choose_runs
from runners.plan.code_digest import KINDS
from runners.plan.controls import controls_for, named_controls, untrained_controls


def untrained(paper: str, wanted: str | list[str] = "default", truth: bool = True, arms: tuple[str, ...] = ()) -> dict:
    card = methods.paper(paper)
    return untrained_controls(card, choose_arms(card, arms), wanted, truth)


DEFAULT = tuple(one for one in UNTRAINED_CONTROLS if one not in ("true-masks-and-things", "true-mask-pooling"))


def test_every_word_has_a_rule_and_every_rule_a_digest() -> None:
    assert set(rules()) == set(UNTRAINED_CONTROLS) <= set(KINDS)
    assert {name for name, rule in rules().items() if rule.needs_truth} == set(ORACLES)


@pytest.mark.parametrize(
    ("paper", "owner"),
    [("gltr", "baseline"), ("adfd", "a"), ("cosam", "r50-tp"), ("vrstc", "baseline"), ("baseline", "baseline"),
     ("tkp", "baseline")],
)  # fmt: skip
def test_by_default_they_stand_beside_what_claims_are_measured_against(paper: str, owner: str) -> None:
    for wanted, controls in (("default", DEFAULT), ("all", UNTRAINED_CONTROLS)):
        assert untrained(paper, wanted) == {owner: controls}
        assert untrained(paper, wanted, truth=False) == {owner: ("shuffled-labels",)}
    assert untrained(paper, "none") == {}


def test_each_baseline_that_a_claim_of_a_chosen_arm_names_has_its_own() -> None:
    assert set(untrained("cosam", arms=("cosam", "se-cosam"))) == {"r50-tp", "se-tp"}
    assert set(untrained("cosam", arms=("se-cosam",))) == {"se-tp"}


def test_they_follow_their_arm_and_no_other() -> None:
    card = methods.paper("gltr")
    runs = choose_runs(choose_arms(card, []), "default", (), untrained("gltr"))
    texts = [run.text for run in runs]
    assert texts[: 1 + len(DEFAULT)] == ["baseline", *(f"baseline+{one}" for one in DEFAULT)]
    assert not [run for run in runs if run.control in UNTRAINED_CONTROLS and run.arm.text != "baseline"]


def test_by_name_there_are_those_alone() -> None:
    assert untrained("gltr", ["true-masks-and-things"]) == {"baseline": ("true-masks-and-things",)}
    wanted = ["true-gait", "shuffled"]
    assert untrained("gltr", wanted) == {"baseline": ("true-gait",)}
    assert controls_for(methods.arm("gltr", "gltr"), wanted) == ("shuffled",)
    assert controls_for(methods.arm("baseline", "gltr"), wanted) == ()
    assert named_controls(wanted) == tuple(wanted)
    assert named_controls("all") == named_controls(["default"]) == ()


def test_what_cannot_be_is_refused_in_one_sentence() -> None:
    with pytest.raises(NotPossible, match="--controls true-gait: an oracle knows the truth of its data"):
        untrained("gltr", ["shuffled", "true-gait", "shuffled-labels"], truth=False)
    assert untrained("gltr", ["shuffled-labels"], truth=False) == {"baseline": ("shuffled-labels",)}
    card = methods.paper("gltr")
    with pytest.raises(RunError, match="no baseline of gltr is run"):
        untrained_controls(card, [methods.arm("gltr", card)], ["true-gait"], True)
    for words in (["all", "true-gait"], ["oracle"], "some", []):
        with pytest.raises(RunError, match="expected none, default, all, or names out of shuffled, mlp"):
            named_controls(words)
