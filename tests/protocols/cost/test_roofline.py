"""Ceilings and the roofline: worked values, and what is measured; how near a product comes is a benchmark's matter."""

import json

import pytest
import torch

from protocols.cost.roofline import Ceilings, measure_ceilings
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
