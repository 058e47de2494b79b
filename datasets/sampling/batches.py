"""Which tracklets form a batch. Each function yields int64 arrays of tracklet numbers for one epoch."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError

Batch = NDArray[np.int64]


def identity_batches(
    labels: NDArray[np.int64],
    ids_per_batch: int,
    tracklets_per_id: int,
    rng: np.random.Generator,
    *,
    drop_last: bool = True,
) -> Iterator[Batch]:
    """P x K: P identities, K tracklets of each; every identity once an epoch.

    Args:
        labels: identity of each tracklet, [N].
        ids_per_batch: P.
        tracklets_per_id: K. An identity with fewer tracklets (45 on MARS for K = 4) is drawn with
            replacement, as the published samplers do; otherwise the K are distinct.
        rng: decides everything.
        drop_last: leave out the last batch where it has fewer than P identities.

    Yields:
        int64 [P*K], the K of one identity side by side.

    Raises:
        DataError: if P or K is below 1, or P exceeds the number of identities.
    """
    members = _members(labels, ids_per_batch, tracklets_per_id)
    if len(members) < ids_per_batch:
        raise DataError(f"{ids_per_batch} identities a batch were asked for but there are {len(members)}; take fewer")
    order = rng.permutation(len(members))
    stop = len(order) - len(order) % ids_per_batch if drop_last else len(order)
    for start in range(0, stop, ids_per_batch):
        chosen = order[start : start + ids_per_batch]
        yield np.concatenate([_draw(members[label], tracklets_per_id, rng) for label in chosen])


def grouped_batches(
    labels: NDArray[np.int64],
    ids_per_batch: int,
    tracklets_per_id: int,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """TKP's sampler (released code): all tracklets, in groups of K of one identity, P groups a batch.

    Each identity's tracklets are shuffled and cut into groups of K; a remainder is dropped, an identity with
    fewer than K gives one group drawn with replacement. The groups are shuffled, so one batch may hold an
    identity twice. On MARS an epoch has 7,532 tracklets for K = 4 and 7,982 for K = 2, before the last,
    incomplete batch is dropped.

    Args:
        labels: int64 [N], identity of each tracklet.
        ids_per_batch: groups of a batch, P.
        tracklets_per_id: tracklets of a group, K.
        rng: shuffles, and draws where an identity has fewer than K.

    Yields:
        int64 [P*K].

    Raises:
        DataError: if P or K is below 1.
    """
    groups: list[Batch] = []
    for own in _members(labels, ids_per_batch, tracklets_per_id):
        if len(own) < tracklets_per_id:
            groups.append(_draw(own, tracklets_per_id, rng))
            continue
        mixed = rng.permutation(own)
        whole = len(mixed) // tracklets_per_id
        groups.extend(np.split(mixed[: whole * tracklets_per_id], whole))
    order = rng.permutation(len(groups))
    for start in range(0, len(groups) - ids_per_batch + 1, ids_per_batch):
        yield np.concatenate([groups[i] for i in order[start : start + ids_per_batch]])


def shuffled_batches(number: int, size: int, rng: np.random.Generator, *, drop_last: bool = False) -> Iterator[Batch]:
    """Every tracklet once, in random order (GLTR: 830 batches of 10 on MARS).

    Args:
        number: of tracklets.
        size: tracklets of a batch.
        rng: draws the order.
        drop_last: leave out a last batch that is not full.

    Yields:
        int64 [size]; the last one may be shorter.

    Raises:
        DataError: if number or size is below 1.
    """
    if number < 1 or size < 1:
        raise DataError(f"{number} tracklets in batches of {size} are not possible; both must be 1 or more")
    order = rng.permutation(number).astype(np.int64)
    stop = number - number % size if drop_last else number
    for start in range(0, stop, size):
        yield order[start : start + size]


def paired_batches(first: int, second: int, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Half of every batch from one domain, half from another, whose items are numbered on (attribute transfer).

    An epoch goes through the first domain once; the second is gone through in random order, and anew where it is used
    up. A remainder of the first that fills no half is left out.

    Args:
        first: items of the first domain, numbered from 0.
        second: items of the second, numbered from ``first``.
        size: of a batch, even.
        rng: decides everything.

    Yields:
        int64 [size], those of the first domain before the others.

    Raises:
        DataError: if a domain is empty, the size odd, or the first domain too small for one batch.
    """
    half = size // 2
    if size < 2 or size % 2 or second < 1 or first < half:
        raise DataError(
            f"batches of {size} from domains of {first} and {second} items are not possible: the size must be even, "
            "the first domain hold half a batch, and the second one item or more"
        )
    order = rng.permutation(first).astype(np.int64)
    count = first // half
    times = -(-count * half // second)  # ceiling
    others = np.concatenate([rng.permutation(second) for _ in range(times)]).astype(np.int64) + first
    for start in range(0, count * half, half):
        yield np.concatenate([order[start : start + half], others[start : start + half]])


def _members(labels: NDArray[np.int64], ids_per_batch: int, tracklets_per_id: int) -> list[Batch]:
    """Tracklet numbers of each identity, identities by rising label."""
    if ids_per_batch < 1 or tracklets_per_id < 1:
        raise DataError(
            f"batches of {ids_per_batch} identities x {tracklets_per_id} tracklets are not possible; "
            "both must be 1 or more"
        )
    by_label = np.argsort(labels, kind="stable").astype(np.int64)
    borders = np.flatnonzero(np.diff(np.asarray(labels)[by_label])) + 1
    return list(np.split(by_label, borders)) if len(by_label) else []


def _draw(own: Batch, number: int, rng: np.random.Generator) -> Batch:
    return rng.choice(own, size=number, replace=len(own) < number)
