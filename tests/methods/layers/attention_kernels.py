"""Which kernel of torch computes an attention."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from methods.layers.nonlocal_block import fused_attention


class _Kernels(TorchDispatchMode):
    """Notes which attention operator torch calls in the end."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name.startswith("_scaled_dot_product_"):
            self.seen.append(name.removeprefix("_scaled_dot_product_"))
        return func(*args, **(kwargs or {}))


def kernel_of(query: Tensor, key: Tensor, value: Tensor, scale: float = 1.0) -> str:
    """Which kernel `fused_attention` runs for such inputs, found by running it once.

    Returns:
        torch's name of it, such as ``flash_attention_for_cpu`` or ``efficient_attention``; ``math`` where none fits
        and torch holds the whole matrix, as `plain_attention` does.
    """
    with torch.no_grad(), _Kernels() as kernels:
        fused_attention(query, key, value, scale)
    fused = [name for name in kernels.seen if "math" not in name]
    return fused[0] if fused else "math"
