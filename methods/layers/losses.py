"""The two losses of the field: cross entropy over identities and the batch-hard triplet loss."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import unknown


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross entropy, label-smoothed: the target is ``(1 - smoothing)`` on the label plus ``smoothing / C``
    everywhere.

    Args:
        logits: ``[N, C]``.
        labels: ``[N]`` int64.
        smoothing: 0 for the plain loss; 0.1 is usual in re-ID (Szegedy et al. 2016).

    Returns:
        Scalar, the mean over N.
    """
    return functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


def batch_hard_triplet(embeddings: Tensor, labels: Tensor, margin: float | Literal["soft"] = "soft") -> Tensor:
    """Batch-hard triplet loss (Hermans et al. 2017): each anchor with its farthest positive and nearest
    negative.

    Distances are Euclidean, with the root.  An anchor without another embedding of its identity, or without
    one of another identity, has no triplet and is left out; if no anchor is left the loss is 0, with zero
    gradients.

    Args:
        embeddings: ``[B, D]``.
        labels: ``[B]``.
        margin: ``"soft"`` for ``log(1 + exp(d_p - d_n))``, a number m for ``max(0, m + d_p - d_n)``.

    Returns:
        Scalar, the mean over anchors.  Its gradient is finite also where embeddings coincide.
    """
    x = embeddings.float()
    # Not through x.x - 2 x.y + y.y: its rounding error is as large as the distances of a nearly collapsed
    # batch.
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")  # [B, B]
    same = labels[:, None] == labels[None, :]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positives, negatives = same & ~itself, ~same
    anchors = positives.any(dim=1) & negatives.any(dim=1)
    if not bool(anchors.any()):
        return embeddings.float().sum() * 0.0
    farthest = distances.masked_fill(~positives, -torch.inf).amax(dim=1)[anchors]
    nearest = distances.masked_fill(~negatives, torch.inf).amin(dim=1)[anchors]
    gap = farthest - nearest
    return (functional.softplus(gap) if margin == "soft" else functional.relu(gap + margin)).mean()


def compute_losses(wanted: Iterable[str], known: Mapping[str, Callable[[], Tensor]]) -> dict[str, Tensor]:
    """Compute the wanted ones of a method's losses and no other; an unknown name is a `MethodError`."""
    names = list(wanted)
    for name in names:
        if name not in known:
            raise unknown("loss", name, known)
    return {name: known[name]() for name in names}
