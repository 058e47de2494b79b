"""The only writer to MLflow.

    store = open_store()                                    # honours MLFLOW_TRACKING_URI
    parent = store.begin(card, dataset, protocol, "embedded", command, environment)
    for result, per_query, strips, log in measured:
        store.record_arm(parent, result, per_query, strips, log)
    store.finish(parent, summary)
    # build the page from the store, then:
    store.attach_report(parent, ledger.as_dict(), "report/gltr-synthwalk-res50-rgb-single-pass", summary)

A parent run is (paper, dataset, protocol, profile, budget); its children are arm x seed, and x split where the data
set has several divisions (the parent's data are then all divisions of the job together).  Recording is
idempotent: a result is found again by its fingerprint, so a job that is started twice, or killed half-way and
started again, leaves one run for each result.
"""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reports import cards, record
from reports.errors import ReportError
from reports.labels import Labels, check_labels
from runners import tracking_content as content
from runners import tracking_store
from runners.errors import RunError
from runners.tracking_files import both_files, child_files, json_bytes
from runners.tracking_parts import Parts, Recorded, digest_of, joined_labels, label_metrics

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

BATCH = 1000  # MLflow's limit of metrics in one call


def open_store(uri: str | None = None, *, busy_seconds: float = tracking_store.BUSY_SECONDS) -> "Store":
    """Open (and make, if need be) the tracking store.

    Args:
        uri: tracking URI; ``None`` reads ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.
        busy_seconds: how long to wait for another program that is writing to a SQLite store.

    Raises:
        RunError: the URI cannot be used; the sentence says why and what to do.
        NotPossible: a server does not answer.
    """
    client, resolved, artifacts = tracking_store.connect(uri, busy_seconds)
    return Store(client, resolved, artifacts)


@dataclass
class Store:
    """An open tracking store."""

    client: "MlflowClient"
    uri: str
    artifact_root: str | None
    _cards: dict[str, dict[str, Any]] = field(default_factory=dict)

    def begin(
        self,
        card: Mapping[str, Any],
        dataset: Mapping[str, Any],
        protocol: Mapping[str, Any],
        profile: str,
        command: str,
        environment: Mapping[str, Any],
        *,
        budget: str = "full",
    ) -> str:
        """Open the parent run of a job, or the one that an earlier start of the same job left.

        Args:
            card: the paper's card as plain data (TOML tables or the typed card as a dict).
            dataset: as ``dataset`` of the result record (name, version, fingerprint, synthetic, counts); of a data set
                with several divisions those that the job runs together, as `reports.divisions.dataset_of_all`.
            protocol: as ``protocol`` of the result record (name, version, ...).
            profile: ``"embedded"`` or ``"paper"``.
            command: the command line that makes the job again.
            environment: machine, libraries, ``code_sha``, ``dirty``, ``device``; plain data.
            budget: ``"full"`` or ``"quick"``.

        Returns:
            The parent's run id.
        """
        plain = cards.normalise(card)
        paper = str(plain.get("key", "unknown"))
        experiment = self._experiment(content.experiment_name(dataset["name"], protocol["name"]))
        identity = [paper, dataset["name"], dataset["fingerprint"], protocol["name"], protocol["version"]]
        fingerprint = content.digest([*identity, profile, budget])
        tags = content.parent_tags(paper, dataset, protocol, environment, profile, budget, command)
        tags["fingerprint"] = fingerprint
        run = self._find(experiment, f"tags.kind = 'parent' and tags.fingerprint = '{fingerprint}'")
        if run is None:
            name = f"{paper} {profile}" + ("" if budget == "full" else f" {budget}")
            run = self.client.create_run(experiment, run_name=name, tags=tags)
        else:
            self.client.update_run(run.info.run_id, status="RUNNING")
            self._log(run.info.run_id, tags=tags)
        parent = str(run.info.run_id)
        self._params(run, {"paper": paper, "dataset": dataset["name"], "protocol": protocol["name"],
                           "profile": profile, "budget": budget})  # fmt: skip
        self._input(run, dataset)
        self._files(parent, {"card.json": json_bytes(plain), "environment.json": json_bytes(environment)})
        self._cards[parent] = plain
        return parent

    def record_arm(
        self,
        parent: str,
        result: Mapping[str, Any],
        per_query: Mapping[str, NDArray[Any]],
        strips: Mapping[str, Any] | None,
        train_log: Sequence[Mapping[str, Any]],
        explained: Recorded | None = None,
        restored: Recorded | None = None,
        weighed: Recorded | None = None,
        recognised: Recorded | None = None,
        chosen: Recorded | None = None,
    ) -> str:
        """Record one arm with one seed as a child run; once, however often it is called.

        Args:
            parent: run id from :meth:`begin`.
            result: the record, schema 1 (``reports.record.ResultRecord``).
            per_query: arrays of ``reports.record.PER_QUERY_ARRAYS`` and ``cmc``, accuracies in percent.
            strips: ``reports.record.Strips``, or ``None``.
            train_log: rows with ``stage``, ``step`` and numbers, in order; may be empty.
            explained: where the network looks, if that was held against the truth.
            restored: what the repairer of its test data did; for an arm that is judged on repaired data.
            weighed: how it weighs frames, if that was held against what is seen.
            recognised: which attributes it recognises, if its network learned any that are annotated.
            chosen: what it scores under each test-time choice, if its protocol lists some.

        Returns:
            The child's run id.

        Raises:
            RunError: for an incomplete record, or a number that is not finite.
        """
        parts = Parts(explained, restored, weighed, recognised, chosen)
        try:
            record.check_result(result)
            record.check_per_query(result, per_query)
            parts.check(result)
        except ReportError as error:
            raise RunError(str(error)) from None
        for path, value in record.non_finite([dict(row) for row in train_log]):
            name = content.run_name(result)
            raise RunError(f"the training log of {name} has {path} = {value}; nothing was recorded.")
        experiment = self.client.get_run(parent).info.experiment_id
        tags = content.child_tags(result) | {"result_digest": content.digest([dict(result), *parts.facts()])}
        run = self._find(experiment, f"{_children(parent)} and tags.fingerprint = '{tags['fingerprint']}'")
        if run is not None and _is_recorded(run, tags["result_digest"]):
            self._retire_others(experiment, parent, result, run.info.run_id)
            return str(run.info.run_id)
        if run is None:
            run = self.client.create_run(
                experiment,
                run_name=content.run_name(result),
                tags=tags | {"mlflow.parentRunId": parent, "status": "running"},
            )
        run_id = str(run.info.run_id)
        self.client.update_run(run_id, status="RUNNING")
        self._params(run, content.child_params(result))
        self._input(run, result["dataset"])
        finals = content.child_metrics(result, self._card(parent)) | parts.metrics()
        self._write_metrics(run_id, content.run_name(result), finals, train_log)
        self._files(run_id, child_files(result, per_query, strips, train_log, parts))
        done = {"status": "finished", "superseded": "false"}
        self._log(run_id, tags=tags | done | {"mlflow.note.content": content.child_note(result)})
        self.client.set_terminated(run_id, "FINISHED")
        self._retire_others(experiment, parent, result, run_id)
        return run_id

    def finish(
        self,
        parent: str,
        summary: Mapping[str, Any],
        ledger: Mapping[str, Any] | None = None,
        report_html: Path | str | None = None,
    ) -> None:
        """Close a job: aggregates over seeds, the ledger and the page go to the parent run.

        Args:
            parent: run id from :meth:`begin`.
            summary: plain data; strings and numbers of the first level show in the description.
            ledger: ``Ledger.as_dict()``.
            report_html: the page, or a folder of report files, copied to the artifact folder ``report``.
        """
        runs = [run.data for run in self.children(parent)]
        metrics = content.aggregate_metrics((data.tags, data.metrics) for data in runs)
        files = {"summary.json": json_bytes(summary)}
        if ledger is not None:
            files["ledger.json"] = json_bytes(ledger)
        self._files(parent, files)
        if report_html is not None:
            self._upload_report(parent, Path(report_html))
        seeds = sorted({int(data.tags["seed"]) for data in runs})
        tags = {
            "status": "finished",
            "seeds": " ".join(map(str, seeds)),
            "mlflow.note.content": content.parent_note(self._card(parent), summary, ledger),
        }
        self._log(parent, metrics=[(name, value, 0) for name, value in metrics.items()], tags=tags)
        self.client.set_terminated(parent, "FINISHED")

    def attach_report(
        self, parent: str, ledger: Mapping[str, Any], report: Path | str, summary: Mapping[str, Any] | None = None
    ) -> None:
        """Add ledger and page to a closed job, whose state and end stay as they are.

        A page built before :meth:`finish` would have to say that its job is unfinished; so close the job, build
        the page from the store, attach it.
        """
        self._files(parent, {"ledger.json": json_bytes(ledger)})
        self._upload_report(parent, Path(report))
        note = content.parent_note(self._card(parent), summary or {}, ledger)
        self._log(parent, tags={"mlflow.note.content": note})

    def attach_labels(self, parent: str, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add what labelling arms told of the people, held against the truth, to a job; the same once is enough.

        Labellers and seeds of an earlier start that are not among these stay, as other arms do.

        Args:
            parent: run id from :meth:`begin`.
            record: ``labels.json``, as `reports.labels`.
            arrays: ``labels.npz``.

        Raises:
            RunError: they are incomplete, or disagree; nothing was recorded.
        """
        try:
            check_labels(record, arrays)
        except ReportError as error:
            raise RunError(str(error)) from None
        known = self.client.get_run(parent).data.tags.get("labels_digest")
        labels = Labels(dict(record), arrays)
        if known is not None:
            labels = joined_labels(self._labels(parent), record, arrays)
        digest = content.digest([labels.record, digest_of(labels.arrays)])
        if known == digest:
            return
        self._files(parent, both_files("labels", labels))
        finals = [(name, value, 0) for name, value in label_metrics(labels).items()]
        self._log(parent, metrics=finals, tags={"labels_digest": digest})

    def _labels(self, parent: str) -> Labels:
        with tempfile.TemporaryDirectory() as folder:
            told = Path(self.client.download_artifacts(parent, "labels.json", folder)).read_text(encoding="utf-8")
            with np.load(self.client.download_artifacts(parent, "labels.npz", folder)) as file:
                return Labels(json.loads(told), {name: file[name] for name in file.files})

    def fail(self, run_id: str, sentence: str) -> None:
        """Mark a run as failed, with the reason in its description."""
        self._log(run_id, tags={"status": "failed", "mlflow.note.content": f"**Failed.** {sentence}"})
        self.client.set_terminated(run_id, "FAILED")

    def children(self, parent: str) -> "list[Run]":
        """The finished children that count: one for each arm, control and seed, ordered by name."""
        experiment = self.client.get_run(parent).info.experiment_id
        found = self._search(experiment, f"{_children(parent)} and attributes.status = 'FINISHED'")
        current = [run for run in found if run.data.tags.get("superseded") != "true"]
        return sorted(current, key=lambda run: str(run.info.run_name))

    # -- steps ---------------------------------------------------------------------------------------------

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            tags = {
                "mlflow.experimentKind": "custom_model_development",
                "mlflow.note.content": content.EXPERIMENT_NOTE,
            }
            try:
                return str(self.client.create_experiment(name, self.artifact_root, tags))
            except MlflowException:  # another process made it a moment ago
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

    def _retire_others(self, experiment: str, parent: str, result: Mapping[str, Any], keep: str) -> None:
        """Of one arm, control, seed and split in a job only the newest result counts; older ones stay, marked."""
        tags = content.child_tags(result)
        keys = ("arm", "control", "of", "seed", *(["split"] if "split" in result else []))
        same = " and ".join(f"tags.`{key}` = '{tags[key]}'" for key in keys)
        for run in self._search(experiment, f"{_children(parent)} and {same}"):
            value = str(run.info.run_id != keep).lower()
            if run.data.tags.get("superseded") != value:
                self._log(run.info.run_id, tags={"superseded": value})

    def _params(self, run: "Run", wanted: Mapping[str, str]) -> None:
        """Log the parameters that are missing; MLflow writes a parameter once only."""
        there = run.data.params
        for name, value in wanted.items():
            if name in there and there[name] != value:
                raise RunError(
                    f"run {run.info.run_id} has {name} = {there[name]!r}, but the same fingerprint now comes "
                    f"with {value!r}; delete that run, or report a fingerprint that misses an input."
                )
        missing = {name: value for name, value in wanted.items() if name not in there}
        if missing:
            self._log(run.info.run_id, params=missing)

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

    def _write_metrics(
        self, run_id: str, name: str, finals: Mapping[str, float], train_log: Sequence[Mapping[str, Any]]
    ) -> None:
        """Finals at step 0 under keys of their own (MLflow shows the highest step), curves by their step."""
        for path, value in record.non_finite(dict(finals)):
            raise RunError(f"metric {path} of {name} is {value}; it must be finite.")
        points = [(key, value, 0) for key, value in finals.items()]
        self._log(run_id, metrics=points + content.curve_points(train_log))

    def _upload_report(self, parent: str, path: Path) -> None:
        if not path.exists():
            raise RunError(f"the report {path} does not exist; build it first with `python -m reports.build`.")
        upload = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        upload(parent, str(path), "report")

    def _files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory(prefix="reproid-") as folder:
            for name, data in files.items():
                (Path(folder) / name).write_bytes(data)
            self.client.log_artifacts(run_id, folder)

    def _card(self, parent: str) -> dict[str, Any]:
        if parent not in self._cards:
            with tempfile.TemporaryDirectory(prefix="reproid-") as folder:
                path = self.client.download_artifacts(parent, "card.json", folder)
                self._cards[parent] = json.loads(Path(path).read_text())
        return self._cards[parent]

    def _log(
        self,
        run_id: str,
        *,
        metrics: Sequence[tuple[str, float, int]] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """One batch for all (50 times faster than one call each), cut at MLflow's limits."""
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        points = [Metric(name, value, now, step) for name, value, step in metrics]
        self.client.log_batch(
            run_id,
            points[: BATCH - 200],
            [Param(name, str(value)) for name, value in (params or {}).items()][:100],
            [RunTag(name, value) for name, value in (tags or {}).items()],
        )
        for start in range(BATCH - 200, len(points), BATCH):
            self.client.log_batch(run_id, points[start : start + BATCH])


def _is_recorded(run: "Run", result_digest: str) -> bool:
    return run.info.status == "FINISHED" and run.data.tags.get("result_digest") == result_digest


def _children(parent: str) -> str:
    return f"tags.`mlflow.parentRunId` = '{parent}'"
