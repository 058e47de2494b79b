"""Pixels do not depend on how a processor's own routines round a sine."""

import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets import synthwalk
from datasets.synthwalk import exact_math, presets
from datasets.synthwalk.renderer import numba_cache, tracklet
from datasets.synthwalk.world import population

NUMPYS = ("sin", "cos", "tan", "exp", "log", "arctan2", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "power")
WORLD = presets.preset("tiny", seed=3, height=32, width=16, train_ids=2, test_ids=2, distractors=1, junk=1)


class Elsewhere:
    """NumPy on a processor on which its elementary functions cannot be relied upon."""

    def __getattr__(self, name: str) -> Any:
        if name in NUMPYS:
            raise AssertionError(f"np.{name} decides pixels; take datasets.synthwalk.exact_math")
        return getattr(np, name)


@pytest.mark.parametrize(("name", "function"), [(n, getattr(math, n)) for n in ("sin", "cos", "exp")])
def test_every_number_is_that_of_the_c_library(name: str, function: Callable[[float], float]) -> None:
    values = np.random.default_rng(0).normal(0.0, 3.0, (200, 3))
    found = getattr(exact_math, name)(values)
    assert found.dtype == np.float64
    assert found.tolist() == [[function(value) for value in row] for row in values.tolist()]
    assert getattr(exact_math, name)(0.5) == function(0.5)
    assert isinstance(getattr(exact_math, name)(np.float64(0.5)), float)


def test_two_arguments_are_broadcast() -> None:
    up, across = np.array([[1.0], [-1.0]]), np.array([0.5, 2.0, -3.0])
    assert exact_math.arctan2(up, across).tolist() == [[math.atan2(u, a) for a in (0.5, 2.0, -3.0)] for u in (1, -1)]
    assert exact_math.power(0.8, np.arange(3)).tolist() == [1.0, 0.8, math.pow(0.8, 2)]


@pytest.mark.parametrize("style", ["street", "hall"])
def test_a_world_is_rendered_without_numpys_own(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled kernels are left as they are: there the same names are the C library's."""
    world = replace(WORLD, style=style)
    for module in pkgutil.walk_packages(synthwalk.__path__, "datasets.synthwalk."):
        loaded = importlib.import_module(module.name)
        if hasattr(loaded, "np") and module.name.rpartition(".")[2] not in {*compiled_modules(), "probe"}:
            monkeypatch.setattr(loaded, "np", Elsewhere())
    studio = tracklet.open_studio(world)
    assert all(len(tracklet.render_tracklet(studio, track).frames) for track in population.populate(world).tracks)


def compiled_modules() -> set[str]:
    """Last names of the modules whose functions Numba compiles."""
    return {name.removesuffix(".py") for name in numba_cache.KERNELS}
