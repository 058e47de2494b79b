"""The two generators, both encoders and a decoder of 3x3 convolutions with ELU (Hou et al. 2019)."""

from math import sqrt

import torch
from torch import Tensor, nn

from .attention import PatchAttention
from .options import Options


def encoder(channels: int, width: int, dilations: tuple[int, ...]) -> nn.Sequential:
    """Five convolutions, two of them with stride 2, and four dilated: ``[N, c, H, W]`` -> ``[N, 4 * width, H/4, W/4]``.

    Channels are those of Iizuka et al. 2017, from which the text says it takes the design.
    """
    wide = 4 * width
    shapes = [
        (channels, width, 1),
        (width, 2 * width, 2),
        (2 * width, 2 * width, 1),
        (2 * width, wide, 2),
        (wide, wide, 1),
    ]
    layers = [_conv(before, after, stride) for before, after, stride in shapes]
    layers += [_conv(wide, wide, dilation=dilation) for dilation in dilations]
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.ELU(inplace=True))))


def decoder(channels: int, width: int, kernel: int) -> nn.Sequential:
    """Two deconvolutions and a last convolution with tanh: ``[N, c, h, w]`` -> ``[N, 3, 4 * h, 4 * w]`` in [-1, 1]."""
    last = _conv(width, 3)
    nn.init.normal_(last.weight, std=sqrt(1 / (9 * width)))  # no ELU follows
    parts = (_deconv(channels, 2 * width, kernel), nn.ELU(inplace=True), _deconv(2 * width, width, kernel))
    return nn.Sequential(*parts, nn.ELU(inplace=True), last, nn.Tanh())


def _conv(before: int, after: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, 3, stride, padding=dilation, dilation=dilation)
    nn.init.kaiming_normal_(layer.weight)
    assert layer.bias is not None  # torch's default
    nn.init.zeros_(layer.bias)
    return layer


def _deconv(before: int, after: int, kernel: int) -> nn.ConvTranspose2d:
    layer = nn.ConvTranspose2d(before, after, kernel, stride=2, padding=1, output_padding=4 - kernel)
    nn.init.normal_(layer.weight, std=sqrt(2 / (before * kernel**2 / 4)))  # a quarter of the taps meets each pixel
    assert layer.bias is not None  # torch's default
    nn.init.zeros_(layer.bias)
    return layer


def _of_size(images: Tensor, like: Tensor) -> Tensor:
    """Cut off what a side that four does not divide has too much."""
    return images[:, :, : like.shape[2], : like.shape[3]].float()


class SpatialGenerator(nn.Module):
    """G_s: fills a frame from itself.

    Args:
        channels: of the input, 3 or, with the mask, 4.
        width: of the first convolution.
        options: dilations and kernels.
    """

    def __init__(self, channels: int, width: int, options: Options) -> None:
        super().__init__()
        self.encoder = encoder(channels, width, options.dilations)
        self.decoder = decoder(4 * width, width, options.up_kernel)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames in [-1, 1] without what is hidden, ``[N, 3 or 4, H, W]`` -> ``[N, 3, H, W]`` float32 in [-1, 1]."""
        return _of_size(self.decoder(self.encoder(frames)), frames)


class SecondGenerator(nn.Module):
    """G_t: refines what G_s filled, from the frame and its neighbours.

    With ``spa-tae`` the neighbours' maps enter as they are; with ``spa-ae`` there are no neighbours.

    Args:
        channels: of the frame, 3 or, with the mask, 4; neighbours have 3.
        width: of the first convolution of each encoder.
        options: which generator, and its details.

    Attributes:
        current: encoder of the frame.
        before: of the earlier neighbour (in ``spa-ae`` of the frame again; None if that has one wide encoder).
        after: of the later neighbour, likewise.
        attention: the layer that puts the neighbours' features where they fit, or None.
    """

    def __init__(self, channels: int, width: int, options: Options) -> None:
        super().__init__()
        self.alone = options.generator == "spa-ae"
        wide = self.alone and options.ae == "wide"
        beside = channels if self.alone else 3
        self.current = encoder(channels, 3 * width if wide else width, options.dilations)
        self.before = None if wide else encoder(beside, width, options.dilations)
        self.after = None if wide else encoder(beside, width, options.dilations)
        with_attention = options.generator == "spa-tem"
        self.attention = PatchAttention(options.attention_scale, options.attention_value) if with_attention else None
        self.decoder = decoder(12 * width, width, options.up_kernel)

    def forward(self, frames: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Frames that G_s filled.

        Args:
            frames: ``[N, 3 or 4, H, W]`` in [-1, 1].
            before: their earlier neighbours, ``[N, 3, H, W]``.
            after: their later neighbours.

        Returns:
            ``[N, 3, H, W]`` float32 in [-1, 1].
        """
        maps = [self.current(frames)]  # [N, 4 * width, h, w]
        for branch, neighbour in ((self.before, before), (self.after, after)):
            if branch is not None:
                maps.append(self._beside(maps[0], branch(frames if self.alone else neighbour)))
        return _of_size(self.decoder(torch.cat(maps, dim=1)), frames)

    def _beside(self, current: Tensor, neighbour: Tensor) -> Tensor:
        return neighbour if self.attention is None else self.attention(current, neighbour)
