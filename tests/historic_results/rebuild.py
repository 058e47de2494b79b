"""A tracking store made of exported jobs, by the client of whatever MLflow is installed."""

import json
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.historic_results.export import INDEX, LEDGER, RECORD, RUNS, TEXT

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST_METRICS = 1000  # that MLflow takes at once


@dataclass(frozen=True)
class Rebuilt:
    """A store of exported jobs.

    Attributes:
        uri: tracking URI of the SQLite file; the artifacts lie in ``mlartifacts`` beside it.
        ids: run id in the export -> run id here, since MLflow gives its own.
    """

    uri: str
    ids: Mapping[str, str]

    def renamed(self, text: str) -> str:
        """A text of an export with the run ids of this store."""
        for old, new in self.ids.items():
            text = text.replace(old, new)
        return text


def rebuild(exports: Sequence[Path], folder: Path) -> Rebuilt:
    """Write exported jobs into a new store.

    Args:
        exports: folders of papers, as :func:`tests.historic_results.export.export` wrote them.
        folder: an empty folder for ``mlflow.db`` and the artifacts.
    """
    from mlflow import MlflowClient

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri)
    ids: dict[str, str] = {}
    for export in exports:
        index = json.loads((export / INDEX).read_text(encoding="utf-8"))
        record = read_record(export) | {f"{index['parent']}/{LEDGER}": (export / LEDGER).read_bytes()}
        _write_job(client, index, record, folder / "mlartifacts", ids)
    return Rebuilt(uri, ids)


def read_record(export: Path) -> dict[str, bytes]:
    """Name -> content of everything in an export's archive: ``runs.json``, and ``<run id>/<artifact>``."""
    with tarfile.open(export / RECORD) as archive:
        files = {entry.name: archive.extractfile(entry) for entry in archive.getmembers()}
        return {name: file.read() for name, file in files.items() if file}


def _write_job(
    client: "MlflowClient", index: Mapping[str, Any], record: Mapping[str, bytes], artifacts: Path, ids: dict[str, str]
) -> None:
    found = client.get_experiment_by_name(index["experiment"])
    experiment = (
        found.experiment_id
        if found
        else client.create_experiment(index["experiment"], artifacts.as_uri(), index["experiment_tags"])
    )
    runs = json.loads(record[RUNS])
    for run in runs:  # all ids first: tags and records name other runs
        name = run["tags"].get("mlflow.runName")
        ids[run["run_id"]] = client.create_run(experiment, run["start_time"], run_name=name).info.run_id
    renamed = Rebuilt("", ids).renamed
    for run in runs:
        new = ids[run["run_id"]]
        _log(client, new, run, renamed)
        with tempfile.TemporaryDirectory() as scratch:
            for name, data in record.items():
                owner, _, path = name.partition("/")
                if owner == run["run_id"]:
                    file = Path(scratch, path)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(renamed(data.decode()).encode() if file.suffix in TEXT else data)
            client.log_artifacts(new, scratch)
        if run["end_time"] is not None:
            client.set_terminated(new, run["status"], run["end_time"])


def _log(client: "MlflowClient", new: str, run: Mapping[str, Any], renamed: Callable[[str], str]) -> None:
    """Tags, parameters, metrics with their history, and the data sets of a run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    metrics = [Metric(key, *point) for key, points in run["metrics"].items() for point in points]
    tags = [RunTag(key, renamed(value)) for key, value in run["tags"].items()]
    client.log_batch(new, [], [Param(*item) for item in run["params"].items()], tags)
    for start in range(0, len(metrics), MOST_METRICS):
        client.log_batch(new, metrics[start : start + MOST_METRICS])
    inputs = [
        DatasetInput(
            Dataset(*(one[key] for key in ("name", "digest", "source_type", "source", "schema", "profile"))),
            [InputTag(*item) for item in one["tags"].items()],
        )
        for one in run["datasets"]
    ]
    if inputs:
        client.log_inputs(new, inputs)
