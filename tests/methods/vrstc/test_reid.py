"""VRSTC's re-ID networks, region scores and card: sizes, worked values, what the numbers must add up to."""

import pytest
import torch
from torch import Tensor, nn

import methods
from methods.cards.recipe import PROFILES
from methods.layers.nonlocal_block import NonLocal
from methods.vrstc.options import Options
from methods.vrstc.regions import crop_regions, hide_regions, region_rows, region_scores

CARD = methods.paper("vrstc")
IDS = 5


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def awake(network: nn.Module) -> nn.Module:
    """Away from special starts, in eval mode."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.2, 0.5)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    return network.eval()


@pytest.mark.parametrize(("network", "expected"), [("plain", 24_788_657), ("non-local", 32_147_121)])
def test_parameters_of_the_reid_networks(network: str, expected: int) -> None:
    with torch.device("meta"):
        assert count(methods.create("vrstc", 625, network=network)) == expected


@pytest.mark.parametrize(
    ("rule", "depth", "expected"),
    [
        ("alternate", 50, ["layer2.1", "layer2.3", "layer3.1", "layer3.3", "layer3.5"]),
        ("before-last", 50, ["layer2.2", "layer3.4"]),
        ("alternate", 18, ["layer2.1", "layer3.1"]),
        ("before-last", 18, ["layer2.0", "layer3.0"]),
    ],
)
def test_where_the_non_local_blocks_stand(rule: str, depth: int, expected: list[str]) -> None:
    with torch.device("meta"):
        network = methods.create("vrstc", IDS, depth=depth, nonlocal_places=rule)
    found = [name for name, module in network.trunk.nonlocals.named_modules() if isinstance(module, NonLocal)]
    assert found == expected


@torch.no_grad()
def test_the_non_local_network_starts_as_the_plain_one() -> None:
    torch.manual_seed(0)
    plain, nonlocal_ = (methods.create("vrstc", IDS, network=name, depth=18) for name in ("plain", "non-local"))
    awake(plain)
    nonlocal_.trunk.trunk.load_state_dict(plain.trunk.state_dict())
    clips, mask = torch.randn(2, 3, 3, 64, 32), torch.tensor([[True] * 3, [True, True, False]])
    torch.testing.assert_close(nonlocal_.eval()(clips, mask), plain(clips, mask), rtol=1e-4, atol=1e-5)
    for block in nonlocal_.modules():
        if isinstance(block, NonLocal):
            nn.init.ones_(block.norm.weight)
    assert not torch.allclose(nonlocal_(clips, mask), plain(clips, mask), rtol=1e-3)


def test_rows_of_regions() -> None:
    assert region_rows(128) == ((0, 42), (42, 85), (85, 128))
    assert region_rows(256) == ((0, 85), (85, 170), (170, 256))
    assert region_rows(64) == ((0, 21), (21, 42), (42, 64))
    assert region_rows(3) == ((0, 1), (1, 2), (2, 3))
    with pytest.raises(methods.MethodError, match="at least 3 rows"):
        region_rows(2)


def test_region_scores_worked_by_hand() -> None:
    """Two frames at a right angle have a mean at 45 degrees; a third region is the same in both."""
    features = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [0.0, 4.0], [0.0, 2.0]]])
    expected = torch.tensor([[0.5**0.5, 0.6, 1.0], [0.5**0.5, 0.8, 1.0]])
    torch.testing.assert_close(region_scores(features), expected)


def test_region_scores_stay_finite() -> None:
    assert torch.equal(region_scores(torch.zeros(4, 3, 8)), torch.zeros(4, 3))
    assert torch.equal(region_scores(torch.tensor([[[1.0]], [[-1.0]]])), torch.zeros(2, 1))  # their mean is zero
    huge = torch.rand(6, 3, 64, generator=torch.Generator().manual_seed(0)) * 1e18
    torch.testing.assert_close(region_scores(huge), region_scores(huge / 1e18))


def test_scores_of_features_behind_a_relu_are_not_negative() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = region_scores(torch.relu(torch.randn(50, 3, 16, generator=generator)))
    assert 0 <= scores.min() <= scores.max() <= 1


@torch.no_grad()
def test_strips_see_their_rows_alone_and_pools_of_a_map_do_not() -> None:
    images = torch.randn(2, 3, 96, 32, generator=torch.Generator().manual_seed(0))
    changed = images.clone()
    changed[:, :, 64:] = 0  # the lower region
    for pool, alone in (("strips", True), ("split", False), ("adaptive", False)):
        torch.manual_seed(0)
        network = awake(methods.create("vrstc", IDS, network="plain", depth=18, region_pool=pool))
        before, after = network.region_features(images), network.region_features(changed)
        assert before.shape == (2, 3, 512)
        assert torch.equal(before[:, 0], after[:, 0]) == alone
        assert not torch.allclose(before[:, 2], after[:, 2])


@torch.no_grad()
def test_how_sixteen_rows_of_a_map_are_shared() -> None:
    """Features are row numbers: tensor_split gives 6, 5 and 5 rows, adaptive bins [0, 6), [5, 11), [10, 16)."""

    class Rows(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.arange(16.0)[None, None, :, None].expand(len(images), 1, 16, 8)

    found = {}
    for pool in ("split", "adaptive"):
        network = methods.create("vrstc", IDS, network="plain", depth=18, region_pool=pool)
        network.trunk = Rows()
        found[pool] = network.region_features(torch.zeros(1, 3, 256, 128)).flatten().tolist()
    assert found == {"split": [2.5, 8.0, 13.0], "adaptive": [2.5, 7.5, 12.5]}


def test_a_map_of_two_rows_cannot_be_split() -> None:
    network = methods.create("vrstc", IDS, network="plain", depth=18, region_pool="split")
    with pytest.raises(methods.MethodError, match="region_pool = strips"):
        network.region_features(torch.zeros(1, 3, 32, 32))


def test_hidden_regions_and_their_crops() -> None:
    regions = torch.tensor([0, 1, 2])
    veil = hide_regions(regions, (128, 64))
    assert veil.shape == (3, 1, 128, 64)
    assert veil.flatten(1).sum(dim=1).tolist() == [42 * 64, 43 * 64, 43 * 64]
    images = torch.arange(128.0)[None, None, :, None].expand(3, 2, 128, 4) + 1  # row numbers, from 1
    crops = crop_regions(images, regions)
    assert crops.shape == (3, 2, 43, 4)
    assert [crop[0, :, 0].tolist() for crop in crops] == [
        [*range(1, 43), 0],  # a row less than the others
        [*range(43, 86)],
        [*range(86, 129)],
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 1.5}, "is a cosine"),
        ({"dilations": (2, 4)}, "four convolutions"),
        ({"dilations": (2, 4, 8, 0)}, "four convolutions"),
        ({"guider_size": 129}, "an even number of rows"),
        ({"width": -1}, "0 or more"),
        ({"attention_scale": 0.0}, "must be positive"),
        ({"network": "stcnet", "generator": "spa"}, "set local_d, global_d and identity off"),
    ],
)
def test_options_that_contradict_themselves(options: dict[str, object], message: str) -> None:
    with pytest.raises(methods.MethodError, match=message):
        Options(**options)


def test_automatic_width_follows_the_pixels_up_to_iizukas() -> None:
    found = {height: Options().width_at(height) for height in (32, 64, 128, 256)}
    assert found == {32: 4, 64: 16, 128: 64, 256: 64}
    assert Options(width=24).width_at(128) == 24


REPAIRERS = {name: arm for name, arm in CARD.arms.items() if arm.role == "repairer"}


def test_rows_learn_from_and_are_judged_on_the_generator_of_their_name() -> None:
    rows = {name: arm for name, arm in CARD.arms.items() if arm.train_on in REPAIRERS}
    assert len(rows) == 10
    for name, arm in rows.items():
        assert arm.train_on == arm.test_on
        generator = "stcnet" + name.removeprefix("vrstc") if name.startswith("vrstc") else name
        assert arm.train_on == f"{generator}-gen"
        assert (arm.recipe, dict(arm.options)) == (CARD.arms["nl"].recipe, dict(CARD.arms["nl"].options))
    assert set(REPAIRERS) - {arm.train_on for arm in rows.values()} == {"spa-start"}


def test_dropping_shares_everything_with_the_baseline_but_the_test_frames() -> None:
    baseline = CARD.arms["baseline"]
    for tau in (88, 89, 91, 93):
        arm = CARD.arms[f"drop-{tau}"]
        assert (arm.recipe, dict(arm.options)) == (baseline.recipe, dict(baseline.options))
        assert (arm.train_on, arm.test_on) == ("raw", f"drop[tau=0.{tau}]")


@pytest.mark.parametrize("profile", PROFILES)
def test_all_generators_start_from_one_and_take_as_many_steps(profile: str) -> None:
    for name, arm in REPAIRERS.items():
        (stage,) = CARD.recipe(arm.recipe, profile).stages
        assert (stage.clip.kind, stage.clip.length, stage.clip.short) == ("consecutive", 3, "pad")
        assert (stage.seen, stage.augment.flip, arm.train_on) == ("unoccluded", 0.5, "raw")
        learning = {module for turn in stage.all_turns for module in turn.trains}
        assert not any(module.startswith("guider") for module in learning)
        if name == "spa-start":
            assert stage.start == "arm:baseline"
            assert stage.source_of("guider.trunk.conv1.weight") == "trunk.conv1.weight"
            assert stage.source_of("guider.classifier.bias") == "classifier.bias"
            continue
        assert stage.start == "arm:spa-start"
        other = CARD.recipe("spa", profile).stages[0]
        assert (stage.length, stage.quick, stage.optimizer) == (other.length, other.quick, other.optimizer)
        judged = dict(arm.options)["local_d"] or dict(arm.options)["global_d"]
        assert [turn.trains for turn in stage.all_turns if turn.trains == ("discriminators",)] == (
            [("discriminators",)] if judged else []
        )


def test_weights_of_the_losses_are_the_papers() -> None:
    for profile in PROFILES:
        for recipe, adversarial, identity in (
            ("stcnet", 0.001, 0.1),
            ("stcnet-adv-double", 0.002, 0.1),
            ("stcnet-id-double", 0.001, 0.2),
            ("stcnet-adv-off", None, 0.1),
            ("adversarial", 0.001, None),
        ):
            turn = CARD.recipe(recipe, profile).stages[0].all_turns[-1]
            found = (turn.losses.get("adversarial"), turn.losses.get("identity"))
            assert (turn.losses["reconstruction"], *found) == (1.0, adversarial, identity)


def test_recipes_have_the_papers_numbers() -> None:
    for name in ("baseline", "nl"):
        recipe = CARD.recipe(name, "paper")
        (stage,) = recipe.stages
        assert (recipe.size, stage.clip.length, stage.sampler.batch, stage.start) == ((256, 128), 4, 32, "imagenet")
        assert (stage.optimizer.kind, stage.optimizer.lr, stage.optimizer.weight_decay) == ("adam", 3e-4, 5e-4)
        assert (stage.schedule.milestones, stage.schedule.gamma, stage.length.epochs) == ((50, 100), 0.1, 150)
        assert (stage.augment.flip, dict(stage.losses)) == (0.5, {"cross_entropy": 1.0})
    for arm in REPAIRERS.values():
        recipe = CARD.recipe(arm.recipe, "paper")
        assert recipe.size == (128, 64)
        assert (recipe.stages[0].optimizer.kind, recipe.stages[0].optimizer.lr) == ("adam", 1e-4)


def test_the_start_is_that_of_the_other_papers() -> None:
    other = methods.paper("tkp")
    for profile in PROFILES:
        assert CARD.recipe("start", profile) == other.recipe("start", profile)
    assert (CARD.arms["start"].method, CARD.arms["start"].options) == ("baseline", other.arms["start"].options)


def test_published_order_on_mars() -> None:
    """Each row of Table 1 has at least the mAP of the one it builds on; the second auto-encoder brings nothing."""
    found = {p.arm: p.value for p in CARD.published if (p.dataset, p.metric, p.source) == ("mars", "mAP", "Table 1")}
    steps = ["baseline", "nl", "spa", "spa-tae", "spa-tem", "spa-tem-ld", "spa-tem-ld-gd", "vrstc"]
    values = [found[name] for name in steps]
    assert values == sorted(values)
    assert found["spa-ae"] <= found["spa"]


def test_claims_of_equality_allow_what_neighbours_gain() -> None:
    for metric, within in (("rank1", 0.8), ("map", 0.6)):
        claim = CARD.claim(f"spa-ae-equals-spa-{metric}")
        gain = {m.dataset: m.margin for m in CARD.claim(f"spa-tem-beats-spa-{metric}").published}
        assert claim.within == within == pytest.approx(gain["mars"])
        assert all(abs(m.margin) < within for m in claim.published)
    assert all(claim.within == 0 for claim in CARD.claims if not claim.id.startswith("spa-ae"))
