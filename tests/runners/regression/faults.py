"""Faults to be patched into the running code, each small enough to slip through a review."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from datasets.images import transforms
from datasets.sampling import clips
from runners.evaluation import encode

Patch = pytest.MonkeyPatch


def swapped(clip: Any, normalise: Any = "imagenet", **layout: bool) -> Tensor:
    """Blue where red should be, at extraction alone."""
    return transforms.to_tensor(clip, normalise, **layout).flip(-3)


def bare(clip: Any, normalise: Any = "imagenet", **layout: bool) -> Tensor:
    """Pixels from 0 to 1 that nobody normalised."""
    planes = torch.as_tensor(np.asarray(clip)).movedim(-1, -3)
    return planes.float() / 255


_WHOLE, _SNIPPETS, _EACH = encode.whole, encode.cut_tracklet, clips.consecutive


def one_late(lengths: Any) -> encode.Cut:
    """Whole tracklets that begin at their second frame."""
    cut = _WHOLE(lengths)
    return replace(cut, frames=np.minimum(cut.frames + 1, lengths[:, None] - 1))


def one_short(length: int, clip: int, rest: Any = "loop") -> clips.Clip:
    """Snippets of a tracklet without its last frame."""
    return _SNIPPETS(max(1, length - 1), clip, rest)


def never_last(length: int, clip: int, rng: np.random.Generator, **named: Any) -> clips.Clip:
    """Training clips that never start where the last one could."""
    return _EACH(length, clip, rng, **{**named, "starts": "all-but-last"})


def patching(*places: tuple[Any, str, Any]) -> Callable[[Patch], None]:
    def apply(patch: Patch) -> None:
        for module, name, fault in places:
            patch.setattr(module, name, fault)

    return apply
