"""Sine, exponential and their like, with the same last bit with AVX-512 and without.

NumPy's own take other code where there is AVX-512 and differ by one last bit there. That is enough to move pixels: at
a fold of cloth or where two limbs are equally near, one bit decides which is seen. Here all come from the C library,
by way of `math`, which costs a tenth of a microsecond a number; compiled kernels use the same functions.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["arctan2", "cos", "exp", "log", "power", "sin"]


def _elementwise(function: Callable[..., float], inputs: int) -> Callable[..., Any]:
    """The function for numbers and arrays, which are broadcast; float64 comes back."""
    each = np.frompyfunc(function, inputs, 1)
    return lambda *values: np.asarray(each(*values), dtype=np.float64)[()]


sin = _elementwise(math.sin, 1)
cos = _elementwise(math.cos, 1)
exp = _elementwise(math.exp, 1)
log = _elementwise(math.log, 1)
power = _elementwise(math.pow, 2)
arctan2 = _elementwise(math.atan2, 2)
