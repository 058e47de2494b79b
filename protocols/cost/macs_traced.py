"""fvcore's counter: the operators of the traced program, with handles for what it lacks."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from protocols.errors import ProtocolError

from .free_operations import FREE


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, int]:
    """Operation -> MACs of one forward pass, without zeros.

    Raises:
        ProtocolError: an operation that is neither counted nor free.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a trace warns of each branch on data; the branch taken is what we count
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(model, inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        analysis.set_op_handle(**dict.fromkeys((f"aten::{name}" for name in FREE), _nothing), **_HANDLES)
        trace_log = logging.getLogger("fvcore.nn.jit_analysis")
        level = trace_log.level
        trace_log.setLevel(logging.ERROR)
        try:
            found = {name: int(macs) for name, macs in analysis.by_operator().items() if macs}
            skipped = analysis.unsupported_ops()
        finally:
            trace_log.setLevel(level)
    if skipped:
        names = ", ".join(sorted(skipped))
        raise ProtocolError(
            f"cannot count {names}: neither counted nor zero by definition; give it a handle, or a place in "
            "protocols/cost/free_operations.py"
        )
    return found


def _shape(value: Any) -> list[int]:
    sizes = value.type().sizes()
    if sizes is None:
        raise ProtocolError(f"the trace knows no shape of {value.debugName()}, an input of {value.node().kind()}")
    return list(sizes)


def _list(value: Any) -> list[Any]:
    return list(value.node().inputs())


def _nothing(inputs: list[Any], outputs: list[Any]) -> int:
    return 0


def _attention(inputs: list[Any], outputs: list[Any]) -> int:
    """softmax(Q K^T) V: both products, over all queries and keys also where a mask hides some.

    A kernel may leave out what is masked or causal; how much depends on the kernel, so it is counted in full.
    """
    query, key, value = (_shape(x) for x in inputs[:3])
    batch = math.prod(_broadcast(query[:-2], _heads(query, key), _heads(query, value)))
    return batch * query[-2] * key[-2] * (query[-1] + value[-1])


def _heads(query: list[int], other: list[int]) -> list[int]:
    """Leading sizes of keys or values; where groups of heads share theirs, each head still does its own product."""
    return other[:-2] if len(query) < 4 or other[-3] in (1, query[-3]) else [*other[:-3], query[-3]]


def _broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(tuple(shape) for shape in shapes))


def _recurrent(weights_at: int) -> Callable[[list[Any], list[Any]], int]:
    def handle(inputs: list[Any], outputs: list[Any]) -> int:
        steps = math.prod(_shape(inputs[0])[:2])  # T x B, in either order
        matrices = [_shape(w) for w in _list(inputs[weights_at])]
        return steps * sum(math.prod(shape) for shape in matrices if len(shape) == 2)

    return handle


def _einsum(inputs: list[Any], outputs: list[Any]) -> int:
    """Two operands: the product of all index sizes. One operand only moves and sums."""
    operands = [_shape(x) for x in _list(inputs[1])]
    terms = inputs[0].toIValue().replace(" ", "").split("->")[0].split(",")
    if len(operands) == 1:
        return 0
    if len(operands) > 2:
        raise ProtocolError(f"cannot count einsum {','.join(terms)}: write it as products of two operands")
    return math.prod(_sizes(terms, operands).values())


def _sizes(terms: list[str], operands: list[list[int]]) -> dict[str, int]:
    """Index -> size; what dots stand for are the indices -1, -2, ... from the right, as they broadcast."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, operands, strict=True):
        before, dots, after = term.partition("...")
        hidden = len(shape) - len(before) - len(after) if dots else 0
        indices = [*before, *(str(-i) for i in range(hidden, 0, -1)), *after]
        for index, size in zip(indices, shape, strict=True):
            sizes[index] = max(size, sizes.get(index, 1))
    return sizes


def _distance(inputs: list[Any], outputs: list[Any]) -> int:
    """Pairwise distances [.., M, D] x [.., N, D]: one multiplication for each pair and number."""
    return math.prod(_shape(outputs[0])) * _shape(inputs[0])[-1]


def _matrix_product(left: int, right: int) -> Callable[[list[Any], list[Any]], int]:
    """[.., m, k] times [.., k, n], vectors being matrices of one row or column; leading sizes broadcast."""

    def handle(inputs: list[Any], outputs: list[Any]) -> int:
        a, b = _shape(inputs[left]), _shape(inputs[right])
        rows, columns = (a[-2] if len(a) > 1 else 1), (b[-1] if len(b) > 1 else 1)
        return math.prod(_broadcast(a[:-2], b[:-2])) * rows * a[-1] * columns

    return handle


def _opaque(kind: str) -> Callable[[list[Any], list[Any]], int]:
    """A node whose inside the trace does not show, which fvcore would pass over."""

    def handle(inputs: list[Any], outputs: list[Any]) -> int:
        raise ProtocolError(f"cannot count {kind}: the trace does not show what runs inside; count it with torch")

    return handle


_HANDLES: dict[str, Callable[[list[Any], list[Any]], int]] = {
    **{kind: _opaque(kind) for kind in ("prim::If", "prim::Loop", "prim::CallMethod", "prim::CallFunction")},
    "aten::scaled_dot_product_attention": _attention,
    "aten::lstm": _recurrent(2),
    "aten::gru": _recurrent(2),
    "aten::rnn_tanh": _recurrent(2),
    "aten::rnn_relu": _recurrent(2),
    "aten::einsum": _einsum,
    "aten::cdist": _distance,
    "aten::matmul": _matrix_product(0, 1),
    "aten::baddbmm": _matrix_product(1, 2),
    "aten::addbmm": _matrix_product(1, 2),
    "aten::addmv": _matrix_product(1, 2),
    "aten::mv": _matrix_product(0, 1),
    "aten::dot": _matrix_product(0, 1),
}
