"""ADFD's losses: groups with unknown attributes, weights of rare ones, the discrepancy of two domains, the transfer."""

import math

import pytest
import torch
from torch import Tensor, nn

import methods
from methods.adfd.losses import bce, group_bce, imbalance_weights, mmd, weighted_bce
from methods.adfd.options import PAPER_GROUPS
from methods.adfd.transfer import AttributeTransfer
from methods.interface import AttributeTargets

NAN = float("nan")


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def yes_no(*shape: int, seed: int = 1) -> Tensor:
    return torch.randint(2, shape, generator=torch.Generator().manual_seed(seed)).float()


# Groups ---------------------------------------------------------------------------------------------------------------


def test_who_knows_nothing_pays_log_2_a_group_or_an_attribute() -> None:
    logits, values = torch.zeros(3, 66), yes_no(3, 66)
    assert float(group_bce(logits, values, PAPER_GROUPS)) == pytest.approx(6 * math.log(2), rel=1e-6)
    assert float(group_bce(logits, values, PAPER_GROUPS, "sum")) == pytest.approx(66 * math.log(2), rel=1e-6)


def test_groups_are_plain_cross_entropies_where_all_is_known() -> None:
    logits, values = random(5, 9), yes_no(5, 9)
    parts = [slice(0, 4), slice(4, 5), slice(5, 9)]
    expected = sum(nn.functional.binary_cross_entropy(logits[:, p].sigmoid(), values[:, p]) for p in parts)
    torch.testing.assert_close(group_bce(logits, values, (4, 1, 4)), expected)


def test_what_is_not_known_takes_no_part() -> None:
    logits, values = random(4, 5), yes_no(4, 5)
    values[1], values[0, 2], values[3, 4] = NAN, NAN, NAN
    known = [(i, j) for i in range(4) for j in range(5) if not math.isnan(values[i, j])]

    def of(columns: range) -> float:
        losses = []
        for i, j in known:
            if j in columns:
                chance = 1 / (1 + math.exp(-float(logits[i, j])))
                losses.append(-math.log(chance if values[i, j] == 1 else 1 - chance))
        return sum(losses) / len(losses)

    assert float(group_bce(logits, values, (3, 2))) == pytest.approx(of(range(3)) + of(range(3, 5)), rel=1e-5)
    wild = logits.masked_fill(values.isnan(), 1e4)
    torch.testing.assert_close(group_bce(wild, values, (3, 2)), group_bce(logits, values, (3, 2)))
    wild.requires_grad_()
    (gradient,) = torch.autograd.grad(group_bce(wild, values, (3, 2)), wild)
    assert torch.equal(gradient != 0, ~values.isnan())


def test_nothing_known_is_no_loss_and_a_zero_gradient() -> None:
    logits = random(3, 5).requires_grad_()
    for loss in (group_bce(logits, torch.full((3, 5), NAN), (3, 2)), bce(logits, torch.full((3, 5), NAN))):
        (gradient,) = torch.autograd.grad(loss, logits)
        assert float(loss.detach()) == 0
        assert torch.equal(gradient, torch.zeros(3, 5))


def test_a_group_of_which_nothing_is_known_costs_the_others_nothing() -> None:
    logits, values = random(3, 5), yes_no(3, 5)
    values[:, 3:] = NAN
    torch.testing.assert_close(group_bce(logits, values, (3, 2)), group_bce(logits[:, :3], values[:, :3], (3,)))


# Weights of rare attributes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("w", "yes", "no"), [(0.02, 2.6645, 1.0202), (0.5, 1.6487, 1.6487), (0.95, 1.0513, 2.5857)])
def test_weights_by_the_share_of_yes(w: float, yes: float, no: float) -> None:
    found = imbalance_weights(torch.tensor([w]), 1.0)
    assert [round(float(weight), 4) for weight in found] == [yes, no]


def test_weighted_loss_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])  # chances one half and three quarters
    values = torch.tensor([[1.0, 0.0], [NAN, 1.0]])
    yes, no = torch.tensor([2.0, 3.0]), torch.tensor([5.0, 7.0])
    expected = (2 * math.log(2) + 7 * math.log(4) + 3 * math.log(2)) / 3
    assert float(weighted_bce(logits, values, yes, no)) == pytest.approx(expected, rel=1e-6)
    even = imbalance_weights(torch.tensor([0.5, 0.5]), 1.0)
    torch.testing.assert_close(weighted_bce(logits, values, *even), bce(logits, values) * math.exp(0.5))


# Discrepancy ----------------------------------------------------------------------------------------------------------


def test_a_sample_does_not_differ_from_itself() -> None:
    a = random(7, 4)
    assert float(mmd(a, a, 0.5)) == 0.0


def test_far_copies_of_a_sample_differ_by_twice_its_own_kernel() -> None:
    a = 0.3 * random(6, 4)
    kernel = [[math.exp(-sum((x - y) ** 2 for x, y in zip(p, q, strict=True)) / 0.5) for q in a.tolist()]
              for p in a.tolist()]  # fmt: skip
    expected = 2 * sum(map(sum, kernel)) / 36
    assert float(mmd(a, a + 100, 0.5)) == pytest.approx(expected, rel=1e-5)
    assert expected > 2 / 6  # the diagonal counts: it is the biased estimate


def test_discrepancy_of_two_points_by_hand() -> None:
    found = mmd(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.3, 0.4]]), 0.5)
    assert float(found) == pytest.approx(2 - 2 * math.exp(-0.25 / 0.5), rel=1e-6)


def test_discrepancy_is_symmetric_and_never_negative() -> None:
    a, b = random(5, 3), random(8, 3, seed=2)
    torch.testing.assert_close(mmd(a, b, 0.5), mmd(b, a, 0.5))
    assert all(float(mmd(random(4, 3, seed=s), random(4, 3, seed=s + 100), 0.5)) >= 0 for s in range(20))


def test_long_features_leave_the_kernel_nothing() -> None:
    """Why F is brought to unit length: at alpha = 0.5 a distance of 8 is a kernel of 1e-56, no float32."""
    s, t = (random(4, 512, seed=seed).requires_grad_() for seed in (1, 2))
    loss = mmd(s, t, 0.5)
    assert float(loss.detach()) == pytest.approx(2 / 4)  # nothing but the two diagonals
    assert not any(gradient.any() for gradient in torch.autograd.grad(loss, [s, t]))
    units = [nn.functional.normalize(x, dim=1) for x in (s, t)]
    assert all(gradient.any() for gradient in torch.autograd.grad(mmd(*units, 0.5), [s, t]))
    closest, farthest = (math.exp(-squared / (2 * 0.5**2)) for squared in (0, 4))
    assert (closest, farthest) == (1.0, pytest.approx(3.3546e-4, rel=1e-4))  # what unit length leaves


# Transfer -------------------------------------------------------------------------------------------------------------


def labeller(**options: object) -> AttributeTransfer:
    torch.manual_seed(0)
    network = methods.create("adfd", 5, network="transfer", groups=(2, 3), feature_dim=8, **options)
    nn.init.normal_(network.predictors.weight)
    return network.eval()


def batch() -> tuple[Tensor, Tensor, Tensor, AttributeTargets]:
    """Single frames: three of the source, two of the target."""
    values = yes_no(5, 5)
    values[2, :4], values[3:] = NAN, NAN
    return random(5, 1, 8), torch.ones(5, 1, dtype=torch.bool), torch.arange(5), AttributeTargets(
        values, torch.tensor([0.1, 0.5, 0.9, 0.02, 0.3])
    )  # fmt: skip


def of(network: AttributeTransfer, name: str, rows: Tensor, targets: AttributeTargets) -> Tensor:
    mask, labels = torch.ones(len(rows), 1, dtype=torch.bool), torch.zeros(len(rows), dtype=torch.long)
    return network.frame_losses(rows, mask, labels, [name], targets)[name]


@pytest.mark.parametrize("name", ["bce", "wbce"])
def test_attributes_are_learned_from_the_source_alone(name: str) -> None:
    network, (rows, *_, targets) = labeller(), batch()
    expected = of(network, name, rows[:3], AttributeTargets(targets.values[:3], targets.positive))
    rows = rows.requires_grad_()
    found = of(network, name, rows, targets)
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found, rows)
    assert gradient[:3].any()
    assert not gradient[3:].any()


def test_domains_are_told_apart_by_what_is_known() -> None:
    network, (rows, *_, targets) = labeller(feature_norm="none"), batch()
    torch.testing.assert_close(of(network, "mmd", rows, targets), mmd(rows[:3, 0], rows[3:, 0], 0.5))
    unit = nn.functional.normalize(rows[:, 0], dim=1)
    torch.testing.assert_close(of(labeller(), "mmd", rows, targets), mmd(unit[:3], unit[3:], 0.5))
    found = of(labeller(mmd_alpha=2.0), "mmd", rows, targets)
    torch.testing.assert_close(found, mmd(unit[:3], unit[3:], 2.0))


@pytest.mark.parametrize(("part", "found"), [(slice(3), "source"), (slice(3, 5), "target")])
def test_one_domain_has_no_discrepancy(part: slice, found: str) -> None:
    network, (rows, *_, targets) = labeller(), batch()
    with pytest.raises(methods.MethodError, match=rf"is of the {found}.*domain = 'both'"):
        of(network, "mmd", rows[part], AttributeTargets(targets.values[part], targets.positive))


def test_rare_attributes_weigh_more_only_where_they_are_there() -> None:
    network, rows, positive = labeller(), torch.zeros(1, 1, 8), torch.full((5,), 0.02)
    nn.init.zeros_(network.predictors.bias)
    there, gone = (
        of(network, "wbce", rows, AttributeTargets(torch.full((1, 5), v), positive)).detach() for v in (1.0, 0.0)
    )
    assert float(there) / math.log(2) == pytest.approx(2.6645, abs=1e-4)
    assert float(gone) / math.log(2) == pytest.approx(1.0202, abs=1e-4)


@torch.no_grad()
def test_label_transfer_averages_chances_and_not_features() -> None:
    network = labeller()
    rows, mask = random(2, 3, 8), torch.tensor([[True, True, True], [True, False, False]])
    found = network.attribute_probabilities(rows.masked_fill(~mask[..., None], NAN), mask)
    single = network.predictors(rows).sigmoid()
    torch.testing.assert_close(found, torch.stack([single[0].mean(dim=0), single[1, 0]]))
    of_mean = network.predictors(rows[0].mean(dim=0)).sigmoid()
    assert not torch.allclose(found[0], of_mean, atol=1e-3)


def test_a_re_id_network_has_no_losses_of_transfer_and_the_other_way_round() -> None:
    clips, mask, labels = torch.zeros(1, 1, 3, 32, 32), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1).long()
    with pytest.raises(methods.MethodError, match="unknown loss 'wbce'"):
        methods.create("adfd", 5).eval().losses(clips, mask, labels, ["wbce"])
    with pytest.raises(methods.MethodError, match="unknown loss 'attributes'"):
        labeller().losses(clips, mask, labels, ["attributes"])


def test_the_feature_layer_may_be_left_out() -> None:
    network = methods.create("adfd", 5, network="transfer", feature_dim=0)
    assert network.frame_dim == 512
    assert sum(p.numel() for p in network.parameters()) == 11_176_512 + 513 * 66
