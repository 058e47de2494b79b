"""What recording asks of MLflow: runs found again, and of parameters, inputs and metrics only what is missing."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.errors import ReportError
from reports.schema.vocabulary import CONTROLS_LEFT_OUT
from reports.store.job import named_left_out
from reports.store.uri import sqlite_file
from runners.errors import RunError
from runners.tracking import connect
from runners.tracking.tags_and_metrics import clean
from runners.tracking.upload import Artifacts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

Point = tuple[str, float, int]
"""Key, value and step of a metric."""
BATCH = 1000  # MLflow's limit of metrics in one call


@dataclass
class Runs:
    """The runs of an open store."""

    client: "MlflowClient"
    uri: str
    artifact_root: str | None

    def __post_init__(self) -> None:
        """Artifacts have a writer of their own."""
        self.artifacts = Artifacts(self.client, self.uri)

    def _alone(self) -> AbstractContextManager[None]:
        """While it lasts no other process of this suite records into the same SQLite store."""
        return connect.held(self.uri)

    def remove_half_made(self, experiment: str, which: str) -> None:
        """Runs that a killed process left and nobody went on with go to MLflow's bin.

        Behind a server there is no lock, and an unfinished run may be another's at work; there they stay, and the
        page counts them.

        Args:
            experiment: its id.
            which: MLflow's filter for the runs.
        """
        if sqlite_file(self.uri) is None:
            return
        for run in self._search(experiment, f"{which} and attributes.status = 'RUNNING'"):
            self.client.delete_run(run.info.run_id)

    def experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """The id of an experiment, which is made if need be.

        Raises:
            RunError: it is in MLflow's bin.
        """
        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self.client.create_experiment(name, self.artifact_root, dict(tags)))
            except RunError:  # another process made it a moment ago
                found = self.client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            raise RunError(
                f"experiment {name!r} is in MLflow's bin; restore it with `mlflow experiments restore "
                f"--experiment-id {found.experiment_id}` or empty the bin with `mlflow gc`."
            )
        return str(found.experiment_id)

    def _search(self, experiment: str, text: str) -> "list[Run]":
        runs, token = [], None
        while True:
            page = self.client.search_runs([experiment], text, max_results=1000, page_token=token)
            runs += list(page)
            token = page.token
            if not token:
                return runs

    def _find(self, experiment: str, text: str) -> "Run | None":
        """The run to go on with: a finished one before an unfinished one, then the newest."""
        runs = self._search(experiment, text)
        return max(runs, key=lambda run: (run.info.status == "FINISHED", run.info.start_time), default=None)

    def _params(self, run: "Run", wanted: Mapping[str, str]) -> None:
        """Log the parameters that are missing; MLflow writes a parameter once only."""
        there = run.data.params
        wanted = cleaned(wanted)
        for name, value in wanted.items():
            if name in there and there[name] != value:
                raise RunError(
                    f"run {run.info.run_id} has {name} = {there[name]!r}, but the same fingerprint now comes "
                    f"with {value!r}; delete that run, or report a fingerprint that misses an input."
                )
        missing = {name: value for name, value in wanted.items() if name not in there}
        if missing:
            self.log(run.info.run_id, params=missing)

    def _input(self, run: "Run", dataset: Mapping[str, Any]) -> None:
        """Attach the data set, once: name, digest (MLflow allows 36 characters) and counts."""
        if run.inputs is not None and run.inputs.dataset_inputs:
            return
        from mlflow.data.code_dataset_source import CodeDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = CodeDatasetSource({"name": str(dataset["name"]), "version": str(dataset.get("version", ""))})
        name = str(dataset["name"])
        digest = str(dataset["fingerprint"])[:36]
        facts = MetaDataset(source, name=name, digest=digest).to_dict()  # type: ignore[abstract]  # MLflow's own use
        entity = Dataset(
            name=facts["name"],
            digest=facts["digest"],
            source_type=facts["source_type"],
            source=facts["source"],
            profile=json.dumps(dataset.get("counts", {}), sort_keys=True),
        )
        self.client.log_inputs(run.info.run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "testing")])])

    def _new(self, run: "Run", points: Sequence[Point]) -> list[Point]:
        """Those points that a run does not have; MLflow keeps every point that it is given at another time."""
        latest: dict[tuple[str, int], Metric] = {}
        for key in sorted({key for key, _, _ in points} & set(run.data.metrics)):
            for one in self.client.get_metric_history(run.info.run_id, key):
                known = latest.get((one.key, one.step))
                if known is None or (one.timestamp, one.value) > (known.timestamp, known.value):
                    latest[one.key, one.step] = one
        return [
            (key, value, step)
            for key, value, step in dict.fromkeys(points)
            if (key, step) not in latest or latest[key, step].value != value
        ]

    def _files(self, run_id: str, files: Mapping[str, bytes], below: str = "") -> None:
        """Artifacts by name, those that are not there yet; see `runners.tracking.upload`."""
        self.artifacts.write(run_id, files, below)

    def name_left_out(self, parent: str, controls: Mapping[str, str]) -> None:
        """Add to a job's tag which controls it did not run; those that an earlier start named stay.

        Args:
            parent: run id of the job.
            controls: such as ``gltr+shuffled`` -> why.

        Raises:
            RunError: the tag is damaged.
        """
        if not controls:
            return
        try:
            earlier = named_left_out(self.client.get_run(parent).data.tags, parent)
        except ReportError as error:
            raise RunError(str(error)) from None
        whole = {**earlier, **controls}
        self.log(parent, tags={CONTROLS_LEFT_OUT: json.dumps(whole, sort_keys=True)})

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """One batch for all (50 times faster than one call each), cut at MLflow's limits.

        Args:
            run_id: of the run.
            metrics: (name, value, step) each.
            params: name -> value.
            tags: name -> value.
        """
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        points = [Metric(name, value, now, step) for name, value, step in metrics]
        values = [Param(name, value) for name, value in cleaned(params or {}).items()]
        new_tags = [RunTag(name, value) for name, value in cleaned(tags or {}).items()]
        self.client.log_batch(run_id, points[: BATCH - 200], values[:100], new_tags[:100])
        for start in range(100, len(new_tags), 100):
            self.client.log_batch(run_id, tags=new_tags[start : start + 100])
        for start in range(100, len(values), 100):
            self.client.log_batch(run_id, params=values[start : start + 100])
        for start in range(BATCH - 200, len(points), BATCH):
            self.client.log_batch(run_id, points[start : start + BATCH])


def cleaned(values: Mapping[str, Any]) -> dict[str, str]:
    """As texts that any database takes."""
    return {name: clean(str(value)) for name, value in values.items()}


def children_of(parent: str) -> str:
    """The filter for a parent's children."""
    return f"tags.`mlflow.parentRunId` = '{parent}'"
