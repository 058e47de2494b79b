"""What `methods.interface` promises, for every arm of every paper in the repository (made in `cases`).

What is a fact of the network alone is tested once a network, however many arms and papers it is part of; what recipes
bring along, for every arm.
"""

import io
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import methods
from methods.cosam.aggregation import AttentivePool
from methods.interface import (
    Attends,
    Explains,
    ExplainsFeatures,
    FixedClip,
    FrameThenTime,
    ImageAndVideo,
    LearnsAttributes,
    MapsThenFrames,
    Method,
    Repair,
    ScoresRegions,
    TemporalHead,
)
from methods.layers.per_frame_mlp import PerFrameMLP, replace_temporal
from tests.methods.cases import (
    ARMS,
    LENGTHS,
    NETWORKS,
    Case,
    Named,
    assert_close,
    built,
    made,
    repairs,
    stages,
    told,
    total,
    turns,
)


def called(one: Named) -> str:
    card, name = one
    return f"{card.key}/{name}"


# NETWORKS are the first of ARMS, so that pytest runs all tests of a network one after the other and it is made once
of_the_network = pytest.mark.parametrize("case", NETWORKS, indirect=True, ids=called, scope="module")


@pytest.fixture(scope="module", params=ARMS, ids=called)
def case(request: pytest.FixtureRequest) -> Case:
    return made(*request.param)


def lengthened(clips: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Twice the frames, the new ones all padding."""
    return torch.cat([clips, torch.full_like(clips, 7.0)], 1), torch.cat([mask, torch.zeros_like(mask)], 1)


def padded_with(case: Case, value: float) -> Tensor:
    return case.clips.masked_fill(~case.mask[..., None, None, None], value)


@torch.no_grad()
def descriptors(case: Case) -> Tensor:
    return case.network(case.clips, case.mask)


@of_the_network
def test_is_a_method_whose_descriptor_has_the_stated_width(case: Case) -> None:
    assert isinstance(case.network, Method)
    assert isinstance(case.network, LearnsAttributes) == ("groups" in case.arm.settings())
    found = case.descriptors
    assert found.shape == (len(LENGTHS), case.network.descriptor_dim)
    assert found.isfinite().all()
    assert found.std(dim=0).max() > 0, "every tracklet gets one and the same descriptor"


@of_the_network
@torch.no_grad()
def test_padding_never_leaks_into_a_descriptor(case: Case) -> None:
    if isinstance(case.network, FixedClip):
        pytest.skip("this method takes no padding, see the test of fixed clips")
    expected = case.descriptors
    for value in (1e3, float("nan")):
        assert_close(case.network(padded_with(case, value), case.mask), expected)
    assert_close(case.network(*lengthened(case.clips, case.mask)), expected)


@of_the_network
@torch.no_grad()
def test_a_method_of_fixed_clips_refuses_all_others(case: Case) -> None:
    if not isinstance(case.network, FixedClip):
        pytest.skip("this method takes clips of any length")
    length = case.network.clip_length
    shorter = (case.clips[:, :-1], case.mask[:, :-1])
    padded = (case.clips, case.mask & (torch.arange(length) < length - 1))
    for clips, mask in (shorter, lengthened(case.clips, case.mask), padded):
        with pytest.raises(methods.MethodError, match=str(length)):
            case.network(clips, mask)
        with pytest.raises(methods.MethodError, match=str(length)):
            case.network.losses(clips, mask, case.labels, tuple(turns(case)[0].losses))


@of_the_network
@torch.no_grad()
def test_an_image_network_gives_descriptors_of_the_same_space(case: Case) -> None:
    if not isinstance(case.network, ImageAndVideo):
        pytest.skip("this method has no network of its own for single images")
    images = case.clips[:, 0]
    together = case.network.image_descriptor(images)
    assert together.shape == (len(images), case.network.descriptor_dim)
    assert_close(torch.cat([case.network.image_descriptor(one[None]) for one in images]), together)
    assert together.std(dim=0).max() > 0


@of_the_network
@torch.no_grad()
def test_a_descriptor_does_not_depend_on_its_batch(case: Case) -> None:
    alone = [
        case.network(case.clips[i : i + 1, :n], torch.ones(1, n, dtype=torch.bool)) for i, n in enumerate(case.lengths)
    ]
    assert_close(torch.cat(alone), case.descriptors)


@of_the_network
def test_same_input_same_output(case: Case) -> None:
    assert torch.equal(descriptors(case), case.descriptors)


@of_the_network
def test_weights_survive_saving_and_a_seed_decides_them(case: Case) -> None:
    expected, file = case.descriptors, io.BytesIO()
    torch.save(case.network.state_dict(), file)
    file.seek(0)
    torch.manual_seed(0)
    other = built(case.arm, case.size).eval()
    assert torch.equal(next(iter(other.parameters())), case.first)
    other.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        assert torch.equal(other(case.clips, case.mask), expected)


@of_the_network
@torch.no_grad()
def test_frame_then_time_is_the_forward_pass(case: Case) -> None:
    if not isinstance(case.network, FrameThenTime):
        pytest.skip("this method does not encode frames alone")
    rows = case.network.frame_features(case.clips[case.mask])
    assert rows.shape == (sum(case.lengths), case.network.frame_dim)
    features = torch.full((*case.mask.shape, case.network.frame_dim), float("nan"))
    features[case.mask] = rows
    assert_close(case.network.aggregate(features, case.mask), case.descriptors)


@of_the_network
@torch.no_grad()
def test_maps_pooled_under_even_weights_are_the_frame_features(case: Case) -> None:
    network = case.network
    if not isinstance(network, MapsThenFrames):
        pytest.skip("this method does not pool one map a frame")
    assert isinstance(network, FrameThenTime)
    images = case.clips[case.mask]
    maps, expected = network.frame_maps(images), network.frame_features(images)
    count, _, *places = maps.shape
    for even in (1.0, 0.3, 0.0):  # weights of nothing leave the plain mean
        assert_close(network.pool_maps(maps, torch.full((count, *places), even)), expected)
    generator = torch.Generator().manual_seed(7)
    weights = torch.rand(count, *places, generator=generator)
    weights[0] = 0
    found = network.pool_maps(maps, weights)
    assert_close(found[:1], expected[:1])
    assert_close(network.pool_maps(maps, 5 * weights), found)  # only ratios count
    spread = maps.flatten(2).std(dim=2).max() > 0
    assert spread == bool((found[1:] - expected[1:]).abs().max() > 1e-6), "weights move what differs between places"
    one = torch.zeros(count, *places)
    one[:, 0, 0] = 2.0
    constant = maps[:, :, :1, :1].expand_as(maps)
    if isinstance(getattr(network, "pool", None), AttentivePool):
        return  # its attention channels see the whole map
    assert_close(network.pool_maps(maps, one), network.pool_maps(constant, torch.ones(count, *places)))


def under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(prefix in ("*", name) or name.startswith(prefix + ".") for prefix in prefixes)


@pytest.fixture
def training(case: Case) -> Iterator[nn.Module]:
    """The network in training mode; its tests take no step, so that only statistics move."""
    before = buffers(case.network)
    yield case.network.train()
    set_buffers(case.network.eval(), before)
    case.network.zero_grad(set_to_none=True)


def buffers(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.named_buffers()}


def set_buffers(network: nn.Module, values: dict[str, Tensor]) -> None:
    for name, value in network.named_buffers():
        value.copy_(values[name])


def test_gradient_reaches_everything_that_the_recipe_trains(case: Case, training: nn.Module) -> None:
    for turn in turns(case):
        training.zero_grad(set_to_none=True)
        total(case, case.clips, tuple(turn.losses)).backward()
        learning = {name: p for name, p in training.named_parameters() if under(name, turn.trains)}
        assert learning
        without = [name for name, p in learning.items() if p.grad is None or not p.grad.isfinite().all()]
        assert not without, turn.losses
        dead = [name for name, p in learning.items() if not p.grad.any()]
        assert not dead, turn.losses


def test_turns_of_a_step_leave_each_others_networks_alone(case: Case, training: nn.Module) -> None:
    """And they see the same random numbers: one seed, one batch, one outcome."""
    if all(len(stage.all_turns) == 1 for stage in stages(case)):
        pytest.skip("this arm trains all that it trains together")
    for turn in turns(case):
        training.zero_grad(set_to_none=True)
        found = total(case, case.clips, tuple(turn.losses))
        found.backward()
        others = [p for name, p in training.named_parameters() if not under(name, turn.trains)]
        assert others
        assert all(p.grad is None or not p.grad.any() for p in others), turn.losses
        assert torch.equal(total(case, case.clips, tuple(turn.losses)), found)


@torch.no_grad()
def test_losses_and_batch_statistics_do_not_see_padding(case: Case, training: nn.Module) -> None:
    if isinstance(training, FixedClip):
        pytest.skip("this method takes no padding, see the test of fixed clips")
    before = buffers(training)
    for names in (tuple(turn.losses) for turn in turns(case)):
        found = []
        for clips, mask in (
            (padded_with(case, 0.0), case.mask),
            (padded_with(case, 1e3), case.mask),
            lengthened(case.clips, case.mask),
        ):
            set_buffers(training, before)
            loss = total(case, clips, names, mask).detach()
            statistics = [value.flatten() for key, value in training.state_dict().items() if "running" in key]
            found.append((loss, torch.cat(statistics)))
        for loss, statistics in found[1:]:
            assert_close(loss, found[0][0])
            assert_close(statistics, found[0][1])


@torch.no_grad()
def test_frame_losses_are_the_losses(case: Case, training: nn.Module) -> None:
    if not isinstance(training, FrameThenTime):
        pytest.skip("this method does not encode frames alone")
    training.get_submodule("trunk").eval()
    names = tuple(turns(case)[0].losses)
    expected = total(case, case.clips, names).detach()
    features = torch.zeros(*case.mask.shape, training.frame_dim)
    features[case.mask] = training.frame_features(case.clips[case.mask])
    torch.manual_seed(4)
    found = training.frame_losses(features, case.mask, case.labels, names, *told(case))
    assert_close(torch.stack(list(found.values())).sum(), expected)


def test_an_unknown_loss_is_named(case: Case) -> None:
    wrong = next(iter(turns(case)[0].losses))[:-1] + "i"  # cross_entropi, reconstructioi
    with pytest.raises(methods.MethodError, match=rf"unknown loss '{wrong}'.*did you mean"):
        case.network.losses(case.clips, case.mask, case.labels, [wrong])


def test_what_a_stage_starts_from_fits(case: Case) -> None:
    """Every entry that is not fresh exists in the start with the same shape."""
    for stage in stages(case):
        kind, _, text = stage.start.partition(":")
        assert all(any(under(name, (p,)) for name, _ in case.network.named_modules()) for p in stage.fresh)
        if kind != "arm":
            continue
        option = "[depth=18]" if "depth=18" in case.arm.text else ""
        with torch.device("meta"):  # names and shapes alone
            start = built(methods.arm(text + option, case.card), case.size).state_dict()
        for name, value in case.network.state_dict().items():
            source = stage.source_of(name)
            if source is not None:
                assert start[source].shape == value.shape, name


@of_the_network
@torch.no_grad()
def test_weights_of_frames_follow_from_their_features_where_frames_are_encoded_alone(case: Case) -> None:
    network = case.network
    both = isinstance(network, Explains) and isinstance(network, FrameThenTime)
    assert isinstance(network, ExplainsFeatures) == both, "a pass of the trunk is spared wherever it can be"
    if not (isinstance(network, ExplainsFeatures) and isinstance(network, Explains)):
        return
    assert isinstance(network, FrameThenTime)
    features = torch.full((*case.mask.shape, network.frame_dim), float("nan"))
    features[case.mask] = network.frame_features(case.clips[case.mask])
    expected, found = network.explain(case.clips, case.mask), network.explain_features(features, case.mask)
    assert list(found) == list(expected)
    for name, weights in found.items():
        torch.testing.assert_close(weights, expected[name])


@of_the_network
@torch.no_grad()
def test_attention_can_be_seen_and_made_uniform(case: Case) -> None:
    assert isinstance(case.network, Attends) == case.arm.attention
    if not isinstance(case.network, Attends):
        return
    assert isinstance(case.network, Explains)
    expected = case.descriptors
    seen = case.network.explain(case.clips, case.mask)
    assert seen
    case.network.use_uniform_attention(True)
    uniform = case.network.explain(case.clips, case.mask)
    changed = descriptors(case)
    case.network.use_uniform_attention(False)
    assert list(uniform) == list(seen)
    for name, found in seen.items():
        if name.partition("/")[0] == "frames":
            torch.testing.assert_close(found.sum(dim=1), torch.ones(len(case.lengths)))
            assert not found[~case.mask].any()
            torch.testing.assert_close(uniform[name], case.mask / case.mask.sum(dim=1, keepdim=True))
        else:
            assert found.shape[:2] == case.mask.shape
            assert found.ndim == 4
            assert 0 <= found.min() <= found.max() <= 1
            flat = uniform[name].flatten(2)  # the same everywhere in a frame
            torch.testing.assert_close(flat, flat.mean(dim=2, keepdim=True).expand_as(flat))
    assert not torch.allclose(changed[0], expected[0])
    if not isinstance(case.network, FixedClip):
        assert_close(changed[2], expected[2])  # one frame has one weight
    assert torch.equal(descriptors(case), expected)


@of_the_network
@torch.no_grad()
def test_the_per_frame_control_has_the_same_size_and_no_sense_of_time(case: Case) -> None:
    if not case.arm.temporal:
        pytest.skip("this arm does not claim to use time")
    assert isinstance(case.network, TemporalHead)
    head = case.network.temporal
    wanted = sum(p.numel() for p in head.parameters())
    try:
        replace_temporal(case.network)
        assert isinstance(case.network.temporal, PerFrameMLP)
        assert sum(p.numel() for p in case.network.temporal.parameters()) == pytest.approx(wanted, rel=0.01)
        found = descriptors(case)
        assert found.shape[1] == case.network.descriptor_dim
        order = torch.tensor([2, 0, 3, 1])
        shuffled = case.network(case.clips[:1, order], case.mask[:1])
        assert_close(shuffled, found[:1])
        if isinstance(case.network, Attends):
            with pytest.raises(methods.MethodError, match="replaced by a control"):
                case.network.use_uniform_attention(True)
    finally:
        case.network.temporal = head


@pytest.fixture
def hidden(case: Case) -> Tensor:
    """Some frames with a hidden half or a few hidden pixels, some without; padding says what it likes."""
    veil = torch.zeros(*case.mask.shape, *case.size, dtype=torch.bool)
    last = case.mask.shape[1] - 1
    veil[0, min(1, last), : case.size[0] // 2] = True
    veil[0, min(2, last), 3, 4:7] = True
    veil[1, 0, -5:, :9] = True
    veil[2, 0, :2] = True  # the only frame of its tracklet
    veil[~case.mask] = True
    return veil


@of_the_network
@torch.no_grad()
def test_a_repair_changes_hidden_pixels_of_real_frames_and_no_other(case: Case, hidden: Tensor) -> None:
    assert isinstance(case.network, Repair) == repairs(case.card, case.arm)
    if not isinstance(case.network, Repair):
        return
    clips = case.clips.clone()
    found = case.network.repair(clips, case.mask, hidden)
    assert torch.equal(clips, case.clips), "its input is not its own to write on"
    painted = (hidden & case.mask[..., None, None])[:, :, None].expand_as(found)
    assert torch.equal(found[~painted], clips[~painted])
    assert found.isfinite().all()
    assert (found != clips)[painted].float().mean() > 0.99
    assert torch.equal(case.network.repair(clips, case.mask, torch.zeros_like(hidden)), clips)


@of_the_network
@torch.no_grad()
def test_a_repair_does_not_see_hidden_pixels_padding_or_its_batch(case: Case, hidden: Tensor) -> None:
    if not isinstance(case.network, Repair):
        pytest.skip("this method repairs nothing")
    real = case.mask[..., None, None, None].expand_as(case.clips)
    expected = case.network.repair(case.clips, case.mask, hidden)
    for clips in (
        padded_with(case, float("nan")),
        case.clips.masked_fill((hidden & case.mask[..., None, None])[:, :, None], 3.0),
    ):
        found = case.network.repair(clips, case.mask, hidden)
        torch.testing.assert_close(found[real], expected[real], rtol=1e-4, atol=1e-4)
    longer = torch.cat([hidden, torch.ones_like(hidden)], dim=1)
    found = case.network.repair(*lengthened(case.clips, case.mask), longer)[:, : case.mask.shape[1]]
    torch.testing.assert_close(found[real], expected[real], rtol=1e-4, atol=1e-4)
    for row, length in enumerate(case.lengths):
        whole = slice(row, row + 1), slice(length)
        alone = case.network.repair(case.clips[whole], case.mask[whole], hidden[whole])
        torch.testing.assert_close(alone, expected[whole], rtol=1e-4, atol=1e-4)


@of_the_network
@torch.no_grad()
def test_region_scores_compare_a_frame_with_its_tracklet(case: Case) -> None:
    if not isinstance(case.network, ScoresRegions):
        pytest.skip("this method scores no regions")
    size = (64, 32)  # a map of the smallest frames has fewer rows than there are regions
    network, images = case.network, nn.functional.interpolate(case.clips[0], size)
    assert -1 <= network.region_threshold <= 1
    for height in (case.size[0], 64, 128, 255):
        rows = network.region_rows(height)
        assert [row for top, end in rows for row in range(top, end)] == list(range(height)), "each row once, in order"
    features = network.region_features(images)
    assert features.shape[:2] == (len(images), len(network.region_rows(size[0])))
    assert_close(torch.cat([network.region_features(image[None]) for image in images]), features)
    scores = network.region_scores(features)
    assert scores.shape == features.shape[:2]
    assert -1 <= scores.min() <= scores.max() <= 1
    assert scores.min() < 0.9999, "frames of noise are not one and the same"
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(network.region_scores(features[order]), scores[order])
    torch.testing.assert_close(network.region_scores(7 * features), scores)
    ones = torch.ones(1, features.shape[1])
    torch.testing.assert_close(network.region_scores(features[:1]), ones, rtol=0, atol=1e-5)
    same = network.region_scores(features[:1].expand(5, -1, -1))
    torch.testing.assert_close(same, ones.expand(5, -1), rtol=0, atol=1e-5)
