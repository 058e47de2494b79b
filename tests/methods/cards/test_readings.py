"""An arm whose reading, or an option that recipes depend on, is changed takes the recipe for that, or is refused."""

import pytest

import methods
from methods.cards.recipe import PROFILES

CARDS = methods.papers()
READINGS = ("paper", "released")


@pytest.mark.parametrize("key", CARDS)
def test_every_arm_in_every_reading_has_a_recipe_of_that_reading_or_is_refused(key: str) -> None:
    for name in CARDS[key].arms:
        for reading in READINGS:
            _check(key, name, reading)


def _check(key: str, name: str, reading: str) -> None:
    card, entry = CARDS[key], CARDS[key].arms[name]
    try:
        arm = methods.arm(f"{name}[reading={reading}]", card)
    except methods.MethodError as error:
        assert reading != entry.reading
        others = [other for other, each in card.arms.items() if (each.method, each.reading) == (entry.method, reading)]
        assert all(other in str(error) for other in others)  # names who has one
        return
    if reading == entry.reading:
        assert arm.recipe == entry.recipe
        return
    users = {each.recipe for each in card.arms.values() if each.reading == entry.reading}
    assert arm.recipe not in users, "the other reading's recipe was kept"
    for profile in PROFILES:
        for stage in card.recipe(arm.recipe, profile).stages:
            if key == "cosam":  # what the network is bound to
                settings = arm.settings()
                assert stage.clip is None or stage.clip.length == settings["clip"]
                assert profile == "paper" or stage.start == ("arm:se-start" if settings["squeeze"] else "arm:start")
                lr = 1e-4 if reading == "paper" or settings["aggregation"] == "rnn" else 3e-4
                assert profile == "embedded" or stage.optimizer.lr == lr
            if key == "tkp":
                assert stage.clip is not None
                assert stage.clip.short == ("random-sorted" if reading == "released" else "loop")


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("cosam/cosam-rnn[reading=released]", "released-rnn"),
        ("cosam/se-cosam-rnn[reading=released]", "se-released-rnn"),
        ("cosam/se-cosam-ta[reading=released]", "se-released"),
        ("cosam/se-cosam-n8[reading=released]", "se-n8-released"),
        ("cosam/cosam-released[aggregation=rnn]", "released-rnn"),
        ("cosam/cosam[reading=released,squeeze=on,clip=2]", "se-n2-released"),
        ("cosam/se-cosam[clip=8]", "se-n8"),
        ("cosam/cosam[squeeze=on]", "se"),
        ("cosam/cosam[blocks=4]", "paper"),
        ("tkp/tkp-f[reading=released]", "released-feature"),
        ("tkp/tkp-t5[reading=released]", "released-t5"),
        ("tkp/tkp[non_local=off]", "paper"),
        ("gltr/gltr-e2e[reading=released]", "released"),
        ("gltr/gltr-released[reading=paper]", "paper"),
        ("vrstc/stcnet-gen[identity=off]", "adversarial"),
        ("vrstc/stcnet-gen[attention_scale=5]", "stcnet"),
        ("adfd/adfd[depth=50]", "paper-r50"),
        ("adfd/adfd-r50[depth=18]", "paper"),
    ],
)
def test_the_recipe_follows(text: str, recipe: str) -> None:
    assert methods.arm(text).recipe == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cosam/se-cosam[clip=3]", "recipes depend on squeeze, clip, aggregation, .* none for .*clip=3.*se-cosam-n2"),
        (
            "cosam/cosam[squeeze=on,aggregation=rnn,clip=2]",
            "none for reading=paper, squeeze=on, clip=2, agg",
        ),
        ("tkp/tkp-f-released[reading=paper]", "no recipe of 'tkp-f-released' for reading=paper; .*: baseline, tkp-f,"),
        (
            "gltr/baseline[reading=released]",
            "unknown reading .*; arms of gltr with that reading: gltr-released",
        ),
        ("adfd/gltr18[reading=released]", "no recipe of 'gltr18' for reading=released; .* no arm of the card has it"),
        ("vrstc/baseline[network=stcnet]", "several for .*: stcnet-gen, stcnet-adv-double-gen, stcnet-id-double-gen"),
    ],
)
def test_what_has_no_recipe_is_refused_with_the_names_that_have_one(text: str, message: str) -> None:
    with pytest.raises(methods.MethodError, match=message):
        methods.arm(text)


def test_released_arms_of_baselines_and_ablations() -> None:
    """What the tables compare, in the authors' code: each arm of the text has its counterpart by name."""
    pairs = {
        "gltr": ("gltr", "dtp", "tsa", "baseline"),
        "cosam": ("cosam", "r50-tp", "cosam-ta", "r50-ta", "cosam-rnn", "r50-rnn", "se-cosam", "se-tp", "se-cosam-ta",
                  "se-ta", "se-cosam-rnn", "se-rnn", "se-cosam-n2", "se-cosam-n8"),
        "tkp": ("tkp", "baseline", "tkp-f", "tkp-d", "baseline-2d", "tkp-f-2d", "tkp-f-bp", "tkp-d-bp"),
    }  # fmt: skip
    for key, names in pairs.items():
        for name in names:
            own, other = CARDS[key].arms[name], CARDS[key].arms[f"{name}-released"]
            assert own.method == other.method and own.attention == other.attention, name
            assert (own.role == "baseline") == (other.role == "baseline"), name
            if own.method == key:
                assert own.options == other.options, name
                spelled = methods.arm(f"{name}[reading=released]", CARDS[key])
                named = methods.arm(f"{name}-released", CARDS[key])
                assert (spelled.recipe, spelled.settings()) == (named.recipe, named.settings()), name
    head = methods.arm("gltr/baseline-released").settings()
    assert (head["embed"], head["last_stride"], head["neck"]) == (128, 1, "bn-relu-dropout")


def test_a_card_names_readings_and_recipes_that_exist() -> None:
    import dataclasses

    from methods.cards.validation import check
    from methods.registry import choices, method_folder

    card = CARDS["tkp"]
    for recipes, message in (
        ({"released": "releasd"}, "unknown paper recipe 'releasd'|unknown embedded recipe 'releasd'"),
        ({"code": "released"}, "unknown other reading 'code'"),
        ({"paper": "paper"}, "unknown other reading 'paper'"),
    ):
        arms = {**card.arms, "tkp": dataclasses.replace(card.arms["tkp"], recipes=recipes)}
        with pytest.raises(methods.MethodError, match=message):
            check(dataclasses.replace(card, arms=arms), lambda arm, card: choices(method_folder(arm, card)))
