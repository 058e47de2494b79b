"""TKP's losses: values worked out by hand, loops, invariances, and where they must not break."""

import math

import pytest
import torch
from torch import Tensor

from methods.tkp.losses import batch_hard, distance_loss, feature_loss, integrated_triplet

IMAGES, IMAGE_IDS = torch.tensor([[0.0], [2.0], [1.0], [4.0]]), torch.tensor([0, 0, 1, 1])
VIDEOS, VIDEO_IDS = torch.tensor([[1.0], [2.5]]), torch.tensor([0, 1])
SIDES = {
    "I2I": (IMAGES, IMAGE_IDS, IMAGES, IMAGE_IDS, 1.55),
    "I2V": (IMAGES, IMAGE_IDS, VIDEOS, VIDEO_IDS, 0.65),
    "V2I": (VIDEOS, VIDEO_IDS, IMAGES, IMAGE_IDS, 1.30),
    "V2V": (VIDEOS, VIDEO_IDS, VIDEOS, VIDEO_IDS, 0.0),
}


@pytest.mark.parametrize("side", SIDES)
def test_each_term_of_the_integrated_triplet_by_hand(side: str) -> None:
    *inputs, expected = SIDES[side]
    assert float(batch_hard(*inputs, 0.3)) == pytest.approx(expected, abs=1e-6)


def test_integrated_triplet_is_the_sum_of_its_terms() -> None:
    found = integrated_triplet(IMAGES, IMAGE_IDS, VIDEOS, VIDEO_IDS, 0.3)
    assert float(found) == pytest.approx(1.55 + 0.65 + 1.30 + 0.0, abs=1e-6)


def loop(a: Tensor, ids: Tensor, b: Tensor, other_ids: Tensor, margin: float) -> float:
    values = []
    for x, i in zip(a.double().tolist(), ids.tolist(), strict=True):
        apart = [(math.dist(x, y), i == j) for y, j in zip(b.double().tolist(), other_ids.tolist(), strict=True)]
        positive, negative = [d for d, same in apart if same], [d for d, same in apart if not same]
        if positive and negative:
            values.append(max(0.0, margin + max(positive) - min(negative)))
    return sum(values) / len(values)


@pytest.mark.parametrize("margin", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("ids", [[0, 0, 1, 1, 2], [4, 4, 4, 4, 9], [0, 1, 2, 3, 4]])
def test_batch_hard_between_sets_against_loops(margin: float, ids: list[int]) -> None:
    generator = torch.Generator().manual_seed(0)
    videos, images = torch.randn(5, 7, generator=generator), torch.randn(15, 7, generator=generator)
    of_video = torch.tensor(ids)
    of_image = of_video.repeat_interleave(3)
    for inputs in (
        (images, of_image, videos, of_video),
        (videos, of_video, images, of_image),
        (images, of_image, images, of_image),
    ):
        assert float(batch_hard(*inputs, margin)) == pytest.approx(loop(*inputs, margin), rel=1e-5)


def test_an_anchor_that_is_its_only_positive_is_at_distance_zero() -> None:
    x = torch.tensor([[0.0], [0.1]])
    assert float(batch_hard(x, torch.tensor([0, 1]), x, torch.tensor([0, 1]), 0.3)) == pytest.approx(0.2)


def test_one_identity_alone_has_no_triplet() -> None:
    """The released code leaves such batches out."""
    x, ids = torch.randn(4, 3, requires_grad=True), torch.zeros(4, dtype=torch.long)
    loss = integrated_triplet(x, ids, x[:2], ids[:2], 0.3)
    loss.backward()
    assert float(loss.detach()) == 0
    assert not x.grad.any()


def test_coinciding_features_have_finite_gradients() -> None:
    x, ids = torch.ones(4, 3, requires_grad=True), torch.tensor([0, 0, 1, 1])
    (integrated_triplet(x, ids, x, ids, 0.3) + distance_loss(x, torch.randn(4, 3))).backward()
    assert x.grad.isfinite().all()


def test_feature_loss_of_one_dimension_off_by_one_is_one() -> None:
    images = torch.randint(-5, 5, (6, 2048)).float()
    frames = images.clone()
    frames[:, 7] += 1
    assert float(feature_loss(images, frames)) == 1.0
    assert float(feature_loss(images, images)) == 0.0


def test_distance_loss_by_hand_and_its_two_means() -> None:
    images, frames = torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0], [1.0]])
    assert float(distance_loss(images, frames, "frames")) == pytest.approx(2 * 2**2 / 2)
    assert float(distance_loss(images, frames, "pairs")) == pytest.approx(2 * 2**2 / 4)


def test_the_two_means_are_sixty_four_times_apart_in_a_batch_of_the_paper() -> None:
    images, frames = torch.randn(2, 64, 8)
    ratio = distance_loss(images, frames, "frames") / distance_loss(images, frames, "pairs")
    assert float(ratio) == pytest.approx(64, rel=1e-5)


def test_distance_loss_is_blind_to_where_features_lie() -> None:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(9, 16, generator=generator)
    turn, _ = torch.linalg.qr(torch.randn(16, 16, generator=generator))
    assert float(distance_loss(frames + 3, frames)) == pytest.approx(0, abs=1e-9)  # translated
    assert float(distance_loss(frames @ turn, frames)) == pytest.approx(0, abs=1e-9)  # turned
    assert float(distance_loss(2 * frames, frames)) > 1  # stretched


def test_distance_loss_against_loops() -> None:
    images, frames = torch.randn(2, 5, 4)
    a, b = images.double().tolist(), frames.double().tolist()
    total = sum((math.dist(a[i], a[j]) - math.dist(b[i], b[j])) ** 2 for i in range(5) for j in range(5))
    assert float(distance_loss(images, frames)) == pytest.approx(total / 5, rel=1e-5)


def test_nearly_collapsed_features_are_told_apart() -> None:
    """Distances of 1e-3 at a norm of 100, where a Gram-matrix formula would give noise."""
    x = torch.full((4, 16), 25.0)
    x[:, 0] += torch.tensor([0.0, 1e-3, 4e-3, 5e-3])
    ids = torch.tensor([0, 0, 1, 1])
    assert float(batch_hard(x, ids, x, ids, 0.3)) == pytest.approx(loop(x, ids, x, ids, 0.3), abs=2e-5)
