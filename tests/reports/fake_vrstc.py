"""A fake job of repaired data whose effects are known: the oracle gains, STCnet gains half of that, a blur harms.

Gains grow with the hidden share of the query, so that nothing happens where nothing is hidden.  What a repairer does
to pixels is drawn around what `PIXELS` says; calls come from scores whose overlap is known.
"""

from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from protocols.ground_truth import restoration
from protocols.ground_truth.restoration import MEASURES
from reports.records.restoration import Repair
from tests.reports import fake
from tests.reports.fake_cosam import uri

PROTOCOL: dict[str, Any] = fake.PROTOCOL | {
    "name": "occlusion-repaired",
    "metric": "cosine",
    "normalise": False,
    "test_frames": "snippets",
    "snippets": {"length": 32, "rest": "pad", "mean": "frames"},
    "sides": [],
}
EXPERIMENT = f"reid/synthwalk/{PROTOCOL['name']}"
DROP = "drop[tau=0.91]"
# arm -> label, base, data that it learns from and is judged on, gain in logits where half of the person is hidden
ARMS: dict[str, tuple[str, str, str, str, float]] = {
    "baseline": ("ResNet-50", "baseline", "raw", "raw", 0.0),
    "baseline-drop": ("ResNet-50, frames dropped", "baseline", "raw", DROP, -0.1),
    "nl": ("Non-local", "nl", "raw", "raw", 0.3),
    "nl-oracle-test": ("Non-local, tested on the truth", "nl", "raw", "oracle", 1.6),
    "nl-oracle": ("Non-local on the truth", "nl", "oracle", "oracle", 2.3),
    "spa": ("Spa", "nl", "spa-gen", "spa-gen", 0.9),
    "spa-ae": ("Spa + AE", "nl", "spa-ae-gen", "spa-ae-gen", 0.9),
    "nl-stcnet-test": ("Non-local, tested on STCnet's data", "nl", "raw", "stcnet-gen", 0.9),
    "vrstc": ("VRSTC", "nl", "stcnet-gen", "stcnet-gen", 1.3),
    "nl-blur": ("Non-local on blurred data", "nl", "blur", "blur", -0.9),
}
REPAIRERS = {"stcnet-gen": "STCnet", "spa-gen": "Spa", "spa-ae-gen": "Spa + AE", "blur": "Blur"}
LABELS = REPAIRERS | {"oracle": "Oracle", DROP: "Drop"}
PEOPLE, TRACKLETS = 30, 90
# psnr, ssim, feature distance, identity, psnr of what was spilt; those of the frames as they are come first
PIXELS: dict[str, tuple[float, float, float, float, float]] = {
    "raw": (11.0, 0.35, 0.60, 0.55, 58.0),
    "oracle": (46.0, 0.99, 0.01, 0.92, 45.0),
    "stcnet-gen": (17.0, 0.55, 0.40, 0.72, 24.0),
    "spa-gen": (15.0, 0.48, 0.46, 0.66, 23.0),
    "spa-ae-gen": (15.0, 0.48, 0.46, 0.66, 23.0),
    "blur": (10.0, 0.30, 0.75, 0.45, 18.0),
}


def card() -> dict[str, Any]:
    """VRSTC's card, shortened; numbers of Table 1."""
    convention = {"gallery": "unknown", "ap": "unknown", "metric": "cosine"}
    table1 = {
        "baseline": (77.2, 84.4), "nl": (79.9, 86.1), "spa": (81.0, 87.0), "spa-ae": (80.8, 87.0), "vrstc": (82.3, 88.5)
    }  # fmt: skip
    roles = {"baseline": "baseline", "nl": "baseline", "vrstc": "proposed"}
    arms: dict[str, Any] = {
        name: {"label": label, "role": roles.get(name, "ablation"), "train_on": train, "test_on": test}
        for name, (label, _, train, test, _) in ARMS.items()
    }
    arms |= {name: {"label": label, "role": "repairer"} for name, label in REPAIRERS.items() if name != "blur"}
    return {
        "paper": {
            "key": "vrstc",
            "title": "VRSTC: Occlusion-Free Video Person Re-Identification",
            "authors": ["Ruibing Hou", "Bingpeng Ma", "Hong Chang", "Xinqian Gu", "Shiguang Shan", "Xilin Chen"],
            "venue": "CVPR", "year": 2019, "pages": "7183-7192", "arxiv": "1907.08427",
        },
        "constraints": {"backbone": "resnet50", "rgb_only": True, "single_pass": True, "protocol": PROTOCOL["name"]},
        "arms": arms,
        "published": [
            {"arm": arm, "dataset": "mars", "metric": metric, "value": value, "source": "Table 1",
             "convention": convention}
            for arm, values in table1.items()
            for metric, value in zip(("mAP", "rank1"), values, strict=True)
        ],
        "claims": [
            {"id": "repair-helps", "text": "Completed frames help the network.", "arm": "vrstc", "against": "nl",
             "metric": "mAP", "source": "Table 1", "published": [{"dataset": "mars", "margin": 2.4}]},
            {"id": "encoder-adds-nothing", "text": "A second auto-encoder adds nothing.", "arm": "spa-ae",
             "against": "spa", "metric": "mAP", "source": "Table 1", "within": 1.0,
             "published": [{"dataset": "mars", "margin": -0.2}]},
            {"id": "spa-is-enough", "text": "Space alone does as well.", "arm": "vrstc", "against": "nl",
             "metric": "rank1", "source": "Table 1", "within": 0.2},
            {"id": "drop-helps", "text": "Leaving occluded frames out helps.", "arm": "baseline-drop",
             "against": "baseline", "metric": "rank1", "source": "Table 2",
             "published": [{"dataset": "mars", "margin": 0.5}]},
        ],
    }  # fmt: skip


@cache
def hidden() -> np.ndarray:
    """``[Q]`` hidden share of each query: a third is free; over 30 % are hidden of eight people only."""
    people = np.repeat(np.arange(fake.IDENTITIES), fake.QUERIES // fake.IDENTITIES)
    place = np.tile(np.arange(4), fake.IDENTITIES)
    share = np.select([place == 0, place == 1, place == 2], [0.0, 0.06, 0.22], 0.28)
    share = np.where((place == 3) & (people < 8), 0.5, share)
    return np.where((place == 1) & (people % 3 == 0), 0.0, share)


def per_query(arm: str, seed: int) -> dict[str, np.ndarray]:
    """Arrays whose gain grows with what is hidden; the same luck and noise of a query in every arm of one data set."""
    gain = ARMS[arm][4]
    steps = {share: fake.per_query(2 * share * gain, seed, arm) for share in np.unique(hidden())}
    found = {}
    for key in ("person", "camera", "key", "average_precision", "first_hit", "valid", "length"):
        found[key] = steps[0.0][key].copy()
        for share, arrays in steps.items():
            found[key][hidden() == share] = arrays[key][hidden() == share]
    first = found["first_hit"]
    found["cmc"] = np.array([100 * np.mean((first >= 1) & (first <= rank)) for rank in range(1, 51)])
    return found | {"hidden": hidden()}


def result(arm: str, seed: int, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The record that belongs to the arrays."""
    label, base, train, test, _ = ARMS[arm]
    prints = {name: name.encode().hex().ljust(32, "0")[:32] for name in (train, test)}
    return fake.result(arm, None, None, seed, arrays) | {
        "paper": "vrstc", "label": label, "method": "vrstc", "options": {"non_local": base == "nl"},
        "protocol": PROTOCOL, "fed": "all frames in clips of 32; mean of frames",
        "data": {"train": train, "test": test, "base": base, "train_fingerprint": prints[train],
                 "test_fingerprint": prints[test]},
        "hidden_by": "truth",
    }  # fmt: skip


def arrays(repairer: str, seed: int) -> dict[str, np.ndarray]:
    """``repair.npz``; empty for a repairer that leaves frames out."""
    if repairer not in PIXELS:
        return {}
    person = np.repeat(np.arange(1, PEOPLE + 1), TRACKLETS // PEOPLE)
    found: dict[str, np.ndarray] = {
        "person": person, "key": np.array([f"{p:04d}C1T{i:04d}" for i, p in enumerate(person)]),
    }  # fmt: skip
    ease = np.random.default_rng(5).normal(0, 1, TRACKLETS)  # of the tracklet, shared with the frames as they are
    noise = np.random.default_rng([seed, *repairer.encode()]).normal(0, 0.4, TRACKLETS)
    spread = (1.5, 0.05, -0.05, 0.08, 1.0)
    for measure, mean, raw, width in zip(MEASURES, PIXELS[repairer], PIXELS["raw"], spread, strict=True):
        found[f"{measure}/repaired"] = mean + width * (ease + noise)
        found[f"{measure}/raw"] = raw + width * ease
    for measure in ("ssim", "identity"):
        for side in ("repaired", "raw"):
            found[f"{measure}/{side}"] = np.clip(found[f"{measure}/{side}"], 0, 1)
    found["feature_distance/repaired"] = np.abs(found["feature_distance/repaired"])
    for side in ("repaired", "raw"):
        found[f"spill_psnr/{side}"][::7] = np.nan  # nothing was spilt there
    return found


def repair(repairer: str, seed: int) -> Repair:
    """Both files of one repairer."""
    found = arrays(repairer, seed)
    person = found.get("person", np.array([], dtype=np.int64))
    measures, raw, differences = {}, {}, {}
    for measure in MEASURES if found else ():
        ours, theirs = found[f"{measure}/repaired"], found[f"{measure}/raw"]
        measures[measure] = restoration.as_record(restoration.average(measure, ours, person))
        raw[measure] = restoration.as_record(restoration.average(measure, theirs, person))
        differences[measure] = restoration.compare(measure, ours, theirs, person).as_dict()
    record = {
        "repairer": repairer.partition("[")[0], "label": LABELS[repairer], "seed": seed,
        "options": {"tau": 0.91} if repairer == DROP else {},
        "calls": "" if repairer == "oracle" else "A third of the image whose features are less similar than tau to the "
                                                 "mean of the tracklet is called occluded.",
        "frames": 240 if found else 0, "tracklets": TRACKLETS if found else 0, "people": PEOPLE if found else 0,
        "changed": {"frames": 0 if repairer == DROP else 310, "of_frames": 2400,
                    "pixel_share": 0.0 if repairer == DROP else 0.041,
                    "left_out": 410 if repairer == DROP else 0, "kept_whole": 3 if repairer == DROP else 0},
        "measures": measures or None, "raw": raw or None, "differences": differences or None,
        "detection": None if repairer == "oracle" else detection(0.91 if repairer == DROP else 0.89, seed),
        "pictures": {"size": [64, 32], "amplification": 4, "rule": "Chosen by rules.",
                     "rows": [look(repairer, row) for row in range(3)]} if found else None,
    }  # fmt: skip
    return Repair(record, found)


def detection(tau: float, seed: int) -> dict[str, Any]:
    """Calls of 1500 regions, of which a fifth are truly occluded; scores of the two overlap."""
    rng = np.random.default_rng([9, seed])
    occluded = np.arange(1500) % 5 == 0
    score = np.where(occluded, rng.normal(0.87, 0.03, 1500), rng.normal(0.94, 0.02, 1500))
    area = np.mean(score[occluded][:, None] < score[~occluded][None])

    def point(at: float) -> dict[str, Any]:
        called = score < at
        right = int((called & occluded).sum())
        return {
            "tau": at, "precision": right / int(called.sum()) if called.any() else None,
            "recall": right / int(occluded.sum()),
            "false_positive_rate": float(called[~occluded].mean()), "share_called": float(called.mean()),
        }  # fmt: skip

    def around(value: float) -> dict[str, float]:
        return {"mean": value, "low": max(value - 0.05, 0.0), "high": min(value + 0.05, 1.0)}

    own = point(tau)
    return {
        "tau": tau, "rule": "a region is occluded where an object hides at least 20 % of the person's pixels in it",
        "regions": 1500, "positives": int(occluded.sum()), "excluded": 120, "share_called": own["share_called"],
        "precision": around(own["precision"]), "recall": around(own["recall"]), "auc": around(float(area)),
        "curve": [point(float(at)) for at in np.linspace(score.min(), 1.0, 101)],
    }  # fmt: skip


@cache
def look(repairer: str, row: int) -> dict[str, Any]:
    """A person behind a post: as filmed, repaired, in truth, and what is left of the difference."""
    rng = np.random.default_rng(row)
    colours = [tuple(int(c) for c in rng.integers(50, 220, 3)) for _ in range(3)]
    truth = Image.new("RGB", (32, 64), colours[2])
    draw = ImageDraw.Draw(truth)
    draw.ellipse((12, 4, 20, 14), fill=(214, 170, 140))
    draw.rectangle((9, 15, 23, 36), fill=colours[0])
    draw.rectangle((10, 37, 15, 60), fill=colours[1])
    draw.rectangle((17, 37, 22, 60), fill=colours[1])
    occluded = truth.copy()
    ImageDraw.Draw(occluded).rectangle((0, 38 - 6 * row, 31, 63), fill=(90, 90, 95))
    box = (0, 38 - 6 * row, 32, 64)
    repaired = occluded.copy()
    if repairer == "blur":
        repaired.paste(occluded.crop(box).filter(ImageFilter.GaussianBlur(4)), box)
    else:
        soft = truth.crop(box) if repairer == "oracle" else truth.crop(box).filter(ImageFilter.GaussianBlur(3))
        repaired.paste(soft, box)
    difference = ImageChops.difference(repaired, truth)
    person = row + 1
    return {
        "key": f"{person:04d}C1T{row:04d}", "person": person, "frame": 3 + row, "hidden_share": 0.3 + 0.1 * row,
        "called": row != 2, "occluded": uri(occluded), "repaired": uri(repaired), "truth": uri(truth),
        "difference": uri(difference), "why": ("largest gain", "median gain", "not called")[row], "gain": 5.0 - 3 * row,
    }  # fmt: skip


def write(store: Any, seeds: int = 2, arms: tuple[str, ...] = tuple(ARMS)) -> str:
    """Record the job; what a repairer did comes with the first arm that is judged on its data."""
    parent: str = store.begin(card(), fake.DATASET, PROTOCOL, "embedded", "python -m runners.reproduce --paper vrstc",
                              fake.ENVIRONMENT)  # fmt: skip
    for seed in range(seeds):
        told = {"raw"}
        for arm in arms:
            found = per_query(arm, seed)
            test = ARMS[arm][3]
            restored = {} if test in told else {"restoration": repair(test, seed)}
            told.add(test)
            shown = fake.strips(seed) if seed == 0 else None
            store.record_arm(parent, result(arm, seed, found), found, shown, fake.train_log(), restored)
    colour = fake.per_query(-1.6, 0, "colour") | {"hidden": hidden()}
    facts = fake.result("colour", "colour", None, 0, colour) | {"paper": "vrstc", "protocol": PROTOCOL}
    store.record_arm(parent, facts, colour, None, [])
    store.finish(parent, {"seeds": seeds, "arms": len(arms)})
    return parent
