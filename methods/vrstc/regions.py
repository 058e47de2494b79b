"""Regions of a frame: three horizontal ones, their features, and how well each fits its tracklet (Hou et al. 2019)."""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import MethodError
from ..layers.resnet import global_average

REGIONS = 3  # upper, middle, lower


def region_rows(height: int) -> tuple[tuple[int, int], ...]:
    """First row and row after the last of each region, split at floor(i * height / 3).

    Raises:
        MethodError: there are fewer rows than regions.

    Example:
        >>> region_rows(128)
        ((0, 42), (42, 85), (85, 128))
    """
    if height < REGIONS:
        raise MethodError(f"frames of {height} rows have no {REGIONS} regions; give frames of at least {REGIONS} rows")
    edges = [i * height // REGIONS for i in range(REGIONS + 1)]
    return tuple(pairwise(edges))


def region_features(
    images: Tensor, trunk: Callable[[Tensor], Tensor], pool: Literal["strips", "split", "adaptive"]
) -> Tensor:
    """Features of the regions of frames.

    Args:
        images: ``[N, 3, H, W]``.
        trunk: images -> maps ``[N, C, h, w]``.
        pool: ``strips``: each strip of the image goes through the trunk alone. ``split`` and ``adaptive`` divide the
            rows of the whole image's map, the latter into overlapping bins where three does not divide them.

    Returns:
        ``[N, 3, C]``.

    Raises:
        MethodError: the images or their maps have fewer rows than there are regions.
    """
    if pool == "strips":
        parts = [images[:, :, top:end] for top, end in region_rows(images.shape[2])]
        return torch.stack([global_average(trunk(part)) for part in parts], dim=1)
    maps = trunk(images)
    if pool == "adaptive":
        return functional.adaptive_avg_pool2d(maps, (REGIONS, 1)).squeeze(3).transpose(1, 2)
    if maps.shape[2] < REGIONS:
        raise MethodError(
            f"feature maps of {maps.shape[2]} rows cannot be split into {REGIONS}; take region_pool = strips"
        )
    return torch.stack([global_average(part) for part in maps.tensor_split(REGIONS, dim=2)], dim=1)


def region_scores(features: Tensor) -> Tensor:
    """Cosine of each region's feature and the mean over time of that region: u_t^k = cos(v_t^k, v^k).

    Args:
        features: of all frames of one tracklet, ``[T, K, C]``.

    Returns:
        ``[T, K]`` in [-1, 1]; 0 where a feature is zero.
    """
    x = features.float()
    # Lengths are made one before the product: nothing overflows, and equal frames score 1 to the last digits.
    scores = functional.normalize(x, dim=2) * functional.normalize(x.mean(dim=0, keepdim=True), dim=2)
    return scores.sum(dim=2).clamp(-1, 1)


def hide_regions(regions: Tensor, size: tuple[int, int]) -> Tensor:
    """Which pixels lie in the region of each frame: regions ``[N]`` int64 -> ``[N, 1, H, W]`` bool."""
    height, width = size
    edges = torch.tensor(region_rows(height), device=regions.device)[regions]  # [N, 2]
    rows = torch.arange(height, device=regions.device)
    inside = (rows >= edges[:, :1]) & (rows < edges[:, 1:])  # [N, H]
    return inside[:, None, :, None].expand(-1, 1, -1, width)


def crop_regions(images: Tensor, regions: Tensor) -> Tensor:
    """Cut one region out of each image, with zeros below where it has a row less than the largest.

    Args:
        images: ``[N, C, H, W]``.
        regions: ``[N]`` int64.

    Returns:
        ``[N, C, h, W]``, h rows of the largest region (`crop_height`).
    """
    height = images.shape[2]
    edges = torch.tensor(region_rows(height), device=images.device)[regions]  # [N, 2]
    rows = edges[:, :1] + torch.arange(crop_height(height), device=images.device)  # [N, h]
    inside = (rows < edges[:, 1:])[:, None, :, None]
    places = rows.clamp(max=height - 1)[:, None, :, None].expand(-1, images.shape[1], -1, images.shape[3])
    return images.gather(2, places) * inside


def crop_height(height: int) -> int:
    """Rows of the largest region."""
    return max(end - top for top, end in region_rows(height))
