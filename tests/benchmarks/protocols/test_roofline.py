"""A bare matrix product beside the ceiling measured in the same process: its share of the roofline should be near 1."""

import torch

from protocols.cost.roofline import measure_ceilings


def test_a_bare_product_beside_its_ceiling(benchmark):
    found = measure_ceilings("cpu", ("fp32",), 1.5)
    side = found.measured["matrices"]["fp32"]
    a = torch.randn(side, side)
    out = torch.empty_like(a)
    benchmark.pedantic(lambda: torch.mm(a, a, out=out), rounds=12, warmup_rounds=2)
    roof = found.roofline(2 * side**3, 3 * 4 * side**2, "fp32", benchmark.stats.stats.min)
    benchmark.extra_info["share of the roofline"] = round(roof.share, 3)
