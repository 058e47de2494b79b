"""A small experiment that never ran, true to the record's schema, with effects that are known.

Per-query results are drawn from a common difficulty of each identity and query, so that arms are paired as
real ones are; ``gain`` is what an arm adds, in logits.
"""

import base64
import io
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

QUERIES, IDENTITIES, GALLERY = 160, 40, 400
COMMAND = "python -m runners.reproduce --paper gltr --seeds 3 --controls"

DATASET: dict[str, Any] = {
    "name": "synthwalk",
    "version": "1",
    "fingerprint": "0123456789abcdef0123456789abcdef",
    "synthetic": True,
    "counts": {"train_ids": 60, "train_tracklets": 480, "queries": QUERIES, "gallery": GALLERY, "cameras": 4},
}
PROTOCOL: dict[str, Any] = {
    "name": "res50-rgb-single-pass",
    "version": 1,
    "gallery": "full",
    "ap": "trapezoid",
    "empty": "zero",
    "metric": "euclidean",
    "normalise": True,
    "test_frames": "all",
}
ENVIRONMENT: dict[str, Any] = {
    "code_sha": "54e1f0c2a9",
    "dirty": False,
    "device": {"kind": "cpu", "name": "two-core x86-64"},
    "python": "3.11.7",
    "platform": "Linux",
    "threads": 2,
    "libraries": {"torch": "2.15.0", "torchvision": "0.29.2", "numpy": "2.4.6", "mlflow": "3.17.2"},
}


def card() -> dict[str, Any]:
    """GLTR's card, shortened; numbers of Table 2."""
    mars = {"gallery": "full", "ap": "trapezoid", "empty": "zero", "metric": "euclidean"}
    table2 = {
        "baseline": (65.45, 78.43),
        "dtp": (75.90, 85.74),
        "tsa": (75.62, 85.40),
        "gltr": (78.47, 87.02),
    }
    return {
        "paper": {
            "key": "gltr",
            "title": "Global-Local Temporal Representations for Video Person Re-Identification",
            "authors": ["Jianing Li", "Jingdong Wang", "Qi Tian", "Wen Gao", "Shiliang Zhang"],
            "venue": "ICCV",
            "year": 2019,
            "pages": "3958-3967",
            "arxiv": "1908.10049",
        },
        "constraints": {"backbone": "resnet50", "rgb_only": True, "single_pass": True},
        "arms": {
            "baseline": {"label": "ResNet-50, mean over frames", "role": "baseline"},
            "dtp": {"label": "DTP", "role": "ablation", "temporal": True, "summary": "Dilated pyramid only."},
            "tsa": {"label": "TSA", "role": "ablation", "temporal": True, "summary": "Self-attention only."},
            "gltr": {"label": "GLTR", "role": "proposed", "temporal": True, "attention": True},
        },
        "published": [
            {"arm": arm, "dataset": "mars", "metric": metric, "value": value, "source": "Table 2", "convention": mars}
            for arm, values in table2.items()
            for metric, value in zip(("mAP", "rank1"), values, strict=True)
        ],
        "claims": [
            {"id": "gltr-beats-baseline", "text": "Short- and long-term temporal cues beat averaging frames.",
             "arm": "gltr", "against": "baseline", "metric": "mAP", "protocol": PROTOCOL["name"],
             "source": "Table 2", "temporal": True, "published": [{"dataset": "mars", "margin": 13.02}]},
            {"id": "dtp-beats-baseline", "text": "Dilated temporal convolutions alone beat averaging frames.",
             "arm": "dtp", "against": "baseline", "metric": "rank1", "protocol": PROTOCOL["name"],
             "source": "Table 2", "temporal": False, "published": [{"dataset": "mars", "margin": 7.31}]},
            {"id": "gltr-beats-dtp", "text": "Self-attention adds to the dilated convolutions.",
             "arm": "gltr", "against": "dtp", "metric": "mAP", "protocol": PROTOCOL["name"],
             "source": "Table 2", "temporal": False, "published": [{"dataset": "mars", "margin": 2.57}]},
            {"id": "tsa-beats-baseline", "text": "Temporal self-attention alone beats averaging frames.",
             "arm": "tsa", "against": "baseline", "metric": "rank1", "protocol": PROTOCOL["name"],
             "source": "Table 2", "temporal": True, "published": [{"dataset": "mars", "margin": 6.97}]},
        ],
    }  # fmt: skip


# (arm, control, of) -> gain in logits over the baseline
EFFECTS: dict[tuple[str, str | None, str | None], float] = {
    ("baseline", None, None): 0.0,
    ("dtp", None, None): 0.55,
    ("tsa", None, None): -0.2,
    ("gltr", None, None): 0.6,
    ("gltr", "shuffled", "gltr"): 0.25,
    ("gltr", "mlp", "gltr"): 0.2,
    ("colour", "colour", None): -1.6,
}


def per_query(gain: float, seed: int, name: str) -> dict[str, np.ndarray]:
    """Arrays of one arm and seed: difficulty shared by all arms, noise of the seed and the arm its own."""
    shared = np.random.default_rng(7)
    person = np.repeat(np.arange(1, IDENTITIES + 1), QUERIES // IDENTITIES)
    hardness = shared.normal(0.2, 0.8, IDENTITIES)[person - 1] + shared.normal(0, 0.7, QUERIES)
    camera = np.tile(np.arange(1, 5), QUERIES // 4)
    length = shared.integers(8, 80, QUERIES)
    own = np.random.default_rng([seed, *name.encode()])
    logit = hardness + gain + own.normal(0, 0.12, QUERIES)
    share = 1 / (1 + np.exp(-logit))
    order = np.random.default_rng(8).uniform(size=QUERIES)  # the same luck for every arm
    first_hit = np.where(order < share, 1, 2 + np.floor((order - share) * 22)).astype(np.int64)
    valid = np.ones(QUERIES, dtype=bool)
    valid[-1] = False
    first_hit[-1] = 0
    precision = np.where(valid, 100 * share / np.sqrt(np.maximum(first_hit, 1)) ** 0.5, 0.0)
    cmc = np.array([100 * np.mean((first_hit >= 1) & (first_hit <= rank)) for rank in range(1, 51)])
    key = np.array([f"{p:04d}C{c}T{i:04d}" for i, (p, c) in enumerate(zip(person, camera, strict=True))])
    return {
        "person": person, "camera": camera, "key": key, "average_precision": precision, "first_hit": first_hit,
        "valid": valid, "length": length, "cmc": cmc,
    }  # fmt: skip


def result(arm: str, control: str | None, of: str | None, seed: int, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The record that belongs to the arrays."""
    label = {"baseline": "ResNet-50, mean over frames", "colour": "Stripe colours"}.get(arm, arm.upper())
    heads = {"baseline": 0.0, "dtp": 0.15, "tsa": 0.07, "gltr": 0.7}
    head = 0.0 if control == "colour" else heads.get(arm, 0.3)
    mean = float(arrays["average_precision"].mean())
    first = arrays["first_hit"]
    metrics = {"mAP": mean} | {
        f"rank{rank}": float(100 * np.mean((first >= 1) & (first <= rank))) for rank in (1, 5, 10, 20)
    }
    conventions = [
        {"gallery": gallery, "ap": ap, "empty": empty, "mAP": mean + shift + (0.4 if ap == "step" else 0),
         "rank1": metrics["rank1"] + shift + (0.6 if empty == "skip" else 0.0), "valid_queries": QUERIES - 1,
         "queries": QUERIES}
        for gallery, shift in (("full", 0.0), ("without-junk", 0.3), ("without-queries", 1.7))
        for ap in ("trapezoid", "step")
        for empty in ("zero", "skip")
    ]  # fmt: skip
    trained = control != "colour"
    return {
        "schema": 1, "paper": "gltr", "arm": arm, "label": label, "method": "baseline" if arm == "baseline" else "gltr",
        "reading": "paper", "options": {} if arm in ("baseline", "gltr", "colour") else {"only": arm},
        "control": control, "of": of, "seed": seed, "profile": "embedded", "budget": "full", "size": [64, 32],
        "protocol": PROTOCOL, "dataset": DATASET, "metrics": metrics,
        "intervals": {"mAP": [mean - 3.1, mean + 3.1], "rank1": [metrics["rank1"] - 5, metrics["rank1"] + 5]},
        "conventions": conventions, "slices": {"same_camera_share_of_top1_errors": 0.31},
        "cost": {} if not trained else {
            "gmacs_per_frame": 0.168 + head / 100, "gflops_per_frame": 2 * (0.168 + head / 100),
            "gmacs_per_tracklet": {"8": 1.35, "64": 10.8}, "params_m": 23.51 + head,
            "latency": {"device": "cpu", "name": "two-core x86-64", "cpu_ms_p50": 21.4, "cpu_ms_p95": 24.9},
            "throughput_frames_per_s": 380.0, "peak_memory_mb": 512.0, **({"of": of} if control else {})},
        "admission": {"admitted": True, "checks": [
            {"name": "trunk is ResNet-50", "passed": True, "detail": "53 convolutions, 23.5 M parameters"},
            {"name": "input is RGB", "passed": True, "detail": "first convolution takes 3 channels"},
            {"name": "one pass a tracklet", "passed": True, "detail": "descriptors unchanged in any batch"}]},
        "stages": [] if not trained else [
            {"name": "frames", "fingerprint": f"aa11bb22cc33{seed}", "frames": 40000, "seconds": 93.5,
             "steps": 312, "final_loss": 0.81},
            {"name": "head", "fingerprint": f"dd44{arm}{control}{seed}", "frames": 9000, "seconds": 14.2,
             "steps": 140, "final_loss": 0.42}],
        "fingerprint": f"{arm}-{control}-{seed}-f00d", "environment": ENVIRONMENT, "command": COMMAND,
        **({"precision": "fp32" if arm == "baseline" else "bf16"} if trained else {}),
    }  # fmt: skip


def train_log() -> list[dict[str, Any]]:
    """Two stages with falling losses."""
    rows = []
    for stage, steps in (("frames", 312), ("head", 140)):
        rows += [
            {"stage": stage, "step": step, "loss": 4.2 * float(np.exp(-step / 90)) + 0.4, "lr": 0.01}
            for step in range(steps)
        ]
    return rows


def picture(person: int, seed: int) -> str:
    """A data URI: a coloured figure on a ground, the same colours for the same person."""
    colours = np.random.default_rng(person).integers(40, 220, (3, 3))
    ground = np.random.default_rng(1000 + seed).integers(120, 200, 3)
    image = Image.new("RGB", (32, 64), tuple(int(c) for c in ground))
    draw = ImageDraw.Draw(image)
    draw.ellipse((12, 4, 20, 14), fill=(214, 170, 140))
    draw.rectangle((9, 15, 23, 36), fill=tuple(int(c) for c in colours[0]))
    draw.rectangle((10, 37, 15, 60), fill=tuple(int(c) for c in colours[1]))
    draw.rectangle((17, 37, 22, 60), fill=tuple(int(c) for c in colours[1]))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def strips(seed: int) -> dict[str, Any]:
    """Six queries: two worst, two middling, two best."""
    rows = []
    for row, precision in enumerate((4.1, 9.8, 48.3, 52.0, 97.2, 100.0)):
        person = row + 1
        top = []
        for rank in range(5):
            right = rank < row or (row == 2 and rank == 3)
            who = person if right else 30 + 5 * row + rank
            top.append({"key": f"{who:04d}C2T{rank:04d}", "person": who, "camera": 2 + rank % 3, "right": right,
                        "distance": 0.31 + 0.06 * rank, "image": picture(who, rank + seed)})  # fmt: skip
        query = {"key": f"{person:04d}C1T0001", "person": person, "camera": 1, "image": picture(person, seed)}
        rows.append({"query": query, "average_precision": precision, "top": top})
    return {"size": [64, 32], "rows": rows}


def write(
    store: Any,
    seeds: int = 3,
    effects: dict[tuple[str, str | None, str | None], float] | None = None,
    finish: bool = True,
) -> str:
    """Record the experiment through the real writer; gives the parent's run id."""
    parent: str = store.begin(card(), DATASET, PROTOCOL, "embedded", COMMAND, ENVIRONMENT)
    for (arm, control, of), gain in (effects or EFFECTS).items():
        for seed in range(1 if control == "colour" else seeds):
            arrays = per_query(gain, seed, f"{arm}{control}")
            shown = strips(seed) if seed == 0 and control is None else None
            log = train_log() if control != "colour" else []
            store.record_arm(parent, result(arm, control, of, seed, arrays), arrays, shown, log)
    if finish:
        store.finish(parent, {"seeds": seeds, "arms": len(effects or EFFECTS)})
    return parent


@cache
def template() -> bytes:
    """A migrated, empty database: copying it takes milliseconds, migrating a new one takes seconds."""
    from runners.tracking.mlflow_writer import open_store

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mlflow.db"
        open_store(f"sqlite:///{file}")
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return file.read_bytes()


@contextmanager
def one_picture() -> Iterator[None]:
    """The picture of a run is drawn once while it lasts: drawing takes longer than all that is recorded beside it."""
    from reports.render import figures

    draw = figures.single_cmc
    drawn = cache(lambda: draw(np.linspace(40, 90, 50), "all arms"))
    figures.single_cmc = lambda *_: drawn()
    try:
        yield
    finally:
        figures.single_cmc = draw


def prepared(folder: Path, name: str = "mlflow.db") -> str:
    """URI of the store in a folder, an empty one where there is none yet."""
    if not (folder / name).exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(template())
    return f"sqlite:///{folder / name}"


def fresh(folder: Path) -> str:
    """URI of an empty store in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mlflow.db").write_bytes(template())
    return f"sqlite:///{folder / 'mlflow.db'}"
