"""A tracking store made of exported jobs, by the client of whatever MLflow is installed."""

import json
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
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
        with tempfile.TemporaryDirectory() as scratch:
            unpacked = Path(scratch)
            with tarfile.open(export / RECORD) as archive:
                archive.extractall(unpacked, filter="data")
            (unpacked / index["parent"] / LEDGER).write_bytes((export / LEDGER).read_bytes())
            _write_job(client, index, unpacked, folder / "mlartifacts", ids)
    return Rebuilt(uri, ids)


def _write_job(
    client: "MlflowClient", index: Mapping[str, Any], unpacked: Path, artifacts: Path, ids: dict[str, str]
) -> None:
    found = client.get_experiment_by_name(index["experiment"])
    experiment = (
        found.experiment_id
        if found
        else client.create_experiment(index["experiment"], artifacts.as_uri(), index["experiment_tags"])
    )
    runs = json.loads((unpacked / RUNS).read_text(encoding="utf-8"))
    for run in runs:  # all ids first: tags and records name other runs
        name = run["tags"].get("mlflow.runName")
        ids[run["run_id"]] = client.create_run(experiment, run["start_time"], run_name=name).info.run_id
    renamed = Rebuilt("", ids).renamed
    for run in runs:
        new = ids[run["run_id"]]
        _log(client, new, run, renamed)
        folder = unpacked / run["run_id"]
        if folder.is_dir():
            for file in folder.rglob("*"):
                if file.suffix in TEXT:
                    file.write_text(renamed(file.read_text(encoding="utf-8")), encoding="utf-8")
            client.log_artifacts(new, str(folder))
        if run["end_time"] is not None:
            client.set_terminated(new, run["status"], run["end_time"])


def _log(client: "MlflowClient", new: str, run: Mapping[str, Any], renamed: Any) -> None:
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
