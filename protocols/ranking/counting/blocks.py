"""How far up the list each positive stands, without sorting the list.

CMC, AP and the first hit need nothing but the ranks of a query's positives, some ten among thousands of gallery
tracklets. So each row of distances is swept once and compared with the distances of its positives (`levels`), which
gives how many kept tracklets come before each of them: O(G log P) time and O(G) memory a query, against O(G log G)
time and an index matrix for sorting. Positives and negatives are read from the same block of distances, because the
same distance computed in two blocks may differ in its last bit and break a tie.

Three engines give identical counts, so which one is used never enters a result: plain NumPy, a compiled sweep (numba)
that pays for its loading and compilation on large galleries only, and torch where the distances lie on an accelerator;
from there only the distances of the positives and the counts come across.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from protocols.arrays import is_torch, to_numpy
from protocols.errors import ProtocolError
from protocols.ranking.distributed import Processes, agreed, total
from protocols.ranking.gallery import JUNK, KEPT, QUERY, GalleryIndex, Ints

from .positives import PositiveDistances, SamePerson, kept_and_queries, levels_of

Engine = Literal["auto", "numpy", "numba", "torch"]
Rows = NDArray[np.floating[Any]]
Wanted = tuple[bool, bool]
"""Whether the queries are left out of the gallery, and whether ties are broken by gallery index."""

COMPILED_FROM_PAIRS = 200_000_000
"""Distances from which the compiled engine wins back its loading (0.3 s; once an installation some seconds more)."""
_COMPILED = f"{__package__}.numba_engine"


@dataclass(frozen=True, slots=True)
class TieGroups:
    """Per query, one entry for each distinct distance at which it has positives, nearest first.

    Attributes:
        query: [N] row of the query, ascending.
        before: [N] kept tracklets that are strictly nearer.
        tied: [N] kept tracklets at exactly this distance, positives included; at least 1.
        right_before: [N] positives that are strictly nearer.
        right_tied: [N] positives at exactly this distance; at least 1.
    """

    query: Ints
    before: Ints
    tied: Ints
    right_before: Ints
    right_tied: Ints

    def counted_from(self, first_query: int) -> TieGroups:
        """The same with queries numbered from this one."""
        return replace(self, query=self.query - first_query)


def choose_engine(engine: Engine, pairs: int) -> Engine:
    """Resolves ``auto``: the compiled engine where it is loaded already or there is much to count, else NumPy.

    Args:
        engine: as asked for.
        pairs: number of distances.

    Raises:
        ProtocolError: an unknown engine, or one whose library cannot be loaded here.
    """
    if engine not in ("auto", "numpy", "numba", "torch"):
        raise ProtocolError(f"engine={engine!r} is unknown; choose auto, numpy, numba or torch")
    if engine in ("numba", "torch"):
        try:
            import_module(_COMPILED if engine == "numba" else f"{__package__}.torch_engine")
        except (ImportError, RuntimeError) as error:
            raise ProtocolError(f"engine={engine!r} cannot be loaded ({error}); choose auto or numpy") from None
    if engine != "auto":
        return engine
    if pairs < COMPILED_FROM_PAIRS and _COMPILED not in sys.modules:
        return "numpy"
    try:
        import_module(_COMPILED)
    except (ImportError, RuntimeError):  # numba is absent, or finds no folder that it may keep its cache in
        return "numpy"
    return "numba"


def count_block(
    rows: Any,
    first_query: int,
    index: GalleryIndex,
    wanted: Iterable[Wanted],
    engine: Engine = "numpy",
    processes: Processes | None = None,
) -> dict[Wanted, TieGroups]:
    """Counts one block of queries against the full gallery.

    Args:
        rows: [b, G] distances of queries `first_query` ... `first_query + b - 1`; NumPy, or a tensor for ``torch``.
        first_query: row of the block's first query.
        index: the gallery's persons, cameras and roles.
        wanted: which galleries to count, and whether ties in them are broken by gallery index.
        engine: ``numpy``, ``numba`` or ``torch``.
        processes: those that hold the other slices of the gallery, where `rows` and `index` are of a slice alone.

    Returns:
        Groups of this block against the whole gallery, for each that is wanted; the same in every process.

    Raises:
        ProtocolError: a distance is not finite; names the first such row.
    """
    entries = SamePerson.of(index, first_query, len(rows))
    distances = distances_at(rows, entries)
    if processes is None:
        levels = levels_of(len(rows), entries, distances)
        tally = count_levels(rows, first_query, levels, index, engine)
    else:
        levels = levels_of(len(rows), *_of_all(processes, entries, distances))
        tally = total(processes, agreed(processes, lambda: count_levels(rows, first_query, levels, index, engine)))
    found = {}
    for without_queries, by_index in wanted:
        groups = groups_of(first_query, levels, tally, without_queries)
        if by_index:
            values = levels.values[levels.in_gallery(without_queries)]
            groups = break_by_index(groups, values, rows, first_query, index, without_queries, processes)
        found[without_queries, by_index] = groups
    return found


def _of_all(processes: Processes, entries: SamePerson, distances: Rows) -> tuple[SamePerson, Rows]:
    """The same person's tracklets in all slices, with their distances to the digit; columns have no meaning there."""
    packed = 4 * entries.rows + 2 * entries.own_camera + entries.roles
    packed, distances = (np.concatenate(processes.gather(one)) for one in (packed, distances))
    rest = packed % 4
    return SamePerson(packed // 4, np.full(len(packed), -1), rest >= 2, rest % 2), distances


def distances_at(rows: Any, entries: SamePerson) -> Rows:
    """[E] the distances of these entries, from the block itself; of a tensor no more than these come across."""
    if is_torch(rows):
        import torch

        at = (torch.from_numpy(places).to(rows.device) for places in (entries.rows, entries.columns))
        return to_numpy(rows[tuple(at)])
    found: Rows = rows[entries.rows, entries.columns]
    return found


def count_levels(rows: Any, first_query: int, levels: PositiveDistances, index: GalleryIndex, engine: Engine) -> Ints:
    """[L, 3, 2] columns that are nearer than each level, and equally far: of all, of the queries, of junk.

    Args:
        rows: [b, G] distances of a block of queries.
        first_query: number of the block's first query, for messages.
        levels: distances of the positives of these queries, L in all.
        index: role of each gallery column.
        engine: ``numba``, ``torch`` or another, which is NumPy's.

    Raises:
        ProtocolError: a distance is not finite.
    """
    if engine == "numba":
        from .numba_engine import count_ranks
    elif engine == "torch":
        from .torch_engine import count_ranks
    else:
        from .numpy_engine import count_ranks
    parts = np.flatnonzero(index.role == QUERY), np.flatnonzero(index.role == JUNK)
    return count_ranks(rows, first_query, levels.offsets, levels.values, parts)


def groups_of(first_query: int, levels: PositiveDistances, tally: Ints, without_queries: bool) -> TieGroups:
    """From what was counted [L, 3, 2] to the groups of one gallery, own-camera tracklets left out.

    Args:
        first_query: number of the block's first query.
        levels: distances of the positives of these queries, L in all.
        tally: int64 [L, 3, 2] as `count_levels` gives it.
        without_queries: leave the queries out of the gallery.
    """
    before, tied = (kept_and_queries(tally[:, :, place]) for place in (0, 1))  # [L, 2] of (KEPT, QUERY)
    before, tied = before - levels.own_before, tied - levels.own_tied
    keep = levels.in_gallery(without_queries)
    query = (first_query + levels.rows)[keep]
    if without_queries:
        before, tied, right = (counts[keep, KEPT] for counts in (before, tied, levels.right))
    else:
        before, tied, right = (counts.sum(axis=1) for counts in (before, tied, levels.right))
    running = np.cumsum(right) - right  # positives of all groups before, over the whole block
    is_first = np.ones(len(query), dtype=bool)
    is_first[1:] = query[1:] != query[:-1]
    offset = running[is_first][np.cumsum(is_first) - 1] if len(query) else running
    return TieGroups(query, before, tied, running - offset, right)


def break_by_index(
    groups: TieGroups,
    values: Rows,
    rows: Any,
    first_query: int,
    index: GalleryIndex,
    without_queries: bool,
    processes: Processes | None = None,
) -> TieGroups:
    """Breaks every tie by gallery index, as a stable argsort would: groups of one tracklet each.

    Only groups in which a positive ties with something else are looked at, so the gallery is searched once per such
    group and not at all where there are none. Slices of the gallery follow each other in the order of the processes.

    Args:
        groups, values: [N] groups of a block and their distances.
        rows, first_query, index, without_queries, processes: as in `count_block`.
    """
    is_mixed = groups.tied > groups.right_tied
    mixed = np.flatnonzero(is_mixed)
    tied_here = np.zeros(len(mixed), dtype=np.int64)
    of: list[Ints] = [np.zeros(0, dtype=np.int64)]
    places: list[Ints] = [np.zeros(0, dtype=np.int64)]
    for number, group in enumerate(mixed):
        query = int(groups.query[group])
        row = to_numpy(rows[query - first_query])
        tied = np.flatnonzero((row == values[group]) & ~index.ignored(query, without_queries))
        right = np.flatnonzero(np.isin(tied, index.same_person(query)[0]))
        tied_here[number] = len(tied)
        of.append(np.full(len(right), number))
        places.append(right)
    which, place = np.concatenate(of), np.concatenate(places)  # [P] tied positives: mixed group, place in the tie
    if processes is not None:
        earlier = processes.gather(tied_here)[: processes.rank]
        place = place + sum(earlier, np.zeros_like(tied_here))[which]
        which, place = (np.concatenate(processes.gather(one)) for one in (which, place))
        place = place[np.argsort(which, kind="stable")]
    repeats = groups.right_tied
    group_of = np.repeat(np.arange(len(repeats)), repeats)  # [positives]
    nth = np.arange(len(group_of)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    extra = nth.copy()
    extra[is_mixed[group_of]] = place
    ones = np.ones(len(group_of), dtype=np.int64)
    before, right_before = groups.before[group_of] + extra, groups.right_before[group_of] + nth
    return TieGroups(groups.query[group_of], before, ones, right_before, ones)
