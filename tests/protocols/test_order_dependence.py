"""Whether order can change a descriptor, as untrained networks show: by their form, and on the arms of the papers."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

import methods
from protocols.order_dependence import FRAMES_COUNT, ORDER_BLIND, order_change
from tests.methods.cases import built

SIZE = (32, 16)


class Network(nn.Module):
    """Two numbers a frame that `over_time` brings together."""

    descriptor_dim = 8

    def __init__(self, over_time: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.frame = nn.Conv2d(3, 8, 4, stride=4)
        self.last = nn.Conv1d(8, 8, 3, padding=1)
        self.gain = nn.Parameter(torch.zeros(1))
        self.over_time = over_time

    def forward(self, clips: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        frames = self.frame(clips.flatten(0, 1)).relu().mean(dim=(2, 3)).unflatten(0, mask.shape)  # [B, T, 8]
        return self.over_time(self, frames)

    def losses(self, *_: object) -> dict[str, torch.Tensor]:
        return {}


class Last(Network):
    """Takes clips of `clip_length` frames."""

    clip_length = 4

    def forward(self, clips: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if clips.shape[1] != self.clip_length:
            raise ValueError("another length")
        return super().forward(clips, mask)


def mean(_: Network, frames: torch.Tensor) -> torch.Tensor:
    return frames.mean(dim=1)


def last(_: Network, frames: torch.Tensor) -> torch.Tensor:
    return frames[:, -1]


def residual(of: Network, frames: torch.Tensor) -> torch.Tensor:
    """A temporal convolution behind a gain that begins at zero, as in a non-local block."""
    seen = of.last(frames.transpose(1, 2)).relu().transpose(1, 2)
    return (frames + of.gain * seen).mean(dim=1)


def constant(_: Network, frames: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(frames[:, 0])


def infinite(_: Network, frames: torch.Tensor) -> torch.Tensor:
    return frames[:, 0] / 0


@pytest.mark.parametrize(("over_time", "blind"), [(mean, True), (last, False), (residual, False)])
def test_the_form_decides_and_an_output_that_begins_at_zero_hides_nothing(over_time, blind: bool) -> None:
    change = order_change(Network(over_time), SIZE)
    assert change is not None
    assert (change < ORDER_BLIND) == blind
    assert blind or change > 10 * ORDER_BLIND


def test_initial_weights_alone_would_have_hidden_it() -> None:
    network = Network(residual).eval()
    clip = torch.randn(1, 4, 3, *SIZE)
    with torch.no_grad():
        plain, turned = (network(one, torch.ones(1, 4, dtype=torch.bool)) for one in (clip, clip.flip(1)))
    assert torch.allclose(plain, turned, atol=1e-6)


@pytest.mark.parametrize("over_time", [constant, infinite])
def test_a_network_that_does_not_follow_its_frames_says_nothing_of_their_order(over_time) -> None:
    assert order_change(Network(over_time), SIZE) is None
    assert FRAMES_COUNT > 10 * ORDER_BLIND


def test_clips_are_as_long_as_a_network_takes_them_and_one_frame_has_no_order() -> None:
    change = order_change(Last(last), SIZE)
    assert change is not None and change > ORDER_BLIND
    single = Last(last)
    single.clip_length = 1
    assert order_change(single, SIZE) is None


def test_the_same_network_gives_the_same_number_and_every_parameter_has_moved() -> None:
    networks = [Network(residual), Network(residual)]
    before = {name: one.detach().clone() for name, one in networks[0].named_parameters()}
    assert order_change(networks[0], SIZE) == order_change(networks[1], SIZE)
    assert all((one != before[name]).all() for name, one in networks[0].named_parameters())


@pytest.mark.parametrize(
    ("text", "blind"),
    [
        ("gltr/tsa", True), ("gltr/tsa-released", True), ("gltr/dtp", False), ("gltr/gltr", False),
        ("gltr/gltr[branches=1]", False), ("gltr/pooling-n2", False), ("gltr/baseline", True),
        ("cosam/r50-tp", True), ("cosam/r50-ta", False), ("cosam/r50-rnn", False), ("cosam/cosam", False),
        ("tkp/tkp", True), ("adfd/ta", False),
    ],
)  # fmt: skip
def test_arms_of_the_papers_are_as_their_text_says(text: str, blind: bool) -> None:
    torch.manual_seed(0)
    change = order_change(built(methods.arm(text), (64, 32)), (64, 32))
    assert change is not None
    assert (change < ORDER_BLIND) == blind, change
