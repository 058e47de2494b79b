"""GLTR's facts: sizes, identities at initialisation, receptive fields, what depends on the order of frames."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import methods
from methods.gltr.model import GlobalLocalHead, SelfAttention
from methods.gltr.options import Options

RELEASED = {"identity_branch": True, "dilations": "counting", "tsa_norm": "none", "tsa_zero": "bn-gain"}


def head(seed: int = 0, **options: object) -> GlobalLocalHead:
    torch.manual_seed(seed)
    return GlobalLocalHead(Options(**options)).eval()


def awake(module: nn.Module) -> nn.Module:
    """Move everything away from its zero start."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return module


def full(features: Tensor) -> Tensor:
    return torch.ones(features.shape[:2], dtype=torch.bool)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("num_ids", "parameters"),
    [(625, 24_766_001), (702, 24_805_502), (842, 24_877_322), (150, 24_522_326), (100, 24_496_676)],
)
def test_parameters_of_the_released_network(num_ids: int, parameters: int) -> None:
    with torch.device("meta"):
        network = methods.create("gltr", num_ids, reading="released")
    assert count(network) == parameters
    assert len(network.state_dict()) == 343


def test_parameters_of_its_parts() -> None:
    with torch.device("meta"):
        network = methods.create("gltr", 625, reading="released")
    assert count(network.trunk) == 23_508_032
    assert count(network.embed) == 262_272
    assert [count(branch) for branch in network.temporal.pyramid.branches] == [49_152] * 3
    assert count(network.temporal.attention) == 526_592
    assert count(network.neck) == 1_024
    assert count(network.classifier) == 320_625
    del network.classifier
    assert count(network) == 24_445_376
    assert len(network.state_dict()) == 341


def test_parameters_of_self_attention_as_the_text_has_it() -> None:
    """B and C 384 -> 192 without a bias, which their batch norms would undo; F 384 -> 192 with one; W without one."""
    with torch.device("meta"):
        attention = methods.create("gltr", 625).temporal.attention
    assert count(attention) == 3 * 384 * 192 + 192 + 2 * 2 * 192 + 192 * 384 == 295_872
    biases = {name for name, _ in attention.named_parameters() if name.endswith("bias") and "norm" not in name}
    assert biases == {"value.bias"}


def test_widths_of_descriptors() -> None:
    with torch.device("meta"):
        assert methods.create("gltr", 5).descriptor_dim == 384
        assert methods.create("gltr", 5, reading="released").descriptor_dim == 512
        assert methods.create("gltr", 5, pyramid="none").descriptor_dim == 128
        assert methods.create("gltr", 5, branches="5", tsa="off").descriptor_dim == 640


def test_training_logits_and_test_feature_have_the_released_shapes() -> None:
    network = methods.create("gltr", 625, reading="released", depth=18).eval()
    with torch.no_grad():
        feature = network(torch.randn(2, 4, 3, 256, 128), torch.ones(2, 4, dtype=torch.bool))
        assert feature.shape == (2, 512)
        assert network.classifier(network.neck(feature)).shape == (2, 625)


@pytest.mark.parametrize("reading", [{}, RELEASED], ids=["paper", "released"])
@pytest.mark.parametrize("training", [False, True])
def test_self_attention_starts_as_the_identity(reading: dict[str, object], training: bool) -> None:
    module = head(**reading).train(training)
    x = torch.randn(2, module.pyramid.branches[0].conv.in_channels * (3 + bool(reading)), 7)
    mask = torch.ones(2, 7, dtype=torch.bool)
    assert torch.equal(module.attention(x, mask), x)


def test_the_released_descriptor_begins_with_the_mean_frame_feature() -> None:
    module, features = head(**RELEASED), torch.randn(2, 6, 128)
    descriptor = module(features, full(features))
    torch.testing.assert_close(descriptor[:, :128], features.mean(dim=1))
    assert not torch.allclose(descriptor[:, 128:256], features.mean(dim=1), atol=1e-3)


@pytest.mark.parametrize(("axis", "sums"), [("key", 2), ("query", 1)])
def test_attention_sums_to_one_along_its_axis(axis: str, sums: int) -> None:
    module = awake(head(softmax_axis=axis))
    weights = module.attention.weights(torch.randn(2, 384, 9), torch.ones(2, 9, dtype=torch.bool))
    assert weights.shape == (2, 9, 9)
    torch.testing.assert_close(weights.sum(dim=sums), torch.ones(2, 9))
    assert weights.std() > 1e-3
    assert not torch.allclose(weights.sum(dim=3 - sums), torch.ones(2, 9))


def span(branch: nn.Module, frames: int = 41) -> tuple[int, int]:
    """How many frames reach the middle one, and from the first to the last of them."""
    x = torch.randn(1, 8, frames, requires_grad=True)
    branch(x, torch.ones(1, frames, dtype=torch.bool))[0, :, frames // 2].sum().backward()
    seen = x.grad[0].abs().sum(dim=0).nonzero().flatten()
    assert seen[0] + seen[-1] == frames - 1, "centred"
    return len(seen), int(seen[-1] - seen[0]) + 1


def test_receptive_fields_of_the_dilated_pyramid() -> None:
    doubling = [span(branch) for branch in head(embed=8).pyramid.branches]
    counting = [span(branch) for branch in head(embed=8, dilations="counting").pyramid.branches]
    assert doubling == [(3, 3), (3, 5), (3, 9)]
    assert counting == [(3, 3), (3, 5), (3, 7)]


@pytest.mark.parametrize("kind", ["undilated", "pooling"])
def test_competitors_have_the_same_receptive_fields_without_holes(kind: str) -> None:
    found = [span(branch) for branch in head(embed=8, pyramid=kind, branches=5).pyramid.branches]
    assert found == [(3, 3), (5, 5), (9, 9), (17, 17), (33, 33)]


def test_one_branch_is_the_same_network_for_every_kind_of_pyramid() -> None:
    features = torch.randn(2, 6, 128)
    found = [head(pyramid=kind, branches=1)(features, full(features)) for kind in ("dilated", "undilated", "pooling")]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("kind", ["dilated", "undilated", "pooling", "none"])
@pytest.mark.parametrize("frames", [1, 2, 5, 16, 37])
def test_any_number_of_frames_is_kept(kind: str, frames: int) -> None:
    module = awake(head(embed=8, pyramid=kind))
    mask = torch.ones(1, frames, dtype=torch.bool)
    local = module.local(torch.randn(1, frames, 8), mask)
    assert local.shape == (1, 8 if kind == "none" else 24, frames)
    assert module.attention(local, mask).shape == local.shape


@torch.no_grad()
def test_self_attention_has_no_sense_of_order_and_the_pyramid_has() -> None:
    features, order = torch.randn(2, 7, 16), torch.randperm(7)
    mask = full(features)
    attention = awake(head(embed=16)).attention
    x = torch.randn(2, 48, 7)
    torch.testing.assert_close(attention(x, mask)[:, :, order], attention(x[:, :, order], mask))
    only = awake(head(embed=16, pyramid="none"))
    torch.testing.assert_close(only(features[:, order], mask), only(features, mask), atol=1e-5, rtol=1e-5)
    pyramid = awake(head(embed=16, tsa=False))
    assert (pyramid(features[:, order], mask) - pyramid(features, mask)).abs().max() > 1e-2


@torch.no_grad()
def test_attention_against_loops_over_tracklets_and_frames() -> None:
    attention = awake(SelfAttention(12, Options(embed=4))).eval()
    for norm in (attention.query_norm, attention.key_norm):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    lengths, x = (5, 3), torch.randn(2, 12, 5)
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    found = attention(x, mask)

    def project(conv: nn.Conv1d, norm: nn.BatchNorm1d, frame: Tensor) -> Tensor:
        y = conv.weight[:, :, 0] @ frame
        y = (y - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
        return y.clamp(min=0)

    for b, length in enumerate(lengths):
        frames = [x[b, :, t] for t in range(length)]
        for i in range(length):
            query = project(attention.query, attention.query_norm, frames[i])
            logits = [query @ project(attention.key, attention.key_norm, frame) for frame in frames]
            weights = torch.stack(logits).softmax(0)
            values = [attention.value.weight[:, :, 0] @ frame + attention.value.bias for frame in frames]
            mixed = sum(w * v for w, v in zip(weights, values, strict=True))
            expected = frames[i] + attention.out[0].weight[:, :, 0] @ mixed
            torch.testing.assert_close(found[b, :, i], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_pooling_branch_is_a_mean_over_real_frames_in_reach() -> None:
    branch = awake(head(embed=4, pyramid="pooling").pyramid.branches[2])
    length, x = 6, torch.randn(1, 4, 9)
    mask = torch.arange(9)[None] < length
    x = x * mask
    convolved = functional.conv1d(x, branch.conv.weight, padding=1)
    found = branch(x, mask)
    for t in range(length):
        expected = convolved[0, :, max(0, t - 3) : min(length, t + 4)].mean(dim=1)  # conv 3 + mean 7 reach 9 frames
        torch.testing.assert_close(found[0, :, t], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"branches": 6}, r"branches = 6 is not in 1 \.\. 5"),
        ({"dilations": "1-2"}, "does not fit branches = 3"),
        ({"dilations": (1, 0, 2)}, "does not fit"),
        ({"dilations": "doublig"}, "expected doubling or counting or a list"),
        ({"alpha": 7}, "does not divide the 384 channels"),
        ({"embed": 0}, "is no width"),
        ({"tsa": "maybe"}, "expected on or off"),
        ({"piramid": "none"}, "unknown option 'piramid': did you mean 'pyramid'"),
        ({"pyramid": "dilatd"}, "unknown value 'dilatd': did you mean 'dilated' or 'undilated'"),
    ],
)
def test_impossible_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(methods.MethodError, match=message):
        methods.create("gltr", 5, **options)


def test_dilations_can_be_spelled_out() -> None:
    with torch.device("meta"):
        network = methods.create("gltr", 5, dilations="1-3-5")
    assert [branch.conv.dilation for branch in network.temporal.pyramid.branches] == [(1,), (3,), (5,)]
