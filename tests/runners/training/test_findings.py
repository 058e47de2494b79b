"""Findings on planted training curves."""

import math

import pytest

from runners.training.findings import STALLED, findings

LN2 = math.log(2)
LOSSES = {"triplet": 1.0}


def curve(*values: float) -> list[dict[str, float]]:
    return [{"step": step, "triplet": value, "loss": value} for step, value in enumerate(values, 1)]


def test_a_loss_that_stays_at_ln_2_over_the_last_third_has_stalled() -> None:
    assert findings(curve(5, 2, 1, 0.75, 0.695, 0.6935), LOSSES, "soft") == [STALLED]
    assert findings(curve(*[1.0] * 40, *[LN2 + 0.009, LN2 - 0.009] * 10), LOSSES, "soft") == [STALLED]


@pytest.mark.parametrize(
    "values",
    [
        (5, 2, 1, 0.75, 0.69, 0.68),  # it goes on falling
        (5, 2, 1, LN2, 0.72, LN2),  # it is still moving
        (LN2, LN2, LN2, LN2, 0.5, 0.3),  # it was stuck and got away
        (LN2, LN2, LN2),  # too short to tell
    ],
)
def test_curves_that_have_not(values: tuple[float, ...]) -> None:
    assert findings(curve(*values), LOSSES, "soft") == []


def test_only_a_soft_margin_collapses_to_ln_2() -> None:
    stuck = curve(*[LN2] * 12)
    assert findings(stuck, LOSSES, 0.3) == []
    assert findings(stuck, LOSSES, None) == []
    assert findings(stuck, {"cross_entropy": 1.0}, "soft") == []


def test_ln_2_is_what_a_collapsed_embedding_gets() -> None:
    import torch

    from methods.layers.losses import batch_hard_triplet

    alike = torch.ones(8, 16)
    labels = torch.arange(4).repeat_interleave(2)
    assert float(batch_hard_triplet(alike, labels, "soft")) == pytest.approx(LN2, abs=1e-5)
