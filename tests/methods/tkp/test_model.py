"""TKP's facts: sizes, what the two networks share, who learns from whom, and the card's numbers."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import methods
from methods.cards.recipe import PROFILES, Stage
from methods.layers.nonlocal_block import NonLocal
from methods.tkp.model import TKP
from methods.tkp.options import LOSSES

CARD = methods.paper("tkp")
IDS = 5


def small(**options: object) -> TKP:
    """ResNet-18 in both places, with gains that are not zero and statistics that are not trivial."""
    torch.manual_seed(0)
    return awake(methods.create("tkp", IDS, depth=18, **options))


def awake(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.2, 0.5)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    return network


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Three clips of 4, 2 and 3 real frames, two of one identity."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.arange(4) < torch.tensor([4, 2, 3])[:, None]
    return torch.randn(3, 4, 3, 32, 32, generator=generator), mask, torch.tensor([0, 0, 1])


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("num_ids", "of_classifier"), [(625, 1_280_625), (702, 1_438_398), (150, 307_350)])
def test_parameters_and_entries(num_ids: int, of_classifier: int) -> None:
    with torch.device("meta"):
        network = methods.create("tkp", num_ids)
    assert count(network.image) == 23_508_032
    assert count(network.video) == 30_866_496
    assert count(network.classifier) == of_classifier
    assert count(network) == 23_508_032 + 30_866_496 + of_classifier
    parts = (network.image, network.video, network.classifier)
    assert [len(part.state_dict()) for part in parts] == [318, 383, 2]


@torch.no_grad()
def test_shapes_at_the_papers_size() -> None:
    torch.manual_seed(0)
    network = methods.create("tkp", IDS).eval()
    maps: dict[str, tuple[int, ...]] = {}
    for name in ("conv1", "maxpool", "layer1.2", "layer2.3", "layer3.5", "layer4.2"):
        network.video.trunk.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: maps.update({name: tuple(output.shape[1:])})
        )
    weights = []
    for block in network.video.modules():
        if isinstance(block, NonLocal):
            plain = block.attention

            def heard(query: Tensor, key: Tensor, value: Tensor, scale: float, plain=plain) -> Tensor:
                weights.append((query.shape[1], key.shape[1], scale))
                return plain(query, key, value, scale)

            block.attention = heard
    clips = torch.randn(1, 4, 3, 256, 128)
    mask = torch.ones(1, 4, dtype=torch.bool)
    assert network(clips, mask).shape == (1, 2048)
    assert network.frame_features_of_clips(clips, mask).shape == (4, 2048)
    assert network.image_descriptor(clips[0, :1]).shape == (1, 2048)
    assert maps == {
        "conv1": (64, 128, 64),
        "maxpool": (64, 64, 32),
        "layer1.2": (256, 64, 32),
        "layer2.3": (512, 32, 16),
        "layer3.5": (1024, 16, 8),
        "layer4.2": (2048, 16, 8),
    }
    assert weights[:5] == [(2048, 512, 1.0)] * 2 + [(512, 128, 1.0)] * 3


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
def test_with_the_image_networks_weights_the_video_network_starts_as_its_equal(training: bool) -> None:
    torch.manual_seed(0)
    network = methods.create("tkp", IDS)
    awake(network.image)
    network.video.trunk.load_state_dict(network.image.state_dict())
    network.train(training)
    clips, mask, _ = batch()
    frames = network.frame_features_of_clips(clips, mask)
    torch.testing.assert_close(frames, network.image_descriptor(clips[mask]), atol=6e-5, rtol=1e-4)


@torch.no_grad()
def test_from_one_start_there_is_nothing_to_transfer() -> None:
    network = small()
    network.video.trunk.load_state_dict(network.image.state_dict())
    for block in network.video.modules():
        if isinstance(block, NonLocal):
            nn.init.zeros_(block.norm.weight)  # as every block begins
    found = network.train().losses(*batch(), ("feature", "distance"))
    assert [float(value) for value in found.values()] == [0.0, 0.0]


@torch.no_grad()
def test_the_two_networks_share_nothing_but_the_classifier() -> None:
    network = small().eval()
    own = {id(p) for p in network.image.parameters()} & {id(p) for p in network.video.parameters()}
    assert not own
    clips, mask, _ = batch()
    before = network(clips, mask)
    for parameter in network.image.parameters():
        parameter.add_(1)
    assert torch.equal(network(clips, mask), before)


@torch.no_grad()
def test_a_descriptor_is_the_mean_of_frame_features_that_know_each_other() -> None:
    clips, mask, _ = batch()
    for non_local in (True, False):
        network = small(non_local=non_local).eval()
        features = network.frame_features_of_clips(clips, mask)
        expected = torch.stack([part.mean(dim=0) for part in features.split(mask.sum(dim=1).tolist())])
        torch.testing.assert_close(network(clips, mask), expected)
        alone = network.frame_features_of_clips(clips[mask][:, None], torch.ones(9, 1, dtype=torch.bool))
        assert torch.allclose(alone, features, atol=1e-4) != non_local


def gradient(network: TKP, wanted: tuple[str, ...]) -> tuple[float, float]:
    """Largest gradient in the image and in the video network after a backward pass of some losses."""
    network.train().zero_grad(set_to_none=True)
    sum(network.losses(*batch(), wanted).values()).backward()
    found = []
    for part in (network.image, network.video):
        found.append(max(0.0 if p.grad is None else float(p.grad.abs().max()) for p in part.parameters()))
    return found[0], found[1]


@pytest.mark.parametrize("wanted", [("feature",), ("distance",), ("feature", "distance")])
@pytest.mark.parametrize("target", ["frame", "clip"])
def test_transfer_teaches_the_image_network_and_nobody_else(wanted: tuple[str, ...], target: str) -> None:
    of_image, of_video = gradient(small(target=target), wanted)
    assert of_image > 0
    assert of_video == 0
    of_image, of_video = gradient(small(target=target, backprop_to_video=True), wanted)
    assert of_image > 0
    assert of_video > 0


def test_both_networks_learn_from_the_triplets_and_classes() -> None:
    for wanted in (("triplet",), ("cross_entropy",), ("i2v_triplet",)):
        assert min(gradient(small(margin=100), wanted)) > 0


def test_what_a_teacher_learns_by_leaves_the_image_network_alone() -> None:
    of_image, of_video = gradient(small(margin=100), ("video_cross_entropy", "video_triplet"))
    assert of_image == 0
    assert of_video > 0


@pytest.fixture
def runs() -> Iterator[tuple[TKP, list[str]]]:
    network, seen = small(), []
    for name in ("image", "video"):
        network.get_submodule(name).register_forward_hook(lambda *_, name=name: seen.append(name))
    yield network, seen


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (LOSSES, ["image", "video"]),
        (("cross_entropy", "triplet", "feature", "distance"), ["image", "video"]),
        (("video_cross_entropy", "video_triplet"), ["video"]),
        ((), []),
    ],
)
def test_each_network_runs_once_and_only_if_needed(
    runs: tuple[TKP, list[str]], wanted: tuple[str, ...], expected: list[str]
) -> None:
    network, seen = runs
    network.losses(*batch(), wanted)
    assert sorted(seen) == expected


def losses(network: TKP, *wanted: str) -> list[float]:
    with torch.no_grad():
        found = network.eval().losses(*batch(), wanted)
    return [float(found[name]) for name in wanted]


def test_targets_of_feature_transfer() -> None:
    """The clip feature is no frame's own: 9 frames, means over 4, 2 and 3."""
    network = small().eval()
    clips, mask, _ = batch()
    with torch.no_grad():
        images = network.image_descriptor(clips[mask])
        frames = network.frame_features_of_clips(clips, mask)
        videos = network(clips, mask)
    of_clip = torch.cat([videos[:1].expand(4, -1), videos[1:2].expand(2, -1), videos[2:].expand(3, -1)])
    expected = {"frame": frames, "clip": of_clip}
    for target, towards in expected.items():
        value = float((images - towards).square().sum(dim=1).mean())
        assert losses(small(target=target), "feature") == [pytest.approx(value, rel=1e-4)]
    assert losses(small(), "feature") == losses(small(target="frame"), "feature")
    assert losses(small(non_local=False), "feature") == losses(small(non_local=False, target="clip"), "feature")
    assert losses(small(), "feature") != losses(small(target="clip"), "feature")


def test_readings_differ_in_the_mean_of_the_distance_loss_alone() -> None:
    names = ("cross_entropy", "triplet", "feature", "distance")
    text, code = losses(small(), *names), losses(small(reading="released"), *names)
    assert text[:3] == code[:3]
    assert text[3] == pytest.approx(9 * code[3], rel=1e-5)  # 9 frames


def test_the_first_cross_entropy_is_two_logarithms() -> None:
    assert losses(small(), "cross_entropy") == [pytest.approx(2 * math.log(IDS), rel=0.02)]
    assert losses(small(), "video_cross_entropy") == [pytest.approx(math.log(IDS), rel=0.02)]


def test_the_i2v_term_is_part_of_the_integrated_loss() -> None:
    i2v, videos, whole = losses(small(margin=30), "i2v_triplet", "video_triplet", "triplet")
    assert 0 < i2v < whole
    assert 0 < i2v + videos < whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": -0.1}, r"margin = -0\.1 is negative"),
        ({"depth": 34}, "unknown value '34'"),
        ({"target": "clips"}, "unknown value 'clips': did you mean 'clip'"),
        ({"nonlocal": "off"}, "unknown option 'nonlocal': did you mean 'non_local'"),
    ],
)
def test_impossible_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(methods.MethodError, match=message):
        methods.create("tkp", IDS, **options)


# The card ----------------------------------------------------------------------------------------------------------


def stages(profile: str, *, start: bool = False) -> dict[str, tuple[Stage, ...]]:
    """Recipe -> stages."""
    return {name: r.stages for name, r in CARD.recipes[profile].items() if start or name != "start"}


def test_numbers_that_everybody_quotes() -> None:
    numbers = {(p.arm, p.dataset, p.source, p.metric): p.value for p in CARD.published}
    assert numbers["tkp", "mars", "Table 2", "I2V/rank1"] == 75.6
    assert numbers["tkp", "mars", "Table 2", "V2V/mAP"] == 73.3
    assert numbers["baseline", "duke", "Table 2", "I2I/mAP"] == 52.8
    assert numbers["tkp", "ilids", "Tables 3-9, comparison on iLIDS-VID", "I2V/rank20"] == 93.5
    assert numbers["tkp-t2", "mars", "Fig. 7, digitised", "I2V/mAP"] == 63.1
    claims = {claim.id: claim for claim in CARD.claims}
    assert [m.margin for m in claims["tkp-beats-baseline-i2v-rank1"].published] == [8.5, 10.4]
    assert claims["tkp-beats-baseline-i2v-rank1"].protocol == "image-to-video"
    assert {claim.metric.partition("/")[0] for claim in CARD.claims} == {"I2V", "I2I", "V2V"}


def test_arms() -> None:
    assert CARD.default_arms() == ("baseline", "tkp")
    assert len(CARD.arms) == 24
    assert not any(arm.temporal or arm.attention for arm in CARD.arms.values())
    assert methods.arm("tkp-released", CARD).settings()["distance_mean"] == "pairs"
    assert methods.arm("tkp[reading=released]", CARD).recipe == "released"


def test_recipes_have_the_papers_numbers() -> None:
    for found in stages("paper").values():
        for stage in found:
            assert (stage.sampler.kind, stage.sampler.ids, stage.sampler.tracklets) == ("grouped", 4, 4)
            assert (stage.optimizer.kind, stage.optimizer.lr, stage.optimizer.weight_decay) == ("adam", 3e-4, 5e-4)
            assert (stage.schedule.milestones, stage.schedule.gamma) == ((60, 120), 0.1)
            assert (stage.length.epochs, stage.clip.kind, stage.clip.stride) == (150, "strided", 8)
            assert (stage.augment.flip, stage.augment.per, stage.augment.pad, stage.augment.erase) == (
                0.5,
                "clip",
                0,
                0,
            )
            assert set(stage.losses.values()) == {1.0}
    lengths = {name: found[-1].clip.length for name, found in stages("paper").items()}
    assert {name: length for name, length in lengths.items() if length != 4} == {
        f"{reading}{name}": frames
        for reading in ("", "released-")
        for name, frames in (("t2", 2), ("t3", 3), ("t5", 5), ("t6", 6))
    }
    assert stages("paper")["paper"][0].clip.short == "loop"
    assert stages("paper")["released"][0].clip.short == "random-sorted"


def test_the_embedded_recipes_are_the_papers_but_for_start_optimiser_and_length() -> None:
    for name, found in stages("embedded").items():
        for ours, published in zip(found, stages("paper")[name], strict=True):
            for part in ("name", "trains", "data", "clip", "sampler", "augment", "losses"):
                assert getattr(ours, part) == getattr(published, part), name


def test_every_arm_takes_as_many_steps() -> None:
    steps = set()
    for found in stages("embedded").values():
        for stage in found:
            frames = stage.sampler.ids * stage.sampler.tracklets * stage.clip.length
            steps.add((stage.length.frames / frames, stage.quick.frames / frames))
    assert len(steps) == 1  # also with clips of 2 or 6 frames
    assert all(count.is_integer() for count in steps.pop())


def test_both_trunks_start_from_one() -> None:
    for found in stages("embedded").values():
        first = found[0]
        assert first.start == "arm:start"
        assert first.source_of("image.layer4.0.conv2.weight") == "trunk.layer4.0.conv2.weight"
        assert first.source_of("video.trunk.bn1.running_var") == "trunk.bn1.running_var"
        assert first.source_of("video.nonlocals.layer3.5.theta.bias") is None
        assert first.source_of("classifier.weight") == "classifier.weight"  # the start has no neck either


def test_the_teacher_is_trained_alone_and_then_frozen() -> None:
    for profile in PROFILES:
        teacher, student = stages(profile)["teacher"]
        assert teacher.trains == ("video", "classifier")
        assert set(teacher.losses) == {"video_cross_entropy", "video_triplet"}
        assert student.trains == ("image", "classifier")
        assert student.start == "stage:video"
        assert student.losses == stages(profile)["paper"][0].losses


def test_the_start_is_the_same_on_every_card_that_shares_it() -> None:
    cards = [card for key, card in methods.papers().items() if key in ("cosam", "tkp") and "start" in card.arms]
    assert len({card.arms["start"].recipe for card in cards}) == 1
    for profile in PROFILES:
        assert all(card.recipe("start", profile) == CARD.recipe("start", profile) for card in cards)
    assert all(card.arms["start"] == CARD.arms["start"] for card in cards)
