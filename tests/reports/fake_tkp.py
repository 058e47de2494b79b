"""A fake job of images against videos, whose effects are known: knowledge from video helps single images, not videos.

Numbers are those of TKP's Table 2 where they are published; what is measured is drawn.
"""

from typing import Any

import numpy as np

from tests.reports import fake

PROTOCOL: dict[str, Any] = {
    "name": "image-to-video",
    "version": 1,
    "gallery": "without-junk",
    "ap": "trapezoid",
    "empty": "skip",
    "ties": "expected",
    "metric": "euclidean",
    "normalise": False,
    "test_frames": "snippets",
    "snippets": {"length": 32, "rest": "pad", "mean": "frames"},
    "sides": ["I2V", "I2I", "V2V", "V2I"],
}
EXPERIMENT = f"reid/synthwalk/{PROTOCOL['name']}"
LABELS = {
    "start": "ResNet-50, mean over frames",
    "baseline": "Two networks",
    "tkp-f": "TKP-F",
    "tkp": "TKP",
}
IMAGE, VIDEO = "image network, first frame", "video network, all frames in clips of 32"
OWN_IMAGE, OWN_VIDEO = "own network on one frame, the first", "own network, all frames in clips of 32"
# arm -> gain in logits where an image is among the two, and where two videos meet
EFFECTS = {"start": (-0.5, -0.3), "baseline": (0.0, 0.0), "tkp-f": (0.5, 0.0), "tkp": (0.6, 0.02)}
EASE = {"I2V": 0.0, "I2I": -0.5, "V2V": 0.9, "V2I": -0.1}
LOST = {"I2V": 1, "I2I": 3, "V2V": 1, "V2I": 2}  # queries without a right answer, which differ by side
TABLE2 = {
    "baseline": {"I2V": (55.5, 67.1), "I2I": (49.2, 65.9), "V2V": (72.6, 83.4)},
    "tkp-f": {"I2V": (64.2, 75.0), "I2I": (54.7, 71.0), "V2V": (72.6, 83.2)},
    "tkp": {"I2V": (65.1, 75.6), "I2I": (55.0, 71.0), "V2V": (73.3, 84.0)},
}


def card() -> dict[str, Any]:
    """TKP's card, shortened."""
    convention = {"gallery": "without-junk", "ap": "trapezoid", "metric": "euclidean"}
    return {
        "paper": {
            "key": "tkp",
            "title": "Temporal Knowledge Propagation for Image-to-Video Person Re-Identification",
            "authors": ["Xinqian Gu", "Bingpeng Ma", "Hong Chang", "Shiguang Shan", "Xilin Chen"],
            "venue": "ICCV", "year": 2019, "pages": "9647-9656", "arxiv": "1908.03885",
        },
        "constraints": {"backbone": "resnet50", "rgb_only": True, "single_pass": True, "protocol": PROTOCOL["name"]},
        "arms": {
            "start": {"label": LABELS["start"], "role": "ablation"},
            "baseline": {"label": LABELS["baseline"], "role": "baseline"},
            "tkp-f": {"label": LABELS["tkp-f"], "role": "ablation"},
            "tkp": {"label": LABELS["tkp"], "role": "proposed"},
        },
        "published": [
            {"arm": arm, "dataset": "mars", "metric": f"{side}/{metric}", "value": value, "source": "Table 2",
             "convention": convention}
            for arm, sides in TABLE2.items()
            for side, values in sides.items()
            for metric, value in zip(("mAP", "rank1"), values, strict=True)
        ],
        "claims": [
            {"id": "tkp-beats-baseline", "text": "Knowledge of the video network helps an image to find videos.",
             "arm": "tkp", "against": "baseline", "metric": "I2V/mAP", "source": "Table 2",
             "published": [{"dataset": "mars", "margin": 9.6}]},
            {"id": "tkp-helps-images", "text": "It helps an image to find images.", "arm": "tkp",
             "against": "baseline", "metric": "I2I/rank1", "source": "Table 2", "protocol": PROTOCOL["name"],
             "published": [{"dataset": "mars", "margin": 5.1}]},
            {"id": "tkp-keeps-videos", "text": "It even helps videos to find videos.", "arm": "tkp",
             "against": "baseline", "metric": "V2V/mAP", "source": "Table 2",
             "published": [{"dataset": "mars", "margin": 0.7}]},
            {"id": "tkp-on-ilids", "text": "An image of camera 1 finds its person in camera 2.", "arm": "tkp",
             "against": "baseline", "metric": "I2V/rank1", "source": "Table 5", "protocol": "image-to-video-ilids"},
        ],
    }  # fmt: skip


def per_query(arm: str, seed: int) -> dict[str, np.ndarray]:
    """Arrays of all sides; those of the headline once more without prefix."""
    arrays: dict[str, np.ndarray] = {}
    for side in PROTOCOL["sides"]:
        gain = EFFECTS[arm]["I" not in side] + EASE[side]
        found = fake.per_query(gain, seed, arm)
        lost = np.arange(fake.QUERIES) >= fake.QUERIES - LOST[side]
        found["valid"] = ~lost
        found["first_hit"] = np.where(lost, 0, np.maximum(found["first_hit"], 1))
        found["average_precision"] = np.where(lost, 0.0, found["average_precision"])
        for rank in (1, 5, 10, 20):
            first = found["first_hit"]
            found[f"hit{rank}"] = np.where((first >= 1) & (first <= rank), 100.0, 0.0)
        found["cmc"] = np.array(
            [100 * np.mean((found["first_hit"] <= rank)[~lost]) for rank in range(1, 51)]
        )  # fmt: skip
        own = {key: value for key, value in found.items() if key not in ("person", "camera", "key", "length")}
        arrays |= {f"{side}/{key}": value for key, value in own.items()} | (found if side == "I2V" else {})
    return arrays


def result(arm: str, seed: int, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The record that belongs to the arrays."""
    own = arm == "start"
    image, video = (OWN_IMAGE, OWN_VIDEO) if own else (IMAGE, VIDEO)
    sides: dict[str, Any] = {}
    for side in PROTOCOL["sides"]:
        valid = arrays[f"{side}/valid"]
        values = {"mAP": float(arrays[f"{side}/average_precision"][valid].mean())}
        values |= {f"rank{rank}": float(arrays[f"{side}/hit{rank}"][valid].mean()) for rank in (1, 5, 10, 20)}
        sides[side] = values | {
            "query": image if side[0] == "I" else video,
            "gallery": image if side[2] == "I" else video,
            "intervals": {metric: [values[metric] - 4, values[metric] + 4] for metric in ("mAP", "rank1")},
            "valid_queries": int(valid.sum()),
            "queries": len(valid),
        }
    metrics = {metric: sides["I2V"][metric] for metric in ("mAP", "rank1", "rank5", "rank10", "rank20")}
    metrics |= {f"{side}/{metric}": sides[side][metric] for side in sides for metric in list(metrics)}
    variants = [
        {"side": side, "metric": metric, "mean": mean, "mAP": sides[side]["mAP"] + shift + more,
         "rank1": sides[side]["rank1"] + shift + more}
        for side in sides
        for metric, shift in (("euclidean", 0.0), ("cosine", 2.1))
        for mean, more in (("frames", 0.0), ("clips", -0.4 * (side != "I2I")))  # an image has no clips to differ by
    ]  # fmt: skip
    base = fake.result(arm, None, None, seed, arrays)
    return base | {
        "paper": "tkp", "label": LABELS[arm], "method": "baseline" if own else "tkp", "options": {},
        "protocol": PROTOCOL, "metrics": metrics, "intervals": sides["I2V"]["intervals"], "sides": sides,
        "variants": variants,
        "fed": "first frames, and all frames in clips of 32" + (", one network for both" if own else ""),
        "conventions": [one | {"mAP": one["mAP"] - base["metrics"]["mAP"] + metrics["mAP"]}
                        for one in base["conventions"]],
    }  # fmt: skip


def write(store: Any, seeds: int = 2) -> str:
    """Record the job; gives the parent's run id."""
    parent: str = store.begin(card(), fake.DATASET, PROTOCOL, "embedded", "python -m runners.reproduce --paper tkp",
                              fake.ENVIRONMENT)  # fmt: skip
    for arm in EFFECTS:
        for seed in range(seeds):
            arrays = per_query(arm, seed)
            shown = fake.strips(seed) if seed == 0 else None
            store.record_arm(parent, result(arm, seed, arrays), arrays, shown, fake.train_log())
    store.finish(parent, {"seeds": seeds, "arms": len(EFFECTS)})
    return parent
