"""Made-up results, recorded in a store."""

from typing import Any

from runners.tracking.mlflow_writer import Store
from tests.reports import fake

BASELINE = ("baseline", None, None)


def begin(store: Store) -> str:
    return store.begin(fake.card(), fake.DATASET, fake.PROTOCOL, "embedded", fake.COMMAND, fake.ENVIRONMENT)


def record(store: Store, parent: str, seed: int = 0, gain: float = 0.0, **changes: Any) -> str:
    arrays = fake.per_query(gain, seed, "baseline")
    result = fake.result(*BASELINE, seed, arrays) | changes
    return store.record_arm(parent, result, arrays, None, fake.train_log())


def all_runs(store: Store, parent: str) -> list[Any]:
    experiment = store.client.get_run(parent).info.experiment_id
    return list(store.client.search_runs([experiment]))
