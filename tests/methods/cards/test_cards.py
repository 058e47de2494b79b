"""Cards: the numbers of this repository's, and what happens to a faulty one."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

import methods
import methods.cards.card
import methods.cards.recipe
from methods.cards.recipe import PROFILES, Stage
from methods.cards.schema import fill

CARDS = methods.papers()


@pytest.mark.parametrize("key", CARDS)
def test_published_margins_are_differences_of_published_numbers(key: str) -> None:
    card = CARDS[key]
    numbers = {(p.arm, p.dataset, p.metric, p.source): p.value for p in card.published}
    for claim in card.claims:
        for margin in claim.published:
            where = margin.dataset, claim.metric, claim.source
            expected = numbers[(claim.arm, *where)] - numbers[(claim.against, *where)]
            assert margin.margin == pytest.approx(expected, abs=1e-6), (claim.id, margin.dataset)


@pytest.mark.parametrize("key", CARDS)
def test_card_is_json_without_a_path(key: str) -> None:
    text = json.dumps(CARDS[key].as_dict())
    assert json.loads(text)["paper"]["key"] == key
    assert str(CARDS[key].folder) not in text


@pytest.mark.parametrize("module", [methods.cards.card, methods.cards.recipe])
def test_every_value_is_frozen(module: object) -> None:
    kinds = [kind for kind in vars(module).values() if dataclasses.is_dataclass(kind)]
    assert len(kinds) >= 7
    assert all(kind.__dataclass_params__.frozen for kind in kinds)


def number(key: str, arm: str, dataset: str, metric: str, source: str) -> float:
    found = [
        p.value
        for p in CARDS[key].published
        if (p.arm, p.dataset, p.metric, p.source) == (arm, dataset, metric, source)
    ]
    assert len(found) == 1
    return found[0]


def test_gltr_numbers_that_everybody_quotes() -> None:
    assert number("gltr", "gltr", "mars", "rank1", "Table 2") == 87.02
    assert number("gltr", "gltr", "mars", "mAP", "Table 5") == 78.47
    assert number("gltr", "baseline", "ls-vid", "rank1", "Table 2") == 46.18
    assert number("gltr", "gltr", "ls-vid", "mAP", "Table 3") == 44.43  # sic
    assert number("gltr", "pooling-n5", "duke", "rank1", "Fig. 6, digitised") == 95.2
    assert number("baseline", "trinet", "mars", "mAP", "ADFD, Table 3") == 67.7
    claims = {claim.id: claim for claim in CARDS["gltr"].claims}
    assert claims["gltr-beats-baseline-rank1"].published[0].margin == 8.59
    assert claims["gltr-beats-baseline-map"].published[0].margin == 13.02
    assert CARDS["gltr"].default_arms() == ("baseline", "gltr", "dtp", "tsa")


def test_gltr_recipes_have_the_papers_numbers() -> None:
    card = CARDS["gltr"]
    (images,) = card.recipe("baseline", "paper").stages
    assert (images.sampler.batch, images.optimizer.kind, images.optimizer.lr) == (128, "sgd", 0.01)
    assert (images.schedule.milestones, images.length.epochs, images.start) == ((10,), 20, "imagenet")
    (head,) = card.recipe("paper", "paper").stages
    assert (head.clip.kind, head.clip.length, head.sampler.batch) == ("consecutive", 16, 10)
    assert (head.optimizer.lr, head.schedule.milestones, head.length.epochs) == (0.01, (120,), 400)
    assert (head.start, head.trains) == ("arm:baseline", ("temporal", "neck", "classifier"))
    (whole,) = card.recipe("released", "paper").stages
    assert (whole.trains, whole.length.epochs, whole.clip.kind, whole.start) == (("*",), 501, "gltr", "imagenet")
    assert (whole.optimizer.momentum, whole.optimizer.weight_decay) == (0.9, 5e-4)
    assert {card.recipe(n, "paper").size for n in ("baseline", "paper", "released", "e2e")} == {(256, 128)}


@pytest.mark.parametrize("key", CARDS)
def test_embedded_recipes_need_no_download_and_have_a_quick_length(key: str) -> None:
    for name, recipe in CARDS[key].recipes["embedded"].items():
        for stage in recipe.stages:
            assert stage.start != "imagenet", name
            assert stage.quick is not None, name


def test_a_complete_card_is_accepted(folder: Path) -> None:
    card = methods.paper(folder)
    assert card.arms["tiny"].options == {"width": 4}  # typed by the field
    assert [(p.arm, p.metric, p.value) for p in card.published] == [
        ("tiny", "mAP", 50.5),
        ("baseline", "mAP", 40.0),
        ("baseline", "rank1", 60.0),
    ]
    assert card.published[0].convention.ap == "trapezoid"
    assert card.published[1].convention == methods.cards.card.Convention(metric="cosine")
    assert card.arms["wide"].recipe == "late"
    assert all(set(card.recipes[profile]) == {"paper", "released", "late", "images"} for profile in PROFILES)
    assert card.claim("better").against == "baseline"
    with pytest.raises(methods.MethodError, match="did you mean 'better'"):
        card.claim("beter")
    with pytest.raises(methods.MethodError, match="unknown embedded recipe of tiny 'lat'"):
        card.recipe("lat", "embedded")


FAULTS = [
    ('title = "A tiny method"', "", "the key 'title' is missing"),
    ('venue = "Nowhere"', 'venu = "Nowhere"', "unknown key 'venu': did you mean 'venue'"),
    ("year = 2026", 'year = "soon"', "year = 'soon' is not accepted: expected a whole number"),
    ("year = 2026", "year = 2026\nyear = 2027", "cannot be read as TOML"),
    ("[arms.tiny]", "[arm.tiny]", "unknown section 'arm': did you mean 'arms'"),
    ("[arms.wide]", "[arms.Wide]", "the name 'Wide' must be lower case"),
    ("default = true", "default = 1", "default = 1 is not accepted: expected on or off"),
    ("default = true", "default = false", "no arm has default = true"),
    ('role = "proposed"', 'role = "propsed"', "unknown value 'propsed': did you mean 'proposed'"),
    ("width = 8", "widht = 8", "arms.wide: .*unknown option 'widht': did you mean 'width'"),
    ("width = 8", "width = 8.5", "width = 8.5 is not accepted: expected a whole number"),
    ('method = "baseline"', 'method = "baselin"', "unknown paper 'baselin': did you mean 'baseline'"),
    ('label = "Wide"', 'label = "Wide"\nreading = "relesed"', "unknown reading 'relesed'"),
    ('recipe = "late"', 'recipe = "later"', "unknown embedded recipe 'later': did you mean 'late'"),
    ('arm = "tiny"\ndataset', 'arm = "tin"\ndataset', "published, Table 1: unknown arm 'tin': did you mean 'tiny'"),
    ('against = "baseline"', 'against = "base-line"', "claim 'better': unknown arm 'base-line': did you mean"),
    ('against = "baseline"', 'against = "tiny"', "cannot be measured against itself"),
    ('metric = "mAP"\nsource', 'metric = "map"\nsource', "unknown metric 'map'"),
    ("value = 50.5", "value = 150.5", "mAP = 150.5 is no percentage"),
    ("value = 50.5", "value = nan", "expected a number"),
    ("value = 50.5", "value = 50.5\nvalues = { mAP = 1.0 }", "not both"),
    ('convention = "official"', 'convention = "oficial"', "unknown convention 'oficial': did you mean 'official'"),
    ('ap = "trapezoid"', 'ap = "trapezium"', "ap: unknown value 'trapezium'"),
    ("margin = 10.5", "margins = 10.5", r"published\[0\]: unknown key 'margins': did you mean 'margin'"),
    ("[recipes.embedded.late]", "[recipes.embeded.late]", "unknown profile 'embeded': did you mean 'embedded'"),
    ("size = [64, 32]", "size = [64]", "size is .height, width."),
    ('start = "arm:tiny"', 'start = "arm:tinny"', "start: unknown arm 'tinny': did you mean 'tiny'"),
    ('start = "arm:tiny"', 'start = "arm:wide"', "'wide' starts, in the end, from itself"),
    ('start = "arm:tiny"', 'start = "stage:two"', "starts from 'two', which is no earlier stage"),
    ('start = "arm:tiny"', 'start = "imagnet"', "is not scratch, imagenet"),
    ("losses = { cross_entropy = 1.0 }", "losses = { triplet = 1.0 }", "unknown loss 'triplet'"),
    ("losses = { cross_entropy = 1.0 }", "losses = {}", "losses needs at least one name"),
    ("batch = 8", "batch = 0", "a shuffled sampler needs batch"),
    ('data = "frames"', 'data = "clips"', "clip = .* belongs to data"),
    ("length = { epochs = 2 }", "length = { epochs = 2, steps = 5 }", "one of frames, epochs or steps"),
    ("length = { epochs = 2 }", "length = { epoch = 2 }", r"stages\[0\]: length: unknown key 'epoch'"),
    ("lr = 0.1", "lr = -0.1", "lr must be positive"),
    ('kind = "sgd"', 'kind = "sdg"', "unknown value 'sdg': did you mean 'sgd'"),
]


@pytest.mark.parametrize(("good", "bad", "message"), FAULTS, ids=[fault[2][:40] for fault in FAULTS])
def test_a_faulty_card_is_named_in_one_line(folder: Path, good: str, bad: str, message: str) -> None:
    path = folder / "paper.toml"
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, bad))
    with pytest.raises(methods.MethodError, match=message) as caught:
        methods.paper(folder)
    assert "\n" not in str(caught.value)
    assert "paper.toml" in str(caught.value)


def test_a_claim_without_protocol_takes_that_of_its_card(folder: Path) -> None:
    path = folder / "paper.toml"
    assert methods.paper(folder).claims[0].protocol == "res50-rgb-single-pass"
    path.write_text(path.read_text() + '\n[constraints]\nprotocol = "rgb-snippets"\n')
    assert methods.paper(folder).claims[0].protocol == "rgb-snippets"


@pytest.mark.parametrize(
    ("stage", "name", "source"),
    [
        ({"fresh": ("video.extra", "classifier")}, "video.extra.weight", None),
        ({"fresh": ("video.extra", "classifier")}, "video.extras.weight", "video.extras.weight"),
        ({"takes": {"image": "trunk", "video.trunk": "trunk"}}, "image.conv1.weight", "trunk.conv1.weight"),
        ({"takes": {"image": "trunk", "video.trunk": "trunk"}}, "video.trunk.bn1.bias", "trunk.bn1.bias"),
        ({"takes": {"image": "trunk"}}, "classifier.weight", "classifier.weight"),
        ({"takes": {"video": "net"}, "fresh": ("video.extra",)}, "video.extra.bias", None),
        ({"takes": {"video.extra": "net"}, "fresh": ("video",)}, "video.extra.bias", "net.bias"),
    ],
)
def test_where_an_entry_comes_from(stage: dict[str, object], name: str, source: str | None) -> None:
    values = {
        "name": "s", "start": "arm:other", "data": "frames", "sampler": {"batch": 2}, "losses": {"cross_entropy": 1.0},
        "optimizer": {"kind": "sgd", "lr": 0.1}, "length": {"steps": 1}, **stage,
    }  # fmt: skip
    assert fill(Stage, values, "here").source_of(name) == source


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"takes": {"image": "trunk"}, "start": "scratch"}, "takes renames modules of a start"),
        ({"data": "clips", "clip": {"length": 4, "short": "random-sorted"}}, "belongs to clips of kind strided"),
        ({"sampler": {"kind": "grouped", "ids": 4}}, "kind grouped needs ids"),
    ],
)
def test_stages_that_contradict_themselves(values: dict[str, object], message: str) -> None:
    whole = {
        "name": "s", "start": "arm:other", "data": "frames", "sampler": {"batch": 2}, "losses": {"cross_entropy": 1.0},
        "optimizer": {"kind": "sgd", "lr": 0.1}, "length": {"steps": 1}, **values,
    }  # fmt: skip
    with pytest.raises(methods.MethodError, match=message):
        fill(Stage, whole, "here")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('metric = "mAP"', 'metric = "I2V/rank1"', None),
        ('metric = "mAP"', 'metric = "I2W/rank1"', "unknown metric 'I2W/rank1'.*I2V/rank1"),
        ('metric = "mAP"', 'metric = "I2V/rank3"', "unknown metric 'I2V/rank3'"),
    ],
)
def test_metrics_may_name_a_side(folder: Path, old: str, new: str, message: str | None) -> None:
    path = folder / "paper.toml"
    before, claims, after = path.read_text().partition("[[claims]]")
    assert old in after
    path.write_text(before + claims + after.replace(old, new, 1))
    if message is None:
        assert methods.paper(folder).claims[0].metric == "I2V/rank1"
    else:
        with pytest.raises(methods.MethodError, match=message):
            methods.paper(folder)


@pytest.mark.parametrize(
    ("against", "metric", "message"),
    [
        ("untrained", "cosam5/auc", None),
        ("centre", "cosam4/bag_density", None),
        ("untrained", "auc", "unknown measure of a mask 'auc'"),
        ("untrained", "cosam5/accuracy", "unknown measure of a mask"),
        ("center", "cosam5/auc", "unknown arm 'center'"),
    ],
)
def test_claims_about_masks(folder: Path, against: str, metric: str, message: str | None) -> None:
    path = folder / "paper.toml"
    before, claims, after = path.read_text().partition("[[claims]]")
    after = re.sub(r'against = "[^"]*"', f'against = "{against}"', after, count=1)
    path.write_text(before + claims + re.sub(r'metric = "[^"]*"', f'metric = "{metric}"', after, count=1))
    if message is None:
        assert methods.paper(folder).claims[0].metric == metric
    else:
        with pytest.raises(methods.MethodError, match=message):
            methods.paper(folder)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('mechanism = "motion"', ("motion",)),
        ('mechanism = ["motion", "frame-weights"]', ("motion", "frame-weights")),
        ('metric = "I2V/mAP"\nmechanism = "video"', ("video",)),
        ('mechanism = "frame-weigths"', "unknown value 'frame-weigths': did you mean 'frame-weights'"),
        ('mechanism = ["motion", "motion"]', "names something twice"),
        ('mechanism = "motion"\nwithin = 0.5', "a claim about equality claims none"),
        ('mechanism = "video"', "the metric needs a side with an image .I2V, I2I, V2I., not mAP"),
        ('metric = "V2V/mAP"\nmechanism = "video"', "not V2V/mAP"),
        (
            'metric = "m/auc"\nagainst = "centre"\nmechanism = "masks"',
            "a claim about where a network looks claims none",
        ),
    ],
)
def test_a_claim_names_what_its_gain_comes_from(folder: Path, lines: str, expected: tuple[str, ...] | str) -> None:
    path = folder / "paper.toml"
    before, claims, after = path.read_text().partition("[[claims]]")
    for line in lines.split("\n"):
        key = line.partition(" = ")[0]
        after, replaced = re.subn(rf"(?m)^{key} = .*$", line, after, count=1)
        after = after if replaced else f"\n{line}{after}"
    path.write_text(before + claims + after)
    if isinstance(expected, tuple):
        assert methods.paper(folder).claims[0].mechanism == expected
    else:
        with pytest.raises(methods.MethodError, match=expected):
            methods.paper(folder)
