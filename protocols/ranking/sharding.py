"""A gallery that lies in slices in several processes, scored as one.

Each process holds all queries, a slice of the gallery and its labels; slices follow each other in the order of the
processes. For every block of queries each multiplies with its own slice, the few distances of the positives are shown
to all, each counts how many of *its* tracklets are nearer or equally far, and the counts are added up. So every
process ends with the ranking of the whole gallery, under every convention and tie rule: counts are additive, and a tie
that is broken by gallery index needs in addition how many tracklets of the tie the processes before hold.

Distances are to the digit those of one process where sums are exact, and otherwise up to the last bit that a product
of another shape may round differently. Equal descriptors in different slices stand at equal distances all the same
(`SharedCopies`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.arrays import is_torch, to_floats, to_numpy
from protocols.errors import ProtocolError
from protocols.vocabulary import Metric

from .distances import Blocks, check_descriptors, gallery_kind, looked_through, rows_per_block
from .distributed import Processes, agreed
from .duplicates import rows_at
from .gallery import Ints


def slice_of(size: int, rank: int, processes: int) -> slice:
    """The gallery rows that a process is to hold: equal shares, in order.

    Args:
        size: rows of the whole gallery.
        rank: number of the process, from 0.
        processes: how many there are.

    Raises:
        ProtocolError: fewer rows than processes.

    Example:
        >>> [slice_of(10, rank, 3) for rank in range(3)]
        [slice(0, 3, None), slice(3, 6, None), slice(6, 10, None)]
    """
    if size < processes:
        raise ProtocolError(f"a gallery of {size} tracklets cannot be shared by {processes} processes; start fewer")
    return slice(rank * size // processes, (rank + 1) * size // processes)


@dataclass(frozen=True, slots=True)
class Shard:
    """Where a slice lies in the whole gallery.

    Attributes:
        processes: those that hold the slices.
        first: gallery row that the slice begins with.
        size: rows of the whole gallery.
    """

    processes: Processes
    first: int
    size: int

    @classmethod
    def of(cls, processes: Processes, query: Any, gallery: Any, metric: Metric) -> Shard:
        """For a slice of the gallery; all processes must ask with the same queries.

        Args:
            processes: that hold the slices.
            query: [Q, D] descriptors, the same in every process.
            gallery: [G, D] descriptors of this process's slice.
            metric: ``euclidean`` or ``cosine``.

        Raises:
            ProtocolError: they do not, descriptors do not fit together, or a slice is empty.
        """
        agreed(processes, lambda: check_descriptors(query, gallery, metric))
        kinds = gallery_kind(query).itemsize, gallery_kind(gallery).itemsize
        said = np.stack([one[0] for one in processes.gather(np.array([[len(gallery), len(query), *kinds]]))])
        if (said[:, 2:] != said[:1, 2:]).any():
            raise ProtocolError("all processes must hold descriptors of one type; some have float32, others float64")
        if (said[:, 1] != len(query)).any():
            raise ProtocolError(
                f"all processes must ask with the same queries; they hold {said[:, 1].tolist()} of them"
            )
        if (said[:, 0] < 1).any():
            raise ProtocolError(f"no slice of the gallery may be empty; they hold {said[:, 0].tolist()} tracklets")
        return cls(processes, int(said[: processes.rank, 0].sum()), int(said[:, 0].sum()))

    def blocks(self, blocks: Blocks, gallery: Any) -> Blocks:
        """The same blocks, with equal descriptors of other slices at equal distances; all processes fail together."""
        copies = None
        while True:
            block = agreed(self.processes, lambda: next(blocks, None))
            if block is None:
                return
            if copies is None:  # only now are the descriptors known to be fit for it, in all processes
                copies = SharedCopies.among(self.processes, self.first, gallery)
            copies.level(block[1])
            yield block

    def block(self, asked: int | None, query: Any, gallery: Any) -> int:
        """Queries at a time: what was asked for, or the fewest that any process can take."""
        size = max(gallery_kind(query).itemsize, gallery_kind(gallery).itemsize)
        rows = agreed(self.processes, lambda: rows_per_block(asked, len(gallery), size))
        return min(int(one[0]) for one in self.processes.gather(np.array([rows])))


@dataclass(frozen=True, slots=True)
class SharedCopies:
    """Descriptors that lie in several slices; the one in the lowest gallery row lends its distance to the others.

    Attributes:
        processes: those that hold the slices.
        lent: [k] columns of this slice whose distances are shown to all.
        columns: [n] columns of this slice that take the distance of a descriptor that is lent.
        source: [n] which, counted through all processes.
    """

    processes: Processes
    lent: Ints
    columns: Ints
    source: Ints

    @classmethod
    def among(cls, processes: Processes, first: int, gallery: Any) -> SharedCopies:
        """Looks for them: rows of one key in two slices, and then by a digest of the whole row."""
        keys = looked_through(gallery, gallery_kind(gallery))[1]
        everywhere = processes.gather(keys)
        others = np.concatenate([one for rank, one in enumerate(everywhere) if rank != processes.rank])
        own = np.flatnonzero(np.isin(keys, others))
        digests = processes.gather(_digests(gallery, own))
        owner = np.repeat(np.arange(processes.size), [len(one) for one in digests])
        rows = np.concatenate(processes.gather(own + first))  # of the whole gallery, ascending
        if not len(rows):
            return cls(processes, own, own, own)
        _, lowest, kind = np.unique(np.concatenate(digests), axis=0, return_index=True, return_inverse=True)
        kind = kind.ravel()
        owners = np.zeros((len(lowest), processes.size), dtype=bool)
        owners[kind, owner] = True
        shared = np.flatnonzero(owners.sum(axis=1) > 1)
        shared = shared[np.argsort(lowest[shared])]  # as they are lent: process by process, by row
        number = np.full(len(lowest), -1, dtype=np.int64)
        number[shared] = np.arange(len(shared))
        lender = owner[lowest[shared]]
        here = number[kind[owner == processes.rank]]
        return cls(processes, rows[lowest[shared]][lender == processes.rank] - first, own[here >= 0], here[here >= 0])

    def level(self, rows: Any) -> None:
        """Changes a block of distances [b, G] in place; every process must do so with its own."""
        lent = np.ascontiguousarray(to_numpy(_columns(rows, self.lent)).T)  # [k, b]
        everybody = np.concatenate(self.processes.gather(lent))
        if not len(self.columns):
            return
        values = everybody[self.source].T  # [b, n]
        if is_torch(rows):
            import torch

            rows[:, torch.from_numpy(self.columns).to(rows.device)] = torch.from_numpy(values.copy()).to(rows.device)
        else:
            rows[:, self.columns] = values


def _columns(rows: Any, columns: Ints) -> Any:
    if is_torch(rows):
        import torch

        return rows[:, torch.from_numpy(columns).to(rows.device)]
    return rows[:, columns]


def _digests(gallery: Any, rows: Ints) -> NDArray[np.uint64]:
    """[n, 2] of some rows, a thousand at a time."""
    found = []
    for start in range(0, len(rows), 1000):
        for row in np.ascontiguousarray(to_floats(rows_at(gallery, rows[start : start + 1000]), "gallery")):
            found.append(np.frombuffer(blake2b(row.tobytes(), digest_size=16).digest(), dtype=np.uint64))
    return np.array(found, dtype=np.uint64).reshape(-1, 2)
