"""What the suite itself stored, and users keep, copy and move: a judge step, a recorded job, weights."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from files.formats import safetensors
from methods.gltr.released import theirs
from runners.evaluation.descriptor_set import HEADLINE, IMAGE, Tracklets, write
from runners.plan.step_store import write_json
from runners.tracking.mlflow_writer import open_store
from runners.training import checkpoints
from tests.fuzz import loading
from tests.reports import fake
from tests.reports.conftest import EXPERIMENT
from tests.runners.pipeline.killing import no_pictures
from tests.runners.small import seeded

ARMS = {("baseline", None, None): 0.0, ("tsa", None, None): 0.1}


def descriptor_folder(folder: Path, fingerprint: str = "f" * 32) -> None:
    """A set of eight tracklets, the first four of which ask."""
    random = np.random.default_rng(0)
    place = np.arange(8)
    ids, cams, every = place // 2 + 1, place % 2 + 1, np.ones(8, dtype=np.int64)
    tracklets = Tracklets(np.array([f"t{i}" for i in place]), ids, cams, every, place < 4, every > 0)
    write(folder, random.normal(size=(8, 6)).astype("f4"), tracklets, {"protocol": "own"}, fingerprint)


def judge_step(folder: Path) -> None:
    """An arm's step under a protocol of two sides."""
    result = fake.result("baseline", None, None, 0, fake.per_query(0.0, 0, "baseline"))
    result["protocol"] = result["protocol"] | {"sides": ["I2V", "V2V"]}
    (folder / "step").mkdir()
    write_json(folder / "step" / "result.json", result)
    for name in (HEADLINE, IMAGE):
        descriptor_folder(folder / "step" / name, result["fingerprint"])


def recorded(folder: Path) -> None:
    """A finished job of two arms."""
    uri = fake.fresh(folder)
    with no_pictures():
        fake.write(open_store(uri), seeds=1, effects=ARMS)
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was written is in the file that is copied


def build(folder: Path) -> list[str]:
    """The command that reports it."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    return ["--experiment", EXPERIMENT, "--tracking-uri", uri, "--out", str(folder / "out")]


def released(folder: Path) -> None:
    """A checkpoint in the authors' layout; a tensor of one value takes no room whatever its shape."""
    torch.save(_of_the_authors(), folder / "best.pth.tar")


@cache
def _of_the_authors() -> dict[str, Any]:
    found = {}
    for name, value in loading.network().state_dict().items():
        shape = value.transpose(1, 2)[:, None].shape if name.startswith("temporal.pyramid") else value.shape
        found[theirs(name)] = torch.ones((), dtype=value.dtype).expand(shape)
    return found


def weights(folder: Path) -> None:
    """A finished stage's weights."""
    safetensors.save(seeded().state_dict(), folder / "weights.safetensors")


def checkpoint(folder: Path) -> None:
    """Where a stage's training stands."""
    checkpoints.save(folder / "checkpoint.pt", {"method": seeded().state_dict(), "step": 3, "log": [{"loss": 1.5}]})
