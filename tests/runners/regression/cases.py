"""Made-up baselines and re-runs: people of different difficulty, queries of theirs, trainings that differ by chance."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runners.regression.baseline import ArmResult, Baseline, Measured, Probe, Ratio, rounded
from runners.regression.matrix import Matrix, MatrixEntry

ARMS = ("gltr/baseline", "gltr/gltr", "cosam/cosam", "tkp/tkp", "adfd/adfd")
PEOPLE = np.repeat(np.arange(100), 3)
PROTOCOL = {"name": "rgb-single-pass", "version": 1}
MATRIX = Matrix(preset="tiny", world={}, jobs=(MatrixEntry("gltr", "rgb-single-pass", ("gltr",)),))

Floats = NDArray[np.float64]


class World:
    """Where trainings are drawn from: each shares the difficulty of queries and has luck of its own."""

    def __init__(self, seed: int, *, training: float = 1.0, query: float = 8.0) -> None:
        """Draw how hard people and queries are.

        Args:
            seed: of this world.
            training: points by which the accuracy of whole trainings differs, as a standard deviation.
            query: points by which a query's score differs from training to training on top.
        """
        self.rng = np.random.default_rng(seed)
        self.training, self.query = training, query
        person = self.rng.normal(0, 18, 100)[PEOPLE]
        self.mean = {arm: np.clip(38 + person + self.rng.normal(0, 18, len(PEOPLE)), 5, 95) for arm in ARMS}

    def trained(self, arm: str, *, drop: float = 0.0) -> Floats:
        """AP of every query after another training, in percent, ``drop`` points worse than it should be."""
        luck = self.rng.normal(0, self.training) + self.rng.normal(0, self.query, len(PEOPLE))
        return rounded(np.clip(self.mean[arm] + luck - drop, 0, 100))

    def measured(self, seeds: tuple[int, ...], drops: dict[str, float] | None = None) -> Measured:
        """A run of the matrix."""
        drops = drops or {}
        return measured(
            {arm: {s: self.trained(arm, drop=drops.get(arm, 0.0)) for s in seeds} for arm in ARMS}, self.rng
        )


def measured(values: dict[str, dict[int, Floats]], rng: np.random.Generator) -> Measured:
    """Results with these APs, rank-1 made up to fit, and weights that no other run has."""
    arms = {}
    for name, seeds in values.items():
        hits = {seed: np.where(row > rng.uniform(20, 60, len(row)), 100.0, 0.0) for seed, row in seeds.items()}
        weights = {seed: rng.bytes(8).hex() for seed in seeds}
        arms[name] = arm({"mAP": seeds, "rank1": hits}, weights)
    return Measured(
        configuration={"isa": "made up"},
        versions={"torch": "0"},
        data="d" * 32,
        people=PEOPLE,
        queries="q" * 16,
        arms=arms,
        probes={"frames: rule x": Probe("abc"), "pixels: y": Probe("", {"red mean": 0.25, "blue mean": 0.5}, 1e-4)},
        seconds={},
    )


def arm(values: dict[str, dict[int, Floats]], weights: dict[int, str], **changes: Any) -> ArmResult:
    """One arm's result with plain costs."""
    first = {metric: float(next(iter(seeds.values())).mean()) for metric, seeds in values.items()}
    plain = ArmResult(
        protocol=PROTOCOL,
        metrics={**first, "rank5": 80.0},
        values=values,
        weights=weights,
        counts={"FLOPs of 8 frames": 1_234_567_890, "parameters in all": 23_508_032},
        ratios={"latency": Ratio(1.2, 1.1, 1.3), "throughput": Ratio(1.1, 1.05, 1.2)},
        trunk="resnet50",
    )
    return replace(plain, **changes)


def baseline(stored: Measured) -> Baseline:
    """A file with these results."""
    return Baseline(MATRIX, stored, MATRIX.as_dict(), ({"date": "2026-01-01", "reason": "made up", "results": {}},))


def with_arm(run: Measured, name: str, **changes: Any) -> Measured:
    """A run in which one arm differs."""
    return replace(run, arms={**run.arms, name: replace(run.arms[name], **changes)})
