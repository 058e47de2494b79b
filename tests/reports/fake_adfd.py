"""A fake job with known effects: F helps people who carry a backpack, its weights avoid occlusion, GLTR's do not know.

Five arms recognise attributes with the skill that is written here, four labellers tell them of people they never saw.
"""

from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from protocols.ground_truth import frame_weights
from reports.records.attributes import Attributes
from reports.records.frame_weights import Weights
from reports.records.labels import Labels
from tests.reports import fake
from tests.reports.fake_cosam import uri

PROTOCOL: dict[str, Any] = fake.PROTOCOL | {"name": "rgb-single-pass"}
EXPERIMENT = f"reid/synthwalk/{PROTOCOL['name']}"
COMMAND = "python -m runners.reproduce --paper adfd"
# arm -> label, gain in logits, further gain for a backpack, skill at attributes (None: learns none), reach of weights
ARMS: dict[str, tuple[str, float, float, float | None, float | None]] = {
    "a": ("A: softmax", 0.0, 0.0, None, None),
    "b": ("B: + attributes", 0.2, 0.0, 0.9, None),
    "c": ("C: B + frame weights", 0.2, 0.0, 0.9, 0.0),
    "d": ("D: segments", 0.3, 0.0, 1.2, None),
    "adfd": ("F: ADFD", 0.3, 1.2, 1.2, 0.8),
    "e": ("E: sigma 0.3", 0.3, 0.0, 1.2, -0.8),
    "ta": ("Attention that never learnt", 0.0, 0.0, None, 1e9),
}
ALIKE = 1e9  # all weights equal
COLUMNS = (
    ("woman", "woman", "gender and age", 0.5), ("hat", "hat", "head and shoulders", 0.2),
    ("glasses", "glasses", "head and shoulders", 0.3), ("top: red", "top", "upper body", 0.4),
    ("top: blue", "top", "upper body", 0.3), ("boots", "boots", "shoes", 0.0),
    ("backpack", "backpack", "attachments", 0.4),
)  # fmt: skip
GROUPS = tuple(dict.fromkeys(group for _, _, group, _ in COLUMNS))
LABELLERS = {
    "label-bce": ("BCE", {"bce": 1.0}, 0.4), "label-bce-mmd": ("BCE + MMD", {"bce": 1.0, "mmd": 0.5}, 0.4),
    "label-wbce": ("WBCE", {"wbce": 1.0, "mmd": 0.0}, 1.2),
    "label-wbce-mmd": ("WBCE + MMD", {"wbce": 1.0, "mmd": 0.5}, 1.2),
}  # fmt: skip
PEOPLE, TRACKLETS, FRAMES = 40, 120, 8
ATTRIBUTES: list[dict[str, Any]] = [
    {"name": "backpack", "kind": "binary", "values": ["no", "yes"], "group": "attachments", "level": "identity",
     "polarity": "stated"},
    {"name": "top color", "kind": "choice", "values": ["black", "red", "blue", "green"], "group": "upper body",
     "level": "identity", "polarity": "stated"},
    {"name": "pose", "kind": "choice", "values": ["front", "side", "back"], "group": "", "level": "tracklet",
     "polarity": "stated"},
    {"name": "boots", "kind": "binary", "values": ["no", "yes"], "group": "shoes", "level": "identity",
     "polarity": "undocumented"},
]  # fmt: skip


def card() -> dict[str, Any]:
    """ADFD's card, shortened; numbers of Tables 2 and 4."""
    table2 = {"a": (66.1, 79.0), "b": (68.2, 80.1), "c": (69.5, 81.1), "d": (70.3, 81.7), "adfd": (71.2, 82.6)}
    roles = {"a": "baseline", "adfd": "proposed"}
    arms: dict[str, Any] = {
        name: {"label": one[0], "role": roles.get(name, "ablation"), "attention": one[4] is not None}
        for name, one in ARMS.items()
    }
    arms |= {name: {"label": label, "role": "labeller"} for name, (label, _, _) in LABELLERS.items()}
    arms["label-max"] = {"label": "Maximum", "role": "labeller"}
    claims = [
        ("b", "a", 2.1, "Learning attributes beside identities helps."),
        ("c", "b", 1.3, "Weighing frames by the confidence in their attributes helps."),
        ("d", "b", 2.1, "Disentangling the feature helps."),
        ("adfd", "d", 0.9, "Weighing each segment's frames beats their mean."),
        ("adfd", "a", 5.1, "The whole method beats a network that knows no attributes."),
    ]
    return {
        "paper": {
            "key": "adfd",
            "title": "Attribute-Driven Feature Disentangling and Temporal Aggregation for Video Person "
                     "Re-Identification",
            "authors": ["Yiru Zhao", "Xu Shen", "Zhongming Jin", "Hongtao Lu", "Xian-Sheng Hua"],
            "venue": "CVPR", "year": 2019, "pages": "4913-4922",
        },
        "constraints": {"backbone": "resnet18", "rgb_only": True, "single_pass": True, "protocol": PROTOCOL["name"]},
        "arms": arms,
        "published": [
            {"arm": arm, "dataset": "mars", "metric": metric, "value": value, "source": "Table 2"}
            for arm, values in table2.items()
            for metric, value in zip(("mAP", "rank1"), values, strict=True)
        ],
        "claims": [
            {"id": f"{arm}-beats-{other}", "text": text, "arm": arm, "against": other, "metric": "mAP",
             "source": "Table 2", "published": [{"dataset": "mars", "margin": margin}]}
            for arm, other, margin, text in claims
        ],
    }  # fmt: skip


@cache
def codes() -> dict[str, np.ndarray]:
    """Attribute -> ``[Q]``: 15 of 40 people have a backpack, six a green top, one boots; a few nobody annotated."""
    person = np.repeat(np.arange(fake.IDENTITIES), fake.QUERIES // fake.IDENTITIES)
    backpack = (person < 15).astype(np.int16)
    top = np.select([person % 20 < 3, person % 3 == 0, person % 3 == 1], [3, 0, 1], 2).astype(np.int16)
    pose = np.resize([0, 1, 2, 1], fake.QUERIES).astype(np.int16)
    boots = (person == 7).astype(np.int16)
    for array in (backpack, top):
        array[person >= 38] = -1
    return {"backpack": backpack, "top color": top, "pose": pose, "boots": boots}


def per_query(arm: str, seed: int) -> dict[str, np.ndarray]:
    """Arrays of an arm whose gain is larger for people with a backpack; the same luck in every arm."""
    _, gain, more, _, _ = ARMS[arm]
    plain, carried = (fake.per_query(logits, seed, arm) for logits in (gain, gain + more))
    has = codes()["backpack"] == 1
    found = {key: plain[key].copy() for key in ("person", "camera", "key", "valid", "length")}
    for key in ("average_precision", "first_hit"):
        found[key] = np.where(has, carried[key], plain[key])
    first = found["first_hit"]
    found["cmc"] = np.array([100 * np.mean((first >= 1) & (first <= rank)) for rank in range(1, 51)])
    return found | {f"attribute/{name}": array for name, array in codes().items()}


def result(arm: str, seed: int, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The record that belongs to the arrays."""
    return fake.result(arm, None, None, seed, arrays) | {
        "paper": "adfd", "label": ARMS[arm][0], "method": "baseline" if arm == "a" else "adfd", "options": {},
        "protocol": PROTOCOL, "command": COMMAND,
        "annotation": {
            "name": "SynthWalk's truth", "queries": fake.QUERIES, "joined": fake.QUERIES - 8, "attributes": ATTRIBUTES,
            "notices": ["No attribute speaks of trousers: that group is empty."],
        },
    }  # fmt: skip


@cache
def visible() -> np.ndarray:
    """``[N, T]`` visible share of each frame; every sixth tracklet shows all of its person, always."""
    shares = np.random.default_rng(11).uniform(0.2, 1.0, (TRACKLETS, FRAMES))
    shares[::6] = 1.0
    return shares


def frame_weights_of(reach: float, seed: int, name: str) -> np.ndarray:
    """``[N, T]`` softmax of what is seen times the reach, with noise; equal ones for `ALIKE`."""
    if reach == ALIKE:
        return np.full((TRACKLETS, FRAMES), 1 / FRAMES)
    noise = np.random.default_rng([seed, *name.encode()]).normal(0, 0.25, (TRACKLETS, FRAMES))
    logits = np.exp(reach * visible() + noise)
    return logits / logits.sum(axis=1, keepdims=True)


def weights(arm: str, seed: int) -> Weights:
    """Both files: `frames`, and for ADFD the weights of two groups, of which shoes know nothing."""
    reach = ARMS[arm][4]
    assert reach is not None
    maps = {"frames": reach} | ({"frames/upper body": reach, "frames/shoes": 0.0} if arm == "adfd" else {})
    person = np.repeat(np.arange(1, PEOPLE + 1), TRACKLETS // PEOPLE)
    arrays: dict[str, Any] = {"person": person, "key": np.array([f"{p:04d}C1T{i:04d}" for i, p in enumerate(person)])}
    told = []
    given = {name: frame_weights_of(one, seed, name) for name, one in maps.items()}
    for name, rows in given.items():
        pairs = list(zip(rows, visible(), strict=True))
        arrays[f"{name}/correlation"] = np.array([frame_weights.rank_correlation(*pair) for pair in pairs])
        arrays[f"{name}/gain"] = np.array([frame_weights.gain(*pair) for pair in pairs])
        measures = {}
        for measure in frame_weights.MEASURES:
            one = frame_weights.average(measure, arrays[f"{name}/{measure}"], person)
            measures[measure] = one.as_dict() | {"people": one.people}
        told.append({"name": name, "measures": measures})
    record = {
        "tracklets": TRACKLETS, "people": PEOPLE, "frames": TRACKLETS * FRAMES,
        "what": "every test tracklet of a known person, whole and in one pass", "maps": told,
        "pictures": {"size": [64, 32], "rule": "Chosen by rules.", "rows": [
            {"key": str(arrays["key"][row]), "person": int(person[row]), "of_frames": 31,
             "numbers": list(range(0, 4 * FRAMES, 4)), "frames": pictures(row),
             "visible": [*map(float, visible()[row][:-1]), None],
             "weights": {name: rows[row].tolist() for name, rows in given.items()}}
            for row in (1, 2, 3)
        ]},
    }  # fmt: skip
    return Weights(record, arrays)


@cache
def pictures(row: int) -> list[str]:
    """A person behind a post that hides as much as the frame says."""
    rng = np.random.default_rng(row)
    colours = [tuple(int(c) for c in rng.integers(50, 220, 3)) for _ in range(3)]
    found = []
    for share in visible()[row]:
        image = Image.new("RGB", (32, 64), colours[2])
        draw = ImageDraw.Draw(image)
        draw.ellipse((12, 4, 20, 14), fill=(214, 170, 140))
        draw.rectangle((9, 15, 23, 36), fill=colours[0])
        draw.rectangle((10, 37, 22, 60), fill=colours[1])
        draw.rectangle((0, int(4 + 56 * share), 31, 63), fill=(90, 90, 95))
        found.append(uri(image))
    return found


@cache
def truth(seed: int, people: int) -> np.ndarray:
    """``[P, C]`` yes or no of people; nobody has boots, and of some the hat is not known."""
    shares = np.array([share for *_, share in COLUMNS])
    found = (np.random.default_rng([seed, people]).random((people, len(COLUMNS))) < shares).astype(np.float64)
    found[::9, 1] = np.nan
    return found


def chances(told: np.ndarray, skill: float, name: str, seed: int) -> np.ndarray:
    """Chances of yes that are right the more often the higher the skill; a row is as hard for everybody."""
    yes = np.where(np.isnan(told), 0.5, told)
    hard = np.random.default_rng(13).normal(0, 1, told.shape)
    noise = np.random.default_rng([seed, *name.encode()]).normal(0, 0.15, told.shape)
    logits = (2 * yes - 1) * skill + hard + noise
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def columns(positive: bool = True) -> list[dict[str, Any]]:
    """As both records have them."""
    return [
        {"name": name, "attribute": attribute, "group": group, "positive": share if positive else None}
        for name, attribute, group, share in COLUMNS
    ]


def attributes(arm: str, seed: int) -> Attributes:
    """Both files of an arm that learns attributes."""
    skill = ARMS[arm][3]
    assert skill is not None
    person = np.repeat(np.arange(1, PEOPLE + 1), TRACKLETS // PEOPLE)
    told = np.repeat(truth(1, PEOPLE), TRACKLETS // PEOPLE, axis=0)
    arrays: dict[str, Any] = {
        "person": person, "key": np.array([f"{p:04d}C1T{i:04d}" for i, p in enumerate(person)]),
        "truth": told.astype(np.float32), "probability": chances(told, skill, arm, seed),
    }  # fmt: skip
    record = {
        "annotation": "SynthWalk's truth", "labels": "SynthWalk's truth", "tracklets": TRACKLETS, "people": PEOPLE,
        "what": "every test tracklet of a known person, all of its frames in one pass", "columns": columns(),
    }  # fmt: skip
    return Attributes(record, arrays)


def labels(seeds: int = 2, source: bool = True, names: tuple[str, ...] = tuple(LABELLERS)) -> Labels:
    """Both files of the parent: WBCE is better than BCE, MMD does nothing; all are better on their own source."""
    arrays: dict[str, Any] = {"person": np.arange(1, 61), "truth": truth(2, 60)}
    if source:
        arrays |= {"source_person": np.arange(1, 51), "source_truth": truth(3, 50)}
    told = []
    for name in names:
        label, losses, skill = LABELLERS[name]
        for seed in range(seeds):
            told.append({"arm": name, "label": label, "seed": seed, "losses": losses})
            arrays[f"{name}/{seed}/probability"] = chances(arrays["truth"], skill, name, seed)
            if source:
                better = chances(arrays["source_truth"], skill + 1.5, name, seed)
                arrays[f"{name}/{seed}/source_probability"] = better
    record = {
        "source": {"name": "synthwalk", "fingerprint": "ab" * 16, "frames": 3000, "people": 300},
        "target": {"name": "synthwalk", "fingerprint": "cd" * 16, "frames": 5000, "people": 60},
        "columns": columns(), "labellers": told, "left_out": 2,
    }  # fmt: skip
    return Labels(record, arrays)


def write(store: Any, seeds: int = 2, arms: tuple[str, ...] = tuple(ARMS), with_labels: bool = True) -> str:
    """Record the job; gives the parent's run id."""
    parent: str = store.begin(card(), fake.DATASET, PROTOCOL, "embedded", COMMAND, fake.ENVIRONMENT)
    for arm in arms:
        _, _, _, skill, reach = ARMS[arm]
        for seed in range(seeds):
            found = per_query(arm, seed)
            shown = fake.strips(seed) if seed == 0 else None
            records: dict[str, Weights | Attributes] = {}
            if reach is not None:
                records["frame_weights"] = weights(arm, seed)
            if skill is not None:
                records["attributes"] = attributes(arm, seed)
            store.record_arm(parent, result(arm, seed, found), found, shown, fake.train_log(), records)
    if with_labels:
        store.attach(parent, "labels", labels(seeds))
    store.finish(parent, {"seeds": seeds, "arms": len(arms)})
    return parent
