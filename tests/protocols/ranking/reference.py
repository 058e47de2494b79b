"""The evaluator as one would explain it on a board: build the list, walk down it. Slow on purpose.

Tests hold `protocols.ranking` to this file. It shares no code with it, and the rule ``expected`` is here what the
words say: every order of the tied tracklets is written down, scored, and averaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, groupby, product

JUNK = -1


def kept(
    distances: Sequence[float],
    query: tuple[int, int],
    gallery: Sequence[tuple[int, int]],
    left_out: frozenset[int] = frozenset(),
) -> list[tuple[float, int, bool]]:
    """(distance, column, is positive) of all that this query may retrieve; labels are (person, camera)."""
    out = []
    for column, (person, camera) in enumerate(gallery):
        if person == JUNK or (person, camera) == query or column in left_out:
            continue
        out.append((float(distances[column]), column, person == query[0]))
    return out


def lists(entries: list[tuple[float, int, bool]], ties: str) -> Iterator[list[bool]]:
    """The relevance lists that the tie rule allows: one, or under ``expected`` each distinct one, equally likely."""
    if ties != "expected":
        place = {"index": 1, "pessimistic": 2, "optimistic": 2}[ties]
        turn = -1 if ties == "optimistic" else 1
        yield [e[2] for e in sorted(entries, key=lambda e: (e[0], turn * e[place]))]
        return
    blocks = []
    for _, same in groupby(sorted(entries), key=lambda e: e[0]):
        marks = [e[2] for e in same]
        places = combinations(range(len(marks)), sum(marks))
        blocks.append([[i in chosen for i in range(len(marks))] for chosen in places])
    for parts in product(*blocks):
        yield [mark for part in parts for mark in part]


def walk(relevance: Sequence[bool], ap: str) -> float:
    """AP by walking down the whole list and adding up area under precision over recall; 0 without positives."""
    positives = sum(relevance)
    area = old_recall = 0.0
    old_precision = 1.0
    hits = 0
    for place, right in enumerate(relevance, start=1):
        hits += right
        recall, precision = hits / positives if positives else 0.0, hits / place
        height = precision if ap == "step" else (old_precision + precision) / 2
        area += (recall - old_recall) * height
        old_recall, old_precision = recall, precision
    return area


def curve(relevance: Sequence[bool], length: int) -> list[float]:
    """CMC of one list: 1 from the first positive on, also beyond the list's end."""
    return [1.0 if any(relevance[:k]) else 0.0 for k in range(1, length + 1)]


def score(
    distances: Sequence[Sequence[float]],
    queries: Sequence[tuple[int, int]],
    gallery: Sequence[tuple[int, int]],
    *,
    ap: str,
    ties: str,
    length: int,
    left_out: frozenset[int] = frozenset(),
) -> list[tuple[float, float, list[float]] | None]:
    """Per query (AP, first hit, CMC), averaged over the lists of the tie rule; None for a query without positives."""
    out: list[tuple[float, float, list[float]] | None] = []
    for row, query in zip(distances, queries, strict=True):
        entries = kept(row, query, gallery, left_out)
        if not any(right for _, _, right in entries) or query[0] == JUNK:
            out.append(None)
            continue
        many = list(lists(entries, ties))
        precision = sum(walk(one, ap) for one in many) / len(many)
        first = sum(one.index(True) + 1 for one in many) / len(many)
        curves = [curve(one, length) for one in many]
        out.append((precision, first, [sum(column) / len(many) for column in zip(*curves, strict=True)]))
    return out
