"""The proof that motion-only twins are told apart by time alone.

Each pair is judged by a classifier that is trained on the tracklets of some cameras and asked about those
of another camera, on some view of the data. Windows of true joint angles must do far better than chance,
windows of rendered silhouettes better than chance, and single frames, true or rendered, no better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from datasets.synthwalk.presets import World
from datasets.synthwalk.renderer import materials
from datasets.synthwalk.seeding import stream
from datasets.synthwalk.world import gait
from datasets.synthwalk.world.gait import Tempo
from datasets.synthwalk.world.population import Population, Track, true_cycles

Floats = NDArray[np.float64]
WINDOW = 16  # frames


class Verdict(NamedTuple):
    """Outcome of a probe over many pairs.

    Attributes:
        accuracy: share of test tracklets given to the right twin, a vote over the tracklet's samples.
        tracklets: how many were judged; chance is one half of them.
        margin: half width of the interval around one half in which guessing would lie 99 times of 100.
    """

    accuracy: float
    tracklets: int
    margin: float

    @property
    def is_chance(self) -> bool:
        """Whether guessing explains the accuracy."""
        return abs(self.accuracy - 0.5) <= self.margin


def true_angles(world: World, track: Track) -> Floats:
    """Joint angles of a tracklet, exactly as it is rendered [T, 15], radians."""
    return gait.joint_angles(track.who.style, true_cycles(world, track))


def window_features(angles: Floats) -> Floats:
    """Descriptors of all windows of 16 frames [N, 30]: mean and spread of the pace of each joint."""
    if len(angles) < WINDOW:
        return np.zeros((0, 2 * angles.shape[1]))
    pace = np.abs(np.diff(angles, axis=0))
    windows = np.lib.stride_tricks.sliding_window_view(pace, WINDOW - 1, axis=0)  # [N, 15, 15]
    return np.log(np.concatenate([windows.mean(axis=2), windows.std(axis=2)], axis=1) + 1e-4)


def frame_features(angles: Floats) -> Floats:
    """Descriptors of single frames [T, 135]: the angles and their products, so that any ellipse can cut."""
    row, column = np.triu_indices(angles.shape[1])
    return np.concatenate([angles, angles[:, row] * angles[:, column]], axis=1)


def pixel_features(frames: NDArray[np.uint8]) -> Floats:
    """Descriptors of single rendered frames [T, 8*4*8]: histograms of edge directions in 8 x 4 cells."""
    grey = frames.astype(np.float64).mean(axis=3)
    count, height, width = grey.shape
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, across)
    direction = np.floor((np.arctan2(down, across) + np.pi) / (2 * np.pi) * 8).astype(np.int64) % 8
    rows = (np.arange(height) * 8 // height)[None, :, None]
    columns = (np.arange(width) * 4 // width)[None, None, :]
    cell = ((rows * 4 + columns) * 8 + direction).reshape(count, -1)
    out = np.stack([np.bincount(c, s, 256) for c, s in zip(cell, strength.reshape(count, -1), strict=True)])
    return np.sqrt(out / (out.sum(axis=1, keepdims=True) + 1e-9))


def silhouette_features(labels: NDArray[np.uint8], window: int = 6) -> Floats:
    """Descriptors of windows of rendered masks [N, 18]: how quickly shoes, legs and arms spread and close.

    Each is the change over one and over two frames against the whole swing in the window, so that heading
    and size of the walker fall out. Crude on purpose: it shows that pixels carry the pace, not how well.
    """
    rows, columns = np.mgrid[: labels.shape[1], : labels.shape[2]]
    series = []
    for parts in ((materials.SHOES,), (materials.BOTTOM, materials.LEGS), (materials.ARMS,)):
        mask = np.isin(labels, parts)
        size = np.maximum(mask.sum(axis=(1, 2)), 1)
        for place in (columns, rows):
            middle = (mask * place).sum(axis=(1, 2)) / size
            spread = (mask * (place - middle[:, None, None]) ** 2).sum(axis=(1, 2)) / size
            series.append(np.sqrt(spread))
        series.append(np.sqrt(mask.sum(axis=(1, 2))))
    signal = np.stack(series, axis=1)
    if len(signal) < window:
        return np.zeros((0, 2 * signal.shape[1]))
    pieces = np.lib.stride_tricks.sliding_window_view(signal, window, axis=0)  # [N, 9, window]
    swing = pieces.std(axis=2) + 0.3
    one = np.abs(np.diff(pieces, axis=2)).mean(axis=2) / swing
    two = np.abs(pieces[..., 2:] - pieces[..., :-2]).mean(axis=2) / swing
    return np.log(np.concatenate([one, two], axis=1) + 0.05)


def logistic(features: Floats, labels: Floats, penalty: float = 1.0) -> Callable[[Floats], Floats]:
    """Fit a logistic regression with a ridge penalty; returns the function from features to scores.

    Args:
        features: [N, D]; labels: [N] of 0 and 1; both classes weigh the same whatever their sizes are.
        penalty: on the squared weights of the standardised features.
    """
    centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    scaled = (features - centre) / spread
    sign = 2.0 * labels - 1.0
    weight = np.where(labels > 0.5, 0.5 / max(labels.sum(), 1), 0.5 / max((1 - labels).sum(), 1)) * len(labels)

    def loss(theta: Floats) -> tuple[float, Floats]:
        score = sign * (scaled @ theta[1:] + theta[0])
        pull = -sign * weight / (1.0 + np.exp(np.clip(score, -50, 50)))
        value = float((weight * np.logaddexp(0.0, -score)).sum() + 0.5 * penalty * (theta[1:] @ theta[1:]))
        return value, np.concatenate([[pull.sum()], scaled.T @ pull + penalty * theta[1:]])

    best = optimize.minimize(loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B")
    theta = best.x
    return lambda asked: ((asked - centre) / spread) @ theta[1:] + theta[0]


def judge(population: Population, describe: Callable[[Track], Floats], penalty: float = 1.0) -> Verdict:
    """Ask a classifier to tell motion-only twins apart across cameras.

    For every pair and every camera: train on the tracklets of all other cameras, judge this camera's.

    Args:
        population: whose motion-only pairs are judged, both halves.
        describe: from a tracklet to samples [N, D]; tracklets without a sample are left out.
        penalty: of the logistic regression.
    """
    twins = [members for members in population.groups.values() if members[0].kind == "motion"]
    rows: dict[int, list[Track]] = {}
    for track in population.tracks:
        if track.role == "person":
            rows.setdefault(track.person, []).append(track)
    right: list[float] = []
    for members in twins:
        tracks = [(track, label) for label, who in enumerate(members) for track in rows.get(who.person, [])]
        samples = [(track.camera, label, describe(track)) for track, label in tracks]
        right += _judge_pair([sample for sample in samples if len(sample[2])], penalty)
    count = len(right)
    margin = 2.576 * 0.5 / np.sqrt(max(count, 1))
    return Verdict(float(np.mean(right)) if right else float("nan"), count, float(margin))


def _judge_pair(samples: Sequence[tuple[int, int, Floats]], penalty: float) -> list[float]:
    """1 for each tracklet that is given to the right twin, 0 for the others, a half for a tie."""
    right: list[float] = []
    for camera in sorted({sample[0] for sample in samples}):
        known = [sample for sample in samples if sample[0] != camera]
        if {label for _, label, _ in known} != {0, 1}:
            continue
        features = np.concatenate([x for _, _, x in known])
        labels = np.concatenate([np.full(len(x), float(label)) for _, label, x in known])
        score = logistic(features, labels, penalty)
        for _, label, asked in (sample for sample in samples if sample[0] == camera):
            vote = float(np.mean(score(asked) > 0))
            right.append(0.5 if vote == 0.5 else float((vote > 0.5) == bool(label)))
    return right


def phase_histogram(tempo: Tempo, frames: int, draws: int, seed: int, bins: int = 12) -> Floats:
    """Share of frames in each part of the cycle over many tracklets [bins]: flat for every tempo."""
    rng = stream(seed, "histogram")
    found = [np.mod(gait.phases(tempo, rng.random(), rng.random(), frames), 1.0) for _ in range(draws)]
    return np.histogram(np.concatenate(found), bins=bins, range=(0.0, 1.0))[0] / (draws * frames)
