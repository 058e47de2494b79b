"""In what numbers a network computes: full float32, TF32, or bfloat16 or float16 beside float32 weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from .vocabulary import ARITHMETICS, Arithmetic, check_word

_MIXED = {"bf16": torch.bfloat16, "fp16": torch.float16}


def why_not(arithmetic: Arithmetic, device: torch.device) -> str | None:
    """Why a device does not compute in these numbers; None where it does.

    Raises:
        ProtocolError: there are no such numbers.
    """
    check_word("arithmetic", arithmetic, ARITHMETICS)
    if arithmetic == "fp32":
        return None
    if device.type != "cuda":
        if arithmetic == "tf32":
            return "TF32 is a mode of CUDA's matrix units; there are none on this device"
        return "float16 with scaled losses is for CUDA; there is none here" if arithmetic == "fp16" else None
    if arithmetic == "fp16":
        return None
    if torch.cuda.get_device_capability(device)[0] >= 8:
        return None
    return f"the matrix units of this GPU know no {arithmetic}; compute capability 8.0 or higher does"


@contextmanager
def computing(arithmetic: Arithmetic, device: torch.device) -> Iterator[None]:
    """Computes in these numbers until it ends; torch's switches are put back.

    ``fp32`` switches TF32 off for matrix products and for convolutions: torch leaves it on for the latter by default.
    What a backward pass computes is decided by the switches when it runs, so it belongs into this too.
    """
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, conv.allow_tf32
    matmul.allow_tf32 = conv.allow_tf32 = arithmetic == "tf32"
    mixed: Any = torch.autocast(device.type, _MIXED[arithmetic]) if arithmetic in _MIXED else nullcontext()
    try:
        with mixed:
            yield
    finally:
        matmul.allow_tf32, conv.allow_tf32 = before
