"""Checks by which a protocol decides who may enter: the network is run on probe frames and looked at.

A network that takes clips of one length only (`methods.interface.FixedClip`) is probed with full clips of that length,
and with batch mates of that length; whether it is one is seen from what it refuses, not from what it says.

Tolerance of "the same descriptor": relative L2 distance of at most 1e-4. In float32, the same tracklet encoded in
another batch size or with padding differs by some 1e-6 because convolutions sum in another order; a leak of real
information between tracklets is larger by orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from methods.errors import MethodError
from methods.interface import FixedClip, ImageAndVideo, Method, Pairwise

from .checks import Admission, Check
from .errors import ProtocolError
from .precision import computing
from .resnet50 import Conv, convolutions, describe, find_blocks
from .vocabulary import CheckName

TOLERANCE = 1e-4
LENGTHS = (1, 2, 7, 33)


def examine(method: nn.Module, requires: Sequence[CheckName], frame_size: tuple[int, int]) -> Admission:
    """Runs the named checks.

    Raises:
        ProtocolError: the method does not satisfy the contract at all, or a frame size without pixels.
    """
    if not isinstance(method, nn.Module) or not isinstance(method, Method):
        raise ProtocolError(
            f"{type(method).__name__} is no method: it needs to be an nn.Module with descriptor_dim, forward and losses"
        )
    if min(frame_size) < 1:
        raise ProtocolError(f"frame_size={frame_size} must be (height, width) of at least one pixel")
    checks = []
    device = next(method.parameters(), torch.zeros(())).device
    # TF32, which torch uses for convolutions on a GPU by default, differs by more than `TOLERANCE` between batch sizes
    with evaluating(method), computing("fp32", device):
        probe = Probe(method, frame_size)
        for name in requires:
            try:
                passed, detail = _CHECKS[name](probe)
            except Exception as error:  # a crash of the network under examination is an outcome, not ours
                passed, detail = False, f"the network failed with {type(error).__name__}: {_first_line(error)}"
            checks.append(Check(name, passed, detail))
    return Admission(all(check.passed for check in checks), tuple(checks))


@contextmanager
def evaluating(method: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; every submodule's own mode is put back afterwards."""
    modes = [(module, module.training) for module in method.modules()]
    method.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def fixed_length(method: nn.Module, frame_size: tuple[int, int]) -> int | None:
    """The only clip length that a method takes, in frames; None for one that takes others too, whatever it says.

    Raises:
        ProtocolError: it names a clip length below 1.
    """
    with evaluating(method):
        return Probe(method, frame_size).fixed


class Probe:
    """Feeds probe frames to a method, on its device; the method is in eval mode.

    Attributes:
        fixed: the only clip length that the method takes; None for any.
        refusals: where it is fixed: length -> why a clip of that length was refused.
    """

    def __init__(self, method: nn.Module, frame_size: tuple[int, int]) -> None:
        first = next(method.parameters(), torch.zeros(()))
        self.method, self.frame_size = method, frame_size
        self.device, self.dtype = first.device, first.dtype
        self.fixed: int | None = None
        self.refusals: dict[int, Exception] = {}
        if isinstance(method, FixedClip):
            self._find_length(method.clip_length)

    def _find_length(self, named: int) -> None:
        if not isinstance(named, int) or named < 1:
            raise ProtocolError(f"clip_length={named!r} must be a whole number of at least 1 frame")
        for length in LENGTHS:
            if length == named:
                continue
            try:
                self.encode(self.clip(length, seed=4), [length])
            except Exception as error:  # a refusal is what is looked for; which error it is, is told later
                self.refusals[length] = error
            else:
                return
        self.fixed = named

    def lengths(self, *free: int) -> list[int]:
        """The wanted tracklet lengths, or the method's only one in their place."""
        return [self.fixed or length for length in free]

    def clip(self, length: int, seed: int, channels: int = 3) -> Tensor:
        """[1, T, C, H, W] smooth random frames with about unit variance, a function of the seed."""
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.randn(length, channels, 4, 2, generator=generator)
        frames = nn.functional.interpolate(coarse, size=self.frame_size, mode="bilinear")
        frames = frames + 0.3 * torch.randn(frames.shape, generator=generator)
        return frames[None].to(self.device, self.dtype)

    def encode(self, clips: Tensor, lengths: Sequence[int]) -> Tensor:
        """[B, D] descriptors of padded clips [B, T, C, H, W]; refuses what is not one finite row a tracklet.

        Raises:
            ProtocolError: the descriptors have another shape, or are not finite.
        """
        places = torch.arange(clips.shape[1], device=self.device)
        mask = places[None] < torch.tensor(lengths, device=self.device)[:, None]  # [B, T]
        out = self.method(clips, mask)
        if not isinstance(out, Tensor) or out.ndim != 2 or len(out) != len(clips):
            shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise ProtocolError(f"forward gave {shape} for {len(clips)} tracklets instead of [{len(clips)}, D]")
        if not torch.isfinite(out).all():
            raise ProtocolError(f"descriptors of tracklets of {list(lengths)} frames are not finite")
        return out

    def encode_images(self, images: Tensor) -> Tensor:
        """[N, D] descriptors of single images [N, 3, H, W], by the method's own network for them.

        Raises:
            ProtocolError: the descriptors have another shape, or are not finite.
        """
        assert isinstance(self.method, ImageAndVideo)  # the callers look first
        out = self.method.image_descriptor(images)
        if not isinstance(out, Tensor) or out.ndim != 2 or len(out) != len(images) or not torch.isfinite(out).all():
            shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise ProtocolError(
                f"image_descriptor gave {shape} for {len(images)} images, not finite [{len(images)}, D]"
            )
        return out


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]


def difference(a: Tensor, b: Tensor) -> float:
    """Relative L2 distance of two descriptors."""
    scale = max(float(a.double().norm()), float(b.double().norm()), 1e-30)
    return float((a.double() - b.double()).norm()) / scale


def _convolutions_run(probe: Probe) -> list[Conv]:
    """The convolutions that run in one forward pass, in order."""
    ran: list[Conv] = []

    def note(module: nn.Module, *_: Any) -> None:
        assert isinstance(module, Conv)  # hooks are set on convolutions only
        ran.append(module)

    hooks = [conv.register_forward_pre_hook(note) for _, conv in convolutions(probe.method)]
    try:
        (length,) = probe.lengths(2)
        probe.encode(probe.clip(length, seed=0), [length])
    finally:
        for hook in hooks:
            hook.remove()
    return ran


def rgb(probe: Probe) -> tuple[bool, str]:
    """The first convolution reads 3 channels, and no other number of input channels is accepted."""
    ran = _convolutions_run(probe)
    if not ran:
        return False, "no convolution ran, so it cannot be seen what the network reads"
    if ran[0].in_channels != 3:
        return False, f"the first convolution reads {ran[0].in_channels} channels, not the 3 of an RGB frame"
    (length,) = probe.lengths(2)
    for channels in (1, 2, 4, 5, 6):
        clip = probe.clip(length, seed=0, channels=channels)
        if _accepts(probe.encode, clip, [length]):
            return False, f"frames of {channels} channels are accepted too, so more than RGB may enter"
        if isinstance(probe.method, ImageAndVideo) and _accepts(probe.encode_images, clip[0]):
            return False, f"single images of {channels} channels are accepted too, so more than RGB may enter"
    return True, "the first convolution reads 3 channels; 1, 2, 4, 5 and 6 are refused"


def _accepts(call: Callable[..., object], *arguments: Any) -> bool:
    try:
        call(*arguments)
    except Exception:  # refusing is what it should do; how is its own business
        return False
    return True


def resnet50(probe: Probe) -> tuple[bool, str]:
    """Exactly one plain ResNet-50 runs."""
    ran = _convolutions_run(probe)
    found = find_blocks(probe.method)
    return describe(found, {id(conv) for conv in ran}, ran[0] if ran else None, probe.method)


def single_pass(probe: Probe) -> tuple[bool, str]:
    """A descriptor depends on its own tracklet (or image) only: not on batch mates, not on chance."""
    if isinstance(probe.method, Pairwise):
        return False, "it scores pairs (it has `score`), so query and gallery meet before the distance"
    full, short = probe.lengths(6, 4)
    mine, other, third = (probe.clip(full, seed) for seed in (1, 2, 3))

    def of_clip(*mates: Tensor) -> Tensor:
        return probe.encode(torch.cat([*mates, mine]), [short] * len(mates) + [full])[-1]

    def of_image(*mates: Tensor) -> Tensor:
        return probe.encode_images(torch.cat([*mates, mine[0, :1]]))[-1]

    found = [("descriptor", _changes(of_clip, ((other,), (3 * third, other), (mine, mine))))]
    if isinstance(probe.method, ImageAndVideo):
        found.append(("descriptor of a single image", _changes(of_image, ((other[0, :1],), (3 * third[0], mine[0])))))
    for what, (again, worst) in found:
        if again > TOLERANCE:
            return False, f"the same {what} computed twice differs by {again:.1e}: something random runs in eval mode"
        if worst > TOLERANCE:
            return False, f"a {what} changes by {worst:.1e} with its batch mates (allowed {TOLERANCE:.0e})"
    worst = max(worst for _, (_, worst) in found)
    what = "descriptors of tracklets and of single images" if len(found) > 1 else "descriptors"
    return True, f"{what} do not depend on batch mates (largest change {worst:.1e}, allowed {TOLERANCE:.0e})"


def _changes(among: Callable[..., Tensor], batches: Sequence[tuple[Tensor, ...]]) -> tuple[float, float]:
    """How far a descriptor is from itself when computed again, and at most when computed among batch mates."""
    alone = among()
    return difference(alone, among()), max(difference(alone, among(*mates)) for mates in batches)


def whole_sequence(probe: Probe) -> tuple[bool, str]:
    """Tracklets of any length go in as one sequence, every frame counts, and padding does not."""
    if probe.fixed:
        probe.encode(probe.clip(probe.fixed, seed=4), [probe.fixed])  # one that fails there too has another fault
        return False, _why_not_whole(probe.fixed, probe.refusals)
    worst = 0.0
    for length in LENGTHS:
        clip = probe.clip(length, seed=4)
        try:
            plain = probe.encode(clip, [length])
        except Exception as error:  # a crash is the outcome of this check
            return False, f"a tracklet of {length} frames fails with {type(error).__name__}: {_first_line(error)}"
        padded = torch.cat([clip, 5 * probe.clip(3, seed=5)], dim=1)  # [1, T + 3, 3, H, W]
        change = difference(plain[0], probe.encode(padded, [length])[0])
        if change > TOLERANCE:
            return False, f"padding of 3 frames changes the descriptor of {length} frames by {change:.1e}"
        worst = max(worst, change)
        other = clip.clone()
        other[:, -1] = -2 * probe.clip(1, seed=6)[:, 0]
        if torch.equal(plain, probe.encode(other, [length])):
            return False, f"the last of {length} frames is never read"
    lengths = ", ".join(str(n) for n in LENGTHS)
    return True, f"lengths {lengths} pass, the last frame counts, padding changes nothing (at most {worst:.1e})"


def _why_not_whole(fixed: int, refusals: dict[int, Exception]) -> str:
    *others, longest = sorted(refusals)
    lengths = f"{', '.join(str(n) for n in others)} and {longest}" if others else str(longest)
    error = refusals[longest]
    words = _first_line(error)
    said = f'it says "{words}"' if isinstance(error, MethodError) else f"it fails with {type(error).__name__}: {words}"
    return (
        f"the network takes clips of exactly {fixed} frames and refused tracklets of {lengths}, so it cannot take a "
        f"whole sequence in one pass (at {longest} frames {said}); protocols of snippets take it: rgb-snippets"
    )


_CHECKS: dict[CheckName, Callable[[Probe], tuple[bool, str]]] = {
    "rgb": rgb,
    "resnet50": resnet50,
    "single-pass": single_pass,
    "whole-sequence": whole_sequence,
}
