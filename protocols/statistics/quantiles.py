"""Quantiles of the normal and of Student's distribution: SciPy's, and without SciPy the same to seven digits."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

_ROUNDS = 200
_NODES = 96
_FAR = 1e7  # degrees of freedom from which Student's distribution is the normal one to six digits


def normal_quantile(p: float) -> float:
    """The x at which a standard normal distribution reaches p."""
    try:
        from scipy.special import ndtri
    except ImportError:
        return NormalDist().inv_cdf(p)
    return float(ndtri(p))


def student_quantile(freedom: float, p: float) -> float:
    """The x at which Student's distribution reaches p.

    Args:
        freedom: degrees of freedom, above 0, whole or not.
        p: between 0 and 1.
    """
    try:
        from scipy.special import stdtrit
    except ImportError:
        return plain_student_quantile(freedom, p)
    return float(stdtrit(freedom, p))


def plain_student_quantile(freedom: float, p: float) -> float:
    """`student_quantile` by bisection of the distribution, which is integrated over an angle.

    With x = sqrt(n) tan(a) the density becomes cos(a)^(n-1) over a in (-pi/2, pi/2), smooth on a bounded interval.
    """
    if p < 0.5:
        return -plain_student_quantile(freedom, 1 - p)
    if freedom > _FAR:
        return NormalDist().inv_cdf(p)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)

    def area(angle: float) -> float:
        """Integral of cos^(n-1) from 0; all that counts lies within some ten standard deviations of 0."""
        reach = min(angle, 12 / math.sqrt(freedom)) if freedom > 30 else angle
        places = 0.5 * reach * (nodes + 1)
        return float(0.5 * reach * (weights * np.cos(places) ** (freedom - 1)).sum())

    if freedom > 30:
        total = area(0.5 * math.pi)
    else:  # few degrees of freedom bend the integrand too much at its end, but its value is known
        total = 0.5 * math.sqrt(math.pi) * math.gamma(freedom / 2) / math.gamma((freedom + 1) / 2)
    low, high = 0.0, 0.5 * math.pi
    for _ in range(_ROUNDS):
        middle = 0.5 * (low + high)
        if area(middle) < (2 * p - 1) * total:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(0.5 * (low + high))
