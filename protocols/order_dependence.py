"""Can the order of frames change a descriptor at all? Asked of a network before it is trained.

The form of a network decides that, not its weights, but single weights can hide it: an output layer that begins at
zero, equal weights of several frames. So every parameter is moved at random before the network is run, several times.
Where the descriptor stays the same under all permutations of frames, and yet follows the frames themselves, training on
shuffled frames can change nothing but chance.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .admission import Probe, difference, evaluating
from .errors import ProtocolError
from .precision import computing

ORDER_BLIND = 1e-5
"""A relative change below which order makes no difference; sums in another order differ by about 1e-7."""

LENGTHS = (3, 8)
MOVES = 2
MOVE = 0.2  # of a parameter's root mean square, or of what weights of its shape begin with
FRAMES_COUNT = 1e-3
"""Other frames have to change a descriptor by this much, or the network tells nothing of their order either."""


def order_change(method: nn.Module, frame_size: tuple[int, int]) -> float | None:
    """The largest relative change of a descriptor, |f(permuted) - f| / |f|, over lengths, orders and moved parameters.

    Args:
        method: with any weights, made for this: its parameters are moved and stay so.
        frame_size: (height, width) of frames.

    Returns:
        None where nothing can be said: the network takes clips of one frame, its descriptors are never finite, or they
        hardly change with the frames themselves.
    """
    generator = torch.Generator().manual_seed(0)
    device = next(method.parameters(), torch.zeros(())).device
    largest: float | None = None
    with evaluating(method), computing("fp32", device):
        probe = Probe(method, frame_size)
        lengths = [length for length in dict.fromkeys(probe.lengths(*LENGTHS)) if length > 1]
        for _ in range(MOVES):
            _move(method, generator)
            for length in lengths:
                try:
                    change = _change(probe, length, generator)
                except ProtocolError:  # moved too far: its descriptors are not finite
                    continue
                if change is not None:
                    largest = max(largest or 0.0, change)
    return largest


def _move(method: nn.Module, generator: torch.Generator) -> None:
    """Add noise to every parameter, in proportion to its size; those of zeros get weights as a new layer has them."""
    for parameter in method.parameters():
        inputs = parameter[0].numel() if parameter.ndim > 1 else 1
        size = max(float(parameter.detach().double().pow(2).mean().sqrt()), 0.5 * inputs**-0.5)
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.add_((MOVE * size * noise).to(parameter))


def _change(probe: Probe, length: int, generator: torch.Generator) -> float | None:
    """What permutations change at most; None where other frames change next to nothing."""
    clip = _unlike_frames(probe, length, generator)
    orders = [torch.arange(length).roll(1), torch.arange(length).flip(0)]
    together = torch.cat([clip, *(clip[:, order] for order in orders), -clip])
    plain, *permuted, other = probe.encode(together, [length] * len(together))
    if difference(plain, other) < FRAMES_COUNT:
        return None
    scale = float(plain.double().norm())
    return max(float((one.double() - plain.double()).norm()) for one in permuted) / max(scale, 1e-30)


def _unlike_frames(probe: Probe, length: int, generator: torch.Generator) -> Tensor:
    """``[1, T, 3, H, W]`` frames of noise that differ in brightness, colour and contrast too, as scenes do."""
    clip = probe.clip(length, seed=int(torch.randint(2**31, (), generator=generator)))
    contrast = 0.5 + 2 * torch.rand(length, 1, 1, 1, generator=generator)
    colour = torch.randn(length, 3, 1, 1, generator=generator)
    return clip * contrast.to(clip) + colour.to(clip)
