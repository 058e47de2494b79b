"""ADFD's facts: how confidence falls with doubt, what weighs what, where gradients go, sizes."""

import math

import pytest
import torch
from torch import Tensor, nn

import methods
from methods.adfd.confidence import frame_weights, log_confidence
from methods.adfd.model import ADFD, WeighingADFD
from methods.adfd.options import PAPER_GROUPS
from methods.interface import Attends, AttributeTargets, Explains, FrameThenTime, LearnsAttributes

IDS = 5
GROUPS = (2, 3)


def small(**options: object) -> ADFD:
    """Two groups and narrow segments, and predictors that have an opinion."""
    torch.manual_seed(0)
    network = methods.create("adfd", IDS, **{"groups": GROUPS, "segment": 6, **options}).eval()
    for predictor in network.predictors:
        nn.init.normal_(predictor.weight, std=1.0)
        nn.init.normal_(predictor.bias, std=0.5)
    return network


def features(network: ADFD) -> tuple[Tensor, Tensor]:
    """Frame features of clips of 5, 2, 1 and 4 real frames, NaN on padding, which also stands in the middle."""
    generator = torch.Generator().manual_seed(3)
    mask = torch.arange(5) < torch.tensor([5, 2, 1, 5])[:, None]
    mask[3, 2] = False
    found = torch.randn(4, 5, network.frame_dim, generator=generator)
    return found.masked_fill(~mask[..., None], torch.nan), mask


def conf(p: float | list[float], sigma: float = 0.5, entropy: str = "paper") -> float:
    chances = torch.tensor(p if isinstance(p, list) else [p], dtype=torch.float64)
    return float(log_confidence(chances, sigma, entropy).exp())


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# Confidence -----------------------------------------------------------------------------------------------------------


def test_confidence_at_one_half_is_a_quarter() -> None:
    assert conf(0.5) == pytest.approx(0.25, rel=1e-12)
    assert conf([0.5] * 21) == pytest.approx(0.25, rel=1e-12)  # a mean over attributes, not a sum


def test_the_least_confident_chance_is_one_over_e_and_not_one_half() -> None:
    grid = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    found = log_confidence(grid[:, None], 0.5).exp()
    assert float(grid[found.argmin()]) == pytest.approx(1 / math.e, abs=1e-5)
    assert float(found.min()) == pytest.approx(0.229577, abs=1e-6)
    binary = log_confidence(grid[:, None], 0.5, "binary").exp()
    assert float(grid[binary.argmin()]) == pytest.approx(0.5, abs=1e-5)
    assert float(binary.min()) == pytest.approx(1 / 16)
    assert conf(0.2) != pytest.approx(conf(0.8), abs=0.01)  # half of an entropy is not symmetric
    assert conf(0.2, entropy="binary") == pytest.approx(conf(0.8, entropy="binary"))


@pytest.mark.parametrize("entropy", ["paper", "binary"])
def test_what_is_certain_is_fully_confident_either_way(entropy: str) -> None:
    assert conf(0.0, entropy=entropy) == conf(1.0, entropy=entropy) == 1.0
    assert conf([0.0, 1.0, 1.0, 0.0], entropy=entropy) == 1.0


def test_confidence_is_finite_for_every_float_that_a_sigmoid_gives() -> None:
    logits = torch.tensor([-torch.inf, -200.0, -104.0, -88.0, -17.0, 17.0, 88.0, torch.inf])
    for entropy in ("paper", "binary"):
        found = log_confidence(logits.sigmoid()[:, None], 0.3, entropy)
        assert found.isfinite().all()
        assert (found <= 0).all()
        assert found[0] == found[-1] == 0


@pytest.mark.parametrize(("sigma", "bound"), [(0.3, "59.594"), (0.5, "4.3558"), (0.9, "1.5749"), (1.2, "1.2911")])
def test_two_frames_cannot_differ_by_more(sigma: float, bound: str) -> None:
    chances = torch.tensor([1.0, 1 / math.e], dtype=torch.float64)[None, :, None]  # one clip, one attribute
    weights = frame_weights(log_confidence(chances, sigma), torch.ones(1, 2, dtype=torch.bool))
    digits = len(bound.partition(".")[2])
    assert f"{float(weights[0, 0] / weights[0, 1]):.{digits}f}" == bound
    many = torch.rand(1, 500, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = frame_weights(log_confidence(many, sigma), torch.ones(1, 500, dtype=torch.bool))
    assert 1 < float(weights.max() / weights.min()) < float(bound)


def test_weights_are_confidences_over_their_sum() -> None:
    generator = torch.Generator().manual_seed(1)
    chances, mask = torch.rand(3, 4, 5, generator=generator), torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [0, 1, 0, 0]])
    found = frame_weights(log_confidence(chances, 0.5), mask.bool())
    confidences = log_confidence(chances, 0.5).exp() * mask
    torch.testing.assert_close(found, confidences / confidences.sum(dim=1, keepdim=True))
    assert torch.equal(found[~mask.bool()], torch.zeros(5))


def test_a_tiny_sigma_picks_a_frame_where_confidences_themselves_are_all_zero() -> None:
    chances = torch.tensor([0.4, 0.9, 0.5])[None, :, None]
    assert not log_confidence(chances, 0.01).exp().any()  # 0 over 0
    found = frame_weights(log_confidence(chances, 0.01), torch.ones(1, 3, dtype=torch.bool))
    assert found.tolist() == [[0.0, 1.0, 0.0]]


# The network ----------------------------------------------------------------------------------------------------------


def by_hand(network: ADFD, rows: Tensor, mask: Tensor, sigma: float, merge: str, weights: str) -> list[list[float]]:
    """The descriptors by the formulas, one number after the other."""
    found = []
    for clip, real in zip(rows.tolist(), mask.tolist(), strict=True):
        frames = [frame for frame, is_real in zip(clip, real, strict=True) if is_real]
        width = len(frames[0]) // (len(GROUPS) + 1)
        segments = len(GROUPS) + 1 if merge == "segments" else 1
        size = width if merge == "segments" else len(frames[0])

        def chances(frame: list[float], n: int, merge: str = merge, width: int = width) -> list[float]:
            seen = frame[n * width : (n + 1) * width] if merge == "segments" else frame
            layer = network.predictors[n]
            logits = [
                sum(w * x for w, x in zip(row, seen, strict=True)) + b
                for row, b in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
            ]
            return [1 / (1 + math.exp(-x)) for x in logits]

        def confidence(p: list[float]) -> float:
            return math.exp(sum(x * math.log(x) for x in p) / len(p) / sigma**2)

        descriptor = []
        for n in range(segments):
            if weights == "frame" and merge == "whole":
                confidences = [confidence(chances(f, 0) + chances(f, 1)) for f in frames]
            elif weights == "segment" and n < len(GROUPS):
                confidences = [confidence(chances(f, n)) for f in frames]
            else:
                confidences = [1.0] * len(frames)
            share = [c / sum(confidences) for c in confidences]
            for i in range(n * size, (n + 1) * size):
                descriptor.append(sum(w * frame[i] for w, frame in zip(share, frames, strict=True)))
        found.append(descriptor)
    return found


@pytest.mark.parametrize(
    ("merge", "weights", "sigma"),
    [
        ("segments", "segment", 0.5),
        ("segments", "segment", 0.3),
        ("segments", "none", 0.5),
        ("whole", "frame", 0.5),
        ("whole", "none", 0.5),
    ],
)
@torch.no_grad()
def test_descriptors_are_those_of_the_formulas(merge: str, weights: str, sigma: float) -> None:
    network = small(merge=merge, weights=weights, sigma=sigma)
    rows, mask = features(network)
    expected = torch.tensor(by_hand(network, rows, mask, sigma, merge, weights))
    torch.testing.assert_close(network.aggregate(rows, mask), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_frames_that_are_equally_sure_make_f_into_d() -> None:
    f, d = small(), small(weights="none")
    d.load_state_dict(f.state_dict())
    rows, mask = features(f)
    assert not torch.allclose(f.aggregate(rows, mask), d.aggregate(rows, mask), rtol=0.01, atol=0.01)
    for predictor in f.predictors:
        predictor.weight.zero_()  # the chances are those of the biases, in every frame
    torch.testing.assert_close(f.aggregate(rows, mask), d.aggregate(rows, mask))


@torch.no_grad()
def test_a_huge_sigma_makes_f_into_d_and_c_into_b() -> None:
    for merge, weights in (("segments", "segment"), ("whole", "frame")):
        weighed, mean = small(merge=merge, weights=weights, sigma=1e4), small(merge=merge, weights="none")
        mean.load_state_dict(weighed.state_dict())
        rows, mask = features(weighed)
        torch.testing.assert_close(weighed.aggregate(rows, mask), mean.aggregate(rows, mask))


@torch.no_grad()
def test_a_new_network_weighs_all_frames_alike_but_for_little() -> None:
    """Predictors start near zero, so training begins at model D."""
    torch.manual_seed(0)
    network = methods.create("adfd", IDS).eval()
    rows, mask = features(network)
    weights = network.frame_weights(network.cut(rows, mask), mask)
    assert weights.shape == (4, 5, 6)
    even = mask / mask.sum(dim=1, keepdim=True)
    torch.testing.assert_close(weights, even[..., None].expand(-1, -1, 6), rtol=0.01, atol=0)
    chances = network.attribute_probabilities(rows, mask)
    torch.testing.assert_close(chances, torch.full((4, 66), 0.5), rtol=0.02, atol=0)


def test_weights_are_constants_to_every_gradient() -> None:
    network = small()
    rows, mask = features(network)
    rows = rows.nan_to_num(0.0).requires_grad_()
    weights = network.frame_weights(network.cut(rows, mask), mask)
    assert not weights.requires_grad
    descriptor = network.aggregate(rows, mask)
    (gradient,) = torch.autograd.grad(descriptor.sum(), rows)
    even = mask / mask.sum(dim=1, keepdim=True)
    expected = torch.cat([weights, even[..., None]], dim=2).repeat_interleave(6, dim=2)
    torch.testing.assert_close(gradient, expected)  # of a weighted sum with given weights; nothing came through them
    loss = network.frame_losses(rows, mask, torch.tensor([0, 1, 2, 3]), ["cross_entropy"])["cross_entropy"]
    found = torch.autograd.grad(loss, list(network.predictors.parameters()), allow_unused=True)
    assert found == (None,) * 4


@pytest.mark.parametrize("reaches", [True, False])
def test_whether_attributes_train_the_trunk(reaches: bool) -> None:
    network = small(backprop_attributes=reaches)
    rows, mask = features(network)
    rows = rows.nan_to_num(0.0).requires_grad_()
    targets = AttributeTargets(torch.ones(4, 5), torch.full((5,), 0.5))
    loss = network.frame_losses(rows, mask, torch.zeros(4, dtype=torch.long), ["attributes"], targets)["attributes"]
    of_rows, *of_predictors = torch.autograd.grad(loss, [rows, *network.predictors.parameters()], allow_unused=True)
    assert all(gradient.any() for gradient in of_predictors)
    assert (of_rows is not None and bool(of_rows.any())) == reaches
    if reaches:  # segments are disentangled: no predictor reads the global one, nor another group's
        assert not of_rows[..., 12:].any()


@torch.no_grad()
def test_a_group_is_told_from_its_own_segment() -> None:
    network = small()
    rows, mask = features(network)
    before = network.attribute_probabilities(rows, mask)
    changed = rows.clone()
    changed[..., :6] += 1.0
    after = network.attribute_probabilities(changed, mask)
    assert not torch.isclose(before[:, :2], after[:, :2], atol=1e-3).any()
    torch.testing.assert_close(before[:, 2:], after[:, 2:])


@torch.no_grad()
def test_what_it_shows() -> None:
    images, mask = torch.randn(2, 3, 3, 32, 32), torch.ones(2, 3, dtype=torch.bool)
    seen = small().explain(images, mask)
    assert list(seen) == ["frames", "frames/1", "frames/2"]
    torch.testing.assert_close(seen["frames"], (seen["frames/1"] + seen["frames/2"]) / 2)
    assert not torch.allclose(seen["frames/1"], seen["frames/2"])
    assert list(small(merge="whole", weights="frame").explain(images, mask)) == ["frames"]


@pytest.mark.parametrize(
    ("arm", "kind"),
    [("b", ADFD), ("c", WeighingADFD), ("d", ADFD), ("adfd", WeighingADFD), ("a", None), ("transfer-wbce", None)],
)
def test_what_an_arm_can_do(arm: str, kind: type | None) -> None:
    found = methods.arm(arm, "adfd")
    network = found.build(IDS)
    assert isinstance(network, FrameThenTime)
    assert isinstance(network, LearnsAttributes) == (arm != "a")
    assert isinstance(network, Explains) == isinstance(network, Attends) == (kind is WeighingADFD)
    assert kind is None or type(network) is kind
    if arm != "transfer-wbce":  # A has an fc1 of the same width
        assert network.frame_dim == network.descriptor_dim == 896


@pytest.mark.parametrize(("depth", "of_trunk", "pooled"), [(18, 11_176_512, 512), (50, 23_508_032, 2048)])
def test_parameters(depth: int, of_trunk: int, pooled: int) -> None:
    with torch.device("meta"):
        divided = methods.create("adfd", 625, depth=depth)
        whole = methods.create("adfd", 625, depth=depth, merge="whole", weights="frame")
    assert sum(PAPER_GROUPS) == 66
    assert divided.groups == PAPER_GROUPS == (4, 6, 21, 14, 13, 8)
    for network, read in ((divided, 128), (whole, 896)):
        assert count(network.trunk) == of_trunk
        assert count(network.embed) == (pooled + 1) * 896
        assert count(network.predictors) == 66 * (read + 1)
        assert count(network.classifier) == 897 * 625
        assert count(network) == of_trunk + (pooled + 1) * 896 + 66 * (read + 1) + 897 * 625


def test_groups_of_another_annotation() -> None:
    network = methods.arm("adfd", "adfd").with_groups((3, 1, 4, 1, 5)).build(IDS)
    assert network.groups == (3, 1, 4, 1, 5)
    assert network.descriptor_dim == 6 * 128  # five groups and the global segment
    assert methods.arm("a", "adfd").with_groups((3, 1)).settings() == methods.arm("a", "adfd").settings()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": ()}, "at least one group"),
        ({"groups": (3, 0)}, "leave empty groups out"),
        ({"merge": "whole"}, "weights = segment weighs segments, and merge = whole has none; write weights = frame"),
        ({"sigma": 0.0}, "sigma = 0.0 must be positive"),
        ({"mmd_alpha": -1.0}, "mmd_alpha = -1.0 must be positive"),
        ({"segment": 0}, "segment is a width"),
        ({"entropy": "binay"}, "did you mean 'binary'"),
    ],
)
def test_options_that_make_no_network(options: dict[str, object], message: str) -> None:
    with pytest.raises(methods.MethodError, match=message):
        methods.create("adfd", IDS, **options)


def test_targets_of_another_annotation_are_refused() -> None:
    network = small()
    rows, mask = features(network)
    targets = AttributeTargets(torch.ones(4, 7), torch.full((7,), 0.5))
    with pytest.raises(methods.MethodError, match=r"got 7 attributes a person.*for 5 in groups of 2-3"):
        network.frame_losses(rows, mask, torch.zeros(4, dtype=torch.long), ["attributes"], targets)
