"""Ceilings and the roofline: worked values, and a bare matrix product that comes near to its own ceiling."""

import json
import time

import pytest
import torch

from protocols.ceilings import Ceilings, measure_ceilings
from protocols.errors import ProtocolError


def of(flops, bandwidth):
    return Ceilings({"device": "cpu"}, {"fp32": flops}, bandwidth, {}, {})


def test_roofline_by_hand():
    """100 GFLOP/s and 10 GB/s meet at 10 FLOPs a byte: below it memory is the roof, above it arithmetic."""
    roof = of(100e9, 10e9)
    memory = roof.roofline(2e9, 1e9, "fp32", 0.2)
    assert (memory.intensity, memory.attainable, memory.achieved) == (2, 20e9, 10e9)
    assert memory.share == pytest.approx(0.5)
    arithmetic = roof.roofline(50e9, 1e9, "fp32", 2.0)
    assert (arithmetic.attainable, arithmetic.share) == (100e9, pytest.approx(0.25))
    assert roof.roofline(10e9, 1e9, "fp32", 0.1).share == pytest.approx(1)
    assert roof.roofline(0, 1e9, "fp32", 1).share == 0
    assert roof.roofline(1, 1, "bf16", 1) is None
    with pytest.raises(ProtocolError, match="above 0"):
        roof.roofline(1, 0, "fp32", 1)


def test_a_bare_product_is_near_its_ceiling():
    """Only bounds that another load on this machine does not break: far from 0, and not above 1 by more than noise."""
    found = measure_ceilings("cpu", ("fp32",), 1.5)
    side = found.measured["matrices"]["fp32"]
    a = torch.randn(side, side)
    out = torch.empty_like(a)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        torch.mm(a, a, out=out)
        times.append(time.perf_counter() - start)
    share = found.roofline(2 * side**3, 3 * 4 * side**2, "fp32", min(times)).share
    assert 0.3 < share < 1.5


def test_what_is_measured_and_what_is_not():
    found = measure_ceilings("cpu", ("fp32", "tf32"), 0.2)
    assert set(found.flops) == {"fp32"}
    assert "TF32" in found.left_out["tf32"]
    assert found.bandwidth > 1e8
    record = found.as_dict()
    assert record["device"]["threads"] == torch.get_num_threads()
    assert record["measured"]["samples"]["copy"] >= 3
    json.dumps(record)
    with pytest.raises(ProtocolError, match="cpu or cuda"):
        measure_ceilings("meta")
