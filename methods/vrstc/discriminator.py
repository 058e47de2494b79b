"""Discriminators and the adversarial game, log D(x) + log(1 - D(x2)) (Hou et al. 2019, whose print has D(1 - x2))."""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (1, 2, 4, 8, 8, 8)  # channels of the six convolutions, in widths: 64 to 512 at width 64


class Discriminator(nn.Module):
    """Six 3x3 convolutions of stride 2 and one fully connected layer; the sigmoid is in the losses.

    LeakyReLU of slope 0.2 follows each, as in DCGAN, but no batch norm: its statistics would tie frames together.

    Args:
        size: height and width of what it judges; they decide the fully connected layer.
        width: channels of the first convolution.
    """

    def __init__(self, size: tuple[int, int], width: int) -> None:
        super().__init__()
        channels = [3, *(width * factor for factor in WIDTHS)]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            conv = nn.Conv2d(before, after, 3, stride=2, padding=1)
            nn.init.kaiming_normal_(conv.weight, a=0.2)
            assert conv.bias is not None  # torch's default
            nn.init.zeros_(conv.bias)
            layers += [conv, nn.LeakyReLU(0.2, inplace=True)]
        self.convs = nn.Sequential(*layers)
        height, width_left = (-(-side // 64) for side in size)
        self.fc = nn.Linear(channels[-1] * height * width_left, 1)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` in [-1, 1] -> how real each is, before the sigmoid, ``[N]`` float32."""
        return self.fc(self.convs(images).flatten(1)).squeeze(1).float()


def generators_loss(fake: Tensor, kind: Literal["minimax", "non-saturating"]) -> Tensor:
    """What the generators lower: log(1 - D(x2)), or -log D(x2) which does not saturate; from D's ``[N]`` before the
    sigmoid to the mean."""
    return (-functional.softplus(fake) if kind == "minimax" else functional.softplus(-fake)).mean()


def discriminators_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What a discriminator lowers, -log D(x) - log(1 - D(x2)); both ``[N]`` before the sigmoid."""
    return (functional.softplus(-real) + functional.softplus(fake)).mean()
