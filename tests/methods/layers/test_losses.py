"""Losses against loops, and where they must not break."""

import math

import pytest
import torch
from torch import Tensor

import methods
from methods.layers.losses import batch_hard_triplet, compute_losses, cross_entropy


def loop_triplet(x: Tensor, labels: Tensor, margin: float | str) -> float:
    """The definition, anchor by anchor, in Python floats."""
    values, points = [], x.double().tolist()
    for a, anchor in enumerate(points):
        positive, negative = [], []
        for b, other in enumerate(points):
            distance = math.sqrt(sum((p - q) ** 2 for p, q in zip(anchor, other, strict=True)))
            if a != b:
                (positive if labels[a] == labels[b] else negative).append(distance)
        if positive and negative:
            gap = max(positive) - min(negative)
            values.append(math.log1p(math.exp(gap)) if margin == "soft" else max(0.0, margin + gap))
    return sum(values) / len(values)


@pytest.mark.parametrize("margin", ["soft", 0.3, 0.0, 5.0])
@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 2], [3, 9, 3, 9, 9, 1]])
def test_triplet_against_loops(margin: float | str, labels: list[int]) -> None:
    x, ids = torch.randn(6, 10, generator=torch.Generator().manual_seed(0)), torch.tensor(labels)
    assert float(batch_hard_triplet(x, ids, margin)) == pytest.approx(loop_triplet(x, ids, margin), rel=1e-5)


def test_triplet_by_hand() -> None:
    x = torch.tensor([[0.0], [3.0], [4.0], [10.0]])
    ids = torch.tensor([0, 0, 1, 1])
    # anchors: 3-4, 3-1, 6-1, 6-7 with margin 2 -> 1, 4, 7, 1
    assert float(batch_hard_triplet(x, ids, 2.0)) == pytest.approx(13 / 4)


@pytest.mark.parametrize("margin", ["soft", 0.3])
@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3]])
def test_triplet_of_identical_embeddings_has_a_finite_gradient(margin: float | str, labels: list[int]) -> None:
    x = torch.ones(4, 8, requires_grad=True)
    loss = batch_hard_triplet(x, torch.tensor(labels), margin)
    loss.backward()
    assert loss.isfinite()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [4]])
def test_triplet_without_any_triplet_is_zero(labels: list[int]) -> None:
    x = torch.randn(len(labels), 4, requires_grad=True)
    loss = batch_hard_triplet(x, torch.tensor(labels))
    loss.backward()
    assert float(loss.detach()) == 0
    assert not x.grad.any()


def test_triplet_tells_nearly_collapsed_embeddings_apart() -> None:
    """Distances of 1e-3 at a norm of 100, where a Gram-matrix formula would give noise."""
    x = torch.full((4, 16), 25.0)
    x[:, 0] += torch.tensor([0.0, 1e-3, 4e-3, 5e-3])
    labels = torch.tensor([0, 0, 1, 1])
    expected = loop_triplet(x, labels, 0.3)
    assert float(batch_hard_triplet(x, labels, 0.3)) == pytest.approx(expected, abs=2e-5)
    assert abs(expected - 0.3) > 1e-4


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_against_loops(smoothing: float) -> None:
    logits, labels = torch.randn(5, 7), torch.tensor([0, 6, 3, 3, 1])
    values = []
    for row, label in zip(logits.double().tolist(), labels.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(v) for v in row))
        target = [smoothing / 7 + (1 - smoothing) * (c == label) for c in range(7)]
        values.append(-sum(t * (v - log_sum) for t, v in zip(target, row, strict=True)))
    assert float(cross_entropy(logits, labels, smoothing)) == pytest.approx(sum(values) / 5, rel=1e-5)


def test_only_wanted_losses_are_computed() -> None:
    def never() -> Tensor:
        raise AssertionError("nobody asked for this")

    found = compute_losses(["a"], {"a": lambda: torch.tensor(1.0), "b": never})
    assert list(found) == ["a"]
    with pytest.raises(methods.MethodError, match=r"unknown loss 'triplett': did you mean 'triplet'"):
        compute_losses(["triplett"], {"triplet": never})
