"""Multiply-accumulates of a forward pass, with no operation skipped in silence.

One MAC is one multiplication with its addition; FLOPs = 2 MACs. Counted are the operations that multiply matrices:
convolutions, linear layers, matrix products, einsum, attention, recurrent layers, pairwise distances. All that works
element by element, reduces, normalises, pools, interpolates or moves data counts zero *by definition* and stands in
`protocols.cost.free_operations`; so does the usual count of the field (2.67 GMACs for ResNet-50's trunk at 256x128).
An operation in neither list is an error that names it.

The counter is torch's own, on the operators that its dispatcher really runs; it is wherever torch is, so that every
figure of the suite is counted in one way. fvcore's counts the traced program instead, by formulas of its own: a second
opinion, for tests and for whoever asks for it by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from protocols.admission import evaluating
from protocols.errors import ProtocolError

Counter = Literal["torch", "fvcore"]


@dataclass(frozen=True, slots=True)
class Count:
    """Multiply-accumulates of one forward pass.

    Attributes:
        macs: in all; `flops` is twice that.
        by_operation: operation -> MACs, without zeros.
        counter: the library that counted.
    """

    macs: int
    by_operation: dict[str, int]
    counter: str

    @property
    def flops(self) -> int:
        """Two per multiply-accumulate."""
        return 2 * self.macs


def count_macs(model: nn.Module, inputs: tuple[Tensor, ...], counter: Counter = "torch") -> Count:
    """Counts a forward pass in eval mode; the model runs once.

    Args:
        model: any module.
        inputs: what its forward takes.
        counter: ``torch`` or ``fvcore``; they agree wherever both count.

    Raises:
        ProtocolError: an operation that is neither counted nor zero by definition; it is named.
    """
    if counter not in get_args(Counter):
        raise ProtocolError(f"counter={counter!r} is unknown; choose {' or '.join(get_args(Counter))}")
    with evaluating(model), _no_fused_transformer():
        if counter == "fvcore":
            from .macs_traced import count

            found, name = count(model, inputs), "fvcore"
        else:
            from .macs_dispatched import count

            found, name = count(model, inputs), "torch.utils.flop_counter"
    return Count(sum(found.values()), found, name)


@contextmanager
def _no_fused_transformer() -> Iterator[None]:
    """Attention layers run as their parts, which both counters see."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
