"""Multiply-accumulates of a forward pass, with no operation skipped in silence.

One MAC is one multiplication with its addition; FLOPs = 2 MACs. Counted are the operations that multiply matrices:
convolutions, linear layers, matrix products, einsum, attention, recurrent layers, pairwise distances. All that works
element by element, reduces, normalises, pools, interpolates or moves data counts zero *by definition* and stands in
`ZERO_BY_DEFINITION`; so does the usual count of the field (2.67 GMACs for ResNet-50's trunk at 256x128). An operation
in neither list is an error that names it.

The counter is fvcore's, with handles for what it lacks. Where fvcore is absent torch.utils.flop_counter counts
instead, under the settings in which it sees everything; the result says which one counted.
"""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .admission import evaluating
from .errors import ProtocolError

Shape = Sequence[int]

ZERO_BY_DEFINITION = frozenset(
    f"aten::{name}"
    for names in (
        # element by element
        "abs add add_ sub sub_ rsub mul mul_ div div_ neg pow sqrt rsqrt exp log log1p reciprocal square sign "
        "floor ceil round remainder floor_divide clamp clamp_ clamp_min clamp_min_ clamp_max maximum minimum "
        "relu relu_ relu6 leaky_relu leaky_relu_ elu gelu silu silu_ hardtanh hardtanh_ hardswish hardsigmoid "
        "sigmoid sigmoid_ tanh tanh_ softplus prelu sin cos where lerp addcmul addcdiv xlogy "
        "dropout dropout_ feature_dropout eq ne lt le gt ge logical_and logical_or logical_not logical_xor "
        "bitwise_and bitwise_or bitwise_not __and__ __or__ isnan isfinite nan_to_num nan_to_num_ "
        "masked_fill masked_fill_ masked_scatter masked_scatter_",
        # reductions and scans
        "sum mean amax amin max min argmax argmin prod var std var_mean std_mean norm linalg_vector_norm all any "
        "cumsum logsumexp count_nonzero topk sort argsort median softmax log_softmax _softmax _log_softmax "
        "cosine_similarity",
        # normalisation, pooling, resampling
        "batch_norm layer_norm group_norm instance_norm native_layer_norm rms_norm avg_pool1d avg_pool2d avg_pool3d "
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
        "adaptive_max_pool3d max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
        "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_bilinear2d upsample_linear1d "
        "upsample_trilinear3d grid_sampler affine_grid_generator",
        # movement, shape and creation
        "arange linspace zeros zeros_like ones ones_like full full_like empty empty_like new_zeros new_ones new_full "
        "new_empty scalar_tensor tensor eye zero_ fill_ detach clone contiguous copy_ to type_as cat stack concat "
        "chunk unsafe_chunk split unsafe_split split_with_sizes unbind slice select narrow index index_select "
        "index_put index_put_ index_add "
        "index_copy index_fill gather scatter scatter_ scatter_add scatter_add_ take take_along_dim roll flip repeat "
        "repeat_interleave tile expand expand_as broadcast_tensors permute transpose t numpy_T swapaxes movedim "
        "reshape reshape_as view view_as flatten unflatten squeeze squeeze_ unsqueeze unsqueeze_ unfold im2col pad "
        "constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d pixel_shuffle tril triu "
        "nonzero nonzero_numpy bucketize searchsorted one_hot embedding masked_select rand randn randint normal_ "
        "diagonal diag as_strided alias lift_fresh _shape_as_tensor",
        # numbers of the traced program, not of the network
        "size dim len numel item Int Float Bool ScalarImplicit FloatImplicit IntImplicit Bool is_nonzero device dtype "
        "__getitem__ __contains__ warn",
    )
    for name in names.split()
)

_FALLBACK_BLIND = (
    "_euclidean_dist", "_cdist_forward", "_trilinear", "mkldnn_rnn_layer", "_cudnn_rnn", "_thnn_fused_lstm_cell",
    "mv", "addmv", "dot", "vdot",
    "_native_multi_head_attention", "_transformer_encoder_layer_fwd", "_scaled_dot_product_flash_attention_for_cpu",
)  # fmt: skip


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


def count_macs(model: nn.Module, inputs: tuple[Tensor, ...], counter: str = "auto") -> Count:
    """Counts a forward pass in eval mode; the model runs once.

    Args:
        model: any module.
        inputs: what its forward takes.
        counter: ``auto`` (fvcore, or torch where that is not installed), ``fvcore`` or ``torch``.

    Raises:
        ProtocolError: an operation that is neither counted nor zero by definition; it is named.
    """
    if counter not in ("auto", "fvcore", "torch"):
        raise ProtocolError(f"counter={counter!r} is unknown; choose auto, fvcore or torch")
    if counter == "auto":
        counter = "fvcore" if _has_fvcore() else "torch"
    with evaluating(model), _no_fused_transformer():
        return _count_fvcore(model, inputs) if counter == "fvcore" else _count_torch(model, inputs)


def _has_fvcore() -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import fvcore.nn  # noqa: F401 - asks whether it is there
    except ImportError:
        return False
    return True


def _count_fvcore(model: nn.Module, inputs: tuple[Tensor, ...]) -> Count:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a trace warns of each branch on data; the branch taken is what we count
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(model, inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        analysis.set_op_handle(**dict.fromkeys(ZERO_BY_DEFINITION, _nothing), **_HANDLES)
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
            "ZERO_BY_DEFINITION, in protocols/flops.py"
        )
    return Count(sum(found.values()), found, "fvcore")


def _count_torch(model: nn.Module, inputs: tuple[Tensor, ...]) -> Count:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode

    class Blind(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        """Notes operations that multiply matrices but count nothing in FlopCounterMode."""

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self.seen: set[str] = set()

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = func.overloadpacket.__name__
            if name in _FALLBACK_BLIND:
                self.seen.add(name)
            return func(*args, **(kwargs or {}))

    def counted(model: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[FlopCounterMode, set[str]]:
        with sdpa_kernel(SDPBackend.MATH), Blind() as blind, FlopCounterMode(display=False) as counting:
            model(*inputs)
        return counting, blind.seen

    counting, seen = counted(model, inputs)
    if seen and not any(tensor.device.type == "meta" for tensor in inputs):
        with _without_mkldnn():  # slow, but then an LSTM is seen in its parts
            counting, seen = counted(copy.deepcopy(model).cpu(), tuple(tensor.cpu() for tensor in inputs))
    if seen:
        raise ProtocolError(f"cannot count {', '.join(sorted(seen))} without fvcore: install fvcore and run again")
    operations = counting.get_flop_counts().get("Global", {})  # absent where nothing was counted
    found = {str(op).removeprefix("aten."): flops // 2 for op, flops in operations.items()}
    return Count(counting.get_total_flops() // 2, found, "torch.utils.flop_counter")


@contextmanager
def _no_fused_transformer() -> Iterator[None]:
    """Attention layers run as their parts, which both counters see."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def _without_mkldnn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of Intel GPU settings that nobody touches
        with torch.backends.mkldnn.flags(enabled=False):
            yield


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


_HANDLES: dict[str, Callable[[list[Any], list[Any]], int]] = {
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
    "aten::outer": lambda inputs, outputs: math.prod(_shape(outputs[0])),
}
