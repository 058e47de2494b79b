"""A fake job whose masks are known: cosam5 finds the person, cosam4 does no better than the centre prior.

Measures are drawn for each tracklet around what the effect says; intervals and verdicts come from
`protocols.ground_truth.masks`.
"""

import base64
import io
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from protocols.ground_truth import masks
from reports.records.masks import Explanation
from tests.reports import fake

PROTOCOL: dict[str, Any] = fake.PROTOCOL | {
    "name": "rgb-snippets",
    "test_frames": "snippets",
    "snippets": {"length": 4, "rest": "loop", "mean": "clips"},
    "sides": [],
}
EXPERIMENT = f"reid/synthwalk/{PROTOCOL['name']}"
LABELS = {"start": "ResNet-50, frames", "baseline": "ResNet-50, mean over frames", "cosam": "COSAM"}
# (arm, control, of) -> gain in logits over the baseline
EFFECTS: dict[tuple[str, str | None, str | None], float] = {
    ("start", None, None): -0.3,
    ("baseline", None, None): 0.0,
    ("cosam", None, None): 0.5,
    ("cosam", "uniform", "cosam"): 0.1,
}
PEOPLE, TRACKLETS, CLIP = 24, 72, 4
GRIDS = {"cosam4": [4, 2], "cosam5": [4, 2]}
# map -> who -> auc; what is not auc follows from it
AUC = {
    "cosam4": {"trained": 0.66, "untrained": 0.55, "centre": 0.66},
    "cosam5": {"trained": 0.86, "untrained": 0.55, "centre": 0.66},
}
PIXELS = {"person": 0.3, "bag": 0.05, "background": 0.55, "occluder": 0.1}
FED = "snippets of 4 frames, the last one looped; mean of snippets"
LEGEND = {"person": "#2a9d8f", "bag": "#e9c46a", "occluder": "#b5533c", "background": "#3b4048"}


def card() -> dict[str, Any]:
    """COSAM's card, shortened; numbers of Table 3."""
    return {
        "paper": {
            "key": "cosam",
            "title": "Co-Segmentation Inspired Attention Networks for Video-Based Person Re-Identification",
            "authors": ["Arulkumar Subramaniam", "Athira Nambiar", "Anurag Mittal"],
            "venue": "ICCV", "year": 2019, "pages": "562-572",
        },
        "constraints": {"protocol": PROTOCOL["name"]},
        "arms": {
            "start": {"label": LABELS["start"], "role": "ablation"},
            "baseline": {"label": LABELS["baseline"], "role": "baseline"},
            "cosam": {"label": LABELS["cosam"], "role": "proposed", "attention": True},
        },
        "published": [
            {"arm": arm, "dataset": "mars", "metric": metric, "value": value, "source": "Table 3"}
            for arm, values in {"baseline": (75.8, 83.1), "cosam": (77.2, 83.7)}.items()
            for metric, value in zip(("mAP", "rank1"), values, strict=True)
        ],
        "claims": [
            {"id": "cosam-beats-baseline", "text": "Co-segmentation beats averaging frames.", "arm": "cosam",
             "against": "baseline", "metric": "mAP", "source": "Table 3",
             "published": [{"dataset": "mars", "margin": 1.4}]},
            mask_claim("finds-the-person", "cosam5/auc", "centre", "Its deeper mask finds the person."),
            mask_claim("learns-to", "cosam5/background_density", "untrained", "It learns to leave the background out."),
            mask_claim("early-too", "cosam4/auc", "centre", "Its earlier mask finds the person too."),
            mask_claim("sees-bags", "cosam5/bag_density", "untrained", "It sees what is carried."),
            mask_claim("third", "cosam3/auc", "untrained", "A mask after block 3 would do so too."),
        ],
    }  # fmt: skip


def mask_claim(name: str, metric: str, against: str, text: str) -> dict[str, Any]:
    """A claim about where the network looks."""
    return {"id": name, "text": text, "arm": "cosam", "against": against, "metric": metric, "source": "Figure 4"}


def arrays(seed: int) -> dict[str, np.ndarray]:
    """``explain.npz``: the truth decides what has no value (no bag, no occluder), so seeds agree on it."""
    person = np.repeat(np.arange(1, PEOPLE + 1), TRACKLETS // PEOPLE)
    found: dict[str, np.ndarray] = {
        "person": person,
        "key": np.array([f"{p:04d}C1T{i:04d}" for i, p in enumerate(person)]),
    }
    ease = np.random.default_rng(3).normal(0, 0.03, TRACKLETS)
    no_bag, no_occluder = np.random.default_rng(4).uniform(size=(2, TRACKLETS)) < [[0.4], [0.5]]
    for name, effects in AUC.items():
        for who, level in effects.items():
            own = np.random.default_rng([seed if who == "trained" else 0, len(name), int(name[-1]), len(who)])
            auc = np.clip(level + ease + own.normal(0, 0.02, TRACKLETS), 0, 1)
            density = {
                "person": 1 + 1.8 * (auc - 0.5), "bag": 1 + 1.2 * (auc - 0.5), "occluder": 1 + 0.1 * (auc - 0.5)
            }  # fmt: skip
            rest = 1 - sum(PIXELS[region] * value for region, value in density.items())
            density["background"] = rest / PIXELS["background"]
            measures = {"auc": auc, "iou": 0.9 * auc - 0.2}
            measures |= {region: PIXELS[region] * density[region] for region in masks.REGIONS}
            measures |= {f"{region}_density": density[region] for region in masks.REGIONS}
            measures["bag_density"] = np.where(no_bag, np.nan, measures["bag_density"])
            measures["occluder_density"] = np.where(no_occluder, np.nan, measures["occluder_density"])
            found |= {f"{name}/{measure}/{who}": measures[measure] for measure in masks.MEASURES}
    return found


def explain(found: dict[str, np.ndarray], rows: int = 3) -> dict[str, Any]:
    """``explain.json`` that belongs to the arrays."""
    person = found["person"]
    maps, differences = [], []
    for name, effects in AUC.items():
        for who in effects:
            measures = {
                one: masks.average(one, found[f"{name}/{one}/{who}"], person).as_dict() for one in masks.MEASURES
            }
            maps.append(
                {"name": name, "grid": GRIDS[name], "who": who, "threshold": 0.53, "measures": measures}
            )  # fmt: skip
        for against in ("untrained", "centre"):
            pair = masks.compare("auc", found[f"{name}/auc/trained"], found[f"{name}/auc/{against}"], person)
            differences.append({"name": name, "measure": "auc", "against": against, "verdict": pair.verdict}
                               | pair.difference.as_dict())  # fmt: skip
    return {
        "clip": CLIP, "tracklets": TRACKLETS, "frames": TRACKLETS * CLIP,
        "what": "the middle clip of every query tracklet", "maps": maps, "differences": differences,
        "pictures": {"size": [64, 32], "legend": LEGEND, "rows": [look(row) for row in range(rows)],
                     "overlay": "The warmer, the more mask."},
    }  # fmt: skip


@cache
def look(row: int) -> dict[str, Any]:
    """A person who walks through four frames, what is truly there, and two masks over it."""
    frames, truth = [], []
    overlays: dict[str, list[str]] = {name: [] for name in AUC}
    rng = np.random.default_rng(row)
    colours = [tuple(int(c) for c in rng.integers(50, 220, 3)) for _ in range(3)]
    for step in range(CLIP):
        x = 9 + 2 * step
        frame, regions = Image.new("RGB", (32, 64), colours[2]), Image.new("RGB", (32, 64), LEGEND["background"])
        for image, skin, shirt, legs, bag in (
            (frame, (214, 170, 140), *colours[:2], (60, 40, 30)),
            (regions, *[LEGEND["person"]] * 3, LEGEND["bag"]),
        ):
            draw = ImageDraw.Draw(image)
            draw.ellipse((x + 2, 4, x + 10, 14), fill=skin)
            draw.rectangle((x, 15, x + 13, 36), fill=shirt)
            draw.rectangle((x + 1, 37, x + 6, 60), fill=legs)
            draw.rectangle((x + 8, 37, x + 12, 60), fill=legs)
            draw.rectangle((x + 11, 22, x + 15, 36), fill=bag)
        if row == 1 and step > 1:
            for image, post in ((frame, (90, 90, 95)), (regions, LEGEND["occluder"])):
                ImageDraw.Draw(image).rectangle((2, 20, 12, 63), fill=post)
        frames.append(uri(frame))
        truth.append(uri(regions))
        for name, uris in overlays.items():
            cells = np.full((4, 2), 0.45) if name == "cosam4" else np.array([[0.6, 0.5]] * 3 + [[0.3, 0.3]])
            heat = Image.fromarray((255 * cells).astype(np.uint8)).resize((32, 64), Image.Resampling.BILINEAR)
            warm = Image.merge("RGB", (heat, heat.point(lambda v: v // 3), heat.point(lambda v: 160 - v // 2)))
            uris.append(uri(Image.blend(frame, warm, 0.5)))
    person = row + 2
    return {"key": f"{person:04d}C1T{row:04d}", "person": person, "frames": frames, "truth": truth, "maps": overlays}


def uri(image: Image.Image) -> str:
    """A picture as a data URI."""
    data = io.BytesIO()
    image.save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def write(store: Any, seeds: int = 2, arms: tuple[str, ...] = tuple(LABELS)) -> str:
    """Record the job, of these arms with their controls; gives the parent's run id."""
    parent: str = store.begin(card(), fake.DATASET, PROTOCOL, "embedded", "python -m runners.reproduce --paper cosam",
                              fake.ENVIRONMENT)  # fmt: skip
    for (arm, control, of), gain in ((key, gain) for key, gain in EFFECTS.items() if key[0] in arms):
        for seed in range(seeds):
            per_query = fake.per_query(gain, seed, f"{arm}{control}")
            facts = fake.result(arm, control, of, seed, per_query) | {
                "paper": "cosam", "label": LABELS[arm], "method": "cosam" if arm == "cosam" else "baseline",
                "options": {}, "protocol": PROTOCOL, "fed": FED if arm == "cosam" else FED.replace("4", "8"),
            }  # fmt: skip
            shown = fake.strips(seed) if seed == 0 and control is None else None
            looks = {}
            if arm == "cosam" and control is None:
                found = arrays(seed)
                looks = {"masks": Explanation(explain(found), found)}
            store.record_arm(parent, facts, per_query, shown, fake.train_log(), looks)
    store.finish(parent, {"seeds": seeds, "arms": len(arms)})
    return parent
