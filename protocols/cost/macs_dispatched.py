"""torch's counter: the operators that its dispatcher runs, with formulas for what it lacks, and none passed over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from protocols.errors import ProtocolError

from .free_operations import FREE

aten = torch.ops.aten
Shape = Sequence[int]


class _Uncounted(TorchDispatchMode):
    """Sees what the counter runs, and notes each operation that it neither counts nor knows to be free."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.counted: Any = {}
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = func.overloadpacket
        if packet not in self.counted and not (func.namespace == "aten" and packet.__name__ in FREE):
            self.seen.add(f"{func.namespace}::{packet.__name__}")
        return func(*args, **(kwargs or {}))


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, int]:
    """Operation -> MACs of one forward pass, without zeros.

    Raises:
        ProtocolError: an operation that is neither counted nor free.
    """
    counting = FlopCounterMode(display=False, custom_mapping=_FORMULAS)
    with sdpa_kernel(SDPBackend.MATH), _Uncounted() as uncounted, counting:
        uncounted.counted = counting.flop_registry
        model(*inputs)
    if uncounted.seen:
        raise ProtocolError(
            f"cannot count {', '.join(sorted(uncounted.seen))}: neither counted nor zero by definition; give it a "
            "formula in protocols/cost/macs_dispatched.py, or a place in protocols/cost/free_operations.py"
        )
    operations = counting.get_flop_counts().get("Global", {})  # absent where nothing was counted
    return {str(op).removeprefix("aten."): flops // 2 for op, flops in operations.items() if flops}


def _with_a_vector(left: Shape, *rest: Any, **more: Any) -> int:
    """A matrix or a vector times a vector: one multiplication for each of its numbers."""
    return 2 * math.prod(left)


def _add_matrix_vector(start: Shape, matrix: Shape, *rest: Any, **more: Any) -> int:
    return 2 * math.prod(matrix)


def _add_batches(start: Shape, a: Shape, b: Shape, *rest: Any, **more: Any) -> int:
    return 2 * math.prod(a) * b[-1]


def _distances(a: Shape, *rest: Any, out_shape: Any = None, **more: Any) -> int:
    """Pairwise distances of [.., M, D], with [.., N, D] or within: one multiplication for each pair and number."""
    return 2 * math.prod(out_shape) * a[-1]


def _recurrent(x: Shape, weights: Any, *rest: Any, **more: Any) -> int:
    """All layers and directions: each matrix once for each step of each sequence."""
    return 2 * math.prod(x[:2]) * sum(math.prod(w) for w in weights if len(w) == 2)


def _recurrent_layer(x: Shape, w_input: Shape, w_hidden: Shape, *rest: Any, **more: Any) -> int:
    """One layer in one direction, x [T, B, D]."""
    return 2 * math.prod(x[:2]) * (math.prod(w_input) + math.prod(w_hidden))


_FORMULAS: dict[Any, Any] = {
    aten.mv: _with_a_vector,
    aten.addmv: _add_matrix_vector,
    aten.dot: _with_a_vector,
    aten.vdot: _with_a_vector,
    aten.addbmm: _add_batches,
    aten._cdist_forward: _distances,
    aten._euclidean_dist: _distances,
    aten._pdist_forward: _distances,
    aten.mkldnn_rnn_layer: _recurrent_layer,
    aten._cudnn_rnn: _recurrent,
}
"""FLOPs by shapes, as torch's own formulas: two a multiply-accumulate."""
