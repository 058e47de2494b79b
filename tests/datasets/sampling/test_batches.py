"""Batches of tracklets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import DataError
from datasets.sampling.batches import grouped_batches, identity_batches, paired_batches, shuffled_batches
from datasets.seeding import generator

profile = settings.get_profile("datasets")
LABELS = st.lists(st.integers(0, 9), min_size=1, max_size=60).map(np.array)
SMALL = st.integers(1, 5)


@given(LABELS, SMALL, SMALL, st.integers(0, 999))
@profile
def test_identity_batches_hold_p_identities_of_k(labels: np.ndarray, p: int, k: int, seed: int) -> None:
    present = np.unique(labels)
    if p > len(present):
        with pytest.raises(DataError, match="identities"):
            next(identity_batches(labels, p, k, generator(seed)))
        return
    epoch = list(identity_batches(labels, p, k, generator(seed)))
    assert len(epoch) == len(present) // p
    used = []
    for batch in epoch:
        assert batch.dtype == np.int64
        groups = labels[batch].reshape(p, k)
        assert (groups == groups[:, :1]).all()
        assert len(np.unique(groups[:, 0])) == p
        used += groups[:, 0].tolist()
        for drawn, label in zip(batch.reshape(p, k), groups[:, 0], strict=True):
            assert len(np.unique(drawn)) == k or (labels == label).sum() < k
    assert len(used) == len(set(used))
    again = [b.tolist() for b in identity_batches(labels, p, k, generator(seed))]
    assert again == [b.tolist() for b in epoch]


@given(LABELS, SMALL, st.integers(0, 999))
@profile
def test_grouped_batches_use_each_tracklet_at_most_once(labels: np.ndarray, k: int, seed: int) -> None:
    rows = np.concatenate(list(grouped_batches(labels, 1, k, generator(seed))))
    for label in np.unique(labels):
        own = rows[labels[rows] == label]
        size = int((labels == label).sum())
        if size >= k:
            assert len(own) == len(np.unique(own)) == size // k * k
        else:
            assert len(own) == k


@given(st.integers(1, 100), st.integers(1, 20), st.integers(0, 999), st.booleans())
@profile
def test_shuffled_batches_cover_all(number: int, size: int, seed: int, drop_last: bool) -> None:
    epoch = list(shuffled_batches(number, size, generator(seed), drop_last=drop_last))
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *epoch])
    assert len(rows) == len(np.unique(rows)) == (number // size * size if drop_last else number)
    assert all(len(batch) == size for batch in epoch[:-1])


def test_epochs_differ() -> None:
    first = np.concatenate(list(shuffled_batches(50, 5, generator(1, "epoch", 0))))
    second = np.concatenate(list(shuffled_batches(50, 5, generator(1, "epoch", 1))))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("sizes", [(0, 4), (4, 0), (-1, 2)])
def test_impossible_sizes_are_refused(sizes: tuple[int, int]) -> None:
    labels = np.array([0, 1])
    for batches in (identity_batches, grouped_batches):
        with pytest.raises(DataError):
            next(batches(labels, *sizes, generator(0)))
    with pytest.raises(DataError):
        next(shuffled_batches(*sizes, generator(0)))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.integers(0, 999))
@profile
def test_paired_batches_are_half_of_each_domain(first: int, second: int, half: int, seed: int) -> None:
    if first < half:
        with pytest.raises(DataError, match="half a batch"):
            next(paired_batches(first, second, 2 * half, generator(seed)))
        return
    epoch = np.stack(list(paired_batches(first, second, 2 * half, generator(seed))))
    ours, theirs = epoch[:, :half].ravel(), epoch[:, half:].ravel()
    assert len(epoch) == first // half
    assert len(np.unique(ours)) == len(ours) and ours.max() < first  # each at most once an epoch
    assert theirs.min() >= first and theirs.max() < first + second
    uses = np.bincount(theirs - first, minlength=second)
    assert uses.max() - uses.min() <= 1  # gone through evenly, however often
    assert np.array_equal(epoch, np.stack(list(paired_batches(first, second, 2 * half, generator(seed)))))


def test_paired_batches_refuse_odd_sizes_and_empty_domains() -> None:
    for first, second, size in ((4, 4, 3), (4, 0, 2), (0, 4, 2), (4, 4, 0)):
        with pytest.raises(DataError, match="even"):
            next(paired_batches(first, second, size, generator(0)))
