"""The sweep of `protocols.ranking.counting.blocks` in torch, for distances that lie on an accelerator.

The levels of the positives go over, every distance is placed between them there (a search and a histogram a row), and
the counts come back: a few numbers a positive, where the block of distances would be hundreds of megabytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from protocols.arrays import is_torch, refuse_non_finite, to_numpy
from protocols.ranking.gallery import Ints

_AT_ONCE = 2**24  # distances that are placed at a time; bounds the int64 intermediates to some 300 MB


def count_ranks(rows: Any, first_query: int, offsets: Ints, values: Any, parts: tuple[Ints, ...]) -> Ints:
    """As `numpy_engine.count_ranks`, with the same digits; `rows` is a tensor on any device, or NumPy.

    Arguments and errors as in `numpy_engine.count_ranks`.
    """
    rows = rows if is_torch(rows) else torch.from_numpy(np.require(rows, requirements=["C", "W"]))
    _refuse_non_finite(rows, first_query)
    lengths = torch.from_numpy(np.diff(offsets)).to(rows.device)
    most = int(lengths.max()) if len(lengths) else 0
    if most == 0:
        return np.zeros((0, 1 + len(parts), 2), dtype=np.int64)
    real = torch.arange(most, device=rows.device) < lengths[:, None]  # [b, m]
    levels = torch.full(real.shape, torch.inf, dtype=rows.dtype, device=rows.device)
    levels[real] = torch.as_tensor(values, dtype=rows.dtype).to(rows.device)
    counts = [_count(rows, levels)]
    for part in parts:
        columns = torch.from_numpy(part).to(rows.device)
        counts.append(_count(rows[:, columns], levels) if len(part) else torch.zeros_like(counts[0]))
    return to_numpy(torch.stack([one[real] for one in counts], dim=1))  # [L, 1 + parts, 2]


def _count(rows: Any, levels: Any) -> Any:
    """[b, m, 2] columns of each row [b, G] that are below each of its levels [b, m], and equal to it."""
    step = max(1, _AT_ONCE // rows.shape[1])
    return torch.cat([_count_few(rows[i : i + step], levels[i : i + step]) for i in range(0, len(rows), step)])


def _count_few(rows: Any, levels: Any) -> Any:
    queries, most = levels.shape
    place = torch.searchsorted(levels, rows.contiguous())  # [b, G] levels that are smaller
    equal = levels.gather(1, place.clamp(max=most - 1)) == rows
    width = 2 * (most + 1)
    cell = 2 * place + equal + width * torch.arange(queries, device=rows.device)[:, None]
    found = torch.bincount(cell.ravel(), minlength=width * queries).view(queries, most + 1, 2)[:, :most]
    between, equal = found.unbind(dim=2)  # between: above the level before
    below = between.cumsum(dim=1) + equal.cumsum(dim=1) - equal
    return torch.stack([below, equal], dim=2)


def _refuse_non_finite(rows: Any, first_query: int) -> None:
    low, high = torch.aminmax(rows)  # NaN runs through both
    if bool(torch.isfinite(low) & torch.isfinite(high)):
        return
    bad = int((~torch.isfinite(rows).all(dim=1)).nonzero()[0])
    refuse_non_finite(to_numpy(rows[bad : bad + 1]), first_query + bad, "distances")
