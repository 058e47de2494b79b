"""STCnet: spatial generator, second generator, discriminators, ID guider (Hou et al. 2019)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from ..errors import MethodError
from ..layers.losses import compute_losses, cross_entropy
from ..layers.packing import pack, unpack
from ..layers.pooling import masked_mean
from .discriminator import Discriminator, discriminators_loss, generators_loss
from .generators import SecondGenerator, SpatialGenerator
from .neighbours import NONE, fill_ends, least_hidden, nearest
from .options import Options
from .pixel_range import to_normalised, to_unit
from .regions import REGIONS, crop_height, crop_regions, hide_regions
from .reid import Guider

FRAMES_AT_ONCE = 64  # of a repair, at 128 x 64 pixels or less; of larger frames fewer, as attention grows by the square


@dataclass(frozen=True, slots=True)
class Completed:
    """Frames after completion, in [-1, 1], equal to the input where nothing is hidden.

    Attributes:
        first: x1, filled by the spatial generator, ``[N, 3, H, W]``.
        last: x2, after the second generator; x1 where there is none.
    """

    first: Tensor
    last: Tensor


class STCNet(nn.Module):
    """Completes what is hidden of a frame; its own descriptor is that of the ID guider, which never learns here.

    Attributes:
        guider: R, the plain network's trunk and classifier, frozen.
        spatial: G_s.
        temporal: the second generator, absent with ``generator=spa``.
        discriminators: those that are switched on, ``local`` and ``global``.
    """

    def __init__(self, num_ids: int, options: Options, frame_size: tuple[int, int]) -> None:
        super().__init__()
        self.options = options
        width, channels = options.width_at(frame_size[0]), 4 if options.mask_channel else 3
        self.guider = Guider(num_ids, options)
        self.descriptor_dim = self.guider.trunk.channels
        self.spatial = SpatialGenerator(channels, width, options)
        self.temporal = None if options.generator == "spa" else SecondGenerator(channels, width, options)
        self.discriminators = nn.ModuleDict()
        if options.local_d:
            rows = crop_height(frame_size[0]) if options.local_input == "crop" else frame_size[0]
            self.discriminators["local"] = Discriminator((rows, frame_size[1]), width)
        if options.global_d:
            self.discriminators["global"] = Discriminator(frame_size, width)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` and ``[B, T]`` bool -> the ID guider's descriptors of the clips, ``[B, D]``."""
        return masked_mean(unpack(self.guider.features(pack(clips, mask)), mask), mask)

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """One random region of each clip's middle frame is hidden and completed; the frames beside it help.

        The regions are the first draw from torch's global generator, so that turns of one step that start from the same
        seed hide the same.

        ``reconstruction``: |x - x1| + |x - x2|, only the former without a second generator. ``adversarial``: what the
        discriminators say of x2, for the generators. ``identity``: cross entropy of R(x2). ``discriminate``: what the
        discriminators learn by. The first three give no gradient to the discriminators, the last none to the
        generators, and none does to R.

        Args:
            clips: ``[B, T, 3, H, W]``, frames of which nothing is hidden; meant for T = 3.
            mask: ``[B, T]`` bool.
            labels: ``[B]`` int64.
            wanted: names of losses that the options have a network for.
        """
        regions = (torch.rand(len(clips)) * REGIONS).long().to(clips.device)  # the same on every device
        hidden = hide_regions(regions, (clips.shape[3], clips.shape[4]))  # [B, 1, H, W]
        row = torch.arange(len(clips), device=clips.device)
        frame = middle(mask)
        earlier, later = nearest(mask & (torch.arange(mask.shape[1], device=mask.device) != frame[:, None]))
        beside = [place[row, frame] for place in self._ends(earlier, later)]  # [B] each
        real = to_unit(clips[row, frame])  # x
        neighbours = [(to_unit(clips[row, place.clamp_min(0)]), place == NONE) for place in beside]

        @cache
        def completed() -> Completed:
            return self.complete(real, hidden, neighbours)

        def shown(name: str, images: Tensor) -> Tensor:
            """What a discriminator sees of images."""
            if name == "global":
                return images
            return crop_regions(images, regions) if self.options.local_input == "crop" else images * hidden

        def reconstruction() -> Tensor:
            stages = (completed().first,) if self.temporal is None else (completed().first, completed().last)
            wrong = torch.stack([(real - image).abs() for image in stages]).flatten(2)  # [1 or 2, B, 3 * H * W]
            of_frame = wrong.mean(dim=2) if self.options.reconstruction == "mean" else wrong.sum(dim=2)
            return of_frame.mean(dim=1).sum()

        def adversarial() -> Tensor:
            fakes = [_with_frozen_weights(judge, shown(name, completed().last)) for name, judge in self._judges()]
            return torch.stack([generators_loss(fake, self.options.gan_loss) for fake in fakes]).sum()

        def identity() -> Tensor:
            if not self.options.identity:
                raise MethodError(
                    "the loss 'identity' needs the ID guider, which is off in this arm; set identity = on"
                )
            return cross_entropy(_with_frozen_weights(self.guider, self._for_guider(completed().last)), labels)

        def discriminate() -> Tensor:
            # Detached and not under no_grad: autocast would keep weights that were cast there, for losses that follow.
            fake = completed().last.detach()
            games = [discriminators_loss(d(shown(name, real)), d(shown(name, fake))) for name, d in self._judges()]
            return torch.stack(games).sum()

        known = {
            "reconstruction": reconstruction,
            "adversarial": adversarial,
            "identity": identity,
            "discriminate": discriminate,
        }
        return compute_losses(wanted, known)

    @torch.no_grad()
    def repair(self, clips: Tensor, mask: Tensor, hidden: Tensor) -> Tensor:
        """Complete the hidden pixels of whole tracklets; see `methods.interface.Repair`.

        A frame's neighbours are the nearest earlier and later ones of its tracklet of which nothing is hidden. Only
        frames with something hidden go through the networks, at most 64 at a time (4 at 256 x 128) to bound memory.

        Args:
            clips: ``[B, T, 3, H, W]`` normalised, of any size.
            mask: ``[B, T]`` bool, real frames.
            hidden: ``[B, T, H, W]`` bool.

        Raises:
            MethodError: shapes or types that are not these.
        """
        if hidden.dtype != torch.bool or hidden.shape != (*mask.shape, *clips.shape[3:]):
            raise MethodError(
                f"hidden is {hidden.dtype} {list(hidden.shape)}: expected bool, one value a pixel of the clips,"
                f" {[*mask.shape, *clips.shape[3:]]}"
            )
        hidden = hidden & mask[:, :, None, None]
        amount, pixels = hidden.flatten(2).sum(dim=2), hidden[0, 0].numel()  # [B, T]
        wanted = (amount > 0) & ((amount < pixels) | (self.options.whole_frame == "complete"))
        earlier, later = self._neighbours(amount, mask, pixels)
        repaired = clips.clone()
        for part in torch.split(wanted.nonzero(), max(1, min(FRAMES_AT_ONCE, FRAMES_AT_ONCE * 8192**2 // pixels**2))):
            row, frame = part.unbind(dim=1)
            veil = hidden[row, frame][:, None]  # [N, 1, H, W]
            neighbours = []
            for place in (earlier[row, frame], later[row, frame]):
                image, unseen = (values[row, place.clamp_min(0)] for values in (clips, hidden))
                neighbours.append((self._filled(to_unit(image), unseen[:, None]), place == NONE))
            done = self.complete(to_unit(clips[row, frame]), veil, neighbours).last
            repaired[row, frame] = torch.where(veil, to_normalised(done).to(clips.dtype), clips[row, frame])
        return repaired

    def complete(self, frames: Tensor, hidden: Tensor, neighbours: Sequence[tuple[Tensor, Tensor]]) -> Completed:
        """x1 = M G_s((1 - M) x) + (1 - M) x, then x2 = M G_t(x1, before, after) + (1 - M) x.

        Args:
            frames: x, ``[N, 3, H, W]`` in [-1, 1].
            hidden: M, ``[N, 1, H, W]`` bool.
            neighbours: the frames before and the frames after, ``[N, 3, H, W]``, each with ``[N]`` bool, true where
                there is no such neighbour and x1 stands in for it.
        """
        first = torch.where(hidden, self.spatial(self._input(self._filled(frames, hidden), hidden)), frames)
        if self.temporal is None:
            return Completed(first, first)
        known = first.detach() if self.options.detach else first
        before, after = (torch.where(missing[:, None, None, None], known, image) for image, missing in neighbours)
        return Completed(first, torch.where(hidden, self.temporal(self._input(known, hidden), before, after), frames))

    def _input(self, frames: Tensor, hidden: Tensor) -> Tensor:
        return torch.cat([frames, hidden.to(frames.dtype)], dim=1) if self.options.mask_channel else frames

    def _filled(self, frames: Tensor, hidden: Tensor) -> Tensor:
        """Frames without what is hidden."""
        return frames.masked_fill(hidden, 1.0 if self.options.mask_fill == "white" else 0.0)

    def _ends(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        return fill_ends(earlier, later) if self.options.ends == "nearest" else (earlier, later)

    def _neighbours(self, amount: Tensor, mask: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
        """Frame numbers ``[B, T]`` of both neighbours, -1 for none, from the number of hidden pixels ``[B, T]``."""
        clean = mask & (amount == 0)
        earlier, later = self._ends(*nearest(clean))
        lost = ~clean.any(dim=1) & mask.any(dim=1)
        if self.options.all_hidden == "best" and bool(lost.any()):
            best = torch.cat([least_hidden(amount[i : i + 1], mask[i : i + 1], pixels) for i in lost.nonzero()[:, 0]])
            earlier[lost] = later[lost] = best
        return earlier, later

    def _judges(self) -> list[tuple[str, nn.Module]]:
        if not self.discriminators:
            raise MethodError(
                "the losses 'adversarial' and 'discriminate' need a discriminator, and this arm has none;"
                " set local_d or global_d on"
            )
        return list(self.discriminators.items())

    def _for_guider(self, images: Tensor) -> Tensor:
        rows = self.options.guider_rows(images.shape[2])
        if rows:
            images = functional.interpolate(images, (rows, rows // 2), mode="bilinear", align_corners=False)
        return to_normalised(images)


def middle(mask: Tensor) -> Tensor:
    """Number of the middle real frame of each clip, the earlier of two: ``[B, T]`` bool -> ``[B]`` int64."""
    rank = mask.cumsum(dim=1) - 1
    wanted = (mask.sum(dim=1, keepdim=True) - 1) // 2
    return ((rank == wanted) & mask).int().argmax(dim=1)


def _with_frozen_weights(network: nn.Module, images: Tensor) -> Tensor:
    """The network's answer as a function of the images alone: no gradient reaches its parameters."""
    return functional_call(network, {name: value.detach() for name, value in network.named_parameters()}, (images,))
