"""Draws with replacement of people, trained trunks and heads on each of them; what is drawn is a function of a seed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Draw = tuple[Floats, Ints, Ints]

_DRAWS_AT_ONCE = 2_000_000


def resampled(excess: Floats, sizes: Floats, heads: Floats, resamples: int, seed: int) -> Floats:
    """[B] deviation of the resampled mean; each draw takes C people, S trunks and K heads of each, with replacement.

    Args:
        excess: [S, C] how far each person's sum lies from what it would be if every query scored the mean.
        sizes: [C] queries of each person.
        heads: [S, K] how far each head's mean lies from its trunk's; not looked at where K is 1.
        resamples: B.
        seed: of the draws.
    """
    seeds, people = excess.shape
    out = np.empty(resamples)
    first = 0
    for weights, chosen, picked in _draws(seeds, heads.shape[1], people, resamples, seed):
        per_seed = weights @ excess.T / (weights @ sizes)[:, None]  # [count, S]
        if seeds > 1:
            per_seed = np.take_along_axis(per_seed, chosen, axis=1)
        part = per_seed.mean(axis=1)
        if heads.shape[1] > 1:
            part += heads[chosen[:, :, None], picked].mean(axis=(1, 2))
        out[first : first + len(weights)] = part
        first += len(weights)
    return out


def _draws(seeds: int, heads: int, people: int, resamples: int, seed: int) -> Iterator[Draw]:
    """All draws, in blocks that fit into memory; what is one block is drawn once for all tables of that size."""
    step = max(1, _DRAWS_AT_ONCE // people)
    if resamples <= step:
        yield _only_draw(seeds, heads, people, resamples, seed)
        return
    rngs = _generators(seed)
    for first in range(0, resamples, step):
        yield _block(seeds, heads, people, min(step, resamples - first), *rngs)


@lru_cache(maxsize=8)  # a page asks for hundreds of intervals over the same people
def _only_draw(seeds: int, heads: int, people: int, resamples: int, seed: int) -> Draw:
    drawn = _block(seeds, heads, people, resamples, *_generators(seed))
    for part in drawn:
        part.flags.writeable = False
    return drawn


def _generators(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """One for people and trunks, one for heads: the former are drawn alike however many heads there are."""
    return np.random.default_rng(seed), np.random.default_rng((seed, 1))


def _block(
    seeds: int, heads: int, people: int, count: int, rng: np.random.Generator, of_heads: np.random.Generator
) -> Draw:
    """[count, C] how often each person is taken, [count, S] which trunks, [count, S, K] which heads of each of them.

    None are drawn where there is one.
    """
    drawn = rng.integers(0, people, (count, people), dtype=np.int32)
    drawn += (np.arange(count, dtype=np.int32) * people)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=count * people).reshape(count, people).astype(np.float64)
    chosen = rng.integers(0, seeds, (count, seeds)) if seeds > 1 else np.zeros((count, 1), dtype=np.int64)
    none = np.zeros((count, seeds, 1), dtype=np.int64)
    return weights, chosen, of_heads.integers(0, heads, (count, seeds, heads)) if heads > 1 else none
