"""COSAM's card: numbers that others quote, recipes of text and code, equal conditions for what is compared."""

import dataclasses

import pytest

import methods

CARD = methods.paper("cosam")
NUMBERS = {(p.arm, p.dataset, p.metric, p.source): p.value for p in CARD.published}
AGGREGATIONS = ("tp", "ta", "rnn")


def named(base: str, aggregation: str, cosam: bool) -> str:
    if not cosam:
        return f"{base}-{aggregation}"
    name = {"r50": "cosam", "se": "se-cosam"}[base]
    return name if aggregation == "tp" else f"{name}-{aggregation}"


@pytest.mark.parametrize(
    ("arm", "dataset", "metric", "source", "value"),
    [
        ("se-cosam", "mars", "mAP", "Table 3", 79.9),
        ("se-cosam", "mars", "rank1", "Table 5", 84.9),
        ("se-cosam", "duke", "rank5", "Table 3", 99.3),
        ("se-cosam", "ilids", "rank1", "Table 4", 79.6),
        ("se-cosam-rnn", "ilids", "rank5", "Table 4", 97.3),
        ("cosam", "mars", "rank20", "Table 3", 97.5),
        ("cosam2", "mars", "mAP", "Table 3", 68.3),
        ("r50-tp", "mars", "mAP", "Table 2", 75.8),
        ("se-rnn", "duke", "rank20", "Table 2", 99.1),
        ("r50-ta", "duke", "mAP", "Table 4", 93.2),
        ("se-cosam-n2", "duke", "mAP", "Table 6", 94.0),
        ("se-cosam-n8", "mars", "rank1", "Table 6", 84.6),
        ("se-cosam", "duke-handbag", "rank1", "Table 7", 100.0),
        ("r50-tp", "duke-hat", "mAP", "Table 7", 91.1),
        ("cosam", "duke-backpack", "rank5", "Table 7", 99.8),
    ],
)
def test_numbers_that_everybody_quotes(arm: str, dataset: str, metric: str, source: str, value: float) -> None:
    assert NUMBERS[arm, dataset, metric, source] == value


def test_how_many_numbers_each_table_has() -> None:
    found: dict[str, int] = {}
    for *_, source in NUMBERS:
        found[source] = found.get(source, 0) + 1
    assert found == {
        "Table 2": 2 * 2 * 4 + 4 * 2,  # two plain networks; rank 20 of four others
        "Table 3": 10 * 2 * 4,
        "Table 4": 12 * (3 + 3 + 2),
        "Table 5": 4,
        "Table 6": 3 * 2 * 4,
        "Table 7": 4 * 3 * 3,
    }


def test_rows_that_two_tables_repeat_agree() -> None:
    by_row: dict[tuple[str, str, str], set[float]] = {}
    for (arm, dataset, metric, _), value in NUMBERS.items():
        by_row.setdefault((arm, dataset, metric), set()).add(value)
    assert [row for row, values in by_row.items() if len(values) > 1] == []


def test_default_arms() -> None:
    assert CARD.default_arms() == ("r50-tp", "cosam")
    assert CARD.arms["cosam"].role == "proposed"
    assert CARD.constraints.protocol == "rgb-snippets"
    assert not any(arm.temporal for arm in CARD.arms.values())  # co-segmentation is claimed, not order


def test_every_gain_of_the_tables_is_a_claim() -> None:
    claims = {(c.arm, c.against, c.metric): c for c in CARD.claims}
    for base in ("r50", "se"):
        for aggregation in AGGREGATIONS:
            pair = named(base, aggregation, True), named(base, aggregation, False)
            assert [m.dataset for m in claims[*pair, "mAP"].published] == ["mars", "duke"]
            assert [m.dataset for m in claims[*pair, "rank1"].published] == ["mars", "duke", "ilids"]
    best = claims["se-cosam", "se-tp", "mAP"].published
    assert [m.margin for m in best] == [1.8, 0.6]
    assert [m.margin for m in claims["cosam", "r50-tp", "rank1"].published] == [0.6, 0.8, 1.6]
    assert [m.margin for m in claims["se-cosam", "se-cosam-n8", "rank1"].published] == [0.3, 3.5]
    assert {c.protocol for c in CARD.claims} == {"rgb-snippets"}


def test_claims_about_masks_name_maps_that_their_arm_has() -> None:
    claims = [claim for claim in CARD.claims if claim.against in ("untrained", "centre")]
    assert len(claims) == 9
    for claim in claims:
        block = int(claim.metric.partition("/")[0].removeprefix("cosam"))
        assert block in methods.arm(claim.arm, CARD).settings()["blocks"]
        assert claim.published == ()


def test_compared_arms_differ_in_nothing_but_cosam() -> None:
    for base in ("r50", "se"):
        for aggregation in AGGREGATIONS:
            plain, cosam = (methods.arm(named(base, aggregation, one), CARD) for one in (False, True))
            differ = {key for key, value in plain.settings().items() if value != cosam.settings()[key]}
            assert differ == {"blocks"}
            assert plain.recipe == cosam.recipe


def test_every_arm_trains_as_long_on_clips_in_the_embedded_profile() -> None:
    """All but the clip's length, the trunk that they start from, and that a squeezed one has nothing to keep frozen."""
    stages = [
        recipe.stages[0] for name, recipe in CARD.recipes["embedded"].items() if name not in ("start", "se-start")
    ]
    assert len(stages) == 11
    assert {stage.start for stage in stages} == {"arm:start", "arm:se-start"}
    like = {
        repr(dataclasses.replace(stage, start="scratch", clip=stages[0].clip, fresh=(), frozen="")) for stage in stages
    }
    assert len(like) == 1
    for arm in CARD.arms:
        settings, recipe = methods.arm(arm, CARD).settings(), CARD.recipe(CARD.arms[arm].recipe, "embedded")
        if arm in ("start", "se-start"):
            continue
        assert recipe.stages[0].clip.length == settings["clip"], arm
        assert recipe.stages[0].start == ("arm:se-start" if settings["squeeze"] else "arm:start"), arm


def test_both_starts_are_the_same_stage() -> None:
    """But for what is frozen: the gates of a squeezed trunk are no part of the start, and must learn."""
    plain, squeezed = CARD.recipe("start", "embedded"), CARD.recipe("se-start", "embedded")
    (stage,) = plain.stages
    assert stage.frozen == "layer4.1"
    assert dataclasses.replace(plain, stages=(dataclasses.replace(stage, frozen=""),)) == squeezed


@pytest.mark.parametrize(("name", "clip"), [("paper", 4), ("se", 4), ("se-n2", 2), ("se-n8", 8)])
def test_recipe_of_the_text(name: str, clip: int) -> None:
    (stage,) = CARD.recipe(name, "paper").stages
    assert (stage.optimizer.kind, stage.optimizer.lr, stage.optimizer.weight_decay) == ("adam", 1e-4, 0.0)
    assert (stage.schedule.milestones, stage.schedule.gamma, stage.length.steps) == ((15000, 30000, 45000), 0.1, 60000)
    assert (stage.clip.kind, stage.clip.length, stage.start) == ("jg", clip, "imagenet")
    assert stage.sampler.ids * stage.sampler.tracklets == 32
    assert stage.losses == {"cross_entropy": 1.0, "triplet": 1.0}
    assert CARD.recipe(name, "paper").size == (256, 128)


@pytest.mark.parametrize(
    ("name", "rate"), [("released", 3e-4), ("se-released", 3e-4), ("released-rnn", 1e-4), ("se-released-rnn", 1e-4)]
)
def test_recipe_of_the_code(name: str, rate: float) -> None:
    (stage,) = CARD.recipe(name, "paper").stages
    assert (stage.optimizer.kind, stage.optimizer.lr, stage.optimizer.weight_decay) == ("adam", rate, 5e-4)
    assert (stage.schedule.milestones, stage.length.epochs) == ((200, 400, 600), 800)
    assert (stage.sampler.ids, stage.sampler.tracklets) == (8, 4)
    assert (stage.augment.flip, stage.augment.crop_scale, stage.augment.per) == (0.5, 1.125, "frame")
