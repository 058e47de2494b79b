"""Quantiles without SciPy: SciPy's own, and tables in any book."""

import pytest
from scipy.special import ndtri, stdtrit

from protocols.statistics import quantiles


@pytest.mark.parametrize(("freedom", "value"), [(1, 12.7062047), (2, 4.3026527), (10, 2.2281389), (30, 2.0422725)])
def test_student_of_a_table(freedom, value):
    assert quantiles.plain_student_quantile(freedom, 0.975) == pytest.approx(value, abs=5e-8)


@pytest.mark.parametrize("freedom", [1, 1.7, 3.4, 29.9, 30.1, 99, 1234.5, 2e6, 1e9])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.975, 0.995])
def test_student_is_that_of_scipy(freedom, p):
    assert quantiles.plain_student_quantile(freedom, p) == pytest.approx(float(stdtrit(freedom, p)), rel=1e-7, abs=1e-7)


def test_where_scipy_is_missing(monkeypatch):
    there = quantiles.normal_quantile(0.975), quantiles.student_quantile(7.5, 0.9)
    assert there == (float(ndtri(0.975)), float(stdtrit(7.5, 0.9)))
    monkeypatch.setitem(__import__("sys").modules, "scipy.special", None)
    assert (quantiles.normal_quantile(0.975), quantiles.student_quantile(7.5, 0.9)) == pytest.approx(there, abs=1e-10)
