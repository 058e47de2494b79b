"""Counting operations and resampling, with their floors: one forward pass, one resample."""

import numpy as np
import pytest
import torch
import torchvision

from protocols.cost.macs import count_macs
from protocols.statistics import clustered_bootstrap, paired_difference


@pytest.fixture(scope="module")
def trunk():
    net = torchvision.models.resnet50(weights=None).eval()
    net.fc = torch.nn.Identity()
    return net, torch.randn(8, 3, 64, 32)


def test_floor_forward_pass(benchmark, trunk):
    net, frames = trunk
    with torch.no_grad():
        benchmark(lambda: net(frames))


@pytest.mark.parametrize("counter", ["fvcore", "torch"])
def test_count_macs(benchmark, trunk, counter):
    net, frames = trunk
    benchmark.pedantic(lambda: count_macs(net, (frames,), counter), rounds=3)


@pytest.mark.parametrize("seeds", [1, 3])
def test_bootstrap_of_ten_thousand_at_mars_size(benchmark, seeds):
    rng = np.random.default_rng(0)
    values = rng.random((seeds, 1980))
    clusters = np.concatenate([np.arange(626), rng.integers(0, 626, 1354)])
    benchmark(lambda: clustered_bootstrap(values, clusters, resamples=10_000))


def test_paired_difference(benchmark):
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1980))
    benchmark(lambda: paired_difference(a, b, rng.integers(0, 626, 1980)))
