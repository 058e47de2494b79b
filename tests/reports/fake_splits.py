"""A fake job on a data set with four divisions, one match a query, whose numbers are known by construction.

Person p is tested in every division whose number has the parity of p, so most people are tested in several.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reports.records.splits import dataset_of_all
from tests.reports import fake

OF = 4  # ten would show the same and take longer
PEOPLE = 40
QUERIES = PEOPLE // 2
PROTOCOL: dict[str, Any] = fake.PROTOCOL | {"name": "rgb-single-pass", "ap": "step"}
EXPERIMENT = f"reid/ilids/{PROTOCOL['name']}"
EFFECTS = {"baseline": 0.0, "gltr": 0.8}


def dataset(number: int) -> dict[str, Any]:
    """The record of one division."""
    return {
        "name": "ilids",
        "version": "2014",
        "fingerprint": f"{number:032x}",
        "synthetic": False,
        "counts": {
            "train_ids": QUERIES, "train_frames": 1000 + number, "query_ids": QUERIES, "query_tracklets": QUERIES,
            "gallery_tracklets": QUERIES, "unmatched_queries": 0, "cameras": 2,
        },
    }  # fmt: skip


def data_of(numbers: Sequence[int]) -> dict[str, Any]:
    """The record of several divisions together."""
    return dataset_of_all([dataset(number) for number in numbers], list(numbers), OF)


def per_query(arm: str, seed: int, number: int) -> dict[str, np.ndarray]:
    """One query a person, one right answer each: AP is 1 over its rank."""
    person = np.arange(1, PEOPLE + 1)[np.arange(1, PEOPLE + 1) % 2 == number % 2]
    hardness = np.random.default_rng(3).normal(0, 1, PEOPLE + 1)[person]
    own = np.random.default_rng([seed, number, *arm.encode()])
    logit = EFFECTS[arm] - hardness + own.normal(0, 0.5, QUERIES)
    rank = 1 + np.floor(np.clip(2.5 - 1.6 * logit, 0, QUERIES - 1)).astype(np.int64)
    return of_ranks(person, rank)


def of_ranks(person: np.ndarray, rank: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of queries whose one match stands at these ranks."""
    hits = {f"hit{k}": np.where(rank <= k, 100.0, 0.0) for k in (1, 5, 10, 20)}
    return {
        "person": person,
        "camera": np.ones(len(person), dtype=np.int64),
        "key": np.array([f"cam1/person{one:03d}" for one in person]),
        "average_precision": 100.0 / rank,
        "first_hit": rank,
        "valid": np.ones(len(person), dtype=bool),
        "length": np.full(len(person), 30),
        "cmc": np.array([100 * np.mean(rank <= k) for k in range(1, QUERIES + 1)]),
        **hits,
    }


def result(arm: str, seed: int, number: int, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The record that belongs to the arrays."""
    plain = fake.result(arm, None, None, seed, arrays)
    return plain | {
        "protocol": PROTOCOL,
        "dataset": dataset(number),
        "split": {"number": number, "of": OF},
        "fingerprint": f"{arm}-{seed}-{number}",
        "stages": [stage | {"fingerprint": f"{stage['fingerprint']}-{number}"} for stage in plain["stages"]],
    }


def write(store: Any, numbers: Sequence[int] = range(OF), seeds: int = 2, *, finish: bool = True) -> str:
    """Record the job, division by division as the runner does; gives the parent's run id."""
    parent = begin(store, numbers)
    for number in numbers:
        for seed in range(seeds):
            for arm in EFFECTS:
                record(store, parent, arm, seed, number)
    if finish:
        store.finish(parent, {})
    return parent


def begin(store: Any, numbers: Sequence[int]) -> str:
    """The parent of a job over these divisions."""
    parent: str = store.begin(fake.card(), data_of(numbers), PROTOCOL, "embedded", fake.COMMAND, fake.ENVIRONMENT)
    return parent


def record(store: Any, parent: str, arm: str, seed: int, number: int) -> str:
    """One arm with one seed in one division."""
    arrays = per_query(arm, seed, number)
    run: str = store.record_arm(parent, result(arm, seed, number, arrays), arrays, fake.strips(seed), [])
    return run
