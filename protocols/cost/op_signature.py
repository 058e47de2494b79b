"""What a forward pass asks of the device, as a digest: arms with the same one cost the same.

Two networks are the same work where they run the same operators in the same order on the same shapes, whatever their
weights, names and real-valued constants are.
"""

from __future__ import annotations

import hashlib
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from protocols.admission import evaluating


class _Listing(TorchDispatchMode):
    """Feeds a digest with every operator that runs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.digest = hashlib.sha256()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.digest.update(f"{func} {_shape(args)} {_shape(kwargs or {})};".encode())
        self.count += 1
        return func(*args, **(kwargs or {}))


def _shape(value: Any) -> str:
    """Shapes, whole numbers and switches; real numbers, such as a threshold, decide no cost."""
    if isinstance(value, Tensor):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_shape, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}={_shape(one)}' for key, one in sorted(value.items()))}}}"
    return "float" if isinstance(value, float) else str(value)


def signature(method: nn.Module, inputs: tuple[Tensor, ...]) -> str:
    """16 hexadecimal digits over all operators of one forward pass in eval mode."""
    with evaluating(method), _Listing() as listing:
        method(*inputs)
    return listing.digest.hexdigest()[:16]
