"""A fake job under `snippet-vs-full`: a known loss of snippets on tracklets that are short, and on long ones.

Snippets of N lose ``SHORT`` points of AP on queries of fewer than N frames and ``LONG`` points on queries of at least
4 N frames, and nothing between; the same for answers of such lengths. A network of fixed clips is among the arms.
"""

from typing import Any

import numpy as np

import protocols
from protocols.test_time.inputs import Variants
from reports.records.test_time import Choices
from tests.reports import fake

PROTOCOL: dict[str, Any] = protocols.load("snippet-vs-full").as_dict()
OWN = protocols.load("snippet-vs-full").feed
assert isinstance(OWN, Variants)
EXPERIMENT = f"reid/synthwalk/{PROTOCOL['name']}"
COMMAND = "python -m runners.reproduce --paper gltr --protocol snippet-vs-full"
SHORT, LONG, SINGLE, EVEN = 12.0, 6.0, 20.0, 8.0
EDGES = (2, 4, 8, 16, 32, 64, 128)
FIXED = 4  # frames of the arm "fixed"
ARMS: dict[str, float] = {"baseline": 0.0, "gltr": 0.5, "fixed": 0.1}
NOT_RUN = "the network takes clips of exactly 4 frames"


def bins(length: np.ndarray) -> list[dict[str, Any]]:
    """Slices between the edges that hold a query, with made-up counts of the gallery."""
    lows = (1, *EDGES)
    found = []
    for low, after in zip(lows, (*EDGES, None), strict=True):
        inside = (length >= low) & (length < (after or np.inf))
        if inside.any():
            name = f"{low}+" if after is None else str(low) if after == low + 1 else f"{low}-{after - 1}"
            found.append({"name": name, "low": low, "high": after and after - 1, "queries": int(inside.sum()),
                          "gallery": 2 * int(inside.sum())})  # fmt: skip
    return found


def loss(choice: Any, length: np.ndarray) -> np.ndarray:
    """Points of AP below the whole sequence, for tracklets of these lengths."""
    if choice.family == "single":
        return np.full(len(length), SINGLE)
    if choice.family == "even":
        return np.where(length > choice.frames, EVEN * np.log2(length / choice.frames).clip(0, 3) / 3, 0.0)
    if choice.family == "whole":
        return np.zeros(len(length))
    return np.where(length < choice.frames, SHORT, np.where(length >= 4 * choice.frames, LONG, 0.0))


def per_query(arm: str, seed: int) -> dict[str, np.ndarray]:
    """The arrays of the headline: those of the shared fake, with lengths from 1 to 200."""
    found = fake.per_query(ARMS[arm], seed, arm)
    found["length"] = np.round(2 ** np.random.default_rng(5).uniform(0, 7.6, len(found["key"]))).astype(np.int64)
    for k in (1, 5, 10, 20):
        found[f"hit{k}"] = np.where((found["first_hit"] >= 1) & (found["first_hit"] <= k), 100.0, 0.0)
    return found


def choices(arm: str, seed: int) -> Choices:
    """What one arm recorded of every choice."""
    own = per_query(arm, seed)
    length, valid = own["length"], own["valid"]
    slices = bins(length)
    arrays = {key: own[key] for key in ("person", "key", "length", "valid")}
    of_answers = {}
    for each, one in enumerate(slices):
        here = np.random.default_rng(each).uniform(size=len(length)) < 0.6
        arrays[f"gallery/{one['name']}/valid"] = of_answers[one["name"]] = here & valid
    headline = f"snippets-{FIXED}" if arm == "fixed" else OWN.headline
    told = []
    for choice in OWN.choices:
        fits = arm != "fixed" or (choice.frames == FIXED and choice.family in ("snippets", "dense"))
        about = {key: getattr(choice, key) for key in ("name", "label", "family", "frames", "rest", "mean", "source")}
        about |= {"curve": choice.curve, "clips": 400 * (not choice.mean or 9), "fed": 400 * (choice.frames or 30)}
        if not fits:
            told.append(about | {"metrics": {}, "intervals": {}, "clips": 0, "fed": 0, "not_run": NOT_RUN})
            continue
        lost = np.zeros(len(length)) if choice.name == headline else loss(choice, length)
        name = choice.name
        arrays[f"{name}/average_precision"] = _less(own["average_precision"], lost, valid)
        arrays[f"{name}/hit1"] = own["hit1"]
        for one in slices:
            middle = np.full(len(length), one["low"] if one["high"] is None else (one["low"] + one["high"]) / 2)
            here = of_answers[one["name"]]
            place = f"{name}/gallery/{one['name']}"
            arrays[f"{place}/average_precision"] = _less(
                own["average_precision"], loss(choice, middle) if name != headline else 0.0 * middle, here
            )
            arrays[f"{place}/hit1"] = np.where(here, own["hit1"], 0.0)
        mean = {"mAP": float(arrays[f"{name}/average_precision"].mean())}
        mean |= {f"rank{k}": float(own[f"hit{k}"].mean()) for k in (1, 5, 10, 20)}
        ends = {metric: [mean[metric] - 3.0, mean[metric] + 3.0] for metric in ("mAP", "rank1")}
        told.append(about | {"metrics": mean, "intervals": ends, "not_run": None})
    frames = 400 * 30
    record = {
        "headline": headline, "queries": len(length), "frames": frames, "once": arm != "fixed",
        "trunk_frames": frames if arm != "fixed" else 2 * frames, "passes": 1.0 if arm != "fixed" else 2.0,
        "choices": told,
        "lengths": {"rule": "Powers of two, so that N and 4 N are edges for every N.", "bins": slices},
        "left_out": [{"name": one.name, "reason": one.reason} for one in OWN.left_out],
    }  # fmt: skip
    return Choices(record, arrays)


def _less(precision: np.ndarray, lost: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Precision without what is lost, not below 0; 0 where there is no right answer."""
    return np.where(valid, np.maximum(precision - lost, 0.0), 0.0)


def result(arm: str, seed: int, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The record that belongs to the arrays."""
    found = fake.result(arm, None, None, seed, arrays) | {"protocol": PROTOCOL, "command": COMMAND}
    return found | {"fed": "snippets of 4" if arm == "fixed" else "all frames of a tracklet in one pass"}


def write(store: Any, seeds: int = 2, arms: tuple[str, ...] = tuple(ARMS)) -> str:
    """Record the job; gives the parent's run id."""
    card = fake.card()
    card["arms"]["fixed"] = {"label": "Fixed clips of 4", "role": "ablation"}
    parent: str = store.begin(card, fake.DATASET, PROTOCOL, "embedded", COMMAND, fake.ENVIRONMENT)
    for arm in arms:
        for seed in range(seeds):
            found = per_query(arm, seed)
            store.record_arm(
                parent,
                result(arm, seed, found),
                found,
                fake.strips(seed),
                fake.train_log(),
                {"test_time": choices(arm, seed)},
            )
    store.finish(parent, {"seeds": seeds, "arms": len(arms)})
    return parent
