"""TKP's losses, on packed features: images ``[N, D]`` of all real frames of a batch, videos ``[B, D]``.

Everything is Euclidean and on features as they leave the pooling, without normalisation.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


def feature_loss(images: Tensor, targets: Tensor) -> Tensor:
    """L_F, the squared distance of each image feature to its target (Gu et al. 2019): mean over frames, sum over D.

    Args:
        images: ``[N, D]``.
        targets: what each is drawn towards, ``[N, D]``.
    """
    return (images.float() - targets.float()).square().sum(dim=1).mean()


def distance_loss(images: Tensor, frames: Tensor, mean: Literal["frames", "pairs"] = "frames") -> Tensor:
    """L_D, the squared Frobenius norm of the difference of two distance matrices (Gu et al. 2019).

    Args:
        images: features of the image network, ``[N, D]``.
        frames: features of the video network for the same frames, ``[N, D]``.
        mean: divide by N (text) or by N squared (code).
    """
    total = (_distances(images, images) - _distances(frames, frames)).square().sum()
    return total / len(images) ** (1 if mean == "frames" else 2)


def batch_hard(anchors: Tensor, ids: Tensor, others: Tensor, other_ids: Tensor, margin: float) -> Tensor:
    """Batch-hard triplet loss of anchors against the features of another set, or of their own.

    The hardest positive is looked for among all others of the identity, the anchor itself included where the sets are
    one: its distance of 0 never is the largest unless it is the only one.  Anchors without a negative, or without a
    positive, are left out; if none is left the loss is 0 with zero gradients.

    Args:
        anchors: ``[A, D]``.
        ids: ``[A]``.
        others: ``[O, D]``.
        other_ids: ``[O]``.
        margin: m of max(0, m + d_p - d_n).

    Returns:
        Scalar, the mean over anchors.
    """
    distances = _distances(anchors, others)  # [A, O]
    same = ids[:, None] == other_ids[None, :]
    kept = same.any(dim=1) & (~same).any(dim=1)
    if not bool(kept.any()):
        return (anchors.float().sum() + others.float().sum()) * 0.0
    farthest = distances.masked_fill(~same, -torch.inf).amax(dim=1)[kept]
    nearest = distances.masked_fill(same, torch.inf).amin(dim=1)[kept]
    return functional.relu(margin + farthest - nearest).mean()


def integrated_triplet(images: Tensor, image_ids: Tensor, videos: Tensor, video_ids: Tensor, margin: float) -> Tensor:
    """L_T = I2V + V2I + I2I + V2V, each the batch-hard loss of the first as anchors against the second.

    Args:
        images: ``[N, D]``.
        image_ids: ``[N]``.
        videos: ``[B, D]``.
        video_ids: ``[B]``.
        margin: see `batch_hard`.
    """
    return (
        batch_hard(images, image_ids, videos, video_ids, margin)
        + batch_hard(videos, video_ids, images, image_ids, margin)
        + batch_hard(images, image_ids, images, image_ids, margin)
        + batch_hard(videos, video_ids, videos, video_ids, margin)
    )


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """``[A, D]`` and ``[O, D]`` -> ``[A, O]``, with a zero gradient where two features coincide."""
    # Not through the Gram matrix: its rounding error is as large as the distances of a nearly collapsed batch.
    return torch.cdist(a.float(), b.float(), compute_mode="donot_use_mm_for_euclid_dist")
